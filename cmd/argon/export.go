package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

type exportOptions struct {
	branch, at               string
	filter, projection, sort string
	delimiter                string
	what                     client.ExportOptions
}

func newExport(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use: "export", Short: "Export a collection, on any branch at any moment, to a file", Args: cobra.NoArgs,
		Long: `Export a collection, on any branch at any moment, to a file of Extended JSON, CSV or
TSV, or to standard output. The format is that of the file's name unless --format
says it; a file that ends in .gz is compressed. The file appears once it is whole.`,
		Example: example(`
argon export -p shop -c users -o users.jsonl
argon export -p shop -b main -c users --at v1 --format csv -o -
argon export -p shop -c users --filter '{age: {$gte: 30}}' -o thirty.csv.gz`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), a, &o) },
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	collectionFlag(cmd, &o.what.Collection, "the collection or view")
	f := cmd.Flags()
	f.StringVarP(&o.what.Path, "output", "o", "-", "the file; - is standard output")
	f.StringVar(&o.what.Format, "format", "", "json, jsonl, ndjson, csv or tsv")
	f.StringVar(&o.filter, "filter", "", "which documents, as JSON")
	f.StringVar(&o.projection, "projection", "", "which fields, as JSON")
	f.StringVar(&o.sort, "sort", "", "in which order, as JSON")
	f.Int64VarP(&o.what.Limit, "limit", "n", 0, "at most so many; 0 for all")
	f.BoolVar(&o.what.Canonical, "canonical", false, "JSON: canonical Extended JSON, which keeps every type")
	f.BoolVar(&o.what.Array, "array", false, "JSON: one array instead of a document a line")
	f.StringSliceVar(&o.what.Fields, "fields", nil, "CSV: the columns (else all that there are)")
	f.StringVar(&o.delimiter, "delimiter", "", "CSV: what parts the cells")
	return cmd
}

// complete turns the flags into options.
func (o *exportOptions) complete() error {
	w := &o.what
	if w.Collection == "" {
		return usage("say which collection: -c COLLECTION")
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
		_, err := b.Export(ctx, a.io.Out, &o.what)
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
	fmt.Fprintf(a.io.Out, "Exported %s of %s to %s.\n", count(res.Exported, "document"), b.Ref(), o.what.Path)
	return nil
}
