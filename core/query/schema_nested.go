package query

import "github.com/argon-lab/argon/core/bsonraw"

// Keywords of $jsonSchema on arrays and objects.

func matchMinItems(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.Array || int64(v.Doc().Len()) >= rule.limit
}

func matchMaxItems(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.Array || int64(v.Doc().Len()) <= rule.limit
}

func matchUnique(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.Array || !rule.others || duplicateElement(v.Doc()).IsMissing()
}

// duplicateElement returns the first element that an earlier one equals.
func duplicateElement(array bsonraw.Doc) bsonraw.Value {
	values := array.Values()
	for i, v := range values {
		for _, w := range values[:i] {
			if equalUnordered(v, w) {
				return v
			}
		}
	}
	return bsonraw.Value{}
}

// matchItems: one schema for all elements.
func matchItems(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	return v.Type != bsonraw.Array || rule.eachFrom(v.Doc(), 0, r) < 0
}

// matchItemList: a schema for each of the first elements.
func matchItemList(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	if v.Type != bsonraw.Array {
		return true
	}
	it := v.Doc().Iter()
	for _, s := range rule.schemas {
		if !it.Next() {
			break
		}
		if !s.matchValue(it.Value(), r) {
			return false
		}
	}
	return true
}

// matchAdditionalItems: elements behind those of a list of schemas, limit.
func matchAdditionalItems(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	if v.Type != bsonraw.Array {
		return true
	}
	if len(rule.schemas) == 0 {
		return rule.others || int64(v.Doc().Len()) <= rule.limit
	}
	return rule.eachFrom(v.Doc(), rule.limit, r) < 0
}

// eachFrom returns the index of the first element, of those from start on, that
// does not match the rule's one schema, or -1.
func (rule *schemaRule) eachFrom(array bsonraw.Doc, start int64, r *schemaRun) int {
	it := array.Iter()
	for i := 0; it.Next(); i++ {
		if int64(i) >= start && !rule.schemas[0].matchValue(it.Value(), r) {
			return i
		}
	}
	return -1
}

func matchMinProperties(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.Object || int64(v.Doc().Len()) >= rule.limit
}

func matchMaxProperties(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.Object || int64(v.Doc().Len()) <= rule.limit
}

func matchRequired(rule *schemaRule, v bsonraw.Value, _ *schemaRun) bool {
	return v.Type != bsonraw.Object || hasAll(v.Doc(), rule.names)
}

func hasAll(d bsonraw.Doc, names []string) bool {
	for _, name := range names {
		if _, ok := d.Lookup(name); !ok {
			return false
		}
	}
	return true
}

func matchProperties(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	if v.Type != bsonraw.Object {
		return true
	}
	for _, p := range rule.properties {
		if field, ok := v.Doc().Lookup(p.name); ok && !p.schema.matchValue(field, r) {
			return false
		}
	}
	return true
}

func matchPatternProperties(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	if v.Type != bsonraw.Object {
		return true
	}
	it := v.Doc().Iter()
	for it.Next() {
		for _, p := range rule.patterns {
			named, err := p.regex.Match(it.Key())
			if err != nil {
				return r.fail(err)
			}
			if named && !p.schema.matchValue(it.Value(), r) {
				return false
			}
		}
	}
	return true
}

// matchAdditionalProperties: the fields that neither properties nor
// patternProperties name, whose names the rule has as well.
func matchAdditionalProperties(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	if v.Type != bsonraw.Object || len(rule.schemas) == 0 && rule.others {
		return true
	}
	it := v.Doc().Iter()
	for it.Next() {
		named, err := rule.isNamed(it.Key())
		if err != nil {
			return r.fail(err)
		}
		if !named && (len(rule.schemas) == 0 || !rule.schemas[0].matchValue(it.Value(), r)) {
			return false
		}
	}
	return true
}

func (rule *schemaRule) isNamed(key []byte) (bool, error) {
	for _, p := range rule.properties {
		if p.name == string(key) {
			return true, nil
		}
	}
	for _, p := range rule.patterns {
		if ok, err := p.regex.Match(key); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func matchDependencies(rule *schemaRule, v bsonraw.Value, r *schemaRun) bool {
	if v.Type != bsonraw.Object {
		return true
	}
	for _, p := range rule.properties {
		if _, ok := v.Doc().Lookup(p.name); !ok {
			continue
		}
		if !hasAll(v.Doc(), p.requires) || p.schema != nil && !p.schema.matchValue(v, r) {
			return false
		}
	}
	return true
}
