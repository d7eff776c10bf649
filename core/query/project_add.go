package query

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// addParser reads the specification of $addFields, whose rules differ from
// $project's: everything is a value, and so is a number.
type addParser struct {
	options *Options
	spec    bsonraw.Doc
	pp      projParser
	leaves  []string // paths to which something is assigned
}

// CompileAddFields compiles the specification of $addFields and $set.
func CompileAddFields(spec bsonraw.Doc, o *Options) (*Projection, error) {
	a := &addParser{options: o, spec: spec.Clone(), pp: projParser{p: &Projection{root: &projNode{}}}}
	// As in mongod, what is wrong with the form of the whole comes before what
	// is wrong with one expression.
	if err := a.each(a.spec, "", a.check); err != nil {
		return nil, inStage("$addFields", err)
	}
	if err := a.each(a.spec, "", a.assign); err != nil {
		return nil, inStage("$addFields", err)
	}
	p := a.pp.p
	if p.root.markCompute() {
		p.envs = newEnvPool(o)
	}
	return p, nil
}

// each calls visit with every field of d; prefix is the path before them.
func (a *addParser) each(d bsonraw.Doc, prefix string, visit func(path string, v bsonraw.Value) error) error {
	it := d.Iter()
	for it.Next() {
		if err := visit(prefix+string(it.Key()), it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}

// isExpression reports whether an object is {$op: …} and not fields to set.
func isExpression(d bsonraw.Doc) bool {
	it := d.Iter()
	return it.Next() && bytes.HasPrefix(it.Key(), []byte("$"))
}

// check looks at the form of what is set at path.
func (a *addParser) check(path string, v bsonraw.Value) error {
	if err := validateFieldPath(path); err != nil {
		return err
	}
	if v.Type != bsonraw.Object {
		return a.leaf(path)
	}
	d := v.Doc()
	if d.IsEmpty() {
		return errs.New(40180, "an empty object is not a valid value. Found empty object at path %s", path)
	}
	it := d.Iter()
	for it.Next() {
		switch {
		case bytes.HasPrefix(it.Key(), []byte("$")) && d.Len() != 1:
			return errs.New(40181, "an expression specification must contain exactly one field, the name of the expression. Found %d fields in %s, while parsing object %s", d.Len(), valueText(v), valueText(a.spec.Value()))
		case bytes.HasPrefix(it.Key(), []byte("$")):
			return a.leaf(path)
		case bytes.IndexByte(it.Key(), '.') >= 0:
			return errs.New(40183, "cannot use dotted field name '%s' in a sub object: %s", it.Key(), valueText(a.spec.Value()))
		}
	}
	return a.each(d, path+".", a.check)
}

// leaf notes that something is assigned to path, once and nothing below it.
func (a *addParser) leaf(path string) error {
	for _, other := range a.leaves {
		if other == path || isBelow(path, other) || isBelow(other, path) {
			return errs.New(40176, "specification contains two conflicting paths. Cannot specify both '%s' and '%s': %s", path, other, valueText(a.spec.Value()))
		}
	}
	a.leaves = append(a.leaves, path)
	return nil
}

// assign compiles what is set at path.
func (a *addParser) assign(path string, v bsonraw.Value) error {
	if v.Type == bsonraw.Object && !isExpression(v.Doc()) { // check bounded the depth
		return a.each(v.Doc(), path+".", a.assign)
	}
	e, err := expr.Compile(v, a.options.expr())
	if err != nil {
		return err
	}
	return a.pp.place(path, projField{kind: projCompute, expr: e})
}

// CompileUnset compiles the argument of $unset, a path or an array of paths.
func CompileUnset(paths bsonraw.Value) (*Projection, error) {
	pp := &projParser{p: &Projection{root: &projNode{}}, decided: true}
	switch paths.Type {
	case bsonraw.String:
		return pp.p, inStage("$unset", pp.unset(paths.Str()))
	case bsonraw.Array:
	default:
		return nil, errs.New(31002, "$unset specification must be a string or an array")
	}
	if paths.Doc().IsEmpty() {
		return nil, errs.New(31119, "$unset specification must be a string or an array with at least one field")
	}
	it := paths.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.String {
			return nil, errs.New(31120, "$unset specification must be a string or an array containing only string values")
		}
		if err := pp.unset(it.Value().Str()); err != nil {
			return nil, inStage("$unset", err)
		}
	}
	return pp.p, nil
}

func (pp *projParser) unset(path string) error {
	if err := pp.validatePath(path); err != nil {
		return err
	}
	return pp.place(path, projField{kind: projExclude})
}
