package pipeline

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// compileOut reads $out; writing is the engine's.
func compileOut(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	o := &Output{}
	switch v.Type {
	case bsonraw.String:
		o.Collection = v.Str()
	case bsonraw.Object:
		d := v.Doc()
		db, coll := d.Get("db"), d.Get("coll")
		if d.Len() != 2 || db.IsMissing() || coll.IsMissing() {
			return nil, errs.New(16994, "If an object is passed to $out it must have exactly 2 fields: 'db' and 'coll'")
		}
		for name, f := range map[string]bsonraw.Value{"db": db, "coll": coll} {
			if f.Type != bsonraw.String {
				return nil, errs.New(13111, "wrong type for field (%s) %s != string", name, f.Type.Name())
			}
		}
		o.Database, o.Collection = db.Str(), coll.Str()
	default:
		return nil, errs.New(16990, "$out only supports a string or object argument, but found %s", v.Type.Name())
	}
	if o.Collection == "" {
		return nil, errs.New(errs.InvalidNamespace, "Invalid $out target namespace: the collection name is empty")
	}
	c.p.output = o
	return nil, nil
}

// compileMerge reads $merge; writing is the engine's.
func compileMerge(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	m := &mergeParser{c: c, o: &Output{Merge: true, On: []string{"_id"}, WhenMatched: "merge", WhenNotMatched: "insert"}}
	switch v.Type {
	case bsonraw.String:
		if err := m.into(v); err != nil {
			return nil, err
		}
	case bsonraw.Object:
		it := v.Doc().Iter()
		for it.Next() {
			if err := m.option(string(it.Key()), it.Value()); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errs.New(errs.TypeMismatch, "$merge requires a string or object argument, but found %s", v.Type.Name())
	}
	if !m.hasInto {
		return nil, errs.New(errs.MissingRequiredField, "BSON field '$merge.into' is missing but a required field")
	}
	if err := m.finish(); err != nil {
		return nil, err
	}
	c.p.output = m.o
	return nil, nil
}

type mergeParser struct {
	c       *compiler
	o       *Output
	hasInto bool
}

func (m *mergeParser) option(name string, v bsonraw.Value) error {
	switch name {
	case "into":
		return m.into(v)
	case "on":
		return m.on(v)
	case "let":
		if v.Type != bsonraw.Object {
			return errs.New(errs.TypeMismatch, "BSON field '$merge.let' is the wrong type '%s', expected type 'object'", v.Type.Name())
		}
		m.o.Let = v.Doc()
		return nil
	case "whenMatched":
		return m.whenMatched(v)
	case "whenNotMatched":
		if v.Type != bsonraw.String {
			return errs.New(errs.TypeMismatch, "BSON field '$merge.whenNotMatched' is the wrong type '%s', expected type 'string'", v.Type.Name())
		}
		m.o.WhenNotMatched = v.Str()
		if !slices.Contains([]string{"insert", "discard", "fail"}, m.o.WhenNotMatched) {
			return errs.New(errs.BadValue, "Enumeration value '%s' for field '$merge.whenNotMatched' is not a valid value.", m.o.WhenNotMatched)
		}
		return nil
	}
	return errs.New(errs.UnknownField, "BSON field '$merge.%s' is an unknown field.", name)
}

func (m *mergeParser) into(v bsonraw.Value) error {
	m.hasInto = true
	switch v.Type {
	case bsonraw.String:
		m.o.Collection = v.Str()
		if m.o.Collection == "" {
			return errs.New(errs.InvalidNamespace, "Invalid $merge target namespace: the collection name is empty")
		}
	case bsonraw.Object:
		if db := v.Doc().Get("db"); db.Type == bsonraw.String {
			m.o.Database = db.Str()
		}
		coll := v.Doc().Get("coll")
		if coll.Type != bsonraw.String || coll.Str() == "" {
			return errs.New(5786801, "$merge 'into' field must specify a 'coll' that is not empty, null or undefined")
		}
		m.o.Collection = coll.Str()
	default:
		return errs.New(51178, "$merge 'into' field  must be either a string or an object, but found %s", v.Type.Name())
	}
	return nil
}

func (m *mergeParser) on(v bsonraw.Value) error {
	m.o.OnGiven, m.o.On = true, nil
	switch v.Type {
	case bsonraw.String:
		m.o.On = []string{v.Str()}
	case bsonraw.Array:
		for _, e := range v.Doc().Values() {
			if e.Type != bsonraw.String {
				return errs.New(51134, "$merge 'on' array elements must be strings, but found %s", e.Type.Name())
			}
			if slices.Contains(m.o.On, e.Str()) {
				return errs.New(31465, "Found a duplicate field '%s'", e.Str())
			}
			m.o.On = append(m.o.On, e.Str())
		}
		if len(m.o.On) == 0 {
			return errs.New(51187, "If explicitly specifying $merge 'on', must include at least one field")
		}
	default:
		return errs.New(51186, "$merge 'on' field  must be either a string or an array of strings, but found %s", v.Type.Name())
	}
	for _, p := range m.o.On {
		if err := checkPath(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *mergeParser) whenMatched(v bsonraw.Value) error {
	switch v.Type {
	case bsonraw.Array:
		docs, err := stageDocs(v)
		m.o.WhenMatched, m.o.Update = "pipeline", docs
		return err
	case bsonraw.String:
		m.o.WhenMatched = v.Str()
		if slices.Contains([]string{"replace", "keepExisting", "merge", "fail"}, m.o.WhenMatched) {
			return nil
		}
		return errs.New(errs.BadValue, "Enumeration value '%s' for field 'whenMatched' is not a valid value.", m.o.WhenMatched)
	}
	return errs.New(51191, "$merge 'whenMatched' field  must be either a string or an array, but found %s", v.Type.Name())
}

// updateStages are what an update's pipeline may have.
var updateStages = []string{"$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith"}

func (m *mergeParser) finish() error {
	o := m.o
	if o.WhenMatched != "pipeline" {
		if o.Let != nil {
			return errs.New(51199, "Cannot use 'let' variables with 'whenMatched: %s' mode", o.WhenMatched)
		}
		if o.WhenNotMatched == "fail" && (o.WhenMatched == "fail" || o.WhenMatched == "keepExisting") ||
			o.WhenNotMatched == "discard" && (o.WhenMatched == "fail" || o.WhenMatched == "keepExisting") {
			return errs.New(51181, "Combination of $merge modes 'whenMatched: %s' and 'whenNotMatched: %s' is not supported", o.WhenMatched, o.WhenNotMatched)
		}
		return nil
	}
	for _, d := range o.Update {
		name, _, err := nameOf(d)
		if err != nil {
			return err
		}
		if !slices.Contains(updateStages, name) {
			return errs.New(errs.InvalidOptions, "%s is not allowed to be used within an update", name)
		}
	}
	return m.checkLet()
}

// checkLet compiles the variables, and adds "new" where it is not given.
func (m *mergeParser) checkLet() error {
	root := bsonraw.StringValue("$$ROOT")
	it := orEmpty(m.o.Let).Iter()
	for it.Next() {
		name := string(it.Key())
		if name == "new" {
			if !bsonraw.Identical(it.Value(), root) {
				return errs.New(51273, "'let' may not define a value for the reserved 'new' variable other than '$$ROOT'")
			}
		} else if err := expr.ValidateVarName(name); err != nil {
			return err
		}
		if _, err := m.c.expr(it.Value()); err != nil {
			return err
		}
	}
	if m.o.Let == nil {
		m.o.Let = one("new", root)
	}
	return nil
}
