package columnar

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Iter is a stream of documents: an engine's cursor, a pipeline, a spool. Next
// returns false at the end. A document is valid until the next call.
type Iter interface {
	Next(ctx context.Context) (bsonraw.Doc, bool, error)
	Close() error
}

// OpenFunc opens the stream from its beginning. The reader may call it more
// than once, one stream open at a time, and each time it must give the same
// documents in the same order; see Options.Once for a source that cannot.
type OpenFunc func(ctx context.Context) (Iter, error)
