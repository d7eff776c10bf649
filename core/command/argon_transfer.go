package command

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// argonImport and argonExport read and write files, so they run where the files
// are: in package client, which every door but the wire server is. They are
// defined here so that they are documented and read like every other command;
// a server refuses them.

// ImportArgs are the fields of argonImport.
type ImportArgs struct {
	Source      string // a path, or mongodb://…
	Collection  string
	Format      string // "", json, jsonl, ndjson, csv, tsv
	Mode        string // insert, upsert, replace
	MaxErrors   int64
	Fields      []string
	Types       map[string]string
	Nulls       []string
	WriteNulls  bool
	Flat        bool
	Delimiter   byte
	BatchDocs   int64
	Database    string
	Collections []string
	NoSnapshot  bool
	Parallel    int64
	Resume      bool
	Atomic      bool
	Rejects     string
	Actor       string
	Message     string
}

// ExportArgs are the fields of argonExport.
type ExportArgs struct {
	Path                     string
	Collection               string
	Format                   string
	Filter, Projection, Sort bsonraw.Doc
	Limit                    int64
	Canonical, Array         bool
	Fields                   []string
	Delimiter                byte
	Collections              []string
	Database                 string
	Gzip                     bool
	History                  bool
	Compression              string
}

// texts is an array of strings.
func texts[A any](name string, at func(*A) *[]string) field[A] {
	return kind(name, "array of strings", []bsonraw.Type{bsonraw.Array}, func(a *A, v bsonraw.Value) error {
		it := v.Doc().Iter()
		for it.Next() {
			if it.Value().Type != bsonraw.String {
				return errs.New(errs.TypeMismatch, "BSON field '%s.%s' is the wrong type '%s', expected type 'string'", name, it.Key(), it.Value().Type.Name())
			}
			*at(a) = append(*at(a), it.Value().Str())
		}
		return nil
	})
}

// byteField is one character.
func byteField[A any](name string, at func(*A) *byte) field[A] {
	return kind(name, "string", []bsonraw.Type{bsonraw.String}, func(a *A, v bsonraw.Value) error {
		text := v.StringBytes()
		if len(text) != 1 || text[0] >= 0x80 {
			return errs.New(errs.BadValue, "the field '%s' is one ASCII character, got %q", name, text)
		}
		*at(a) = text[0]
		return nil
	})
}

// oneOf is a string out of a list.
func oneOf[A any](name string, at func(*A) *string, choices ...string) field[A] {
	f := text(name, at)
	f.read = func(a *A, v bsonraw.Value) error {
		for _, c := range choices {
			if string(v.StringBytes()) == c {
				*at(a) = c
				return nil
			}
		}
		return errs.New(errs.BadValue, "the field '%s' is one of %s, got %q", name, strings.Join(choices, ", "), v.StringBytes())
	}
	return f
}

// Formats are the names of the formats of files.
var Formats = []string{
	"json", "jsonl", "ndjson", "csv", "tsv", "bson", "dump", "archive", "parquet", "arrow", "feather", "arrows",
}

func typesField(name string) field[ImportArgs] {
	return kind(name, "object", []bsonraw.Type{bsonraw.Object}, func(a *ImportArgs, v bsonraw.Value) error {
		a.Types = map[string]string{}
		it := v.Doc().Iter()
		for it.Next() {
			if it.Value().Type != bsonraw.String {
				return errs.New(errs.TypeMismatch, "BSON field '%s.%s' is the wrong type '%s', expected type 'string'", name, it.Key(), it.Value().Type.Name())
			}
			a.Types[string(it.Key())] = it.Value().Str()
		}
		return nil
	})
}

func argonImportCommand() *Command {
	type args = ImportArgs
	return definition[args]{
		Command: Command{
			Name: "argonImport", Group: Maintenance, traits: writes,
			Help:    "Reads a file into a collection, or a dump of mongodump or a MongoDB database once into a branch, with its indexes, validators and views. It runs in the client, where the file is. Each batch is a commit. The reply is {imported, failed, errors, notes, argonLSN}.",
			Example: `{argonImport: "users.jsonl", collection: "users"}`, DB: "shop",
		},
		access:   onCollection(func(a *args) string { return a.Collection }, auth.Insert, auth.Update, auth.Remove, auth.CreateCollection, auth.CreateIndex, auth.CollMod),
		defaults: args{Mode: "insert"},
		fields: []field[args]{
			text("argonImport", func(a *args) *string { return &a.Source }).need().about("The file's path, or a connection string mongodb://…"),
			text("collection", func(a *args) *string { return &a.Collection }).about("Where a file goes; else the collection that it is named after. Of a dump, the only one to read."),
			oneOf("format", func(a *args) *string { return &a.Format }, Formats...).about("json (also jsonl, ndjson), csv, tsv, bson, dump (a directory of mongodump), archive, parquet, arrow (also feather) or arrows; else by the file's name."),
			oneOf("mode", func(a *args) *string { return &a.Mode }, "insert", "upsert", "replace").
				about("insert (the default); upsert replaces documents with the same _id; replace empties the collection first."),
			integer("maxErrors", func(a *args) *int64 { return &a.MaxErrors }).about("How many lines or documents may fail; 0 is none, -1 any number."),
			texts("fields", func(a *args) *[]string { return &a.Fields }).about("CSV: names of the columns; else the first line has them."),
			typesField("types").about("CSV, Parquet, Arrow: types of columns: string, int, long, double, decimal, bool, date, objectId, uuid, binData, json."),
			texts("nulls", func(a *args) *[]string { return &a.Nulls }).about(`CSV: texts that stand for no value, as "NA".`),
			flag("writeNulls", func(a *args) *bool { return &a.WriteNulls }).about("CSV, Parquet, Arrow: store a null for no value instead of leaving the field out."),
			flag("flat", func(a *args) *bool { return &a.Flat }).about("CSV: a dot in a column's name makes no embedded document."),
			byteField("delimiter", func(a *args) *byte { return &a.Delimiter }).about("CSV: what parts the cells."),
			natural("batchDocs", func(a *args) *int64 { return &a.BatchDocs }).about("The most documents of one commit; 2,000 if left out."),
			text("database", func(a *args) *string { return &a.Database }).about("MongoDB and dumps: which database; else the one that the connection string names, or the only one of the dump."),
			texts("collections", func(a *args) *[]string { return &a.Collections }).about("MongoDB and dumps: which collections; else all."),
			flag("noSnapshot", func(a *args) *bool { return &a.NoSnapshot }).about("MongoDB: do not read all collections at one moment."),
			flag("atomic", func(a *args) *bool { return &a.Atomic }).about("All of it becomes visible at once, or nothing."),
			flag("resume", func(a *args) *bool { return &a.Resume }).about("Remember with each commit how far the import is, and go on there if an earlier run of the same file was stopped."),
			text("rejects", func(a *args) *string { return &a.Rejects }).about("A file for the lines that fail, as they are."),
			natural("parallel", func(a *args) *int64 { return &a.Parallel }).about("MongoDB: collections read at once; 4 if left out."),
		},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) { return nil, clientOnly(c.cmd.Name) },
	}.build()
}

func argonExportCommand() *Command {
	type args = ExportArgs
	return definition[args]{
		Command: Command{
			Name: "argonExport", Group: Maintenance, traits: reads,
			Help:    "Writes the documents of a collection, on any branch at any moment, to a file, or a whole branch, with its indexes, validators and views, as a dump that mongorestore reads. It runs in the client, where the file is. The file appears once it is whole. The reply is {exported, bytes}.",
			Example: `{argonExport: "users.jsonl", collection: "users", filter: {age: {$gte: 30}}}`, DB: "shop~main~-1",
		},
		access: onCollection(func(a *args) string { return a.Collection }, auth.Find),
		fields: []field[args]{
			text("argonExport", func(a *args) *string { return &a.Path }).need().about("The file's path."),
			text("collection", func(a *args) *string { return &a.Collection }).about("The collection or view; required unless for a dump or archive."),
			oneOf("format", func(a *args) *string { return &a.Format }, Formats...).about("json (also jsonl, ndjson), csv, tsv, bson, dump (a directory of mongodump), archive, parquet, arrow (also feather) or arrows; else by the file's name."),
			object("filter", func(a *args) *bsonraw.Doc { return &a.Filter }).about("Which documents."),
			object("projection", func(a *args) *bsonraw.Doc { return &a.Projection }).about("Which fields."),
			object("sort", func(a *args) *bsonraw.Doc { return &a.Sort }).about("In which order."),
			natural("limit", func(a *args) *int64 { return &a.Limit }).about("At most n; 0 is no limit."),
			flag("canonical", func(a *args) *bool { return &a.Canonical }).about("JSON: canonical Extended JSON, which keeps every type."),
			flag("array", func(a *args) *bool { return &a.Array }).about("JSON: one array instead of a document a line."),
			texts("fields", func(a *args) *[]string { return &a.Fields }).about("CSV: the columns; else all that there are."),
			byteField("delimiter", func(a *args) *byte { return &a.Delimiter }).about("CSV: what parts the cells."),
			texts("collections", func(a *args) *[]string { return &a.Collections }).about("Dump and archive: which collections and views; else all."),
			text("database", func(a *args) *string { return &a.Database }).about("Dump and archive: the name of the database in it; else the project's."),
			flag("history", func(a *args) *bool { return &a.History }).about("Every state of every document, with _lsn, _time, _op and _actor."),
			text("compression", func(a *args) *string { return &a.Compression }).about("Parquet: none, snappy (the default), gzip, zstd, brotli or lz4; Arrow: none (the default), zstd or lz4."),
			flag("gzip", func(a *args) *bool { return &a.Gzip }).about("Compress with gzip; of a dump, each of its files."),
		},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) { return nil, clientOnly(c.cmd.Name) },
	}.build()
}

func clientOnly(name string) error {
	return errs.New(errs.CommandNotSupported, "%s reads or writes files where the client runs, and a server has none of them", name).
		WithRemedy("use the Python package, the Go SDK or the command line")
}

// ParseImport reads the fields of an argonImport on a database.
func (s *Session) ParseImport(ctx context.Context, db string, raw bsonraw.Doc) (*ImportArgs, error) {
	c, err := s.parse(ctx, db, raw)
	if err != nil {
		return nil, err
	}
	defer c.release()
	a := c.args.(*ImportArgs)
	meta := c.meta()
	a.Actor, a.Message = meta.Actor, meta.Message
	return a, nil
}

// ParseExport reads the fields of an argonExport on a database. What it returns
// points into raw.
func (s *Session) ParseExport(ctx context.Context, db string, raw bsonraw.Doc) (*ExportArgs, error) {
	c, err := s.parse(ctx, db, raw)
	if err != nil {
		return nil, err
	}
	defer c.release()
	return c.args.(*ExportArgs), nil
}

// parse reads a command without running it. The caller releases the call.
func (s *Session) parse(ctx context.Context, db string, raw bsonraw.Doc) (*call, error) {
	c, err := s.d.begin(ctx, s, db, raw)
	if err != nil {
		return nil, asError(err)
	}
	if err := c.prepare(ctx); err != nil {
		c.release()
		return nil, asError(err)
	}
	return c, nil
}
