package engine

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
)

// Explain returns the body of MongoDB's explain reply: queryPlanner, and
// executionStats from a run whose writes are dropped.
func (r *reader) Explain(ctx context.Context, coll string, spec *ExplainSpec) (Doc, error) {
	find, top, err := explained(spec)
	if err != nil {
		return nil, err
	}
	if spec.Aggregate != nil {
		return r.explainAggregate(ctx, coll, spec)
	}
	c, err := r.compileFind(coll, find)
	if err != nil {
		return nil, err
	}
	if c.coll != nil && c.coll.View {
		return nil, errs.New(errs.NotSupported, "explain of a query on a view is not supported yet").
			WithRemedy("explain the aggregation on %q", c.coll.Options.Get("viewOn").Str())
	}
	b := bsonraw.NewBuilder(nil)
	e, err := r.explanation(ctx, coll, c, top, spec.Verbosity)
	if err != nil {
		return nil, err
	}
	index.Explain(b, e)
	return b.Finish(), nil
}

// explained reduces what is to be explained to a find and the stage on top.
func explained(spec *ExplainSpec) (*FindSpec, string, error) {
	switch {
	case spec.Find != nil:
		return spec.Find, "", nil
	case spec.Aggregate != nil:
		return nil, "", nil
	case spec.Count != nil:
		s := spec.Count
		return &FindSpec{Filter: s.Filter, Skip: s.Skip, Limit: s.Limit, Hint: s.Hint, Collation: s.Collation}, "COUNT", nil
	case spec.Distinct != nil:
		return &FindSpec{Filter: spec.Distinct.Filter, Collation: spec.Distinct.Collation}, "DISTINCT", nil
	case spec.Update != nil:
		s := spec.Update
		return &FindSpec{Filter: s.Filter, Let: s.Let, Hint: s.Hint, Sort: s.Sort, Limit: one(!s.Multi)}, "UPDATE", nil
	case spec.Delete != nil:
		s := spec.Delete
		return &FindSpec{Filter: s.Filter, Let: s.Let, Hint: s.Hint, Limit: one(!s.Multi)}, "DELETE", nil
	}
	return nil, "", errs.New(errs.FailedToParse, "nothing to explain")
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func (r *reader) explanation(ctx context.Context, coll string, c *compiledFind, top, verbosity string) (*index.Explanation, error) {
	e := &index.Explanation{
		Plan: c.plan, Namespace: r.namespace(coll), Filter: orEmpty(c.spec.Filter), Sort: c.sort,
		Projection: c.spec.Projection, Skip: c.spec.Skip, Limit: c.spec.Limit, Top: top,
	}
	if e.Plan == nil {
		e.Plan = &index.Plan{Kind: index.Nothing}
	}
	if verbosity == "queryPlanner" || c.coll == nil {
		return e, nil
	}
	start := time.Now()
	cur, m, err := r.runFind(ctx, c)
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	e.Stats = &index.Stats{}
	for {
		_, ok, err := cur.Next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		e.Stats.Returned++
	}
	e.Stats.KeysExamined, e.Stats.DocsExamined = m.stream.keysExamined, m.stream.docsExamined
	e.Stats.Matched, e.Stats.Millis = m.matched, time.Since(start).Milliseconds()
	return e, nil
}

// explainAggregate explains the find at the front of a pipeline as mongod does
// in its first stage, $cursor, and lists the stages behind it.
func (r *reader) explainAggregate(ctx context.Context, coll string, spec *ExplainSpec) (Doc, error) {
	run, err := r.compileAggregate(coll, spec.Aggregate)
	if err != nil {
		return nil, err
	}
	b := bsonraw.NewBuilder(nil)
	b.BeginArray("stages")
	n := 0
	if run.find != nil {
		e, err := r.explanation(ctx, coll, run.find, "", spec.Verbosity)
		if err != nil {
			return nil, err
		}
		b.BeginDoc("0")
		b.BeginDoc("$cursor")
		index.Explain(b, e)
		b.End()
		b.End()
		n++
	}
	for _, stage := range run.rest.Stages() {
		b.Doc(bsonraw.Index(n), stage)
		n++
	}
	b.End()
	return b.Finish(), nil
}
