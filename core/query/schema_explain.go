package query

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
)

// schema explains a $jsonSchema by the rules that the document breaks.
func (e *explainer) schema(b *bsonraw.Builder, c clause, inverted bool) error {
	s, err := parseSchema(c.arg.Doc(), 0, true)
	if err != nil {
		return err
	}
	b.String("operatorName", "$jsonSchema")
	if inverted {
		b.String("reason", "schema matched")
		return nil
	}
	if s.takesNoDocument() {
		b.Doc("specifiedAs", c.spec)
		b.String("reason", alwaysFalse)
		return nil
	}
	s.describe(b)
	b.BeginArray("schemaRulesNotSatisfied")
	s.explain(b, e.doc.Value(), &schemaRun{})
	b.End()
	return nil
}

const alwaysFalse = "expression always evaluates to false"

// takesNoDocument reports whether a schema at the top asks for another type.
func (s *schema) takesNoDocument() bool {
	for _, rule := range s.rules {
		if rule.types != 0 && !rule.types.has(bsonraw.Object) {
			return true
		}
	}
	return false
}

func (s *schema) describe(b *bsonraw.Builder) {
	b.Value("title", s.title)
	b.Value("description", s.description)
}

// explain writes an element for each rule that v breaks.
func (s *schema) explain(b *bsonraw.Builder, v bsonraw.Value, r *schemaRun) {
	n := 0
	for i := range s.rules {
		rule := &s.rules[i]
		if rule.match(rule, v, r) {
			continue
		}
		b.BeginDoc(bsonraw.Index(n))
		b.String("operatorName", rule.keyword)
		rule.explain(b, v, r)
		b.End()
		n++
	}
}

// details writes the explanation of one schema as a field.
func (s *schema) details(b *bsonraw.Builder, v bsonraw.Value, r *schemaRun) {
	b.BeginArray("details")
	s.explain(b, v, r)
	b.End()
}

var schemaReasons = map[string]string{
	"type": "type did not match", "bsonType": "type did not match",
	"minimum": "comparison failed", "maximum": "comparison failed",
	"multipleOf": "considered value is not a multiple of the specified value",
	"minLength":  "specified string length was not satisfied", "maxLength": "specified string length was not satisfied",
	"pattern":  "regular expression did not match",
	"enum":     "value was not found in enum",
	"minItems": "array did not match specified length", "maxItems": "array did not match specified length",
	"uniqueItems":   "found a duplicate item",
	"minProperties": "specified number of properties was not satisfied", "maxProperties": "specified number of properties was not satisfied",
}

func (rule *schemaRule) explain(b *bsonraw.Builder, v bsonraw.Value, r *schemaRun) {
	switch rule.keyword {
	case "allOf", "anyOf", "oneOf", "not":
		rule.explainLogic(b, v, r)
	case "items", "additionalItems":
		rule.explainItems(b, v, r)
	case "properties", "patternProperties", "additionalProperties", "dependencies":
		rule.explainFields(b, v, r)
	case "required":
		rule.specifiedAs(b)
		missing(b, v.Doc(), rule.names)
	default:
		rule.explainValue(b, v)
	}
}

func (rule *schemaRule) specifiedAs(b *bsonraw.Builder) {
	b.BeginDoc("specifiedAs")
	b.Value(rule.keyword, rule.spec)
	if rule.bound != nil && (rule.bound.op == predGT || rule.bound.op == predLT) {
		b.Bool("exclusive"+string(rule.keyword[0]-32)+rule.keyword[1:], true)
	}
	b.End()
}

func missing(b *bsonraw.Builder, d bsonraw.Doc, names []string) {
	b.BeginArray("missingProperties")
	n := 0
	for _, name := range names {
		if _, ok := d.Lookup(name); !ok {
			b.String(bsonraw.Index(n), name)
			n++
		}
	}
	b.End()
}

func (rule *schemaRule) explainValue(b *bsonraw.Builder, v bsonraw.Value) {
	rule.specifiedAs(b)
	if rule.keyword == "enum" && rule.top && !slices.ContainsFunc(rule.values, func(v bsonraw.Value) bool { return v.Type == bsonraw.Object }) {
		b.String("reason", alwaysFalse)
		return
	}
	b.String("reason", schemaReasons[rule.keyword])
	switch rule.keyword {
	case "minProperties", "maxProperties":
		b.Int32("numberOfProperties", int32(v.Doc().Len()))
		return
	}
	b.Value("consideredValue", v)
	switch rule.keyword {
	case "type", "bsonType":
		b.String("consideredType", v.Type.Name())
	case "minItems", "maxItems":
		b.Int32("numberOfItems", int32(v.Doc().Len()))
	case "uniqueItems":
		b.Value("duplicatedValue", duplicateElement(v.Doc()))
	}
}

func (rule *schemaRule) explainLogic(b *bsonraw.Builder, v bsonraw.Value, r *schemaRun) {
	if rule.keyword == "not" {
		b.String("reason", "child expression matched")
		return
	}
	if rule.keyword == "oneOf" && rule.countMatches(v, r) > 1 {
		b.String("reason", "more than one subschema matched")
		b.BeginArray("matchingSchemaIndexes")
		n := 0
		for i, s := range rule.schemas {
			if s.matchValue(v, r) {
				b.Int32(bsonraw.Index(n), int32(i))
				n++
			}
		}
		b.End()
		return
	}
	b.BeginArray("schemasNotSatisfied")
	n := 0
	for i, s := range rule.schemas {
		if s.matchValue(v, r) {
			continue
		}
		b.BeginDoc(bsonraw.Index(n))
		b.Int32("index", int32(i))
		s.describe(b)
		s.details(b, v, r)
		b.End()
		n++
	}
	b.End()
}

func (rule *schemaRule) explainItems(b *bsonraw.Builder, v bsonraw.Value, r *schemaRun) {
	elements := v.Doc().Values()
	switch {
	case rule.spec.Type == bsonraw.Boolean:
		rule.specifiedAs(b)
		b.String("reason", "found additional items")
		b.Array("additionalItems", bsonraw.ArrayOf(elements[rule.limit:]...))
	case rule.spec.Type == bsonraw.Object:
		reason := "At least one item did not match the sub-schema"
		if rule.keyword == "additionalItems" {
			reason = "At least one additional item did not match the sub-schema"
		}
		b.String("reason", reason)
		i := rule.eachFrom(v.Doc(), rule.limit, r)
		b.Int32("itemIndex", int32(i))
		rule.schemas[0].details(b, elements[i], r)
	default:
		b.BeginArray("details")
		n := 0
		for i, s := range rule.schemas[:min(len(rule.schemas), len(elements))] {
			if s.matchValue(elements[i], r) {
				continue
			}
			b.BeginDoc(bsonraw.Index(n))
			b.Int64("itemIndex", int64(i))
			s.describe(b)
			s.details(b, elements[i], r)
			b.End()
			n++
		}
		b.End()
	}
}

func (rule *schemaRule) explainFields(b *bsonraw.Builder, v bsonraw.Value, r *schemaRun) {
	switch rule.keyword {
	case "properties":
		b.BeginArray("propertiesNotSatisfied")
		rule.explainProperties(b, v.Doc(), r)
	case "patternProperties":
		b.BeginArray("details")
		rule.explainPatterns(b, v.Doc(), r)
	case "dependencies":
		b.BeginArray("failingDependencies")
		rule.explainDependencies(b, v.Doc(), r)
	default:
		rule.explainAdditional(b, v.Doc(), r)
		return
	}
	b.End()
}

func (rule *schemaRule) explainProperties(b *bsonraw.Builder, d bsonraw.Doc, r *schemaRun) {
	n := 0
	for _, p := range rule.properties {
		v, ok := d.Lookup(p.name)
		if !ok || p.schema.matchValue(v, r) {
			continue
		}
		b.BeginDoc(bsonraw.Index(n))
		b.String("propertyName", p.name)
		p.schema.describe(b)
		p.schema.details(b, v, r)
		b.End()
		n++
	}
}

func (rule *schemaRule) explainPatterns(b *bsonraw.Builder, d bsonraw.Doc, r *schemaRun) {
	n := 0
	for _, p := range rule.patterns {
		it := d.Iter()
		for it.Next() {
			if named, _ := p.regex.Match(it.Key()); !named || p.schema.matchValue(it.Value(), r) {
				continue
			}
			b.BeginDoc(bsonraw.Index(n))
			b.String("propertyName", string(it.Key()))
			p.schema.describe(b)
			b.String("regexMatched", p.pattern)
			p.schema.details(b, it.Value(), r)
			b.End()
			n++
			break // mongod names the first field of each pattern
		}
	}
}

func (rule *schemaRule) explainDependencies(b *bsonraw.Builder, d bsonraw.Doc, r *schemaRun) {
	n := 0
	for _, p := range rule.properties {
		if _, ok := d.Lookup(p.name); !ok {
			continue
		}
		if p.schema == nil && hasAll(d, p.requires) || p.schema != nil && p.schema.matchValue(d.Value(), r) {
			continue
		}
		b.BeginDoc(bsonraw.Index(n))
		b.String("conditionalProperty", p.name)
		if p.schema == nil {
			missing(b, d, p.requires)
		} else {
			p.schema.describe(b)
			p.schema.details(b, d.Value(), r)
		}
		b.End()
		n++
	}
}

// explainAdditional names all fields too many, or the first that does not match
// the schema.
func (rule *schemaRule) explainAdditional(b *bsonraw.Builder, d bsonraw.Doc, r *schemaRun) {
	if len(rule.schemas) == 0 {
		rule.specifiedAs(b)
		b.BeginArray("additionalProperties")
		defer b.End()
	}
	n := 0
	it := d.Iter()
	for it.Next() {
		if named, _ := rule.isNamed(it.Key()); named {
			continue
		}
		if len(rule.schemas) == 0 {
			b.String(bsonraw.Index(n), string(it.Key()))
			n++
			continue
		}
		if rule.schemas[0].matchValue(it.Value(), r) {
			continue
		}
		b.String("reason", "at least one additional property did not match the subschema")
		b.String("failingProperty", string(it.Key()))
		rule.schemas[0].details(b, it.Value(), r)
		return
	}
}
