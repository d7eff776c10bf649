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
