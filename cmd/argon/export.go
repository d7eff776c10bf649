package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/command"
)

type exportOptions struct {
	branch, at               string
	filter, projection, sort string
	delimiter                string
	dump, archive            string
	what                     client.ExportOptions
}

func newExport(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use: "export", Short: "Export a collection, on any branch at any moment, to a file", Args: cobra.NoArgs,
		Long: `Export a collection, on any branch at any moment, to a file of Extended JSON, CSV,
TSV, BSON, Parquet or Arrow, or to standard output. The format is that of the file's
name unless --format says it; a file that ends in .gz is compressed. The file appears
once it is whole. --dump and --archive write the whole branch, or the collections that
are named, with indexes, validators and views, as mongodump does: mongorestore reads
it.`,
		Example: example(`
argon export -p shop -c users -o users.jsonl
argon export -p shop -b main -c users --at v1 --format csv -o -
argon export -p shop -c users --filter '{age: {$gte: 30}}' -o thirty.csv.gz
argon export -p shop -c users --at v1 -o users.parquet --compression zstd
argon export -p shop -c users --history -o users-history.parquet
argon export -p shop --dump dump/
argon export -p shop -b exp --at v1 --archive shop.archive --gzip --collections users,orders`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), a, &o) },
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	collectionFlag(cmd, &o.what.Collection, "the collection or view")
	f := cmd.Flags()
	f.StringVarP(&o.what.Path, "output", "o", "-", "the file; - is standard output")
	f.StringVar(&o.what.Format, "format", "", strings.Join(command.Formats, ", "))
	f.StringVar(&o.filter, "filter", "", "which documents, as JSON")
	f.StringVar(&o.projection, "projection", "", "which fields, as JSON")
	f.StringVar(&o.sort, "sort", "", "in which order, as JSON")
	f.Int64VarP(&o.what.Limit, "limit", "n", 0, "at most so many; 0 for all")
	f.BoolVar(&o.what.Canonical, "canonical", false, "JSON: canonical Extended JSON, which keeps every type")
	f.BoolVar(&o.what.Array, "array", false, "JSON: one array instead of a document a line")
	f.StringSliceVar(&o.what.Fields, "fields", nil, "CSV: the columns (else all that there are)")
	f.StringVar(&o.delimiter, "delimiter", "", "CSV: what parts the cells")
	f.StringVar(&o.what.Compression, "compression", "", "Parquet: none, snappy, gzip, zstd, brotli, lz4; Arrow: none, zstd, lz4")
	f.BoolVar(&o.what.History, "history", false, "every state of every document, with _lsn, _time, _op and _actor")
	f.StringVar(&o.dump, "dump", "", "write the branch as mongodump's directory")
	f.StringVar(&o.archive, "archive", "", "write the branch as mongodump's archive; - is standard output")
	f.BoolVar(&o.what.Gzip, "gzip", false, "compress with gzip; of a dump, each of its files")
	f.StringSliceVar(&o.what.Collections, "collections", nil, "of a dump or archive: which collections and views (else all)")
	f.StringVar(&o.what.Database, "database", "", "of a dump or archive: the database's name in it (else the project's)")
	cmd.MarkFlagsMutuallyExclusive("dump", "archive", "output")
	return cmd
}

// complete turns the flags into options.
func (o *exportOptions) complete() error {
	w := &o.what
	switch {
	case o.dump != "":
		w.Path, w.Format = o.dump, "dump"
	case o.archive != "":
		w.Path, w.Format = o.archive, "archive"
	case w.Collection == "" && w.Format != "dump" && w.Format != "archive":
		return usage("say which collection: -c COLLECTION; or export all of them with --dump DIRECTORY or --archive FILE")
	}
	for _, d := range []struct {
		flag, text string
		set        func([]byte)
	}{
		{"filter", o.filter, func(b []byte) { w.Filter = b }},
		{"projection", o.projection, func(b []byte) { w.Projection = b }},
		{"sort", o.sort, func(b []byte) { w.Sort = b }},
	} {
		if d.text == "" {
			continue
		}
		doc, err := parseDoc(d.text)
		if err != nil {
			return usage("--%s is no JSON document: %v", d.flag, err)
		}
		d.set(doc)
	}
	var err error
	w.Delimiter, err = delimiter(o.delimiter)
	return err
}

func runExport(ctx context.Context, a *app, o *exportOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	if o.what.Path == "-" {
		_, err := b.ExportStream(ctx, a.io.Out, &o.what)
		return err
	}
	bar := a.progress("export")
	defer bar.done()
	res, err := b.ExportTo(client.WithProgress(ctx, bar.report), &o.what)
	bar.done()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{
			"exported": res.Exported, "bytes": res.Bytes, "elapsedMS": res.ElapsedMS, "path": o.what.Path,
		})
	}
	if o.what.Collection == "" {
		fmt.Fprintf(a.io.Out, "Exported %s in %s of %s to %s.\n",
			count(res.Exported, "document"), count(res.Collections, "collection"), b.Ref(), o.what.Path)
		return nil
	}
	fmt.Fprintf(a.io.Out, "Exported %s of %s to %s.\n", count(res.Exported, "document"), b.Ref(), o.what.Path)
	return nil
}
