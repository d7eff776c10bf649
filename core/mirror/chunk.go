package mirror

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
)

// The size of a chunk.
const (
	copyDocs  = 4000
	copyBytes = 2 << 20
)

// chunk is a run of documents in memory of its own.
type chunk struct {
	docs []bsonraw.Doc
	last bool
	err  error
}

// chunkReader reads ahead of its user by two chunks.
type chunkReader struct {
	out    chan chunk
	cancel context.CancelFunc
}

// readChunks starts reading a cursor, which it closes. The last chunk says so,
// or has the error.
func readChunks(ctx context.Context, cursor *mongo.Cursor) *chunkReader {
	ctx, cancel := context.WithCancel(ctx)
	r := &chunkReader{out: make(chan chunk, 1), cancel: cancel}
	go func() {
		defer close(r.out)
		defer cursor.Close(context.WithoutCancel(ctx))
		for {
			c := nextChunk(ctx, cursor)
			select {
			case r.out <- c:
			case <-ctx.Done():
				return
			}
			if c.last {
				return
			}
		}
	}()
	return r
}

func nextChunk(ctx context.Context, cursor *mongo.Cursor) chunk {
	c := chunk{}
	arena := arena{}
	size := 0
	for len(c.docs) < copyDocs && size < copyBytes {
		if !cursor.Next(ctx) {
			c.err, c.last = cursor.Err(), true
			return c
		}
		c.docs = append(c.docs, arena.keep(bsonraw.Doc(cursor.Current)))
		size += len(cursor.Current)
	}
	return c
}

// stop ends the reading, and waits for it.
func (r *chunkReader) stop() {
	r.cancel()
	for range r.out { //nolint:revive // until it is closed
	}
}
