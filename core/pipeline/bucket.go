package pipeline

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// chain is a stage that is written as several others.
type chain []stage

func (c chain) open(ctx context.Context, r *run, in Iter) (Iter, error) {
	for _, s := range c {
		next, err := s.open(ctx, r, in)
		if err != nil {
			return nil, err
		}
		in = next
	}
	return in, nil
}

// compileChain compiles stages given as documents.
func compileChain(c *compiler, docs ...bsonraw.Doc) (stage, error) {
	var out chain
	for _, d := range docs {
		name, v, err := nameOf(d)
		if err != nil {
			return nil, err
		}
		s, err := kinds[name].compile(c, name, v)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// compileSortByCount is {$group: {_id: e, count: {$sum: 1}}}, {$sort: {count: -1}}.
func compileSortByCount(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	switch v.Type {
	case bsonraw.Object:
		if !isExpression(v.Doc()) {
			return nil, errs.New(40147, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object")
		}
	case bsonraw.String:
		if !strings.HasPrefix(v.Str(), "$") {
			return nil, errs.New(40148, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object")
		}
	default:
		return nil, errs.New(40149, "the sortByCount field must be specified as a string or as an object")
	}
	b := bsonraw.NewBuilder(nil)
	b.Value("_id", v)
	b.BeginDoc("count")
	b.Int32("$sum", 1)
	b.End()
	return compileChain(c, one("$group", b.Finish().Value()), one("$sort", one("count", bsonraw.Int32Value(-1)).Value()))
}

// bucketSpec is a $bucket as it is read.
type bucketSpec struct {
	groupBy    bsonraw.Value
	boundaries []bsonraw.Value
	given      bool // boundaries
	fallback   bsonraw.Value
	output     bsonraw.Doc
}

// compileBucket is a $group whose _id is a $switch over the boundaries, and a
// $sort by it, as mongod has it.
func compileBucket(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(40201, "Argument to $bucket stage must be an object, but found type: %s.", v.Type.Name())
	}
	var s bucketSpec
	it := v.Doc().Iter()
	for it.Next() {
		if err := s.option(c, string(it.Key()), it.Value()); err != nil {
			return nil, err
		}
	}
	if s.groupBy.IsMissing() || !s.given {
		return nil, errs.New(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return compileChain(c, one("$group", s.group().Value()), one("$sort", one("_id", bsonraw.Int32Value(1)).Value()))
}

func (s *bucketSpec) option(c *compiler, name string, v bsonraw.Value) error {
	switch name {
	case "groupBy":
		if !isFieldOrExpression(v) {
			return errs.New(40202, "The $bucket 'groupBy' field must be defined as a $-prefixed path or an expression, but found: %s.", brief(v))
		}
		s.groupBy = v
		_, err := c.expr(v)
		return err
	case "boundaries":
		return s.readBoundaries(c, v)
	case "default":
		constant, err := constantOf(c, v)
		if err != nil {
			return err
		}
		if constant.IsMissing() {
			return errs.New(40195, "The $bucket 'default' field must be a constant expression, but found: %s.", brief(v))
		}
		s.fallback = constant
	case "output":
		if v.Type != bsonraw.Object {
			return errs.New(40196, "The $bucket 'output' field must be an object, but found type: %s.", v.Type.Name())
		}
		s.output = v.Doc()
	default:
		return errs.New(40197, "Unrecognized option to $bucket: %s.", name)
	}
	return nil
}

// isFieldOrExpression reports whether v is "$path" or {$operator: …}.
func isFieldOrExpression(v bsonraw.Value) bool {
	return v.Type == bsonraw.String && strings.HasPrefix(v.Str(), "$") || v.Type == bsonraw.Object && isExpression(v.Doc())
}

// constantOf evaluates an expression that must be constant; missing if it is
// not.
func constantOf(c *compiler, v bsonraw.Value) (bsonraw.Value, error) {
	e, err := c.expr(v)
	if err != nil {
		return bsonraw.Value{}, err
	}
	constant, ok := expr.Constant(e)
	if !ok {
		return bsonraw.Value{}, nil
	}
	return constant.Clone(), nil
}

func (s *bucketSpec) readBoundaries(c *compiler, v bsonraw.Value) error {
	if v.Type != bsonraw.Array {
		return errs.New(40200, "The $bucket 'boundaries' field must be an array, but found type: %s.", v.Type.Name())
	}
	s.given = true
	for _, e := range v.Doc().Values() {
		constant, err := constantOf(c, e)
		if err != nil {
			return err
		}
		if constant.IsMissing() {
			return errs.New(40191, "The $bucket 'boundaries' field must be an array of constant values, but found value: %s.", brief(e))
		}
		s.boundaries = append(s.boundaries, constant)
	}
	if len(s.boundaries) < 2 {
		return errs.New(40192, "The $bucket 'boundaries' field must have at least 2 values, but found %d value(s).", len(s.boundaries))
	}
	for i := 1; i < len(s.boundaries); i++ {
		a, b := s.boundaries[i-1], s.boundaries[i]
		switch {
		case !bsonraw.SameClass(a.Type, b.Type):
			return errs.New(40193, "All values in the the 'boundaries' option to $bucket must have the same type. Found conflicting types %s and %s.", a.Type.Name(), b.Type.Name())
		case bsonraw.Compare(a, b) >= 0:
			return errs.New(40194, "The 'boundaries' option to $bucket must be sorted, but elements %d and %d are not in ascending order (%s is not less than %s).", i-1, i, brief(a), brief(b))
		}
	}
	return nil
}

func (s *bucketSpec) check() error {
	if s.fallback.IsMissing() {
		return nil
	}
	low, high := s.boundaries[0], s.boundaries[len(s.boundaries)-1]
	if bsonraw.Compare(s.fallback, low) >= 0 && bsonraw.Compare(s.fallback, high) < 0 {
		return errs.New(40199, "The $bucket 'default' field must be less than the lowest boundary or greater than or equal to the highest boundary.")
	}
	return nil
}

// group writes the $group that a $bucket stands for.
func (s *bucketSpec) group() bsonraw.Doc {
	literal := func(v bsonraw.Value) bsonraw.Value { return one("$literal", v).Value() }
	compare := func(op string, v bsonraw.Value) bsonraw.Value {
		return one(op, bsonraw.ArrayValue(s.groupBy, literal(v))).Value()
	}
	var branches []bsonraw.Value
	for i := 1; i < len(s.boundaries); i++ {
		low := s.boundaries[i-1]
		b := bsonraw.NewBuilder(nil)
		b.Value("case", one("$and", bsonraw.ArrayValue(compare("$gte", low), compare("$lt", s.boundaries[i]))).Value())
		b.Value("then", literal(low))
		branches = append(branches, b.Finish().Value())
	}
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("_id")
	b.BeginDoc("$switch")
	b.Value("branches", bsonraw.ArrayValue(branches...))
	if !s.fallback.IsMissing() {
		b.Value("default", literal(s.fallback))
	}
	b.End()
	b.End()
	appendOutput(b, s.output)
	return b.Finish()
}

// appendOutput writes the accumulators of output; without it, a count.
func appendOutput(b *bsonraw.Builder, output bsonraw.Doc) {
	if output == nil {
		b.BeginDoc("count")
		b.Int32("$sum", 1)
		b.End()
		return
	}
	it := output.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
}
