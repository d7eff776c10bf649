package query

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/regex"
)

// schemaParser reads one schema.
type schemaParser struct {
	spec  bsonraw.Doc
	depth int
	// top says that the values are whole documents: mongod does not look
	// closely at keywords for other types there.
	top bool
}

// schemaKeyword parses a keyword's operand into the rule.
type schemaKeyword func(p *schemaParser, rule *schemaRule) error

var (
	schemaKeywords map[string]schemaKeyword
	// schemaOrder is the order in which mongod names the rules that a document
	// breaks.
	schemaOrder = []string{
		"multipleOf", "maximum", "minimum", "pattern", "maxLength", "minLength",
		"minItems", "maxItems", "uniqueItems", "items", "additionalItems",
		"properties", "additionalProperties", "patternProperties", "required",
		"minProperties", "maxProperties", "dependencies",
		"allOf", "anyOf", "oneOf", "not", "enum", "type", "bsonType",
	}
	// silentKeywords stand beside others and make no rule of their own.
	silentKeywords = map[string]bool{"title": true, "description": true, "exclusiveMinimum": true, "exclusiveMaximum": true}
	// refusedKeywords are of draft 4 but not of MongoDB.
	refusedKeywords = map[string]bool{"$ref": true, "$schema": true, "default": true, "definitions": true, "format": true, "id": true}
)

func init() {
	schemaKeywords = map[string]schemaKeyword{
		"type": (*schemaParser).types, "bsonType": (*schemaParser).types,
		"enum": (*schemaParser).enum, "not": (*schemaParser).not,
		"allOf": schemaList(matchAllOf), "anyOf": schemaList(matchAnyOf), "oneOf": schemaList(matchOneOf),
		"minimum":    bound("exclusiveMinimum", predGTE, predGT),
		"maximum":    bound("exclusiveMaximum", predLTE, predLT),
		"multipleOf": (*schemaParser).multipleOf,
		"minLength":  limit(matchMinLength), "maxLength": limit(matchMaxLength), "pattern": (*schemaParser).pattern,
		"minItems": limit(matchMinItems), "maxItems": limit(matchMaxItems), "uniqueItems": (*schemaParser).uniqueItems,
		"items": (*schemaParser).items, "additionalItems": (*schemaParser).additionalItems,
		"properties": (*schemaParser).properties, "required": (*schemaParser).required,
		"minProperties": limit(matchMinProperties), "maxProperties": limit(matchMaxProperties),
		"dependencies": (*schemaParser).dependencies, "patternProperties": (*schemaParser).patternProperties,
		"additionalProperties": (*schemaParser).additionalProperties,
	}
}

func (p *parser) jsonSchemaOp(v bsonraw.Value, depth int) (*node, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(errs.TypeMismatch, "$jsonSchema must be an object")
	}
	s, err := parseSchema(v.Doc(), depth, true)
	if err != nil {
		return nil, err
	}
	return &node{kind: nodeSchema, schema: s}, nil
}

func parseSchema(d bsonraw.Doc, depth int, top bool) (*schema, error) {
	if depth > MaxDepth {
		return nil, errs.New(errs.BadValue, "exceeded maximum query tree depth of %d", MaxDepth)
	}
	p := &schemaParser{spec: d, depth: depth, top: top}
	if err := p.checkNames(); err != nil {
		return nil, err
	}
	s := &schema{title: d.Get("title"), description: d.Get("description")}
	for _, keyword := range schemaOrder {
		v, ok := d.Lookup(keyword)
		if !ok {
			continue
		}
		rule := schemaRule{keyword: keyword, spec: v, top: top}
		if err := schemaKeywords[keyword](p, &rule); err != nil {
			return nil, err
		}
		if rule.match != nil {
			s.rules = append(s.rules, rule)
		}
	}
	return s, nil
}

// checkNames looks at the names of the keywords and at those without a rule.
func (p *schemaParser) checkNames() error {
	seen := map[string]bool{}
	it := p.spec.Iter()
	for it.Next() {
		name := string(it.Key())
		switch {
		case refusedKeywords[name]:
			return errs.New(errs.FailedToParse, "$jsonSchema keyword '%s' is not currently supported", name)
		case name == "encrypt" || name == "encryptMetadata":
			return errs.New(errs.NotSupported, "the $jsonSchema keyword %q is not supported", name)
		case schemaKeywords[name] == nil && !silentKeywords[name]:
			return errs.New(errs.FailedToParse, "Unknown $jsonSchema keyword: %s", name)
		case seen[name]:
			return errs.New(errs.FailedToParse, "Duplicate $jsonSchema keyword: %s", name)
		}
		seen[name] = true
	}
	for _, name := range []string{"title", "description"} {
		if v, ok := p.spec.Lookup(name); ok && v.Type != bsonraw.String {
			return errs.New(errs.TypeMismatch, "$jsonSchema keyword '%s' must be of type string", name)
		}
	}
	if seen["type"] && seen["bsonType"] {
		return errs.New(errs.FailedToParse, "Cannot specify both $jsonSchema keywords 'type' and 'bsonType'")
	}
	for of, name := range map[string]string{"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"} {
		if seen[name] && !seen[of] {
			return errs.New(errs.FailedToParse, "$jsonSchema keyword '%s' must be a present if %s is present", of, name)
		}
	}
	return it.Err()
}

func typeError(rule *schemaRule, format string, args ...any) error {
	return errs.New(errs.TypeMismatch, "$jsonSchema keyword '"+rule.keyword+"' "+format, args...)
}

func parseError(rule *schemaRule, format string, args ...any) error {
	return errs.New(errs.FailedToParse, "$jsonSchema keyword '"+rule.keyword+"' "+format, args...)
}

func (p *schemaParser) types(rule *schemaRule) error {
	rule.match = matchTypes
	if rule.spec.Type == bsonraw.String {
		return rule.addType(rule.spec.Str())
	}
	if rule.spec.Type != bsonraw.Array {
		return typeError(rule, "must be either a string or an array of strings")
	}
	seen := map[string]bool{}
	it := rule.spec.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.String {
			return typeError(rule, "array elements must be strings")
		}
		name := it.Value().Str()
		if seen[name] {
			return parseError(rule, "has duplicate value: %s", name)
		}
		seen[name] = true
		if err := rule.addType(name); err != nil {
			return err
		}
	}
	if len(seen) == 0 {
		return parseError(rule, "must name at least one type")
	}
	return nil
}

// jsonTypes are the names of "type", which are those of JSON.
var jsonTypes = map[string]typeSet{
	"array": typeBit(bsonraw.Array), "object": typeBit(bsonraw.Object), "boolean": typeBit(bsonraw.Boolean),
	"string": typeBit(bsonraw.String), "null": typeBit(bsonraw.Null), "number": numberTypes,
}

func (rule *schemaRule) addType(name string) error {
	if rule.keyword == "bsonType" {
		set, err := typeByAlias(name)
		rule.types |= set
		return err
	}
	set, ok := jsonTypes[name]
	switch {
	case ok:
		rule.types |= set
		return nil
	case name == "integer":
		return errs.New(errs.FailedToParse, "$jsonSchema type 'integer' is not currently supported.")
	}
	return errs.New(errs.BadValue, "Unknown type name alias: %s", name)
}

func bound(exclusive string, including, excluding predOp) schemaKeyword {
	return func(p *schemaParser, rule *schemaRule) error {
		if !rule.spec.IsNumber() {
			return typeError(rule, "must be a number")
		}
		rule.match, rule.bound = matchBound, &predicate{op: including, value: rule.spec}
		v, ok := p.spec.Lookup(exclusive)
		if !ok {
			return nil
		}
		if v.Type != bsonraw.Boolean {
			return errs.New(errs.TypeMismatch, "$jsonSchema keyword '%s' must be a boolean", exclusive)
		}
		if v.Bool() {
			rule.bound.op = excluding
		}
		return nil
	}
}

func (p *schemaParser) multipleOf(rule *schemaRule) error {
	if !rule.spec.IsNumber() {
		return typeError(rule, "must be a number")
	}
	f, _ := rule.spec.AsFloat64()
	switch {
	case f <= 0:
		return parseError(rule, "must have a positive value")
	case p.top: // a document is no number: mongod does not look further
		return nil
	case math.IsNaN(f):
		return errs.New(errs.BadValue, "divisor cannot be NaN")
	case math.IsInf(f, 0):
		return errs.New(errs.BadValue, "divisor cannot be infinite")
	}
	rule.match, rule.divisor = matchMultiple, exactNumber(rule.spec)
	return nil
}

func limit(match func(*schemaRule, bsonraw.Value, *schemaRun) bool) schemaKeyword {
	return func(_ *schemaParser, rule *schemaRule) error {
		n, problem := integerProblem(rule.spec)
		if problem != "" {
			return errs.New(errs.FailedToParse, "%s", describe(problem, rule.keyword, rule.spec))
		}
		rule.match, rule.limit = match, n
		return nil
	}
}

// pattern is not even compiled at the top, where no value is a string.
func (p *schemaParser) pattern(rule *schemaRule) (err error) {
	if rule.spec.Type != bsonraw.String {
		return typeError(rule, "must be a string")
	}
	if p.top {
		return nil
	}
	rule.match = matchPattern
	rule.regex, err = regex.Compile(rule.spec.Str(), "")
	return err
}

func (p *schemaParser) enum(rule *schemaRule) error {
	if rule.spec.Type != bsonraw.Array {
		return typeError(rule, "must be an array, but found an element of type %s", rule.spec.Type.Name())
	}
	rule.match, rule.values = matchEnum, rule.spec.Doc().Values()
	if len(rule.values) == 0 {
		return parseError(rule, "cannot be an empty array")
	}
	if !duplicateElement(rule.spec.Doc()).IsMissing() {
		return parseError(rule, "array cannot contain duplicate values.")
	}
	return nil
}

func schemaList(match func(*schemaRule, bsonraw.Value, *schemaRun) bool) schemaKeyword {
	return func(p *schemaParser, rule *schemaRule) error {
		if rule.spec.Type != bsonraw.Array {
			return typeError(rule, "must be an array")
		}
		it := rule.spec.Doc().Iter()
		for it.Next() {
			if it.Value().Type != bsonraw.Object {
				return typeError(rule, "must be an array of objects, but found an element of type %s", it.Value().Type.Name())
			}
			if err := p.addSchema(rule, it.Value().Doc(), p.top); err != nil {
				return err
			}
		}
		if len(rule.schemas) == 0 {
			return errs.New(errs.BadValue, "$jsonSchema keyword '%s' must be a non-empty array", rule.keyword)
		}
		rule.match = match
		return nil
	}
}

func (p *schemaParser) not(rule *schemaRule) error {
	if rule.spec.Type != bsonraw.Object {
		return typeError(rule, "must be an object, but found an element of type %s", rule.spec.Type.Name())
	}
	rule.match = matchNot
	return p.addSchema(rule, rule.spec.Doc(), p.top)
}

func (p *schemaParser) addSchema(rule *schemaRule, d bsonraw.Doc, top bool) error {
	s, err := parseSchema(d, p.depth+1, top)
	rule.schemas = append(rule.schemas, s)
	return err
}
