package transfer

import (
	"bufio"
	"context"
	"io"

	"github.com/argon-lab/argon/core/arrowfile"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// kindOf returns the kind of file of a format that package arrowfile has.
func kindOf(f Format) (arrowfile.Kind, bool) {
	switch f {
	case Parquet:
		return arrowfile.Parquet, true
	case ArrowFile:
		return arrowfile.IPCFile, true
	case ArrowStream:
		return arrowfile.IPCStream, true
	}
	return 0, false
}

// Columnar reports whether a format is one of columns: Parquet or Arrow.
func (f Format) Columnar() bool {
	_, ok := kindOf(f)
	return ok
}

// NeedsFile reports whether a format is read from its end, so that a stream of
// it has to be kept in a file first.
func (f Format) NeedsFile() bool { return f == Parquet }

// openColumns opens an input of columns. One that NeedsFile must be an
// arrowfile.File.
func openColumns(ctx context.Context, r io.Reader, o ImportOptions) (*arrowfile.Reader, error) {
	kind, _ := kindOf(o.Format)
	ro := arrowfile.ReadOptions{Types: o.CSV.Types, Nulls: o.CSV.WriteNulls, Skip: o.From.Records}
	if !o.Format.NeedsFile() {
		return arrowfile.OpenArrow(kind, r, ro)
	}
	f, ok := r.(arrowfile.File)
	if !ok {
		return nil, errs.New(errs.InternalError, "a %s is read from a file and not from a stream", kind)
	}
	return arrowfile.OpenParquet(ctx, f, ro)
}

// runColumns imports an input of columns: one goroutine decodes batches, others
// make documents of them.
func (m *importer) runColumns(ctx context.Context, r io.Reader) error {
	in, err := openColumns(ctx, r, m.o)
	if err != nil {
		return asImport(ctx, err)
	}
	m.unit, m.total = "row", max(in.Rows(), 0)
	batches := ordered.Start(ctx, ordered.Plan[*arrowfile.Batch, *parsed]{
		Workers: m.o.Workers, Read: in.Next, Close: in.Close,
		Work: func() func(*arrowfile.Batch) (*parsed, error) {
			return func(b *arrowfile.Batch) (*parsed, error) { return parseBatch(ctx, in, b) }
		},
	})
	return m.consume(ctx, batches, in.Notes)
}

// parseBatch makes documents of the rows of a batch.
func parseBatch(ctx context.Context, in *arrowfile.Reader, b *arrowfile.Batch) (*parsed, error) {
	out := &parsed{size: b.Size(), end: Point{Records: b.First - 1 + b.Rows()}}
	docs, rows, failed, err := in.Documents(ctx, b)
	if err != nil {
		return nil, err
	}
	out.docs, out.source = docs, make([]origin, len(docs))
	for i, row := range rows {
		out.source[i] = origin{line: row}
	}
	for _, f := range failed {
		out.failed = append(out.failed, LineError{Line: f.Row, Err: f.Err, Unit: "row", Text: failedRow(f.Row)})
	}
	return out, nil
}

// failedRow is what a file of rejects shows of a row that is no document.
func failedRow(row int64) []byte {
	b := bsonraw.NewBuilder(nil)
	b.Int64("row", row)
	return ejson.Append(nil, b.Finish(), ejson.Relaxed)
}

// exportColumns writes Parquet or Arrow.
func (x *exporter) exportColumns(ctx context.Context, open OpenFunc, w io.Writer) error {
	kind, _ := kindOf(x.o.Format)
	counted := &countingWriter{w: bufio.NewWriterSize(w, exportBuffer)}
	_, err := arrowfile.Write(ctx, kind, counted, func(ctx context.Context) (columnar.Iter, error) { return open(ctx) },
		arrowfile.WriteOptions{Compression: x.o.Compression, Progress: func(rows int64) {
			x.result.Docs, x.result.Bytes = rows, counted.n
			x.report()
		}})
	if err == nil {
		err = counted.w.Flush()
	}
	x.result.Bytes = counted.n
	return err
}

// countingWriter counts what is written.
type countingWriter struct {
	w *bufio.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
