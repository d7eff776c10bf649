package main

import (
	"context"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
)

// The size of one insert of argon_insert_arrow: by default a good many rows for
// one fsync, and never more bytes than a message of MongoDB's may have.
const (
	defaultInsertRows = 10_000
	maxInsertBytes    = 16 << 20
)

// importReader moves the stream at p, a struct ArrowArrayStream of the caller's.
func importReader(p unsafe.Pointer) (array.RecordReader, error) {
	r, err := cdata.ImportCRecordReader((*cdata.CArrowArrayStream)(p), nil)
	if err != nil {
		return nil, errs.Wrap(err, errs.BadValue, "the Arrow stream cannot be read")
	}
	reader, isReader := r.(array.RecordReader)
	if !isReader {
		return nil, errs.New(errs.InternalError, "arrow-go imported a %T, which is no record reader", r)
	}
	return reader, nil
}

// startInsertArrow starts a job that inserts the rows of a reader, which it
// releases.
func startInsertArrow(n int64, db string, cmd, options bsonraw.Doc, reader array.RecordReader) answer {
	o, rows, err := insertOptions(options)
	if err == nil {
		err = bsonraw.Validate(cmd)
	}
	if err != nil {
		reader.Release()
		return failure(err)
	}
	c, err := use(n)
	if err != nil {
		reader.Release()
		return failure(err)
	}
	return startJob(c, func(ctx context.Context, j *job) (bsonraw.Doc, *stream, error) {
		docs, err := columnar.EncodeReader(reader, o)
		if err != nil {
			reader.Release()
			return nil, nil, err
		}
		in := &inserter{client: c, db: db, template: cmd, rows: rows, report: j.report}
		doc, err := in.run(ctx, docs)
		if closeErr := docs.Close(); err == nil {
			err = closeErr
		}
		if err != nil && errs.As(err) == nil && ctx.Err() == nil {
			err = errs.Wrap(err, errs.BadValue, "the Arrow stream cannot be read")
		}
		return doc, nil, err
	})
}

// insertOptions reads the options of argon_insert_arrow.
func insertOptions(options bsonraw.Doc) (o columnar.EncodeOptions, rows int, err error) {
	rows = defaultInsertRows
	for it := options.Iter(); it.Next(); {
		v := it.Value()
		n, isNumber := v.AsInt64()
		switch key := string(it.Key()); {
		case key == "nulls" && v.Type == bsonraw.Boolean:
			o.Nulls = v.Bool()
		case key == "types" && v.Type == bsonraw.Object:
			o.Types = map[string]string{}
			for types := v.Doc().Iter(); types.Next(); {
				if types.Value().Type != bsonraw.String {
					return o, 0, badOption("types", string(types.Key()), types.Value())
				}
				o.Types[string(types.Key())] = types.Value().Str()
			}
		case key == "batchRows" && isNumber && n > 0:
			rows = int(n)
		default:
			return o, 0, badOption("an insert of Arrow data", key, v)
		}
	}
	return o, rows, nil
}

// inserter sends documents in insert commands, one after the other, and adds
// their replies up.
type inserter struct {
	client   *connection
	db       string
	template bsonraw.Doc // the command without its documents
	rows     int
	report   func(bsonraw.Doc)

	batch    bsonraw.Builder
	pending  int   // documents in batch
	sent     int   // documents in earlier batches
	inserted int64 // documents that are stored
	lsn      int64
	errors   []bsonraw.Doc // writeErrors, with indexes into the whole stream
}

func (in *inserter) run(ctx context.Context, docs columnar.Iter) (bsonraw.Doc, error) {
	ordered := true
	if v, found := in.template.Lookup("ordered"); found {
		ordered = v.Truthy()
	}
	in.begin()
	for {
		doc, more, err := docs.Next(ctx)
		if err != nil {
			return nil, err
		}
		full := in.pending == in.rows || in.batch.Size()+len(doc) > maxInsertBytes
		if in.pending > 0 && (!more || full) {
			if err := in.send(ctx); err != nil {
				return nil, err
			}
			if ordered && len(in.errors) > 0 {
				return in.reply(), nil
			}
		}
		if !more {
			return in.reply(), nil
		}
		in.batch.Doc(bsonraw.Index(in.pending), doc)
		in.pending++
	}
}

// begin starts a command: the template, and an open array of documents.
func (in *inserter) begin() {
	in.batch.Reset()
	for it := in.template.Iter(); it.Next(); {
		in.batch.ValueBytes(it.Key(), it.Value())
	}
	in.batch.BeginArray("documents")
	in.pending = 0
}

func (in *inserter) send(ctx context.Context) error {
	in.batch.End()
	reply, err := in.client.backend.RunCommand(ctx, in.db, in.batch.Finish())
	if err != nil {
		return err
	}
	n, _ := reply.Get("n").AsInt64()
	in.inserted += n
	if lsn, isNumber := reply.Get("argonLSN").AsInt64(); isNumber {
		in.lsn = lsn
	}
	for _, e := range reply.Get("writeErrors").Doc().Values() {
		in.errors = append(in.errors, shifted(e.Doc(), in.sent))
	}
	in.sent += in.pending
	in.begin()
	in.progress()
	return nil
}

// shifted returns a write error with its index counted from the whole stream.
func shifted(e bsonraw.Doc, by int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for it := e.Iter(); it.Next(); {
		if n, isNumber := it.Value().AsInt64(); isNumber && string(it.Key()) == "index" {
			b.Int32("index", int32(n)+int32(by))
			continue
		}
		b.ValueBytes(it.Key(), it.Value())
	}
	return b.Finish()
}

func (in *inserter) progress() {
	b := bsonraw.NewBuilder(nil)
	b.Int64("done", int64(in.sent))
	b.String("unit", "rows")
	in.report(b.Finish())
}

// reply is what one insert of everything would have answered. A first commit
// number of 0 means that nothing was written.
func (in *inserter) reply() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Double("ok", 1)
	b.Int64("n", in.inserted)
	if in.lsn > 0 {
		b.Int64("argonLSN", in.lsn)
	}
	if len(in.errors) > 0 {
		b.BeginArray("writeErrors")
		for i, e := range in.errors {
			b.Doc(bsonraw.Index(i), e)
		}
		b.End()
	}
	return b.Finish()
}
