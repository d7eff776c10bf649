package pipeline

import (
	"context"
	"io"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Iter hands out documents one by one. Next returns false at the end and after
// an error. The document is valid until the next Next or Close.
type Iter interface {
	Next(ctx context.Context) (bsonraw.Doc, bool, error)
	// Close frees what the iterator holds. Closing twice is allowed.
	Close() error
}

// Source gives a running pipeline the other collections of its database, at the
// same moment. Names of views work as collections do; a collection that is not
// there is an empty one.
type Source interface {
	// Collection returns the documents of a collection that match filter (nil:
	// all), in the collection's order.
	Collection(ctx context.Context, name string, filter bsonraw.Doc) (Iter, error)
	// Lookup returns the documents of a collection for which path equals any of
	// the values, as {path: {$eq: value}} matches: arrays by element, null as
	// missing too, a regular expression only as that value. Each document comes
	// once. The values are valid until Lookup returns.
	Lookup(ctx context.Context, name, path string, values []bsonraw.Value) (Iter, error)
}

// TempFile is where a stage spills to: written once, then read. Close removes
// it. An *os.File whose name is unlinked already is one.
type TempFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// defaultMemoryLimit is what one blocking stage may hold, as in MongoDB.
const defaultMemoryLimit = 100 << 20

// Options are what surrounds a pipeline.
type Options struct {
	Let         bsonraw.Doc   // the command's variables, values already evaluated
	Now         time.Time     // $$NOW
	ClusterTime bsonraw.Value // $$CLUSTER_TIME, or missing
	// AllowDiskUse lets stages spill; it needs Spill.
	AllowDiskUse bool
	Spill        func() (TempFile, error)
	// MemoryLimit of each blocking stage; 0 is 100 MiB.
	MemoryLimit int
	// Rand returns a number in [0, 1) for $sample; nil is a generator of the
	// package.
	Rand func() float64
}

// Pipeline is a compiled pipeline.
type Pipeline struct {
	o       *Options
	steps   []step
	initial *Initial
	output  *Output
}

// step is one stage of a pipeline: as it was written, and compiled.
type step struct {
	name  string
	spec  bsonraw.Value
	stage stage
}

// stage is a compiled stage. It is immutable; open starts one run of it.
type stage interface {
	// open returns the stage's documents, made from those of in. The iterator
	// owns in from then on; where open fails, in stays the caller's.
	open(ctx context.Context, r *run, in Iter) (Iter, error)
}

// Front is what a find with this filter, sort, skip and limit can serve before
// the rest of a pipeline runs: filter first, then sort, skip and limit.
type Front struct {
	Filter bsonraw.Doc // nil: all
	Sort   bsonraw.Doc // nil: any order
	Skip   int64
	Limit  int64 // 0: none
}

// Output is the $out or $merge that ends a pipeline. The documents that Run
// returns are those to be written.
type Output struct {
	Merge      bool   // $merge; else $out
	Database   string // "" is the pipeline's own
	Collection string

	// For $merge:
	On             []string // paths, ["_id"] by default
	OnGiven        bool     // "on" was given: other fields than _id need a unique index
	WhenMatched    string   // "replace", "keepExisting", "merge", "fail" or "pipeline"
	WhenNotMatched string   // "insert", "discard" or "fail"
	Update         []bsonraw.Doc
	Let            bsonraw.Doc // expressions, evaluated on each document; {new: "$$ROOT"} by default
}

// Initial is a first stage that makes documents without the collection's:
// "$documents" runs by itself; "$collStats" and "$indexStats" are the engine's
// to answer, with their specification.
type Initial struct {
	Name string
	Spec bsonraw.Value
}

// Output returns the $out or $merge at the end, or nil.
func (p *Pipeline) Output() *Output { return p.output }

// Initial returns such a first stage, or nil. For $collStats and $indexStats
// Run begins behind it, with in being the engine's answer.
func (p *Pipeline) Initial() *Initial { return p.initial }

// Stages returns the stages after rewriting, as documents, for explain.
func (p *Pipeline) Stages() []bsonraw.Doc {
	var docs []bsonraw.Doc
	for _, s := range p.steps {
		docs = append(docs, one(s.name, s.spec))
	}
	return docs
}

// one makes the document {name: v}.
func one(name string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value(name, v)
	return b.Finish()
}
