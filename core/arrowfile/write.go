package arrowfile

import (
	"context"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// WriteOptions of Write.
type WriteOptions struct {
	// Compression is none, snappy, gzip, zstd, brotli or lz4 for Parquet, where
	// "" is snappy, and none, zstd or lz4 for Arrow, where "" is none.
	Compression string
	// Progress is told how many rows are written; may be nil.
	Progress func(rows int64)
}

// Write writes the documents of a stream as the rows of a file. The stream may
// be opened more than once, as columnar.NewReader has it. It returns the number
// of rows.
func Write(ctx context.Context, kind Kind, w io.Writer, open columnar.OpenFunc, o WriteOptions) (rows int64, err error) {
	out, err := newWriter(kind, o)
	if err != nil {
		return 0, err
	}
	r, err := columnar.NewReader(ctx, open, columnar.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { r.Release() }()
	if schema, changed := out.adapt(r.Schema()); changed {
		r.Release()
		if r, err = columnar.NewReader(ctx, open, columnar.Options{Schema: schema}); err != nil {
			return 0, err
		}
	}
	err = ordered.Guard(func() error {
		if err := out.start(w, r.Schema()); err != nil {
			return err
		}
		for r.Next() {
			if err := out.write(r.RecordBatch()); err != nil {
				return err
			}
			if rows += r.RecordBatch().NumRows(); o.Progress != nil {
				o.Progress(rows)
			}
		}
		if r.Err() != nil {
			return r.Err()
		}
		return out.close()
	})
	return rows, err
}

// writer is a kind of file being written.
type writer interface {
	// adapt returns the schema that the file can have of one that it cannot.
	adapt(s *arrow.Schema) (*arrow.Schema, bool)
	start(w io.Writer, s *arrow.Schema) error
	write(rec arrow.RecordBatch) error
	close() error
}

func newWriter(kind Kind, o WriteOptions) (writer, error) {
	name := strings.ToLower(o.Compression)
	if kind == Parquet {
		codec, ok := parquetCodecs[name]
		if !ok {
			return nil, errs.New(errs.BadValue, "Parquet has no compression %q", o.Compression).
				WithRemedy("there are none, snappy, gzip, zstd, brotli and lz4")
		}
		return &parquetWriter{codec: codec}, nil
	}
	i := &ipcWriter{kind: kind}
	switch name {
	case "", "none":
	case "zstd":
		i.options = append(i.options, ipc.WithZstd())
	case "lz4":
		i.options = append(i.options, ipc.WithLZ4())
	default:
		return nil, errs.New(errs.BadValue, "Arrow has no compression %q", o.Compression).WithRemedy("there are none, zstd and lz4")
	}
	return i, nil
}

// onlyWriter hides that a file can be closed: it is the caller's.
type onlyWriter struct{ io.Writer }

type ipcWriter struct {
	kind    Kind
	options []ipc.Option
	out     interface {
		Write(arrow.RecordBatch) error
		Close() error
	}
}

func (i *ipcWriter) adapt(s *arrow.Schema) (*arrow.Schema, bool) { return s, false }

func (i *ipcWriter) start(w io.Writer, s *arrow.Schema) (err error) {
	options := append(i.options, ipc.WithSchema(s))
	if i.kind == IPCFile {
		i.out, err = ipc.NewFileWriter(onlyWriter{w}, options...)
		return err
	}
	i.out = ipc.NewWriter(onlyWriter{w}, options...)
	return nil
}

func (i *ipcWriter) write(rec arrow.RecordBatch) error { return i.out.Write(rec) }

func (i *ipcWriter) close() error { return i.out.Close() }
