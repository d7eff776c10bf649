package columnar

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/argon-lab/argon/core/errs"
)

// EncodeOptions of Encode and EncodeReader.
type EncodeOptions struct {
	// Nulls writes nulls as BSON nulls. Otherwise a null leaves its field out.
	// The elements of an array are always kept. A null _id is left out in any
	// case, so that one is made.
	Nulls bool
	// Types says the BSON type of a column where the Arrow type and the field's
	// metadata do not: a path ("_id", "a.b") to "objectId", "uuid", "decimal",
	// "date", "mixed" and the other names of ParseSchema.
	Types map[string]string
}

// Encode returns the rows of a record batch as documents. The batch must live
// as long as the iterator.
func Encode(rec arrow.RecordBatch, o EncodeOptions) (Iter, error) {
	return nil, errs.New(errs.NotSupported, "the Arrow encoder is not there yet")
}

// EncodeReader returns the rows of every batch of a reader as documents. Close
// releases the reader.
func EncodeReader(r array.RecordReader, o EncodeOptions) (Iter, error) {
	return nil, errs.New(errs.NotSupported, "the Arrow encoder is not there yet")
}
