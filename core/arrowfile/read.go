package arrowfile

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// Kind is a kind of file.
type Kind int

// The kinds.
const (
	Parquet Kind = iota
	IPCFile
	IPCStream
)

// String names the kind for messages.
func (k Kind) String() string {
	switch k {
	case IPCFile:
		return "Arrow file"
	case IPCStream:
		return "Arrow stream"
	}
	return "Parquet file"
}

// File is what a Parquet file is read from: its table of contents is at its end.
type File interface {
	io.ReaderAt
	io.ReadSeeker
}

// ReadOptions of Open and OpenStream.
type ReadOptions struct {
	// Types says the BSON type of columns; see columnar.EncodeOptions.
	Types map[string]string
	// Nulls writes nulls as BSON nulls instead of leaving their fields out.
	Nulls bool
	// Skip is how many rows are left out at the beginning.
	Skip int64
}

// Reader gives the rows of a file in batches.
type Reader struct {
	kind Kind
	o    ReadOptions
	src  source
	row  int64 // of the next batch, from 0
	mu   sync.Mutex
	cut  []string // columns whose times were cut
}

// source is a kind of file.
type source interface {
	schema() *arrow.Schema
	// next returns the next batch, which the caller releases; nil at the end.
	next() (arrow.RecordBatch, error)
	// rows is how many there are, -1 if the file does not say.
	rows() int64
	release()
}

// OpenParquet opens a Parquet file.
func OpenParquet(ctx context.Context, f File, o ReadOptions) (*Reader, error) {
	return open(Parquet, o, func() (source, error) { return openParquet(ctx, f) })
}

// OpenArrow opens an Arrow file or stream, which are read from their beginning.
func OpenArrow(kind Kind, r io.Reader, o ReadOptions) (*Reader, error) {
	return open(kind, o, func() (source, error) {
		if kind == IPCFile {
			return openFile(r)
		}
		return openStream(r)
	})
}

func open(kind Kind, o ReadOptions, start func() (source, error)) (*Reader, error) {
	r := &Reader{kind: kind, o: o}
	err := r.guard(func() (err error) {
		if r.src, err = start(); err == nil {
			err = r.check()
		}
		return err
	})
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, r.skip()
}

// guard turns the errors of the libraries, and their panics, into ours.
func (r *Reader) guard(f func() error) error {
	var inner error
	err := ordered.Guard(func() error { inner = f(); return nil })
	switch {
	case err != nil: // a panic of a library
		return errs.New(errs.ImportFailed, "the %s is broken", r.kind)
	case inner == nil || errs.As(inner) != nil:
		return inner
	}
	return errs.Wrap(inner, errs.ImportFailed, "the %s is broken", r.kind)
}

// check refuses a schema that cannot become documents.
func (r *Reader) check() error {
	none, err := array.NewRecordReader(r.src.schema(), nil)
	if err != nil {
		return err
	}
	it, err := columnar.EncodeReader(none, r.encodeOptions())
	if err != nil {
		return err
	}
	return it.Close()
}

func (r *Reader) encodeOptions() columnar.EncodeOptions {
	return columnar.EncodeOptions{Types: r.o.Types, Nulls: r.o.Nulls, Cut: r.noteCut}
}

func (r *Reader) noteCut(column string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.cut, column) {
		r.cut = append(r.cut, column)
	}
}

// Rows is how many rows the file has, -1 if it does not say.
func (r *Reader) Rows() int64 { return r.src.rows() }

// Notes says what was lost.
func (r *Reader) Notes() (notes []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.cut)
	for _, column := range r.cut {
		notes = append(notes, fmt.Sprintf("column %q has times finer than a millisecond, which a BSON date does not have: they were cut", column))
	}
	return notes
}

// Batch is some rows of a file.
type Batch struct {
	First int64 // number of the first row, from 1
	rec   arrow.RecordBatch
}

// Size is about how many bytes its rows have.
func (b *Batch) Size() int { return int(columnar.BatchSize(b.rec)) }

// Rows is the number of its rows.
func (b *Batch) Rows() int64 { return b.rec.NumRows() }

// maxBatchRows bounds a batch: those of Arrow files are as large as their writer
// liked.
const maxBatchRows = 4096

// Next returns the next batch; false at the end. It is for one goroutine.
func (r *Reader) Next(ctx context.Context) (*Batch, bool, error) {
	if ctx.Err() != nil {
		return nil, false, ordered.Canceled(ctx)
	}
	rec, err := r.read()
	if err != nil {
		return nil, false, err
	}
	if rec == nil {
		if all := r.src.rows(); all >= 0 && r.row != all {
			return nil, false, errs.New(errs.ImportFailed, "the %s has %d rows, where it says %d", r.kind, r.row, all)
		}
		return nil, false, nil
	}
	b := &Batch{First: r.row + 1, rec: rec}
	r.row += rec.NumRows()
	return b, true, nil
}

// read returns the next rows of the file that are any.
func (r *Reader) read() (rec arrow.RecordBatch, err error) {
	err = r.guard(func() error {
		for {
			if rec, err = r.src.next(); err != nil || rec == nil {
				return err
			}
			switch {
			case rec.NumRows() > 0 && rec.NumCols() == 0:
				return errs.New(errs.ImportFailed, "the %s has rows and no columns", r.kind)
			case rec.NumRows() > 0:
				return nil
			}
			rec.Release()
		}
	})
	return rec, err
}

// skip leaves out rows at the beginning.
func (r *Reader) skip() error {
	for r.row < r.o.Skip {
		rec, err := r.read()
		if err != nil {
			return err
		}
		if rec == nil {
			return errs.New(errs.ImportFailed, "the %s has %d rows, fewer than the %d that were read before", r.kind, r.row, r.o.Skip)
		}
		left := r.o.Skip - r.row
		if n := rec.NumRows(); left < n {
			r.src = &withFirst{r.src, rec.NewSlice(left, n)}
			r.row = r.o.Skip
		} else {
			r.row += n
		}
		rec.Release()
	}
	return nil
}

// withFirst is a source with a batch before it.
type withFirst struct {
	source
	first arrow.RecordBatch
}

func (w *withFirst) next() (arrow.RecordBatch, error) {
	if first := w.first; first != nil {
		w.first = nil
		return first, nil
	}
	return w.source.next()
}

func (w *withFirst) release() {
	if w.first != nil {
		w.first.Release()
	}
	w.source.release()
}

// RowError is a row that is no document.
type RowError struct {
	Row int64 // from 1
	Err error
}

// Documents makes documents of a batch, which it releases. They are in memory of
// their own. rows says which row each of them is. It may run on several
// goroutines at once, each with another batch.
func (r *Reader) Documents(ctx context.Context, b *Batch) (docs []bsonraw.Doc, rows []int64, failed []RowError, err error) {
	defer b.rec.Release()
	err = r.guard(func() error {
		docs, rows, failed, err = r.documents(ctx, b)
		return err
	})
	return docs, rows, failed, err
}

func (r *Reader) documents(ctx context.Context, b *Batch) (docs []bsonraw.Doc, rows []int64, failed []RowError, err error) {
	it, err := columnar.Encode(b.rec, r.encodeOptions())
	if err != nil {
		return nil, nil, nil, err
	}
	defer it.Close()
	n := b.rec.NumRows()
	docs, rows = make([]bsonraw.Doc, 0, n), make([]int64, 0, n)
	arena := make([]byte, 0, b.Size()+int(n)*64)
	for row := b.First; row < b.First+n; row++ {
		d, ok, err := it.Next(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, nil, nil, err
		case err != nil:
			failed = append(failed, RowError{row, err})
			continue
		case !ok:
			return nil, nil, nil, errs.New(errs.ImportFailed, "a batch of the %s has fewer rows than it says", r.kind)
		}
		if len(arena)+len(d) > cap(arena) {
			arena = make([]byte, 0, max(cap(arena), len(d)))
		}
		at := len(arena)
		arena = append(arena, d...)
		docs, rows = append(docs, bsonraw.Doc(arena[at:len(arena):len(arena)])), append(rows, row)
	}
	return docs, rows, failed, nil
}

// Drop releases a batch that nobody wants.
func (b *Batch) Drop() { b.rec.Release() }

// Close releases the reader.
func (r *Reader) Close() {
	if r.src != nil {
		_ = ordered.Guard(func() error { r.src.release(); return nil })
		r.src = nil
	}
}
