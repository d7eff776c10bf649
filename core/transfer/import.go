package transfer

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// ImportOptions of Import.
type ImportOptions struct {
	Collection string
	Format     Format
	// MaxErrors is how many lines may fail before the import ends: 0, the first
	// one ends it; -1, any number may.
	MaxErrors int64
	// OnError is told of every line that fails; may be nil.
	OnError func(LineError)
	// Progress may be nil. TotalBytes is what it says of the size of the input.
	Progress   func(Progress)
	TotalBytes int64
	// BatchDocs is the largest number of documents of one Insert; 0 is 2,000.
	BatchDocs int
	// Workers is the number of goroutines that parse; 0 is one per processor.
	Workers int
	CSV     CSVOptions
	// Checkpoints makes each commit say how far the import is, so that another
	// one can go on there: the sink must be a Checkpointer.
	Checkpoints bool
	// Atomic says that nothing stays of an import that fails, for its message.
	Atomic bool
	// OnHeader is told of the line with the names of the columns, with its end;
	// may be nil.
	OnHeader func(line []byte)
	// From is where to go on; the input is given from its beginning all the
	// same.
	From Point
}

// Point is a place in an input, between two records. The zero point is its
// beginning.
type Point struct {
	Offset  int64 // bytes of the decompressed input before it
	Line    int64 // number of the next line, in formats that have lines
	Records int64 // documents or rows before it, in formats that have none
	State   int   // what must come next in a JSON array
}

// Checkpointer is a sink that stores documents and how far the import is in one
// commit. Where it refuses some of them it stores none, and returns Rejects: so
// that what was refused is known, and on its way to a file of rejects, before
// the commit that says that it is behind us.
type Checkpointer interface {
	InsertAt(ctx context.Context, coll string, docs []bsonraw.Doc, end Point) error
}

const (
	defaultBatchDocs = 2000
	batchBytes       = 4 << 20 // ends a batch early where documents are large
	keptErrors       = 100
)

// Result says what an import did, also one that ended in an error.
type Result struct {
	Docs    int64       // stored
	Failed  int64       // lines that failed
	Bytes   int64       // of the input that were read
	Errors  []LineError // the first hundred lines that failed
	Notes   []string    // what a person should know
	Elapsed time.Duration
}

// LineError is a line of the input that was not imported; in formats without
// lines it is a document or a row.
type LineError struct {
	Line    int64  // of its beginning, from 1
	Excerpt string // its beginning
	Err     error
	// Unit is what Line counts: "" for lines, "document" or "row".
	Unit string
	// Text is all of it: as it stands in the input where that is text, and else
	// canonical Extended JSON. OnError alone sees it, and may not keep it.
	Text []byte
}

// Place names the line: "line 7".
func (e LineError) Place() string {
	unit := e.Unit
	if unit == "" {
		unit = "line"
	}
	return unit + " " + strconv.FormatInt(e.Line, 10)
}

// Error names the line and shows it.
func (e LineError) Error() string { return e.asError().Error() }

func (e LineError) asError() *errs.Error {
	cause := e.Err.Error()
	if x := errs.As(e.Err); x != nil {
		cause = x.Message
	}
	if e.Excerpt == "" {
		return errs.New(errs.ImportFailed, "%s: %s", e.Place(), cause)
	}
	return errs.New(errs.ImportFailed, "%s: %s: %s", e.Place(), cause, e.Excerpt)
}

const excerptBytes = 160

// excerpt is the beginning of a line, printable and of bearable length.
func excerpt(line []byte) string {
	text := line
	if len(text) > excerptBytes {
		text = text[:excerptBytes]
	}
	s := strings.ToValidUTF8(string(text), "\uFFFD")
	s = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(strings.TrimRight(s, "\r\n"))
	if len(line) > excerptBytes {
		s += "..."
	}
	return s
}

// Import reads documents from r into a collection of the sink.
func Import(ctx context.Context, r io.Reader, sink Sink, o ImportOptions) (Result, error) {
	m := newImporter(sink, o)
	err := m.run(ctx, r)
	m.result.Elapsed = time.Since(m.start)
	return m.result, err
}

func newImporter(sink Sink, o ImportOptions) *importer {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.BatchDocs <= 0 {
		o.BatchDocs = defaultBatchDocs
	}
	return &importer{sink: sink, o: o, start: time.Now(), failed: new(int64), others: new(int64)}
}

// importer is one import.
type importer struct {
	sink   Sink
	o      ImportOptions
	start  time.Time
	result Result
	docs   []bsonraw.Doc // the next batch
	source []origin      // where each document of it comes from
	size   int
	unit   string
	total  int64  // documents in the input, 0 if unknown
	failed *int64 // counts against MaxErrors, also over several imports
	others *int64 // documents that the other ones of a dump have stored
}

// origin is where a document stands in the input. Its text is nil where the
// input is not text.
type origin struct {
	line int64
	text []byte
}

// failure is the error of a document that the sink refused.
func (o origin) failure(d bsonraw.Doc, unit string, err error) LineError {
	text := o.text
	if text == nil {
		text = ejson.Append(nil, d, ejson.Canonical)
	}
	return LineError{Line: o.line, Excerpt: excerpt(text), Err: err, Unit: unit, Text: text}
}

// parsed is what a worker makes of a block of the input. Documents and texts
// point into memory of its own, which nobody uses again.
type parsed struct {
	docs   []bsonraw.Doc
	source []origin
	failed []LineError
	size   int   // of the block
	end    Point // behind it
}

// reader is a format: it cuts the input into blocks and parses a block.
type reader interface {
	// read returns the next block; false at the end.
	read(ctx context.Context) (*block, bool, error)
	// parser makes the parser of one worker.
	parser() func(*block) (*parsed, error)
	// notes returns what was remarkable in the whole input.
	notes() []string
	// unit is what origins count: "" for lines.
	unit() string
}

func (m *importer) run(ctx context.Context, r io.Reader) error {
	if m.o.Format.Columnar() {
		return m.runColumns(ctx, r)
	}
	in, err := newReader(r, m.o)
	if err != nil {
		return asImport(ctx, err)
	}
	m.unit = in.unit()
	blocks := ordered.Start(ctx, ordered.Plan[*block, *parsed]{
		Workers: m.o.Workers, Read: in.read,
		Work: func() func(*block) (*parsed, error) {
			parse := in.parser()
			return func(b *block) (*parsed, error) {
				p, err := parse(b)
				if p != nil {
					p.end = b.end
				}
				return p, err
			}
		},
	})
	return m.consume(ctx, blocks, in.notes)
}

// consume stores what a pipeline makes of the input.
func (m *importer) consume(ctx context.Context, blocks *ordered.Pipeline[*parsed], notes func() []string) error {
	defer blocks.Stop()
	for {
		p, ok, err := blocks.Next()
		if !ok {
			if flushed := m.flush(ctx, Point{}); flushed != nil && err == nil {
				err = flushed
			}
			m.result.Notes = append(m.result.Notes, notes()...)
			return asImport(ctx, err)
		}
		if err := m.take(ctx, p); err != nil {
			return asImport(ctx, err)
		}
	}
}

func newReader(r io.Reader, o ImportOptions) (reader, error) {
	switch o.Format {
	case JSON:
		return newJSONReader(r, o.From)
	case CSV, TSV:
		return newCSVReader(r, o)
	case BSON:
		b := &bsonReader{cutter: newCutter(r), record: o.From.Records}
		return b, b.skipTo(o.From)
	}
	return nil, errs.New(errs.BadValue, "%s is no format of one stream of documents", o.Format)
}

// asImport gives errors of reading the input a code.
func asImport(ctx context.Context, err error) error {
	var line LineError
	switch {
	case err == nil, errs.As(err) != nil:
		return err
	case ctx.Err() != nil:
		return ordered.Canceled(ctx)
	case errors.As(err, &line):
		return line.asError()
	}
	return errs.Wrap(err, errs.ImportFailed, "reading the input")
}

// take puts the documents of a block into batches.
func (m *importer) take(ctx context.Context, p *parsed) error {
	failed := p.failed
	for i, d := range p.docs {
		for len(failed) > 0 && failed[0].Line < p.source[i].line {
			if err := m.stopAt(ctx, failed[0]); err != nil {
				return err
			}
			failed = failed[1:]
		}
		m.docs, m.source = append(m.docs, d), append(m.source, p.source[i])
		m.size += len(d)
		if !m.o.Checkpoints && (len(m.docs) >= m.o.BatchDocs || m.size >= batchBytes) {
			if err := m.flush(ctx, Point{}); err != nil {
				return err
			}
		}
	}
	for _, e := range failed {
		if err := m.stopAt(ctx, e); err != nil {
			return err
		}
	}
	m.result.Bytes += int64(p.size)
	if m.o.Checkpoints {
		return m.flush(ctx, p.end)
	}
	return nil
}

// stopAt counts a line that failed. If it is one too many, the documents before
// it are stored first, unless each commit has to say how far the import is: then
// it ends before the block.
func (m *importer) stopAt(ctx context.Context, e LineError) error {
	err := m.fail(e)
	if err == nil || m.o.Checkpoints {
		return err
	}
	if flushed := m.flush(ctx, Point{}); flushed != nil {
		return flushed
	}
	return m.stays(err)
}

// stays says of the error that ends an import what it leaves.
func (m *importer) stays(err error) error {
	e, n := errs.As(err), *m.others+m.result.Docs
	switch {
	case e == nil || m.o.Atomic || m.o.Checkpoints:
		return err
	case n == 0:
		return e.WithRemedy("correct the line, or allow for errors")
	}
	return e.WithRemedy("correct the line, or allow for more errors; %d documents were imported and stay", n)
}

// fail counts a line that failed, and returns an error if it is one too many.
func (m *importer) fail(e LineError) error {
	m.result.Failed++
	*m.failed++
	if m.o.OnError != nil {
		m.o.OnError(e)
	}
	e.Text = nil
	if len(m.result.Errors) < keptErrors {
		m.result.Errors = append(m.result.Errors, e)
	}
	if m.o.MaxErrors < 0 || *m.failed <= m.o.MaxErrors {
		return nil
	}
	err := e.asError()
	if m.o.Atomic {
		return err.WithRemedy("correct the line, or allow for errors; nothing was imported")
	}
	return err.WithRemedy("correct the line, or allow for more errors")
}

// flush stores the batch, with the point that is reached where that is asked
// for.
func (m *importer) flush(ctx context.Context, end Point) error {
	if len(m.docs) == 0 {
		return nil
	}
	if m.o.Checkpoints {
		if end == (Point{}) {
			return nil // a block that was begun: another run reads it again
		}
		to, ok := m.sink.(Checkpointer)
		if !ok {
			return errs.New(errs.InternalError, "the sink of an import with checkpoints takes none")
		}
		return m.flushAt(ctx, to, end)
	}
	err := m.sink.Insert(ctx, m.o.Collection, m.docs)
	var rejects Rejects
	if err != nil && !errors.As(err, &rejects) {
		return err
	}
	m.result.Docs += int64(len(m.docs) - len(rejects))
	failed := m.refused(rejects)
	m.docs, m.source, m.size = m.docs[:0], m.source[:0], 0
	m.report()
	return failed
}

// refused counts documents that the sink did not take.
func (m *importer) refused(rejects Rejects) (failed error) {
	for _, r := range rejects {
		err := m.fail(m.source[r.Index].failure(m.docs[r.Index], m.unit, r.Err))
		if err != nil && failed == nil {
			failed = m.stays(err)
		}
	}
	return failed
}

// flushAt stores the batch together with a point, without what is refused.
func (m *importer) flushAt(ctx context.Context, to Checkpointer, end Point) error {
	for {
		err := to.InsertAt(ctx, m.o.Collection, m.docs, end)
		var rejects Rejects
		if err != nil && !errors.As(err, &rejects) {
			return err
		}
		if len(rejects) == 0 {
			break
		}
		if err := m.refused(rejects); err != nil {
			return err
		}
		for i := len(rejects) - 1; i >= 0; i-- {
			at := rejects[i].Index
			m.docs, m.source = slices.Delete(m.docs, at, at+1), slices.Delete(m.source, at, at+1)
		}
	}
	m.result.Docs += int64(len(m.docs))
	m.docs, m.source, m.size = m.docs[:0], m.source[:0], 0
	m.report()
	return nil
}

func (m *importer) report() {
	if m.o.Progress != nil {
		m.o.Progress(Progress{
			Collection: m.o.Collection, Docs: m.o.From.Records + m.result.Docs, TotalDocs: m.total,
			Bytes: m.o.From.Offset + m.result.Bytes, TotalBytes: m.o.TotalBytes, Elapsed: time.Since(m.start),
		})
	}
}
