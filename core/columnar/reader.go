package columnar

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// reader gives the batches that are ready, then those that a pipeline makes.
type reader struct {
	source  *source
	schema  *arrow.Schema
	ready   []arrow.RecordBatch
	batches *ordered.Pipeline[[]converted] // nil when the stream is at its end
	waiting []converted                    // what came with the current batch
	current arrow.RecordBatch
	err     error
	refs    atomic.Int64
	once    sync.Once
}

func (s *source) newReader(schema *arrow.Schema, ready []arrow.RecordBatch, batches *ordered.Pipeline[[]converted]) *reader {
	r := &reader{source: s, schema: schema, ready: ready, batches: batches}
	r.refs.Store(1)
	return r
}

// Retain adds a reference.
func (r *reader) Retain() { r.refs.Add(1) }

// Release drops a reference; the last one closes the stream.
func (r *reader) Release() {
	if r.refs.Add(-1) == 0 {
		r.once.Do(r.close)
	}
}

func (r *reader) close() {
	if r.batches != nil {
		r.batches.Stop()
		r.batches = nil
	}
	releaseAll(r.ready)
	dropAll(converted.drop)(r.waiting)
	r.ready, r.waiting = nil, nil
	if r.current != nil {
		r.current.Release()
		r.current = nil
	}
	r.source.close()
}

// Schema returns the schema of every batch.
func (r *reader) Schema() *arrow.Schema { return r.schema }

// RecordBatch returns the current batch, which is valid until the next Next.
func (r *reader) RecordBatch() arrow.RecordBatch { return r.current }

// Record returns the current batch, under its old name.
func (r *reader) Record() arrow.RecordBatch { return r.current }

// Err returns why Next returned false before the end, or nil.
func (r *reader) Err() error { return r.err }

// Next moves to the next batch.
func (r *reader) Next() bool {
	if r.current != nil {
		r.current.Release()
		r.current = nil
	}
	if r.err != nil {
		return false
	}
	if r.err = contextError(r.source.ctx); r.err != nil {
		return false
	}
	if len(r.ready) > 0 {
		r.current, r.ready = r.ready[0], r.ready[1:]
		return true
	}
	c, ok, err := r.next()
	switch {
	case !ok:
		r.err = err
	case c.misfit != nil && r.source.o.Schema != nil:
		r.err = c.misfit.error()
	case c.misfit != nil:
		r.err = errs.New(errs.InternalError, "the documents changed between two reads of one stream: %w", c.misfit.error())
	default:
		r.current = c.batch
		return true
	}
	return false
}

// next takes what the pipeline has made.
func (r *reader) next() (c converted, ok bool, err error) {
	for len(r.waiting) == 0 {
		if r.batches == nil {
			return c, false, nil
		}
		if r.waiting, ok, err = r.batches.Next(); !ok {
			return c, false, err
		}
	}
	c, r.waiting = r.waiting[0], r.waiting[1:]
	return c, true, nil
}

func contextError(ctx context.Context) error {
	if ctx.Err() != nil {
		return ordered.Canceled(ctx)
	}
	return nil
}

func releaseAll(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

// BatchSize returns the bytes of the buffers of a batch.
func BatchSize(b arrow.RecordBatch) (n int64) {
	for _, c := range b.Columns() {
		n += dataSize(c.Data())
	}
	return n
}

func dataSize(d arrow.ArrayData) (n int64) {
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Cap())
		}
	}
	for _, child := range d.Children() {
		n += dataSize(child)
	}
	return n
}
