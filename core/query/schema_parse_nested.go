package query

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/regex"
)

// Keywords of $jsonSchema on arrays and objects.

func (p *schemaParser) uniqueItems(rule *schemaRule) error {
	if rule.spec.Type != bsonraw.Boolean {
		return typeError(rule, "must be a boolean")
	}
	rule.match, rule.others = matchUnique, rule.spec.Bool()
	return nil
}

func (p *schemaParser) items(rule *schemaRule) error {
	switch rule.spec.Type {
	case bsonraw.Object:
		rule.match = matchItems
		return p.addSchema(rule, rule.spec.Doc(), false)
	case bsonraw.Array:
	default:
		return typeError(rule, "must be an array or an object, not %s", rule.spec.Type.Name())
	}
	rule.match = matchItemList
	it := rule.spec.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.Object {
			return typeError(rule, "requires that each element of the array is an object, but found a %s", it.Value().Type.Name())
		}
		if err := p.addSchema(rule, it.Value().Doc(), false); err != nil {
			return err
		}
	}
	return nil
}

// additionalItems has a meaning only beside a list of schemas.
func (p *schemaParser) additionalItems(rule *schemaRule) error {
	switch rule.spec.Type {
	case bsonraw.Boolean:
		rule.others = rule.spec.Bool()
	case bsonraw.Object:
		if err := p.addSchema(rule, rule.spec.Doc(), false); err != nil {
			return err
		}
	default:
		return typeError(rule, "must be either an object or a boolean, but got a %s", rule.spec.Type.Name())
	}
	if items := p.spec.Get("items"); items.Type == bsonraw.Array {
		rule.match, rule.limit = matchAdditionalItems, int64(items.Doc().Len())
	}
	return nil
}

func (p *schemaParser) properties(rule *schemaRule) error {
	if rule.spec.Type != bsonraw.Object {
		return typeError(rule, "must be an object")
	}
	rule.match = matchProperties
	it := rule.spec.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.Object {
			return errs.New(errs.TypeMismatch, "Nested schema for $jsonSchema property '%s' must be an object", it.Key())
		}
		s, err := parseSchema(it.Value().Doc(), p.depth+1, false)
		if err != nil {
			return err
		}
		rule.properties = append(rule.properties, property{name: string(it.Key()), schema: s})
	}
	return nil
}

func (p *schemaParser) required(rule *schemaRule) error {
	if rule.spec.Type != bsonraw.Array {
		return typeError(rule, "must be an array, but found an element of type %s", rule.spec.Type.Name())
	}
	rule.match = matchRequired
	seen := map[string]bool{}
	it := rule.spec.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.String {
			return typeError(rule, "must be an array of strings, but found an element of type: %s", it.Value().Type.Name())
		}
		name := it.Value().Str()
		if seen[name] {
			return parseError(rule, "array cannot contain duplicate values")
		}
		seen[name] = true
		rule.names = append(rule.names, name)
	}
	if len(rule.names) == 0 {
		return parseError(rule, "cannot be an empty array")
	}
	return nil
}

func (p *schemaParser) patternProperties(rule *schemaRule) error {
	if rule.spec.Type != bsonraw.Object {
		return typeError(rule, "must be an object")
	}
	rule.match = matchPatternProperties
	it := rule.spec.Doc().Iter()
	for it.Next() {
		pattern := string(it.Key())
		if it.Value().Type != bsonraw.Object {
			return typeError(rule, "has property '%s' which is not an object", pattern)
		}
		re, err := propertyRegex(it.Key())
		if err != nil {
			return err
		}
		s, err := parseSchema(it.Value().Doc(), p.depth+1, false)
		if err != nil {
			return err
		}
		rule.patterns = append(rule.patterns, patternProperty{pattern, re, s})
	}
	return nil
}

func propertyRegex(pattern []byte) (*regex.Regex, error) {
	re, err := regex.Compile(string(pattern), "")
	if err != nil {
		why := strings.TrimPrefix(errs.As(err).Message, "Regular expression is invalid: ")
		return nil, errs.New(errs.BadValue, "Invalid regular expression: %s", why)
	}
	return re, nil
}

func (p *schemaParser) additionalProperties(rule *schemaRule) error {
	switch rule.spec.Type {
	case bsonraw.Boolean:
		rule.others = rule.spec.Bool()
	case bsonraw.Object:
		if err := p.addSchema(rule, rule.spec.Doc(), false); err != nil {
			return err
		}
	default:
		return typeError(rule, "must be an object or a boolean")
	}
	rule.match = matchAdditionalProperties
	it := p.spec.Get("properties").Doc().Iter()
	for it.Next() {
		rule.properties = append(rule.properties, property{name: string(it.Key())})
	}
	it = p.spec.Get("patternProperties").Doc().Iter()
	for it.Next() {
		re, err := propertyRegex(it.Key())
		if err != nil {
			return err
		}
		rule.patterns = append(rule.patterns, patternProperty{pattern: string(it.Key()), regex: re})
	}
	return nil
}

func (p *schemaParser) dependencies(rule *schemaRule) error {
	if rule.spec.Type != bsonraw.Object {
		return typeError(rule, "must be an object")
	}
	rule.match = matchDependencies
	it := rule.spec.Doc().Iter()
	for it.Next() {
		dependency := property{name: string(it.Key())}
		var err error
		switch it.Value().Type {
		case bsonraw.Object:
			dependency.schema, err = parseSchema(it.Value().Doc(), p.depth+1, p.top)
		case bsonraw.Array:
			dependency.requires, err = dependencyNames(dependency.name, it.Value().Doc())
		default:
			err = errs.New(errs.TypeMismatch, "property '%s' in $jsonSchema keyword 'dependencies' must be either an object or an array", it.Key())
		}
		if err != nil {
			return err
		}
		rule.properties = append(rule.properties, dependency)
	}
	return nil
}

func dependencyNames(property string, array bsonraw.Doc) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	it := array.Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.String {
			return nil, errs.New(errs.TypeMismatch, "array '%s' in $jsonSchema keyword 'dependencies' can only contain strings, but found element of type: %s", property, it.Value().Type.Name())
		}
		name := it.Value().Str()
		if seen[name] {
			return nil, errs.New(errs.FailedToParse, "array '%s' in $jsonSchema keyword 'dependencies' contains duplicate element: %s", property, name)
		}
		seen[name] = true
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, errs.New(errs.FailedToParse, "property '%s' in $jsonSchema keyword 'dependencies' cannot be an empty array", property)
	}
	return names, nil
}
