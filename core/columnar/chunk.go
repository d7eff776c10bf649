package columnar

import (
	"context"
	"encoding/binary"
	"sync"

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

// fill reads documents until the chunk is full or the stream at its end.
func (k *chunk) fill(ctx context.Context, it Iter, rows int) error {
	k.docs, k.rows, k.last = k.docs[:0], 0, false
	for k.rows < rows && len(k.docs) < chunkBytes {
		doc, ok, err := it.Next(ctx)
		if err != nil && ctx.Err() != nil && errs.As(err) == nil {
			err = ordered.Canceled(ctx)
		}
		if err != nil || !ok {
			k.last = true
			return err
		}
		if len(doc) < 5 || int(binary.LittleEndian.Uint32(doc)) != len(doc) {
			return errs.New(errs.InvalidBSON, "a stream gave a document of %d bytes that says otherwise", len(doc))
		}
		k.docs = append(k.docs, doc...)
		k.rows++
	}
	return nil
}

// convertParts makes something of every chunk of every part, several parts at a
// time: they are read where they are converted. The results of a part come as
// one.
func convertParts[T any](ctx context.Context, parts []OpenFunc, o Options, job func() func(*chunk) (T, error), drop func(T)) *ordered.Pipeline[[]T] {
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
			f, k := job(), &chunk{}
			return func(part OpenFunc) ([]T, error) { return convertPart(ctx, part, k, o.BatchRows, f, drop) }
		},
		Drop: dropAll(drop),
	})
}

func convertPart[T any](ctx context.Context, part OpenFunc, k *chunk, rows int, f func(*chunk) (T, error), drop func(T)) (results []T, err error) {
	it, err := part(ctx)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	for k.last = false; !k.last; {
		if err = k.fill(ctx, it, rows); err != nil {
			break
		}
		if k.rows == 0 {
			continue
		}
		var t T
		if t, err = f(k); err != nil {
			break
		}
		results = append(results, t)
	}
	if err != nil {
		dropAll(drop)(results)
		return nil, err
	}
	return results, nil
}

func dropAll[T any](drop func(T)) func([]T) {
	return func(results []T) {
		for _, t := range results {
			if drop != nil {
				drop(t)
			}
		}
	}
}

// one makes a function's result a slice of one, as the results of a part are.
func one[T any](job func() func(*chunk) (T, error)) func() func(*chunk) ([]T, error) {
	return func() func(*chunk) ([]T, error) {
		f := job()
		return func(k *chunk) ([]T, error) {
			t, err := f(k)
			if err != nil {
				return nil, err
			}
			return []T{t}, nil
		}
	}
}

// convertAll makes something of every chunk of a stream, on several goroutines.
// It takes the stream over and closes it. The first chunk may have been read
// already.
func convertAll[T any](ctx context.Context, it Iter, first *chunk, o Options, job func() func(*chunk) (T, error), drop func(T)) *ordered.Pipeline[T] {
	var free sync.Pool
	return ordered.Start(ctx, ordered.Plan[*chunk, T]{
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
			err := k.fill(ctx, it, o.BatchRows)
			return k, k.rows > 0, err
		},
		Close: func() { it.Close() },
		Work: func() func(*chunk) (T, error) {
			f := job()
			return func(k *chunk) (T, error) {
				defer free.Put(k)
				return f(k)
			}
		},
		Drop: drop,
	})
}
