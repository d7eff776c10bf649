package columnar

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// chunk is a run of documents, one behind the other: their own lengths part
// them. It is what a worker takes at once, and it becomes one batch.
type chunk struct {
	docs []byte
	rows int
	last bool // the stream is at its end
}

// chunkBytes ends a chunk early where documents are large.
const chunkBytes = 8 << 20

// fill reads documents until the chunk is full or the stream at its end. What
// the chunk has already stays.
func (k *chunk) fill(ctx context.Context, it Iter, rows int) error {
	for k.rows < rows && len(k.docs) < chunkBytes {
		doc, ok, err := next(ctx, it)
		if err != nil || !ok {
			k.last = true
			return err
		}
		k.docs = append(k.docs, doc...)
		k.rows++
	}
	return nil
}

func (k *chunk) empty() *chunk {
	k.docs, k.rows, k.last = k.docs[:0], 0, false
	return k
}

// next reads a document and looks at what everything after it relies on.
func next(ctx context.Context, it Iter) (bsonraw.Doc, bool, error) {
	doc, ok, err := it.Next(ctx)
	if err != nil && ctx.Err() != nil && errs.As(err) == nil {
		err = ordered.Canceled(ctx)
	}
	if err != nil || !ok {
		return nil, false, err
	}
	if len(doc) < 5 || int(binary.LittleEndian.Uint32(doc)) != len(doc) {
		return nil, false, errs.New(errs.InvalidBSON, "a stream gave a document of %d bytes that says otherwise", len(doc))
	}
	return doc, true, nil
}

// maker makes something of documents, run by run: a batch, or a profile.
type maker[T any] interface {
	// add takes the next document of a run, and keeps nothing of it; false if
	// it needs no more of them.
	add(d bsonraw.Doc) bool
	// finish returns what was made of the run, and begins another one.
	finish() (T, error)
}

// runOf makes something of a chunk.
func runOf[T any](m maker[T], k *chunk) (T, error) {
	for rest := k.docs; len(rest) > 0; {
		n := binary.LittleEndian.Uint32(rest)
		if !m.add(bsonraw.Doc(rest[:n:n])) {
			break
		}
		rest = rest[n:]
	}
	return m.finish()
}

// convertParts makes something of every part, several parts at a time. They are
// read where they are converted, document by document, while these are in the
// processor's caches. The results of a part come as one.
func convertParts[T any](ctx context.Context, parts []OpenFunc, o Options, job func() maker[T], drop func(T)) *ordered.Pipeline[[]T] {
	return ordered.Start(ctx, ordered.Plan[OpenFunc, []T]{
		Workers: o.Workers,
		Read: func(context.Context) (part OpenFunc, ok bool, err error) {
			if len(parts) == 0 {
				return nil, false, nil
			}
			part, parts = parts[0], parts[1:]
			return part, true, nil
		},
		Work: func() func(OpenFunc) ([]T, error) {
			m := job()
			return func(part OpenFunc) ([]T, error) { return convertPart(ctx, part, o.BatchRows, m, drop) }
		},
		Drop: dropAll(drop),
	})
}

// convertPart ends early after a run that needs no more of its documents.
func convertPart[T any](ctx context.Context, part OpenFunc, rows int, m maker[T], drop func(T)) (results []T, err error) {
	it, err := part(ctx)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	defer func() {
		if err != nil {
			dropAll(drop)(results)
			results = nil
		}
	}()
	for more := true; more; {
		var n int
		if n, more, err = readRun(ctx, it, rows, m); err != nil || n == 0 {
			return results, err
		}
		t, err := m.finish()
		if err != nil {
			return results, err
		}
		results = append(results, t)
	}
	return results, nil
}

// readRun reads the documents of one run, and reports whether there may be more.
func readRun[T any](ctx context.Context, it Iter, rows int, m maker[T]) (n int, more bool, err error) {
	for size := 0; n < rows && size < chunkBytes; n++ {
		doc, ok, err := next(ctx, it)
		if err != nil || !ok {
			return n, false, err
		}
		if !m.add(doc) {
			return n + 1, false, nil
		}
		size += len(doc)
	}
	return n, true, nil
}

func dropAll[T any](drop func(T)) func([]T) {
	return func(results []T) {
		for _, t := range results {
			drop(t)
		}
	}
}

// convertAll makes something of every chunk of a stream, on several goroutines.
// It takes the stream over and closes it. The first chunk may have been read
// already.
func convertAll[T any](ctx context.Context, it Iter, first *chunk, o Options, job func() maker[T], drop func(T)) *ordered.Pipeline[[]T] {
	var free sync.Pool
	return ordered.Start(ctx, ordered.Plan[*chunk, []T]{
		Workers: o.Workers,
		Read: func(ctx context.Context) (*chunk, bool, error) {
			if k := first; k != nil {
				first = nil
				return k, true, nil
			}
			k, _ := free.Get().(*chunk)
			if k == nil {
				k = &chunk{}
			}
			err := k.empty().fill(ctx, it, o.BatchRows)
			return k, k.rows > 0, err
		},
		Close: func() { it.Close() },
		Work: func() func(*chunk) ([]T, error) {
			m := job()
			return func(k *chunk) ([]T, error) {
				defer free.Put(k)
				t, err := runOf(m, k)
				return []T{t}, err
			}
		},
		Drop: dropAll(drop),
	})
}
