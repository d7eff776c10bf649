package engine

import (
	"context"
	"os"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/pipeline"
)

// maxViewDepth bounds how many views may stand on each other, as in MongoDB.
const maxViewDepth = 20

// HasOutput reports whether a pipeline ends in $out or $merge, and so has to run
// in a Txn.
func HasOutput(stages []Doc) bool {
	if len(stages) == 0 {
		return false
	}
	it := stages[len(stages)-1].Iter()
	return it.Next() && (string(it.Key()) == "$out" || string(it.Key()) == "$merge")
}

// pipelineOptions returns what surrounds a pipeline of this reader.
func (r *reader) pipelineOptions(let Doc, disk *bool) *pipeline.Options {
	return &pipeline.Options{
		Let: let, Now: r.now,
		AllowDiskUse: disk == nil || *disk,
		Spill:        r.store.spill,
	}
}

// spill opens a temporary file that is gone when it is closed.
func (s *Store) spill() (pipeline.TempFile, error) {
	f, err := os.CreateTemp("", "argon-spill-*")
	if err != nil {
		return nil, errs.Wrap(err, errs.StoreIO, "cannot make a temporary file")
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, errs.Wrap(err, errs.StoreIO, "cannot unlink a temporary file")
	}
	return f, nil
}

// Aggregate runs a pipeline.
func (r *reader) Aggregate(ctx context.Context, coll string, spec *AggregateSpec) (Cursor, error) {
	run, err := r.compileAggregate(coll, spec)
	if err != nil {
		return nil, err
	}
	if run.pipe.Output() != nil {
		return nil, errs.New(errs.OperationNotSupportedInTxn, "a pipeline that ends in $out or $merge is a write, and this is a read")
	}
	return run.start(ctx)
}

// aggregation is an aggregation ready to run: a find that serves the front of
// the pipeline, and the rest.
type aggregation struct {
	r    *reader
	coll *Collection // nil: not there, or a pipeline that needs none
	pipe *pipeline.Pipeline
	find *compiledFind // nil where an initial stage makes the documents
	rest *pipeline.Pipeline
}

func (r *reader) compileAggregate(coll string, spec *AggregateSpec) (*aggregation, error) {
	if err := checkCollation(spec.Collation); err != nil {
		return nil, err
	}
	_, let, err := letVars(spec.Let, r.now)
	if err != nil {
		return nil, err
	}
	c, stages, err := r.expandView(coll, spec.Pipeline)
	if err != nil {
		return nil, err
	}
	p, err := pipeline.Compile(stages, r.pipelineOptions(let, spec.AllowDiskUse))
	if err != nil {
		return nil, err
	}
	run := &aggregation{r: r, coll: c, pipe: p, rest: p}
	if p.Initial() != nil {
		return run, nil
	}
	front, rest := p.Split()
	run.rest = rest
	run.find, err = r.frontFind(c, &front, spec, let)
	return run, err
}

// expandView replaces a view by its collection and puts its pipeline in front.
func (r *reader) expandView(name string, stages []Doc) (*Collection, []Doc, error) {
	c := r.catalog.byName[name]
	for depth := 0; c != nil && c.View; depth++ {
		if depth == maxViewDepth {
			return nil, nil, errs.New(errs.GraphContainsCycle, "view %q stands on more than %d views, or on itself", name, maxViewDepth)
		}
		var own []Doc
		for _, v := range c.Options.Get("pipeline").Doc().Values() {
			own = append(own, v.Doc())
		}
		stages = append(own, stages...)
		on := c.Options.Get("viewOn")
		if on.Type != bsonraw.String {
			return nil, nil, errs.New(errs.StoreCorrupt, "view %q has no viewOn", name)
		}
		c = r.catalog.byName[on.Str()]
	}
	return c, stages, nil
}

// frontFind makes the find that serves the beginning of a pipeline.
func (r *reader) frontFind(c *Collection, f *pipeline.Front, spec *AggregateSpec, let Doc) (*compiledFind, error) {
	find := &FindSpec{
		Filter: f.Filter, Sort: f.Sort, Skip: f.Skip, Limit: f.Limit,
		Hint: spec.Hint, Let: spec.Let, AllowDiskUse: spec.AllowDiskUse,
	}
	name := ""
	if c != nil {
		name = c.Name
	}
	return r.compileFind(name, find)
}

// start runs the aggregation.
func (a *aggregation) start(ctx context.Context) (Cursor, error) {
	in, err := a.input(ctx)
	if err != nil {
		return nil, err
	}
	out, err := a.rest.Run(ctx, in, &pipelineSource{a.r})
	if err != nil && in != nil {
		in.Close()
	}
	return out, err
}

// input returns the documents that the rest of the pipeline runs on.
func (a *aggregation) input(ctx context.Context) (pipeline.Iter, error) {
	if init := a.pipe.Initial(); init != nil {
		switch init.Name {
		case "$collStats":
			return a.r.collStats(a.coll, init.Spec)
		case "$indexStats":
			return a.r.indexStats(a.coll)
		}
		return nil, nil
	}
	if a.coll == nil {
		return emptyCursor{}, nil
	}
	iter, _, err := a.r.runFind(ctx, a.find)
	return iter, err
}

// pipelineSource gives a pipeline the other collections at the same moment.
type pipelineSource struct {
	r *reader
}

func (s *pipelineSource) Collection(ctx context.Context, name string, filter Doc) (pipeline.Iter, error) {
	return s.r.Find(ctx, name, &FindSpec{Filter: filter})
}

// Lookup finds by equality with any of the values, through an index where the
// collection has one.
func (s *pipelineSource) Lookup(ctx context.Context, name, path string, values []Value) (pipeline.Iter, error) {
	return s.r.Find(ctx, name, &FindSpec{Filter: equalsAny(path, values)})
}

// equalsAny makes the filter that Lookup stands for. A regular expression as a
// value means itself, so it goes into an $eq of its own.
func equalsAny(path string, values []Value) Doc {
	var regexes, plain []Value
	for _, v := range values {
		if v.Type == bsonraw.Regex {
			regexes = append(regexes, v)
		} else {
			plain = append(plain, v)
		}
	}
	in := stage(path, stage("$in", bsonraw.ArrayValue(plain...)).Value())
	if len(regexes) == 0 {
		return in
	}
	clauses := []Value{in.Value()}
	for _, v := range regexes {
		clauses = append(clauses, stage(path, stage("$eq", v).Value()).Value())
	}
	return stage("$or", bsonraw.ArrayValue(clauses...))
}

// collStats answers the stage $collStats.
func (r *reader) collStats(c *Collection, spec Value) (pipeline.Iter, error) {
	if c == nil {
		return nil, errs.New(errs.NamespaceNotFound, "Collection [%s] not found", r.ref.Project)
	}
	n, err := r.count(c.ID)
	if err != nil {
		return nil, err
	}
	b := bsonraw.NewBuilder(nil)
	b.String("ns", r.namespace(c.Name))
	b.Time("localTime", r.now)
	if spec.Doc().Get("count").Type != bsonraw.Missing {
		b.Int64("count", n)
	}
	if spec.Doc().Get("storageStats").Type != bsonraw.Missing {
		b.BeginDoc("storageStats")
		b.Int64("count", n)
		b.Int32("nindexes", int32(len(c.Indexes)+1))
		b.Bool("capped", c.Options.Get("capped").Truthy())
		b.End()
	}
	return &listCursor{docs: []Doc{b.Finish()}}, nil
}

// indexStats answers the stage $indexStats.
func (r *reader) indexStats(c *Collection) (pipeline.Iter, error) {
	cur := &listCursor{}
	if c == nil {
		return cur, nil
	}
	for _, d := range append([]*index.Definition{idIndex}, c.Indexes...) {
		b := bsonraw.NewBuilder(nil)
		b.String("name", d.Name)
		b.Doc("key", d.KeyPattern())
		b.BeginDoc("accesses")
		b.Int64("ops", r.store.uses.of(d))
		b.Time("since", r.store.uses.since)
		b.End()
		b.Doc("spec", d.Options)
		cur.docs = append(cur.docs, b.Finish())
	}
	return cur, nil
}

// idIndex is what the collection's own order looks like to clients.
var idIndex = &index.Definition{
	Name: "_id_",
	Keys: []index.KeyPart{{Path: "_id"}},
	Options: func() Doc {
		b := bsonraw.NewBuilder(nil)
		b.Int32("v", 2)
		b.BeginDoc("key")
		b.Int32("_id", 1)
		b.End()
		b.String("name", "_id_")
		return b.Finish()
	}(),
}

// AllIndexes returns the specifications that listIndexes shows, _id's first.
func (c *Collection) AllIndexes() []Doc {
	docs := []Doc{idIndex.Options}
	for _, d := range c.Indexes {
		docs = append(docs, d.Options)
	}
	return docs
}

// listCursor hands out documents that are in memory already.
type listCursor struct {
	docs []Doc
	at   int
}

func (l *listCursor) Next(context.Context) (Doc, bool, error) {
	if l.at >= len(l.docs) {
		return nil, false, nil
	}
	l.at++
	return l.docs[l.at-1], true, nil
}

func (l *listCursor) Close() error { return nil }
