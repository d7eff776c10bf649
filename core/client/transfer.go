package client

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// clientSide returns the function of a command that runs where the files are.
// Nil for every other command.
func clientSide(cmd bsonraw.Doc) func(ctx context.Context, c *Client, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	it := cmd.Iter()
	if !it.Next() {
		return nil
	}
	switch string(it.Key()) {
	case "argonImport":
		return importCommand
	case "argonExport":
		return exportCommand
	case "argonPlace":
		return placeCommand
	}
	return nil
}

// ImportOptions of Import and ImportMongo. See the command argonImport.
type ImportOptions = command.ImportArgs

// ExportOptions of Export. See the command argonExport.
type ExportOptions = command.ExportArgs

// ImportResult is what an import did, also one that ended in an error.
type ImportResult struct {
	Collection  string               `bson:"collection,omitempty" json:"collection,omitempty"` // of a file
	Imported    int64                `bson:"imported" json:"imported"`
	Failed      int64                `bson:"failed" json:"failed"`
	Resumed     int64                `bson:"resumed,omitempty" json:"resumed,omitempty"` // imported by earlier runs
	LSN         int64                `bson:"argonLSN" json:"lsn"`                        // of its last commit
	Bytes       int64                `bson:"bytes" json:"bytes"`                         // read
	ElapsedMS   int64                `bson:"elapsedMS" json:"elapsedMS"`
	Errors      []ImportError        `bson:"errors" json:"errors"` // the first ones
	Notes       []string             `bson:"notes" json:"notes"`
	Collections []ImportedCollection `bson:"collections,omitempty" json:"collections,omitempty"` // of a server
	Consistent  bool                 `bson:"consistent,omitempty" json:"consistent,omitempty"`   // all read at one moment
}

// ImportError is a line that was not imported.
type ImportError struct {
	Line    int64  `bson:"line" json:"line"`
	Unit    string `bson:"unit,omitempty" json:"unit,omitempty"` // what Line counts, if not lines
	Excerpt string `bson:"excerpt" json:"excerpt"`
	Code    int32  `bson:"code" json:"code"`
	Message string `bson:"errmsg" json:"errmsg"`
}

// Place names it: "line 7", "document 7".
func (e ImportError) Place() string { return transfer.LineError{Line: e.Line, Unit: e.Unit}.Place() }

// ImportedCollection is what was read of one collection of a server.
type ImportedCollection struct {
	Name      string `bson:"name" json:"name"`
	View      bool   `bson:"view" json:"view"`
	Documents int64  `bson:"documents" json:"documents"`
	Indexes   int    `bson:"indexes" json:"indexes"`
}

// Import reads documents of a format that is one stream into a collection of the
// branch, or mongodump's archive into the branch. Options.Format is needed;
// Source is for errors only. size is that of the input where it is known, for
// the progress, else 0.
func (b *Branch) Import(ctx context.Context, r io.Reader, size int64, o *ImportOptions) (*ImportResult, error) {
	format, err := formatOf(o.Format, o.Source)
	if err != nil {
		return nil, err
	}
	if format == transfer.Archive {
		return b.importArchive(ctx, r, size, nil, o)
	}
	if err := needsCollection(o); err != nil {
		return nil, err
	}
	return b.importing(ctx, o, nil, size, false, func(ctx context.Context, j *job) (*ImportResult, error) {
		return j.stream(ctx, r, size, format)
	})
}

// stream imports one stream of documents.
func (j *job) stream(ctx context.Context, r io.Reader, size int64, format transfer.Format) (*ImportResult, error) {
	if format.NeedsFile() {
		f, ok := r.(*os.File)
		if !ok || size == 0 { // a pipe
			var err error
			if f, err = spool(ctx, r); err != nil {
				return nil, err
			}
			defer f.Close()
		}
		r = f
	} else if size == 0 { // no file: standard input, a pipe
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel() // ends the reading ahead
		r = newInterruptible(ctx, r)
	}
	o := j.o
	res, err := transfer.Import(ctx, r, j.sink, transfer.ImportOptions{
		Collection: o.Collection, Format: format, MaxErrors: o.MaxErrors, BatchDocs: int(o.BatchDocs),
		OnError: j.onError, OnHeader: j.onHeader, Progress: observer(ctx), TotalBytes: size,
		Checkpoints: o.Resume, Atomic: o.Atomic, From: j.before.Point.transfer(),
		CSV: transfer.CSVOptions{
			Fields: o.Fields, Flat: o.Flat, Types: o.Types, Nulls: o.Nulls, WriteNulls: o.WriteNulls, Delimiter: o.Delimiter,
		},
	})
	out := &ImportResult{
		Collection: o.Collection, Imported: res.Docs, Failed: res.Failed, LSN: j.sink.lsn.Load(), Bytes: res.Bytes,
		ElapsedMS: res.Elapsed.Milliseconds(), Notes: res.Notes,
	}
	for _, e := range res.Errors {
		out.Errors = append(out.Errors, importError(e))
	}
	return out, err
}

func needsCollection(o *ImportOptions) error {
	if o.Collection == "" {
		return errs.New(errs.MissingRequiredField, "an import of a file needs a collection")
	}
	return nil
}

func importError(e transfer.LineError) ImportError {
	out := ImportError{Line: e.Line, Unit: e.Unit, Excerpt: e.Excerpt, Code: int32(errs.ImportFailed), Message: e.Err.Error()}
	if x := errs.As(e.Err); x != nil {
		out.Code, out.Message = int32(x.Code), x.Message
	}
	return out
}

// ImportMongo reads a MongoDB database (Options.Source) once into the branch:
// collections with their options and indexes, then views.
func (b *Branch) ImportMongo(ctx context.Context, o *ImportOptions) (*ImportResult, error) {
	if o.Collection != "" {
		o.Collections = append(o.Collections, o.Collection)
	}
	return b.importing(ctx, o, nil, 0, true, func(ctx context.Context, j *job) (*ImportResult, error) {
		res, err := transfer.ImportMongo(ctx, j.sink, transfer.MongoOptions{
			URI: o.Source, Database: o.Database, Collections: o.Collections, NoSnapshot: o.NoSnapshot,
			Parallel: int(o.Parallel), BatchDocs: int(o.BatchDocs), MaxErrors: o.MaxErrors, Progress: observer(ctx),
		})
		return databaseResult(&res, j.sink), err
	})
}

// IsMongoURI reports whether a source is a server and not a file.
func IsMongoURI(source string) bool {
	return strings.HasPrefix(source, "mongodb://") || strings.HasPrefix(source, "mongodb+srv://")
}

// ExportResult is what an export did.
type ExportResult struct {
	Exported    int64 `bson:"exported" json:"exported"`
	Bytes       int64 `bson:"bytes" json:"bytes"` // before compression
	ElapsedMS   int64 `bson:"elapsedMS" json:"elapsedMS"`
	Collections int64 `bson:"collections,omitempty" json:"collections,omitempty"` // of a dump
}

// Export writes the documents of a collection of the branch, at its moment.
func (b *Branch) Export(ctx context.Context, w io.Writer, o *ExportOptions) (*ExportResult, error) {
	format, err := formatOf(o.Format, o.Path)
	if err != nil {
		return nil, err
	}
	if format == transfer.Archive {
		return b.exportArchive(ctx, w, o)
	}
	if o.Collection == "" {
		return nil, errs.New(errs.MissingRequiredField, "an export needs a collection")
	}
	if _, err := b.Resolve(ctx); err != nil {
		return nil, err // a project that is not there is no empty collection
	}
	src, total, err := b.exportSource(ctx, o)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	res, err := transfer.Export(ctx, func(ctx context.Context) (transfer.Iter, error) { return src.Open(ctx) }, w, transfer.ExportOptions{
		Collection: o.Collection, Format: format, Canonical: o.Canonical, Array: o.Array,
		Fields: o.Fields, Delimiter: o.Delimiter, Compression: o.Compression, Progress: observer(ctx), TotalDocs: total,
	})
	return &ExportResult{Exported: res.Docs, Bytes: res.Bytes, ElapsedMS: res.Elapsed.Milliseconds()}, err
}

// exportSource prepares the query of an export and counts what it will give,
// where that costs nothing.
func (b *Branch) exportSource(ctx context.Context, o *ExportOptions) (Source, int64, error) {
	if o.History {
		return b.historySource(ctx, o)
	}
	f := newFields("find", o.Collection).num("limit", o.Limit)
	for _, d := range []struct {
		name string
		doc  bsonraw.Doc
	}{{"filter", o.Filter}, {"projection", o.Projection}, {"sort", o.Sort}} {
		if d.doc != nil {
			f.document(d.name, d.doc)
		}
	}
	if f.err != nil {
		return nil, 0, f.err
	}
	raw, err := marshal(b.generic(f.doc))
	if err != nil {
		return nil, 0, err
	}
	total := int64(0)
	if o.Filter.IsEmpty() {
		if total, err = b.Collection(o.Collection).Count(ctx, nil); err != nil {
			return nil, 0, err
		}
		if o.Limit > 0 {
			total = min(total, o.Limit)
		}
	}
	src, err := b.project.c.OpenSource(ctx, b.Database(), raw)
	return src, total, err
}

// historySource prepares the export of all states of a collection's documents.
func (b *Branch) historySource(ctx context.Context, o *ExportOptions) (Source, int64, error) {
	if o.Filter != nil || o.Projection != nil || o.Sort != nil || o.Limit != 0 {
		return nil, 0, errs.New(errs.BadValue, "a history is whole: it takes no filter, projection, sort or limit")
	}
	raw, err := marshal(b.generic(newFields("argonVersions", o.Collection).doc))
	if err != nil {
		return nil, 0, err
	}
	src, err := b.project.c.OpenSource(ctx, b.Database(), raw)
	return src, 0, err
}

func formatOf(name, path string) (transfer.Format, error) {
	if name == "" {
		return transfer.FormatOf(strings.TrimSuffix(path, ".gz")), nil
	}
	format, ok := transfer.ParseFormat(name)
	if !ok {
		return 0, errs.New(errs.BadValue, "there is no format %q", name).WithRemedy("there are %s", strings.Join(command.Formats, ", "))
	}
	return format, nil
}
