package columnar

import (
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Options of NewReader. The zero value is ready.
type Options struct {
	// Allocator gives the memory of the batches; nil is Go's heap. To export
	// through the C data interface it must be a C allocator.
	Allocator memory.Allocator
	// Schema, when not nil, is the schema of the batches: nothing is inferred,
	// fields that it does not name are left out, and a value that does not fit
	// is a SchemaMismatch that names the field, the document and the value.
	// ParseSchema makes one from a BSON document.
	Schema *arrow.Schema
	// Once says that the stream cannot be opened a second time with the same
	// result (a $sample, a stream from a network): documents that have to be
	// read again are kept in memory, and past SpoolMemory in a temporary file.
	Once bool
	// Parts, when not nil, gives the stream in parts that may be read at the same
	// time, each of them more than once, and that are one behind the other what
	// the stream is; or no parts, where it has none. Batches end where parts do.
	Parts func() ([]OpenFunc, error)
	// BatchRows is the largest number of rows of a batch; 0 is 32,768.
	BatchRows int
	// Workers is the number of goroutines that convert; 0 is one per processor
	// up to 8. Results of one batch are converted without any.
	Workers int
	// Buffer is how many bytes of finished batches wait for the schema to be
	// certain before the rest of the stream is read for its schema alone; 0 is
	// 256 MiB.
	Buffer int64
}

const (
	defaultBatchRows = 32 << 10
	defaultBuffer    = 256 << 20
	maxWorkers       = 8
)

func (o Options) withDefaults() Options {
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.BatchRows <= 0 {
		o.BatchRows = defaultBatchRows
	}
	if o.Workers <= 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	if o.Buffer <= 0 {
		o.Buffer = defaultBuffer
	}
	return o
}
