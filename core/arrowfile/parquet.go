package arrowfile

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// parquetSource reads the row groups of a Parquet file, one behind the other.
// Its columns are read on the goroutine that asks: those that the library would
// start recover no panic.
type parquetSource struct {
	file   *file.Reader
	reader pqarrow.RecordReader
	sch    *arrow.Schema
	retype bool // what is read lacks some of the schema's metadata
}

func openParquet(ctx context.Context, f File) (source, error) {
	props := parquet.NewReaderProperties(allocator)
	props.BufferedStreamEnabled = true // pages are read as they are needed, not whole column chunks
	in, err := file.NewParquetReader(f, file.WithReadProps(props))
	if err != nil {
		return nil, err
	}
	p := &parquetSource{file: in}
	if err := checkStored(in.MetaData().KeyValueMetadata()); err != nil {
		return nil, err
	}
	fr, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{BatchSize: maxBatchRows}, allocator)
	if err != nil {
		return p, err
	}
	if p.sch, err = fr.Schema(); err != nil || p.sch.NumFields() == 0 || in.NumRows() == 0 {
		return p, err
	}
	if stored := storedSchema(in.MetaData().KeyValueMetadata()); stored != nil {
		var fields []arrow.Field
		if fields, p.retype = annotate(p.sch.Fields(), stored.Fields()); p.retype {
			p.sch = arrow.NewSchema(fields, nil)
		}
	}
	p.reader, err = fr.GetRecordReader(ctx, nil, nil)
	return p, err
}

func (p *parquetSource) schema() *arrow.Schema { return p.sch }

func (p *parquetSource) rows() int64 { return p.file.NumRows() }

func (p *parquetSource) next() (arrow.RecordBatch, error) {
	if p.reader == nil || !p.reader.Next() {
		if p.reader == nil {
			return nil, nil
		}
		return nil, p.reader.Err()
	}
	rec := p.reader.RecordBatch()
	if p.retype {
		return retype(rec, p.sch), nil
	}
	rec.Retain()
	return rec, nil
}

func (p *parquetSource) release() {
	if p.reader != nil {
		p.reader.Release()
	}
}
