package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/command"
)

type importOptions struct {
	branch    string
	what      client.ImportOptions
	types     []string
	delimiter string
}

func newImport(a *app) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use: "import SOURCE", Short: "Import a file, standard input (-), or a MongoDB database", Args: cobra.ExactArgs(1),
		Long: `Import a file into a collection, or a dump of mongodump (a directory, or an archive)
or a MongoDB database into a branch, with its indexes, validators and views.
- reads standard input. The format is Extended JSON, CSV, TSV, BSON, Parquet or Arrow,
as the file or its name says unless --format does; what gzip compressed is
decompressed. A line that does not parse ends the import and is shown, unless
--max-errors allows for it; what was imported before stays, unless the import is
--atomic. With --resume an import that was stopped, by Ctrl-C or by a crash, goes on
exactly where it was when it is run again.`,
		Example: example(`
argon import users.jsonl -p shop -b main -c users
gunzip -c users.csv.gz | argon import - --format csv -c users -p shop
argon import events.parquet -p shop -c events --type _id=objectId
argon import huge.jsonl -p shop --resume --max-errors -1 --rejects bad.jsonl
argon import nightly.csv -p shop --atomic --mode replace
argon import dump/ -p shop
mongodump --archive --gzip --db shop | gunzip | argon import - --format archive -p shop
argon import mongodb://localhost:27017/shop -p shop`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.what.Source = args[0]
			return runImport(cmd.Context(), a, &o)
		},
	}
	branchFlag(cmd, &o.branch)
	collectionFlag(cmd, &o.what.Collection, "the collection (else the file's name; of a dump or server, all)")
	messageFlag(cmd, &o.what.Message)
	f := cmd.Flags()
	f.StringVar(&o.what.Format, "format", "", strings.Join(command.Formats, ", "))
	f.StringVar(&o.what.Mode, "mode", "insert", "insert, upsert (replace documents with the same _id) or replace (empty the collection first)")
	f.Int64Var(&o.what.MaxErrors, "max-errors", 0, "how many lines or documents may fail; -1 for any number")
	f.StringVar(&o.what.Rejects, "rejects", "", "a file for the lines that fail, as they are")
	f.BoolVar(&o.what.Atomic, "atomic", false, "all of it becomes visible at once, or nothing")
	f.BoolVar(&o.what.Resume, "resume", false, "remember how far the import is, and go on where an earlier run of the same file was stopped")
	f.Int64Var(&o.what.BatchDocs, "batch", 0, "the most documents of one commit (2,000)")
	f.StringSliceVar(&o.what.Fields, "fields", nil, "CSV: names of the columns, if the first line has none")
	f.StringArrayVar(&o.types, "type", nil, "CSV, Parquet, Arrow: COLUMN=TYPE, for example zip=string; may be repeated")
	f.StringArrayVar(&o.what.Nulls, "null", nil, "CSV: a text that stands for no value; may be repeated")
	f.StringVar(&o.delimiter, "delimiter", "", "CSV: what parts the cells")
	f.BoolVar(&o.what.WriteNulls, "write-nulls", false, "CSV, Parquet, Arrow: store nulls instead of leaving their fields out")
	f.BoolVar(&o.what.Flat, "flat", false, "CSV: a dot in a column's name makes no embedded document")
	f.StringVar(&o.what.Database, "database", "", "MongoDB and dumps: which database (else that of the connection string, or the only one)")
	f.StringSliceVar(&o.what.Collections, "collections", nil, "MongoDB and dumps: which collections (else all)")
	f.BoolVar(&o.what.NoSnapshot, "no-snapshot", false, "MongoDB: do not read all collections at one moment")
	return cmd
}

// complete turns the flags into options.
func (o *importOptions) complete(a *app) error {
	w := &o.what
	w.Actor = a.actor
	for _, t := range o.types {
		column, name, ok := strings.Cut(t, "=")
		if !ok {
			return usage("--type %s is not COLUMN=TYPE", t)
		}
		if w.Types == nil {
			w.Types = map[string]string{}
		}
		w.Types[column] = name
	}
	var err error
	if w.Delimiter, err = delimiter(o.delimiter); err != nil {
		return err
	}
	if w.Source == "-" && w.Collection == "" && w.Format != "archive" {
		return usage("say which collection standard input goes to: -c COLLECTION")
	}
	return nil
}

// delimiter reads one character; \t is a tab.
func delimiter(text string) (byte, error) {
	switch {
	case text == "":
		return 0, nil
	case text == `\t`:
		return '\t', nil
	case len(text) > 1:
		return 0, usage("--delimiter %s is more than one character", text)
	}
	return text[0], nil
}

func runImport(ctx context.Context, a *app, o *importOptions) error {
	if err := o.complete(a); err != nil {
		return err
	}
	b, err := a.openBranch(ctx, o.branch, "")
	if err != nil {
		return err
	}
	bar := a.progress("import")
	defer bar.done()
	ctx = client.WithProgress(ctx, bar.report)
	var res *client.ImportResult
	if o.what.Source == "-" {
		res, err = b.Import(ctx, a.io.In, 0, &o.what)
	} else {
		res, err = b.ImportFrom(ctx, &o.what)
	}
	bar.done()
	if res == nil || err != nil && res.Imported == 0 {
		return err
	}
	if err != nil && len(res.Errors) > 0 {
		res.Errors = res.Errors[:len(res.Errors)-1] // it is the error itself
	}
	if e := a.printImport(b, o, res); err == nil {
		err = e
	}
	return err
}

func (a *app) printImport(b *client.Branch, o *importOptions, res *client.ImportResult) error {
	for _, e := range res.Errors {
		fmt.Fprintf(a.io.Err, "%s: %s: %s\n", e.Place(), e.Message, e.Excerpt)
	}
	for _, note := range res.Notes {
		fmt.Fprintf(a.io.Err, "note: %s\n", note)
	}
	if a.json {
		res.Errors, res.Notes = orNone(res.Errors), orNone(res.Notes)
		return a.printJSON(res)
	}
	into := res.Collection
	if into == "" {
		into = count(int64(len(res.Collections)), "collection")
	}
	a.printf("Imported %s into %s on %s (LSN %d)", count(res.Imported, "document"), into, b.Name(), res.LSN)
	if res.Failed > 0 {
		a.printf(", %d failed", res.Failed)
	}
	if res.Resumed > 0 {
		a.printf("; earlier runs had imported %s", count(res.Resumed, "document"))
	}
	a.printf(".\n")
	if len(res.Collections) == 0 {
		return nil
	}
	rows := make([][]string, len(res.Collections))
	for i, c := range res.Collections {
		rows[i] = []string{c.Name, number(c.Documents), number(int64(c.Indexes))}
		if c.View {
			rows[i] = []string{c.Name, "view", "-"}
		}
	}
	return a.table([]string{"COLLECTION", "DOCUMENTS", "INDEXES"}, rows)
}
