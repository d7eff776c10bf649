package columnar

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// EncodeOptions of Encode and EncodeReader.
type EncodeOptions struct {
	// Nulls writes nulls as BSON nulls. Otherwise a null leaves its field out.
	// The elements of an array are always kept. A null _id is left out in any
	// case, so that one is made.
	Nulls bool
	// Types says the BSON type of a column where the Arrow type and the field's
	// metadata do not: a path ("_id", "a.b", "tags" for the elements of tags
	// too) to "objectId", "uuid", "decimal", "date", "int", "long", "double",
	// "string", "symbol", "javascript", "timestamp", "binData" or "mixed".
	Types map[string]string
	// Exact makes a time that is not a whole number of milliseconds an error.
	// Otherwise it is cut, as every MongoDB driver does: a BSON date has none.
	Exact bool
	// Cut, if set, is told of each column with a time that was cut, at least
	// once.
	Cut func(column string)
}

// Encode returns the rows of a record batch as documents. The batch must live
// as long as the iterator.
//
// What package columnar made of BSON comes back as it was, by the metadata of
// its fields. Else:
//
//	bool                      bool
//	int8, int16, int32, uint8, uint16: int;  uint32, int64, uint64: long
//	float16, float32, float64 double, NaN included
//	decimal32 to decimal256   decimal
//	utf8 in any form          string
//	binary in any form        binData 0; the extension arrow.uuid: binData 4
//	date32, date64, timestamp date, without its zone; a local time counts as UTC
//	list in any form          array
//	struct, map of strings    object
//	dictionary, run-end encoded, union: what their values are
//	null                      null
//	time, duration, interval  an error that names the column: BSON has none
func Encode(rec arrow.RecordBatch, o EncodeOptions) (Iter, error) {
	e, err := newEncoder(rec.Schema(), o)
	if err != nil {
		return nil, err
	}
	if err := e.load(rec); err != nil {
		return nil, err
	}
	return e, nil
}

// EncodeReader returns the rows of every batch of a reader as documents. Close
// releases the reader.
func EncodeReader(r array.RecordReader, o EncodeOptions) (Iter, error) {
	e, err := newEncoder(r.Schema(), o)
	if err != nil {
		r.Release()
		return nil, err
	}
	return &readerEncoder{encoder: e, reader: r}, nil
}

// encoder gives the rows of one batch after the other.
type encoder struct {
	o       EncodeOptions
	schema  *arrow.Schema
	columns []encodedField
	rows    int64
	row     int64
	builder bsonraw.Builder
}

// encodedField writes one field of a row.
type encodedField struct {
	name   string
	isNull func(int) bool
	write  writer
}

// writer appends the value of a row, which is not null, under a key.
type writer func(b *bsonraw.Builder, key string, row int) error

func newEncoder(schema *arrow.Schema, o EncodeOptions) (*encoder, error) {
	e := &encoder{o: o, schema: schema}
	return e, e.check()
}

// check compiles the columns of an empty batch, so that a schema that cannot
// become documents is refused before the first row.
func (e *encoder) check() error {
	for _, f := range e.schema.Fields() {
		if err := checkKey(f.Name, 0, documentName(f)); err != nil {
			return err
		}
		b := array.NewBuilder(defaultAllocator, f.Type)
		a := b.NewArray()
		_, err := e.compile(f.Name, f, a)
		a.Release()
		b.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// load makes a batch the current one.
func (e *encoder) load(rec arrow.RecordBatch) error {
	e.columns = e.columns[:0]
	for i, c := range rec.Columns() {
		f := e.schema.Field(i)
		w, err := e.compile(f.Name, f, c)
		if err != nil {
			return err
		}
		e.columns = append(e.columns, encodedField{documentName(f), nullness(c), w})
	}
	e.row, e.rows = 0, rec.NumRows()
	return nil
}

// documentName is the name that a column has in the documents.
func documentName(f arrow.Field) string {
	if name, ok := f.Metadata.GetValue(metaName); ok {
		return name
	}
	return f.Name
}

// Next returns the next row, also behind one that failed. The arrays come from
// outside and may lie about their offsets: that is an error and not a panic.
func (e *encoder) Next(ctx context.Context) (doc bsonraw.Doc, ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, ok, err = nil, false, errs.New(errs.BadValue, "row %d of the Arrow data is broken: %v", e.row-1, r)
		}
	}()
	if e.row >= e.rows {
		return nil, false, nil
	}
	if e.row%1024 == 0 {
		if err := contextError(ctx); err != nil {
			return nil, false, err
		}
	}
	row := int(e.row)
	e.row++ // a row that fails is behind us, too
	e.builder.Reset()
	if err := e.fields(&e.builder, e.columns, row, true); err != nil {
		return nil, false, err
	}
	return e.builder.Finish(), true, nil
}

func (e *encoder) fields(b *bsonraw.Builder, fields []encodedField, row int, top bool) error {
	for i := range fields {
		f := &fields[i]
		if f.isNull(row) {
			if e.o.Nulls && !(top && f.name == "_id") {
				b.Null(f.name)
			}
			continue
		}
		if err := f.write(b, f.name, row); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the iteration.
func (e *encoder) Close() error {
	e.rows, e.columns = 0, nil
	return nil
}

// readerEncoder goes through the batches of a reader.
type readerEncoder struct {
	*encoder
	reader array.RecordReader
}

// Next returns the next row of the current batch, or the first of the next.
func (r *readerEncoder) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	for r.reader != nil {
		doc, ok, err := r.encoder.Next(ctx)
		if ok || err != nil {
			return doc, ok, err
		}
		if !r.reader.Next() {
			return nil, false, r.reader.Err()
		}
		if err := r.load(r.reader.RecordBatch()); err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// Close releases the reader.
func (r *readerEncoder) Close() error {
	if r.reader != nil {
		r.reader.Release()
		r.reader = nil
	}
	return r.encoder.Close()
}
