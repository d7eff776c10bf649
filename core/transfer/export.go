package transfer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// ExportOptions of Export.
type ExportOptions struct {
	Collection string // for Progress
	Format     Format
	// Canonical writes Extended JSON that keeps the width of integers and all
	// dates as numbers; otherwise it is the relaxed form.
	Canonical bool
	// Array writes one JSON array instead of a document a line.
	Array bool
	// Fields are the columns of CSV: names, or paths with dots. Empty, the
	// stream is read twice: the first time for its fields.
	Fields []string
	// Delimiter parts the cells of CSV; 0 is a comma, or a tab for TSV.
	Delimiter byte
	// Compression of Parquet and Arrow; see arrowfile.WriteOptions.
	Compression string
	// Progress may be nil.
	Progress  func(Progress)
	TotalDocs int64
}

// ExportResult says what an export did.
type ExportResult struct {
	Docs    int64
	Bytes   int64
	Elapsed time.Duration
}

const (
	exportBuffer     = 256 << 10
	exportReportDocs = 2000
)

// Export writes a stream of documents to w.
func Export(ctx context.Context, open OpenFunc, w io.Writer, o ExportOptions) (ExportResult, error) {
	x := &exporter{o: o, start: time.Now(), out: bufio.NewWriterSize(w, exportBuffer)}
	err := x.run(ctx, open, w)
	if err == nil {
		err = x.out.Flush()
	}
	x.result.Elapsed = time.Since(x.start)
	return x.result, asOutput(err)
}

// exporter is one export.
type exporter struct {
	o      ExportOptions
	start  time.Time
	out    *bufio.Writer
	line   []byte
	result ExportResult
}

func (x *exporter) run(ctx context.Context, open OpenFunc, w io.Writer) error {
	switch {
	case x.o.Format == CSV || x.o.Format == TSV:
		return x.csv(ctx, open)
	case x.o.Format == BSON:
		return x.each(ctx, open, func(d bsonraw.Doc) { x.line = append(x.line, d...) })
	case x.o.Format.Columnar():
		return x.exportColumns(ctx, open, w)
	case x.o.Format != JSON:
		return errs.New(errs.BadValue, "%s is no format of one stream of documents", x.o.Format)
	}
	mode := ejson.Relaxed
	if x.o.Canonical {
		mode = ejson.Canonical
	}
	if x.o.Array {
		x.line = append(x.line, '[', '\n')
	}
	err := x.each(ctx, open, func(d bsonraw.Doc) {
		if x.o.Array && x.result.Docs > 0 {
			x.line = append(x.line, ',', '\n')
		}
		x.line = ejson.Append(x.line, d, mode)
		if !x.o.Array {
			x.line = append(x.line, '\n')
		}
	})
	if err == nil && x.o.Array {
		x.line = append(x.line, '\n', ']', '\n')
		err = x.write()
	}
	return err
}

// each calls f for every document and writes what it puts into x.line.
func (x *exporter) each(ctx context.Context, open OpenFunc, f func(bsonraw.Doc)) error {
	it, err := open(ctx)
	if err != nil {
		return err
	}
	defer it.Close()
	for {
		d, ok, err := it.Next(ctx)
		if err != nil && ctx.Err() != nil && errs.As(err) == nil {
			err = ordered.Canceled(ctx)
		}
		if err != nil {
			return err
		}
		if !ok {
			x.report()
			return nil
		}
		f(d)
		if err := x.write(); err != nil {
			return err
		}
		if x.result.Docs++; x.result.Docs%exportReportDocs == 0 {
			x.report()
		}
	}
}

func (x *exporter) write() error {
	n, err := x.out.Write(x.line)
	x.result.Bytes += int64(n)
	x.line = x.line[:0]
	return err
}

func (x *exporter) report() {
	if x.o.Progress != nil {
		x.o.Progress(Progress{
			Collection: x.o.Collection, Docs: x.result.Docs, TotalDocs: x.o.TotalDocs,
			Bytes: x.result.Bytes, Elapsed: time.Since(x.start),
		})
	}
}

// asOutput gives errors of the writer a code.
func asOutput(err error) error {
	switch {
	case err == nil, errs.As(err) != nil:
		return err
	case errors.Is(err, syscall.ENOSPC):
		return errs.Wrap(err, errs.OutOfDiskSpace, "writing the export").WithRemedy("free some space and export again")
	}
	return errs.Wrap(err, errs.StoreIO, "writing the export")
}
