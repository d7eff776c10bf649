package columnar

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/argon-lab/argon/core/errs"
)

// NewReader reads a stream of documents as record batches. It returns once the
// schema is certain; see the package comment. The caller releases the reader,
// which closes the stream. ctx governs every Next.
func NewReader(ctx context.Context, open OpenFunc, o Options) (array.RecordReader, error) {
	return nil, errs.New(errs.NotSupported, "the Arrow reader is not there yet")
}
