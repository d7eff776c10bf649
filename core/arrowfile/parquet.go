package arrowfile

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go/format"
)

// parquetSource reads the row groups of a Parquet file, one behind the other,
// all columns of some rows at once. All of it is on the goroutine that asks:
// others would recover no panic.
type parquetSource struct {
	f       File
	meta    *format.FileMetaData
	sch     *arrow.Schema
	columns []*column
	leaves  []*column

	codecs  map[format.CompressionCodec]*decompressor
	group   int           // the next one
	readers []*leafReader // of the leaves of the group before
	left    int64         // its rows
	batch   int           // rows at once
}

// maxBatchBytes bounds a batch by what the file says of its row groups.
const maxBatchBytes = 16 << 20

func openParquet(_ context.Context, f File) (source, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	p := &parquetSource{f: f, codecs: map[format.CompressionCodec]*decompressor{}}
	if p.meta, err = readFooter(f, size); err != nil {
		return nil, err
	}
	if p.columns, p.leaves, err = parseSchema(p.meta.Schema); err != nil {
		return nil, err
	}
	stored, err := storedSchema(p.meta.KeyValueMetadata)
	if err != nil {
		return nil, err
	}
	annotate(p.columns, stored)
	p.sch = arrow.NewSchema(fieldsOf(p.columns), nil)
	return p, nil
}

func (p *parquetSource) schema() *arrow.Schema { return p.sch }

func (p *parquetSource) rows() int64 { return p.meta.NumRows }

func (p *parquetSource) next() (arrow.RecordBatch, error) {
	for p.left == 0 {
		if p.group == len(p.meta.RowGroups) {
			return nil, nil
		}
		if err := p.openGroup(); err != nil {
			return nil, err
		}
	}
	rows := int(min(p.left, int64(p.batch)))
	p.left -= int64(rows)
	for _, r := range p.readers {
		if err := r.read(rows); err != nil {
			return nil, err
		}
	}
	all, err := buildAll(p.columns, p.readers, rows)
	if err != nil {
		return nil, err
	}
	arrays := make([]arrow.Array, len(all))
	for i, data := range all {
		arrays[i] = array.MakeFromData(data)
	}
	return array.NewRecordBatch(p.sch, arrays, int64(rows)), nil
}

func (p *parquetSource) openGroup() error {
	meta := &p.meta.RowGroups[p.group]
	if len(meta.Columns) != len(p.leaves) || meta.NumRows < 0 {
		return errParquet("a row group has other columns than the schema")
	}
	p.group, p.readers = p.group+1, nil
	p.left, p.batch = meta.NumRows, maxBatchRows
	if each := meta.TotalByteSize / max(meta.NumRows, 1); each > maxBatchBytes/maxBatchRows {
		p.batch = int(max(1, maxBatchBytes/each))
	}
	for i, c := range p.leaves {
		pages, err := p.pages(c, &meta.Columns[i].MetaData)
		if err != nil {
			return err
		}
		p.readers = append(p.readers, &leafReader{column: c, pages: pages})
	}
	return nil
}

func (p *parquetSource) pages(c *column, m *format.ColumnMetaData) (*pageReader, error) {
	if p.codecs[m.Codec] == nil {
		d, err := newDecompressor(m.Codec)
		if err != nil {
			return nil, err
		}
		p.codecs[m.Codec] = d
	}
	return newPageReader(p.f, c, m, p.codecs[m.Codec])
}

func (p *parquetSource) release() {}
