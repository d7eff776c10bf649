package pipeline

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// run is one run of a pipeline, or of a pipeline inside it.
type run struct {
	o     *Options
	src   Source
	binds []binding
}

// binding is a variable of $lookup's let, for one document.
type binding struct {
	slot  int
	value bsonraw.Value
}

// Run runs the pipeline on the documents of in, which it owns from now on. src
// may be nil where no stage reads another collection. In may be nil where Initial is
// $documents.
func (p *Pipeline) Run(ctx context.Context, in Iter, src Source) (Iter, error) {
	out, err := p.start(ctx, &run{o: p.o, src: src}, in)
	if err != nil {
		return nil, err
	}
	return &limited{in: out}, nil
}

// Follow runs the pipeline on an input without an end: where in has no document
// yet, it says so with false, and the caller asks again later. It is for
// pipelines of stages that make one document of each, or none.
func (p *Pipeline) Follow(ctx context.Context, in Iter) (Iter, error) {
	return p.start(ctx, &run{o: p.o}, in)
}

// start opens the stages one on top of the other.
func (p *Pipeline) start(ctx context.Context, r *run, in Iter) (Iter, error) {
	if in == nil {
		in = &docsIter{}
	}
	for _, s := range p.steps {
		next, err := s.stage.open(ctx, r, in)
		if err != nil {
			return nil, closing(in, err)
		}
		in = next
	}
	return in, nil
}

// closing closes an iterator after an error and returns the error.
func closing(in Iter, err error) error {
	if in != nil {
		_ = in.Close() // the first error is the one to tell
	}
	return err
}

// env returns an Env for one stage of the run.
func (r *run) env() *expr.Env {
	env := expr.NewEnv(r.o.Now)
	env.ClusterTime = r.o.ClusterTime
	for _, b := range r.binds {
		env.Set(b.slot, b.value)
	}
	return env
}

// limit is how many bytes a blocking stage may hold.
func (r *run) limit() int {
	if r.o.MemoryLimit > 0 {
		return r.o.MemoryLimit
	}
	return defaultMemoryLimit
}

// maySpill reports whether stages may use temporary files.
func (r *run) maySpill() bool { return r.o.AllowDiskUse && r.o.Spill != nil }

// tooMuch is the error of a stage over its limit that may not spill.
func (r *run) tooMuch(stage string) error {
	return errs.New(errs.QueryExceededMemoryLimit, "Exceeded memory limit for %s, but didn't allow external spilling; pass allowDiskUse:true to opt in. Limit: %d bytes", stage, r.limit())
}

// cannotSpill is the error of a stage over its limit that has no way to spill.
func (r *run) cannotSpill(stage string) error {
	return errs.New(errs.QueryExceededMemoryLimit, "%s exceeded its memory limit of %d bytes and cannot spill to disk", stage, r.limit())
}

// maxOutput is the most that a document handed out may have: a stored document,
// and 16 KiB for what a command adds, as in mongod.
const maxOutput = bsonraw.MaxDocSize + 16<<10

// limited is the outermost iterator: it checks sizes and what the context says,
// and closes the stages at the end.
type limited struct {
	in   Iter
	done bool
}

func (l *limited) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if l.done {
		return nil, false, nil
	}
	doc, ok, err := l.in.Next(ctx)
	if err == nil && ok && len(doc) > maxOutput {
		err = errs.New(errs.BSONObjectTooLarge, "BSONObj size: %d is invalid. Size must be between 0 and %d", len(doc), maxOutput)
	}
	if err != nil || !ok {
		l.done = true
		if closed := l.in.Close(); err == nil {
			err = closed
		}
		return nil, false, err
	}
	return doc, true, nil
}

func (l *limited) Close() error {
	l.done = true
	return l.in.Close()
}

// docsIter hands out documents in memory.
type docsIter struct {
	docs []bsonraw.Doc
}

func (d *docsIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if len(d.docs) == 0 {
		return nil, false, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, false, canceled(err)
	}
	doc := d.docs[0]
	d.docs = d.docs[1:]
	return doc, true, nil
}

func (d *docsIter) Close() error {
	d.docs = nil
	return nil
}

// canceled turns the error of a context into one of ours.
func canceled(err error) error {
	return errs.Wrap(err, errs.Interrupted, "operation was interrupted")
}
