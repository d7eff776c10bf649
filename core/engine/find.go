package engine

import (
	"context"
	"errors"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/pipeline"
	"github.com/argon-lab/argon/core/query"
)

// ctxError translates the end of a context.
func ctxError(ctx context.Context) error {
	err := ctx.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return errs.New(errs.MaxTimeMSExpired, "operation exceeded time limit")
	}
	return errs.New(errs.Interrupted, "operation was interrupted")
}

// emptyCursor is the cursor of a collection that is not there.
type emptyCursor struct{}

func (emptyCursor) Next(context.Context) (Doc, bool, error) { return nil, false, nil }
func (emptyCursor) Close() error                            { return nil }

// compiledFind is a find ready to run.
type compiledFind struct {
	coll   *Collection // nil: not there
	filter *query.Filter
	sort   Doc
	proj   *query.Projection
	plan   *index.Plan
	spec   *FindSpec
}

// Find runs a find.
func (r *reader) Find(ctx context.Context, coll string, spec *FindSpec) (Cursor, error) {
	if cur := r.findByID(coll, spec); cur != nil {
		return cur, nil
	}
	c, err := r.compileFind(coll, spec)
	if err != nil {
		return nil, err
	}
	if c.coll == nil {
		return emptyCursor{}, nil
	}
	if c.coll.View {
		return r.findOnView(ctx, c)
	}
	iter, _, err := r.runFind(ctx, c)
	return iter, err
}

// compileFind compiles every part of a find, so that its errors come even where
// the collection is not there.
func (r *reader) compileFind(coll string, spec *FindSpec) (*compiledFind, error) {
	if err := checkCollation(spec.Collation); err != nil {
		return nil, err
	}
	if len(spec.Min) > 5 || len(spec.Max) > 5 {
		return nil, errs.New(errs.NotSupported, "find with min or max is not supported yet").
			WithRemedy("use $gte and $lt in the filter")
	}
	if spec.ReturnKey {
		return nil, errs.New(errs.NotSupported, "find with returnKey is not supported yet")
	}
	opts, err := r.queryOptions(spec.Let)
	if err != nil {
		return nil, err
	}
	c := &compiledFind{coll: r.catalog.byName[coll], spec: spec}
	if c.filter, err = query.Compile(orEmpty(spec.Filter), opts); err != nil {
		return nil, err
	}
	if !spec.Projection.IsEmpty() {
		if c.proj, err = query.CompileProjection(spec.Projection, c.filter, opts); err != nil {
			return nil, err
		}
	}
	if !spec.Sort.IsEmpty() {
		if _, err = query.CompileSort(spec.Sort); err != nil {
			return nil, err
		}
		c.sort = spec.Sort
	}
	if c.coll == nil || c.coll.View {
		return c, nil
	}
	c.plan, err = r.plan(c)
	return c, err
}

// plan chooses how to find the documents. One _id needs no planner.
func (r *reader) plan(c *compiledFind) (*index.Plan, error) {
	if c.spec.Hint.IsMissing() {
		if ids, ok := c.filter.IDs(); ok && len(ids) == 1 {
			return &index.Plan{Kind: index.IDLookup, IDs: ids, SortProvided: true}, nil
		}
	}
	return index.Choose(&index.Request{
		Filter: c.spec.Filter, Sort: c.sort, Hint: c.spec.Hint, Limit: c.spec.Limit,
		Indexes: r.indexes(c.coll),
	})
}

// indexes returns a collection's indexes with what is known of them.
func (r *reader) indexes(coll *Collection) []index.Index {
	list := make([]index.Index, len(coll.Indexes))
	for i, d := range coll.Indexes {
		list[i] = index.Index{Definition: d, Multikey: r.catalog.multikey[mvcc.IndexID(d.ID)]}
	}
	return list
}

// runFind starts a compiled find. The matchIter is returned for its statistics.
func (r *reader) runFind(ctx context.Context, c *compiledFind) (Cursor, *matchIter, error) {
	m := &matchIter{stream: r.stream(c.coll.ID, c.plan)}
	if !c.plan.Exact && !c.filter.IsEmpty() {
		m.filter = c.filter
	}
	var iter pipeline.Iter = m
	if !c.sort.IsEmpty() && !c.plan.SortProvided {
		var err error
		if iter, err = r.sorted(ctx, m, c); err != nil {
			return nil, nil, err
		}
	}
	if c.spec.Skip > 0 || c.spec.Limit > 0 || c.proj != nil {
		iter = &windowIter{in: iter, skip: c.spec.Skip, limit: c.spec.Limit, proj: c.proj}
	}
	return iter, m, nil
}

// sorted puts a blocking sort on an iterator, a top-k one where there is a limit.
func (r *reader) sorted(ctx context.Context, in pipeline.Iter, c *compiledFind) (pipeline.Iter, error) {
	stages := []Doc{stage("$sort", c.sort.Value())}
	if c.spec.Limit > 0 {
		stages = append(stages, stage("$limit", bsonraw.Int64Value(c.spec.Skip+c.spec.Limit)))
	}
	p, err := pipeline.Compile(stages, r.pipelineOptions(nil, c.spec.AllowDiskUse))
	if err != nil {
		return nil, err
	}
	return p.Run(ctx, in, nil)
}

// stage makes a pipeline stage.
func stage(name string, spec Value) Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value(name, spec)
	return b.Finish()
}

// windowIter skips, limits and projects.
type windowIter struct {
	in          pipeline.Iter
	skip, limit int64 // limit 0: none
	done        int64
	proj        *query.Projection
	buf         bsonraw.Builder
}

func (w *windowIter) Next(ctx context.Context) (Doc, bool, error) {
	if w.limit > 0 && w.done >= w.limit {
		return nil, false, w.in.Close()
	}
	for ; w.skip > 0; w.skip-- {
		if _, ok, err := w.in.Next(ctx); err != nil || !ok {
			return nil, false, err
		}
	}
	doc, ok, err := w.in.Next(ctx)
	if err != nil || !ok {
		return nil, false, err
	}
	w.done++
	if w.proj != nil {
		doc, err = w.proj.Apply(doc, &w.buf)
	}
	return doc, err == nil, err
}

func (w *windowIter) Close() error { return w.in.Close() }

// Pause is that of the iterator below, where it has one.
func (w *windowIter) Pause() {
	if in, ok := w.in.(interface{ Pause() }); ok {
		in.Pause()
	}
}

// findOnView runs a find as the pipeline that MongoDB makes of it.
func (r *reader) findOnView(ctx context.Context, c *compiledFind) (Cursor, error) {
	var stages []Doc
	if !c.filter.IsEmpty() {
		stages = append(stages, stage("$match", c.spec.Filter.Value()))
	}
	if !c.sort.IsEmpty() {
		stages = append(stages, stage("$sort", c.sort.Value()))
	}
	if c.spec.Skip > 0 {
		stages = append(stages, stage("$skip", bsonraw.Int64Value(c.spec.Skip)))
	}
	if c.spec.Limit > 0 {
		stages = append(stages, stage("$limit", bsonraw.Int64Value(c.spec.Limit)))
	}
	cur, err := r.Aggregate(ctx, c.coll.Name, &AggregateSpec{Pipeline: stages, Let: c.spec.Let, AllowDiskUse: c.spec.AllowDiskUse})
	if err != nil || c.proj == nil {
		return cur, err
	}
	return &windowIter{in: cur, proj: c.proj}, nil
}

// Count counts the documents that match. Without a filter it is one look-up.
func (r *reader) Count(ctx context.Context, coll string, spec *CountSpec) (int64, error) {
	c, err := r.compileFind(coll, &FindSpec{Filter: spec.Filter, Hint: spec.Hint, Collation: spec.Collation})
	if err != nil || c.coll == nil {
		return 0, err
	}
	if !c.coll.View && c.filter.IsEmpty() {
		n, err := r.count(c.coll.ID)
		return window(n, spec.Skip, spec.Limit), err
	}
	c.spec.Skip, c.spec.Limit = spec.Skip, spec.Limit
	ranges, err := r.parts(c)
	if err != nil {
		return 0, err
	}
	if len(ranges) > 0 {
		return r.countParts(ctx, coll, c.spec, ranges)
	}
	var cur Cursor
	if c.coll.View {
		cur, err = r.findOnView(ctx, c)
	} else {
		cur, _, err = r.runFind(ctx, c)
	}
	if err != nil {
		return 0, err
	}
	return countAll(ctx, cur)
}

// count returns how many documents a collection has, pending writes included.
func (r *reader) count(c mvcc.CollectionID) (int64, error) {
	v := r.newView()
	defer v.Close()
	n, err := count(v, c)
	if r.over != nil {
		n += r.over.count(c)
	}
	return n, err
}

// window applies skip and limit to a count.
func window(n, skip, limit int64) int64 {
	n = max(n-skip, 0)
	if limit > 0 {
		n = min(n, limit)
	}
	return n
}
