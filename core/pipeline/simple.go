package pipeline

import (
	"context"
	"math"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/query"
)

// The stages that look at one document at a time: $match, $project, $addFields,
// $set, $unset, $replaceRoot, $replaceWith, $limit and $skip.

// transform is a stage that makes one document of each, or none.
type transform struct {
	// begin returns the function of one run. It may keep memory between calls;
	// the document it returns is valid until the next call. False drops the
	// document.
	begin func(r *run) func(doc bsonraw.Doc) (bsonraw.Doc, bool, error)
}

func (t *transform) open(_ context.Context, r *run, in Iter) (Iter, error) {
	return &transformIter{in: in, apply: t.begin(r)}, nil
}

type transformIter struct {
	in    Iter
	apply func(doc bsonraw.Doc) (bsonraw.Doc, bool, error)
}

func (t *transformIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	for {
		doc, ok, err := t.in.Next(ctx)
		if err != nil || !ok {
			return nil, false, err
		}
		doc, ok, err = t.apply(doc)
		if err != nil || ok {
			return doc, ok, err
		}
	}
}

func (t *transformIter) Close() error { return t.in.Close() }

// matchStage is $match.
type matchStage struct {
	transform
	filter *query.Filter
}

func compileMatch(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(15959, "the match filter must be an expression in an object")
	}
	f, err := query.Compile(v.Doc(), c.queryOptions())
	if err != nil {
		return nil, err
	}
	m := &matchStage{filter: f}
	m.begin = func(r *run) func(bsonraw.Doc) (bsonraw.Doc, bool, error) {
		if !f.HasExpr() {
			return func(doc bsonraw.Doc) (bsonraw.Doc, bool, error) {
				ok, err := f.Match(doc)
				return doc, ok, err
			}
		}
		env := r.env()
		return func(doc bsonraw.Doc) (bsonraw.Doc, bool, error) {
			env.Reset(doc)
			ok, err := f.MatchEnv(env)
			return doc, ok, err
		}
	}
	return m, nil
}

// projectStage is $project, $addFields, $set and $unset.
type projectStage struct {
	transform
	inclusion bool
	// plain are the paths that an inclusion keeps as they are, changed those
	// that any other projection removes or computes.
	plain, changed []string
}

func compileProject(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(15969, "$project specification must be an object")
	}
	p, err := query.CompileProjectStage(v.Doc(), c.queryOptions())
	if err != nil {
		return nil, err
	}
	s := projecting(p)
	s.inclusion = p.IsInclusion()
	if s.inclusion && v.Doc().Get("_id").IsMissing() {
		s.plain = append(s.plain, "_id")
	}
	s.notePaths("", v.Doc())
	return s, nil
}

// notePaths collects the paths of a projection.
func (s *projectStage) notePaths(prefix string, spec bsonraw.Doc) {
	it := spec.Iter()
	for it.Next() {
		path, v := prefix+string(it.Key()), it.Value()
		switch {
		case v.Type == bsonraw.Object && !isExpression(v.Doc()) && !v.Doc().IsEmpty():
			s.notePaths(path+".", v.Doc())
		case (v.IsNumber() || v.Type == bsonraw.Boolean) && v.Truthy():
			s.plain = append(s.plain, path)
		default:
			s.changed = append(s.changed, path)
		}
	}
}

func compileAddFields(c *compiler, name string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(40272, "%s specification stage must be an object, got %s", name, v.Type.Name())
	}
	p, err := query.CompileAddFields(v.Doc(), c.queryOptions())
	if err != nil {
		return nil, err
	}
	s := projecting(p)
	it := v.Doc().Iter()
	for it.Next() {
		first, _, _ := strings.Cut(string(it.Key()), ".")
		s.changed = append(s.changed, first)
	}
	return s, nil
}

func compileUnset(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	p, err := query.CompileUnset(v)
	if err != nil {
		return nil, err
	}
	s := projecting(p)
	if v.Type == bsonraw.String {
		s.changed = append(s.changed, v.Str())
	}
	for _, e := range v.Doc().Values() {
		s.changed = append(s.changed, e.Str())
	}
	return s, nil
}

func projecting(p *query.Projection) *projectStage {
	s := &projectStage{}
	s.begin = func(r *run) func(bsonraw.Doc) (bsonraw.Doc, bool, error) {
		env, b := r.env(), &bsonraw.Builder{}
		return func(doc bsonraw.Doc) (bsonraw.Doc, bool, error) {
			env.Reset(doc)
			out, err := p.ApplyEnv(env, b)
			return out, true, err
		}
	}
	return s
}

// replaceStage is $replaceRoot and $replaceWith.
type replaceStage struct{ transform }

func compileReplaceRoot(c *compiler, name string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.Object {
		return nil, errs.New(40229, "expected an object as specification for %s stage, got %s", name, v.Type.Name())
	}
	root, given := v.Doc().Lookup("newRoot")
	it := v.Doc().Iter()
	for it.Next() {
		if string(it.Key()) != "newRoot" {
			return nil, errs.New(errs.UnknownField, "BSON field '%s.%s' is an unknown field.", name, it.Key())
		}
	}
	if !given {
		return nil, errs.New(errs.MissingRequiredField, "BSON field '%s.newRoot' is missing but a required field", name)
	}
	return replacing(c, "'newRoot' expression ", root)
}

func compileReplaceWith(c *compiler, _ string, v bsonraw.Value) (stage, error) {
	return replacing(c, "'replacement document' ", v)
}

func replacing(c *compiler, what string, v bsonraw.Value) (stage, error) {
	e, err := c.expr(v)
	if err != nil {
		return nil, err
	}
	return &replaceStage{transform{func(r *run) func(bsonraw.Doc) (bsonraw.Doc, bool, error) {
		env := r.env()
		return func(doc bsonraw.Doc) (bsonraw.Doc, bool, error) {
			v, err := evalOn(env, e, doc)
			if err != nil {
				return nil, false, err
			}
			return mustBeObject(what, v)
		}
	}}}, nil
}

func mustBeObject(what string, v bsonraw.Value) (bsonraw.Doc, bool, error) {
	if v.Type != bsonraw.Object {
		return nil, false, errs.New(40228, "%s must evaluate to an object, but resulting value was: %s. Type of resulting value: '%s'.", what, brief(v), v.Type.Name())
	}
	return v.Doc(), true, nil
}

// skipLimit is $skip or $limit.
type skipLimit struct {
	skip  int64
	limit int64 // negative: none
}

func compileLimit(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	n, err := wholeNumber("$limit", 5107201, v)
	if err == nil && n == 0 {
		err = errs.New(15958, "the limit must be positive")
	}
	return &skipLimit{limit: n}, err
}

func compileSkip(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	n, err := wholeNumber("$skip", 5107200, v)
	return &skipLimit{skip: n, limit: -1}, err
}

// wholeNumber reads the argument of $skip and $limit.
func wholeNumber(name string, code errs.Code, v bsonraw.Value) (int64, error) {
	fail := func(why string) (int64, error) {
		return 0, errs.New(code, "invalid argument to %s stage: %s: %s: %s", name, why, name, brief(v))
	}
	if !v.IsNumber() {
		return fail("Expected a number in")
	}
	f, _ := v.AsFloat64()
	n, ok := v.AsInt64()
	switch {
	case math.IsNaN(f):
		return fail("Expected an integer, but found NaN in")
	case !ok && (v.Type == bsonraw.Decimal128 || math.Abs(f) >= 1<<63):
		return fail("Cannot represent as a 64-bit integer")
	case !ok:
		return fail("Expected an integer")
	case n < 0:
		return fail("Expected a non-negative number in")
	}
	return n, nil
}

func (s *skipLimit) open(_ context.Context, _ *run, in Iter) (Iter, error) {
	return &skipLimitIter{in: in, skip: s.skip, left: s.limit}, nil
}

type skipLimitIter struct {
	in   Iter
	skip int64
	left int64 // negative: no limit
}

func (s *skipLimitIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if s.left == 0 {
		return nil, false, nil
	}
	for ; s.skip > 0; s.skip-- {
		if _, ok, err := s.in.Next(ctx); err != nil || !ok {
			return nil, false, err
		}
	}
	doc, ok, err := s.in.Next(ctx)
	if s.left > 0 {
		s.left--
	}
	return doc, ok, err
}

func (s *skipLimitIter) Close() error { return s.in.Close() }

// compileCount is $count: {$group: {_id: null, n: {$sum: 1}}} without the _id.
func compileCount(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	if v.Type != bsonraw.String {
		return nil, errs.New(40156, "the count field must be a non-empty string")
	}
	name := v.Str()
	switch {
	case name == "":
		return nil, errs.New(40157, "the count field must be a non-empty string")
	case name[0] == '$':
		return nil, errs.New(40158, "the count field cannot be a $-prefixed path")
	}
	for i := range len(name) {
		switch name[i] {
		case 0:
			return nil, errs.New(40159, "the count field cannot contain a null byte")
		case '.':
			return nil, errs.New(40160, "the count field cannot contain '.'")
		}
	}
	return &countStage{name}, nil
}

type countStage struct{ name string }

func (s *countStage) open(_ context.Context, _ *run, in Iter) (Iter, error) {
	return &countIter{in: in, name: s.name}, nil
}

type countIter struct {
	in   Iter
	name string
	done bool
}

func (c *countIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if c.done {
		return nil, false, nil
	}
	c.done = true
	n := int64(0)
	for ; ; n++ {
		_, ok, err := c.in.Next(ctx)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			break
		}
	}
	if n == 0 {
		return nil, false, nil
	}
	b := bsonraw.NewBuilder(nil)
	if n <= math.MaxInt32 {
		b.Int32(c.name, int32(n))
	} else {
		b.Int64(c.name, n)
	}
	return b.Finish(), true, nil
}

func (c *countIter) Close() error { return c.in.Close() }

// evalOn evaluates an expression on a document.
func evalOn(env *expr.Env, e expr.Expr, doc bsonraw.Doc) (bsonraw.Value, error) {
	env.Reset(doc)
	return e.Eval(env)
}
