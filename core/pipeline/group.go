package pipeline

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// groupStage is $group.
//
// The key of a group is the encoding of its _id (bsonraw.AppendKey), so that 1,
// 1.0 and 1L are one group, and so are null and missing; the _id handed out is
// the first that was seen. An _id written as an object, {a: "$x", b: "$y"}, is
// keyed by its values.
type groupStage struct {
	names  []string    // of an _id written as an object; nil otherwise
	ids    []expr.Expr // one, or one for each name
	fields []accumulated
}

// accumulated is a field of the result with its accumulator.
type accumulated struct {
	name    string
	factory expr.AccumulatorFactory
}

func compileGroup(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(15947, "a group's fields must be specified in an object")
	}
	g := &groupStage{}
	it := v.Doc().Iter()
	for it.Next() {
		var err error
		switch name := string(it.Key()); {
		case name == "_id" && g.ids != nil:
			err = errs.New(15948, "a group's _id may only be specified once")
		case name == "_id":
			err = g.compileID(c, it.Value())
		case name == "$doingMerge":
			err = errs.New(errs.NotSupported, "$group with $doingMerge is for sharded clusters")
		default:
			var f accumulated
			f, err = compileAccumulated(c, name, it.Value())
			g.fields = append(g.fields, f)
		}
		if err != nil {
			return nil, err
		}
	}
	if g.ids == nil {
		return nil, errs.New(15955, "a group specification must include an _id")
	}
	return g, nil
}

func (g *groupStage) compileID(c *compiler, v bsonraw.Value) error {
	if v.Type != bsonraw.Object || v.Doc().IsEmpty() || isExpression(v.Doc()) {
		e, err := c.expr(v)
		g.ids = []expr.Expr{e}
		return err
	}
	it := v.Doc().Iter()
	for it.Next() {
		if f := it.Value(); f.IsNumber() || f.Type == bsonraw.Boolean {
			return errs.New(17390, "$group does not support inclusion-style expressions")
		}
		e, err := c.expr(it.Value())
		if err != nil {
			return err
		}
		if err := checkName(string(it.Key())); err != nil {
			return err
		}
		g.names = append(g.names, string(it.Key()))
		g.ids = append(g.ids, e)
	}
	return nil
}

// isExpression reports whether an object is {$operator: …}.
func isExpression(d bsonraw.Doc) bool {
	it := d.Iter()
	return it.Next() && strings.HasPrefix(string(it.Key()), "$")
}

// compileAccumulated compiles one field of $group, $bucket and $bucketAuto.
func compileAccumulated(c *compiler, name string, v bsonraw.Value) (accumulated, error) {
	f := accumulated{name: name}
	switch {
	case strings.Contains(name, "."):
		return f, errs.New(40235, "The field name '%s' cannot contain '.'", name)
	case strings.HasPrefix(name, "$"):
		return f, errs.New(40236, "The field name '%s' cannot be an operator name", name)
	case v.Type != bsonraw.Object || v.Doc().IsEmpty():
		return f, errs.New(40234, "The field '%s' must be an accumulator object", name)
	}
	it := v.Doc().Iter()
	it.Next()
	op, arg := string(it.Key()), it.Value()
	switch {
	case !strings.HasPrefix(op, "$"):
		return f, errs.New(40234, "The field '%s' must be an accumulator object", name)
	case it.Next():
		return f, errs.New(40238, "The field '%s' must specify one accumulator", name)
	}
	var err error
	f.factory, err = expr.CompileAccumulator(op, arg, c.exprOptions())
	return f, err
}

func (g *groupStage) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &groupIter{in: in, table: newGroupTable(g, r, 0)}, nil
}

// groupIter groups all of its input at the first Next.
type groupIter struct {
	in    Iter
	table *groupTable
	read  bool
}

func (g *groupIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if !g.read {
		g.read = true
		for {
			doc, ok, err := g.in.Next(ctx)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				break
			}
			if err := g.table.add(doc); err != nil {
				return nil, false, err
			}
		}
	}
	return g.table.next(ctx)
}

func (g *groupIter) Close() error { return closing2(g.in, g.table.close()) }
