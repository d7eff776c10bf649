package pipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// subPipe is a pipeline over another collection, as $lookup and $unionWith have
// it. What its first $match says is given to the source, so that an index can
// serve it.
type subPipe struct {
	pipe   *Pipeline
	from   string // "" where the pipeline makes its documents itself
	rest   *Pipeline
	filter bsonraw.Doc // nil: all
	// bound are equalities of a path with a variable, of an $expr in the first
	// $match: {$expr: {$eq: ["$path", "$$variable"]}}.
	bound []boundEquality
	// correlated: the answer depends on the document that asks.
	correlated bool
}

// boundEquality is a path that must equal the value of an expression on
// variables alone.
type boundEquality struct {
	path string
	expr expr.Expr
}

func newSubPipe(p *Pipeline, from string, c *compiler, vars *expr.Vars, names []string) (*subPipe, error) {
	s := &subPipe{pipe: p, from: from, rest: p}
	if p.initial != nil {
		if p.initial.Name != "$documents" {
			return nil, errs.New(errs.NotSupported, "%s within another pipeline", p.initial.Name)
		}
		s.from = ""
		return s, nil
	}
	if len(p.steps) == 0 {
		return s, nil
	}
	m, ok := p.steps[0].stage.(*matchStage)
	if !ok {
		return s, nil
	}
	if !m.filter.HasExpr() {
		s.filter = m.filter.Raw()
		s.rest = p.from(1)
		return s, nil
	}
	s.filter = withoutExpr(m.filter.Raw())
	inner := &compiler{o: c.o, vars: vars}
	for _, e := range exprClauses(m.filter.Raw()) {
		if err := s.bindEqualities(inner, e, names); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// withoutExpr returns what a filter says besides $expr, as a filter that
// matches at least as much: the clauses in which no $expr is.
func withoutExpr(filter bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := filter.Iter()
	for it.Next() {
		if !strings.Contains(string(it.Value().Data), "$expr") && string(it.Key()) != "$expr" {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

// exprClauses returns the $expr of a filter, those in $and too.
func exprClauses(filter bsonraw.Doc) []bsonraw.Value {
	var out []bsonraw.Value
	it := filter.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "$expr":
			out = append(out, it.Value())
		case "$and":
			for _, e := range it.Value().Doc().Values() {
				if e.Type == bsonraw.Object {
					out = append(out, exprClauses(e.Doc())...)
				}
			}
		}
	}
	return out
}

// bindEqualities finds {$eq: ["$path", "$$variable"]} in an expression that is
// an $and of others, or one itself.
func (s *subPipe) bindEqualities(c *compiler, e bsonraw.Value, names []string) error {
	if e.Type != bsonraw.Object {
		return nil
	}
	it := e.Doc().Iter()
	if !it.Next() || it.Value().Type != bsonraw.Array {
		return nil
	}
	args := it.Value().Doc().Values()
	switch string(it.Key()) {
	case "$and":
		for _, a := range args {
			if err := s.bindEqualities(c, a, names); err != nil {
				return err
			}
		}
	case "$eq":
		if len(args) != 2 {
			return nil
		}
		for i, a := range args {
			dotted, variable := fieldOf(a), args[1-i]
			if dotted == "" || variable.Type != bsonraw.String || !strings.HasPrefix(variable.Str(), "$$") || !slices.Contains(names, userVariable(variable.Str())) {
				continue
			}
			compiled, err := c.expr(variable)
			if err != nil {
				return err
			}
			s.bound = append(s.bound, boundEquality{dotted, compiled})
			return nil
		}
	}
	return nil
}

// fieldOf returns the path of "$a.b", or "".
func fieldOf(v bsonraw.Value) string {
	if v.Type != bsonraw.String {
		return ""
	}
	s := v.Str()
	if !strings.HasPrefix(s, "$") || strings.HasPrefix(s, "$$") {
		return ""
	}
	return s[1:]
}

// open starts the pipeline over its collection.
func (s *subPipe) open(ctx context.Context, r *run) (Iter, error) {
	if s.from == "" {
		return s.pipe.start(ctx, r, nil)
	}
	filter, err := s.narrowed(r)
	if err != nil {
		return nil, err
	}
	in, err := r.src.Collection(ctx, s.from, filter)
	if err != nil {
		return nil, err
	}
	return s.rest.start(ctx, r, in)
}

// over starts the whole pipeline over these documents.
func (s *subPipe) over(ctx context.Context, r *run, in Iter) (Iter, error) {
	return s.pipe.start(ctx, r, in)
}

// narrowed adds the equalities with variables to the filter. The pipeline's own
// $match still decides: a filter's equality looks into arrays, an expression's
// does not, so that the filter matches at least as much, but for arrays, whose
// elements an expression collects.
func (s *subPipe) narrowed(r *run) (bsonraw.Doc, error) {
	if len(s.bound) == 0 {
		return s.filter, nil
	}
	env := r.env()
	var clauses []bsonraw.Value
	if s.filter != nil && !s.filter.IsEmpty() {
		clauses = append(clauses, s.filter.Value())
	}
	for _, b := range s.bound {
		v, err := evalOn(env, b.expr, bsonraw.EmptyDoc)
		if err != nil {
			return nil, err
		}
		switch v.Type {
		case bsonraw.Array, bsonraw.Undefined:
			continue
		case bsonraw.Missing:
			v.Type = bsonraw.Null
		}
		clauses = append(clauses, one(b.path, one("$eq", v).Value()).Value())
	}
	switch len(clauses) {
	case 0:
		return nil, nil
	case 1:
		return clauses[0].Doc(), nil
	}
	return one("$and", bsonraw.ArrayValue(clauses...)), nil
}

// from returns the pipeline without its first n stages.
func (p *Pipeline) from(n int) *Pipeline {
	rest := *p
	rest.steps = p.steps[n:]
	return &rest
}
