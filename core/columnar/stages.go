package columnar

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ordered"
)

// NewReader reads a stream of documents as record batches. It returns once the
// schema is certain. ctx governs this and every Next. The caller releases the
// reader, which closes the stream and returns when it is closed.
//
// A consumer needs the schema before the first batch, but any document may
// widen it. So the reader works in up to three stages:
//
//  1. It guesses the schema from the first chunk, converts on, and keeps the
//     batches. Most results end here, read once: the guess held, or the first
//     chunk was all there was.
//  2. A value that does not fit, or more batches than Options.Buffer: the whole
//     stream is read for its schema alone, which costs little more than
//     half of converting it (BenchmarkProfile, BenchmarkConvert).
//  3. The stream is opened again and converted with the exact schema, a few
//     batches ahead of the consumer. Batches of stage 1 are kept if the guess
//     was right.
//
// Rejected: to widen the batches made so far (every pair of types would need a
// conversion that is exact, and text once made of a column is not undone), and
// to make everything that might change a string from the start.
func NewReader(ctx context.Context, open OpenFunc, o Options) (r array.RecordReader, err error) {
	s := &source{ctx: ctx, open: open, o: o.withDefaults()}
	if o.Once && o.Schema == nil {
		s.spool = newSpool(open)
		s.open = s.spool.open
	}
	err = ordered.Guard(func() error {
		r, err = s.reader()
		return err
	})
	if err != nil {
		s.close()
		return nil, err
	}
	return r, nil
}

// firstChunkBytes is room for a small result, without growing.
const firstChunkBytes = 64 << 10

// guessRows are enough documents to guess the schema of a stream of parts.
const guessRows = 8 << 10

// source is a stream on its way to becoming a reader.
type source struct {
	ctx   context.Context
	open  OpenFunc
	o     Options
	spool *spool     // with Options.Once, else nil
	parts []OpenFunc // of the stream, if it has any
}

func (s *source) close() {
	if s.spool != nil {
		s.spool.close()
	}
}

// reader runs the stages.
func (s *source) reader() (array.RecordReader, error) {
	it, err := s.open(s.ctx)
	if err != nil {
		return nil, err
	}
	ours := true // until a pipeline takes the stream over
	defer func() {
		if ours {
			it.Close()
		}
	}()
	first := &chunk{docs: make([]byte, 0, firstChunkBytes)}
	if err := s.begin(it, first); err != nil {
		return nil, err
	}
	shape, schema, err := s.guess(first)
	if err != nil {
		return nil, err
	}
	if first.last {
		return s.single(first, shape, schema)
	}
	ours = len(s.parts) > 0
	batches := s.convert(s.parts, it, first, shape, schema)
	if s.o.Schema != nil {
		return s.newReader(schema, nil, batches), nil
	}
	return s.settle(batches, shape, schema)
}

// begin reads what the schema is guessed from. Where the stream has parts, these
// documents are read once more with their part, and so are fewer.
func (s *source) begin(it Iter, first *chunk) (err error) {
	if s.o.Parts != nil && s.spool == nil {
		if err = first.fill(s.ctx, it, min(guessRows, s.o.BatchRows)); err != nil || first.last {
			return err
		}
		if s.parts, err = s.o.Parts(); err != nil || len(s.parts) > 0 {
			return err
		}
	}
	return first.fill(s.ctx, it, s.o.BatchRows)
}

// guess makes a shape of the first chunk, or takes the one that was asked for.
func (s *source) guess(first *chunk) (*shape, *arrow.Schema, error) {
	if s.o.Schema != nil {
		shape, err := shapeOfSchema(s.o.Schema)
		return shape, s.o.Schema, err
	}
	p, err := runOf[*profiler](newProfiling(), first)
	if err != nil {
		return nil, nil, err
	}
	shape := resolve(&p.root)
	return shape, shape.schema(), nil
}

// single converts a result of one chunk, which needs no goroutine.
func (s *source) single(k *chunk, shape *shape, schema *arrow.Schema) (array.RecordReader, error) {
	var batches []arrow.RecordBatch
	if k.rows > 0 {
		c, err := runOf[converted](newConverter(s.o.Allocator, shape, schema), k)
		if err != nil {
			return nil, err
		}
		if c.misfit != nil {
			return nil, c.misfit.error()
		}
		batches = append(batches, c.batch)
	}
	return s.newReader(schema, batches, nil), nil
}

// convert makes batches of parts, or else of a stream whose first chunk may have
// been read.
func (s *source) convert(parts []OpenFunc, it Iter, first *chunk, shape *shape, schema *arrow.Schema) *ordered.Pipeline[[]converted] {
	job := func() maker[converted] { return newConverter(s.o.Allocator, shape, schema) }
	if len(parts) > 0 {
		return convertParts(s.ctx, parts, s.o, job, converted.drop)
	}
	return convertAll(s.ctx, it, first, s.o, job, converted.drop)
}

// settle is stage 1: it converts with a guess until the guess is proven, wrong,
// or too long open.
func (s *source) settle(batches *ordered.Pipeline[[]converted], shape *shape, schema *arrow.Schema) (array.RecordReader, error) {
	var k kept
	for k.size < s.o.Buffer {
		results, ok, err := batches.Next()
		fits := k.take(results)
		if ok && fits {
			continue
		}
		batches.Stop()
		switch {
		case err != nil:
			k.release()
			return nil, err
		case !fits:
			k.release()
			return s.exact(kept{}, nil)
		}
		return s.newReader(schema, k.batches, nil), nil
	}
	batches.Stop()
	return s.exact(k, schema)
}

// kept are the batches that were made while the schema was a guess.
type kept struct {
	batches []arrow.RecordBatch
	size    int64
	rows    int // of the stream that they hold
	parts   int // the same in results: parts, if there are any
}

// take keeps a result; false if the guess was wrong.
func (k *kept) take(results []converted) bool {
	for i, c := range results {
		if c.misfit != nil {
			dropAll(converted.drop)(results[i:])
			return false
		}
		k.batches = append(k.batches, c.batch)
		k.size += BatchSize(c.batch)
		k.rows += c.rows
	}
	k.parts++
	return true
}

func (k *kept) release() {
	releaseAll(k.batches)
	*k = kept{}
}

// exact is stages 2 and 3. The batches kept are in a schema that may turn out to
// be right.
func (s *source) exact(k kept, guessed *arrow.Schema) (array.RecordReader, error) {
	shape, err := s.scan()
	if err != nil {
		k.release()
		return nil, err
	}
	schema := shape.schema()
	if guessed == nil || !schema.Equal(guessed) {
		k.release()
	}
	if left := s.parts[min(k.parts, len(s.parts)):]; len(left) > 0 {
		return s.newReader(schema, k.batches, s.convert(left, nil, nil, shape, schema)), nil
	} else if len(s.parts) > 0 {
		return s.newReader(schema, k.batches, nil), nil
	}
	it, err := s.open(s.ctx)
	if err != nil {
		k.release()
		return nil, err
	}
	return s.newReader(schema, k.batches, s.convert(nil, &skipping{it, k.rows}, nil, shape, schema)), nil
}

// scan reads the whole stream for its schema.
func (s *source) scan() (*shape, error) {
	profiles, err := s.profile()
	if err != nil {
		return nil, err
	}
	defer profiles.Stop()
	var all profiler
	for {
		results, ok, err := profiles.Next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return resolve(&all.root), nil
		}
		for _, p := range results {
			if err := all.merge(p); err != nil {
				return nil, err
			}
		}
	}
}

func (s *source) profile() (*ordered.Pipeline[[]*profiler], error) {
	job := func() maker[*profiler] { return newProfiling() }
	drop := func(*profiler) {}
	if len(s.parts) > 0 {
		return convertParts(s.ctx, s.parts, s.o, job, drop), nil
	}
	it, err := s.open(s.ctx)
	if err != nil {
		return nil, err
	}
	return convertAll(s.ctx, it, nil, s.o, job, drop), nil
}

// skipping leaves out the first documents of a stream.
type skipping struct {
	Iter
	left int
}

// Next skips on its first call.
func (s *skipping) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	for ; s.left > 0; s.left-- {
		if _, ok, err := s.Iter.Next(ctx); !ok || err != nil {
			return nil, ok, err
		}
	}
	return s.Iter.Next(ctx)
}
