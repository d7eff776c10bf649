package main

import (
	"bufio"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/ejson"
)

type timeTravelQueryOptions struct {
	branch, at, lsn string
	collection      string
	filter, sort    string
	projection      string
	skip, limit     int64
	canonical       bool
}

func newTimeTravelQuery(a *app) *cobra.Command {
	var o timeTravelQueryOptions
	cmd := &cobra.Command{
		Use: "query", Short: "Print the documents of a collection as they were at a moment", Args: cobra.NoArgs,
		Long: "Print the documents of a collection as they were at a moment, one line of Extended\nJSON each. Without a moment it is the branch as it is now.",
		Example: example(`
argon time-travel query -p shop -b main -c users --lsn 1024
argon time-travel query -p shop -b main -c users --at -3 --filter '{age: {$gt: 30}}' --sort '{age: -1}' --limit 10`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runTimeTravelQuery(cmd.Context(), a, &o) },
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	collectionFlag(cmd, &o.collection, "the collection")
	f := cmd.Flags()
	f.StringVar(&o.lsn, "lsn", "", "the moment, as an LSN")
	f.StringVar(&o.filter, "filter", "", "which documents, as JSON")
	f.StringVar(&o.sort, "sort", "", "in which order, as JSON")
	f.StringVar(&o.projection, "projection", "", "which fields, as JSON")
	f.Int64Var(&o.skip, "skip", 0, "leave out the first ones")
	f.Int64VarP(&o.limit, "limit", "n", 0, "at most so many; 0 for all")
	f.BoolVar(&o.canonical, "canonical", false, "canonical Extended JSON, which keeps every type")
	return cmd
}

func runTimeTravelQuery(ctx context.Context, a *app, o *timeTravelQueryOptions) error {
	if o.collection == "" {
		return usage("say which collection: -c COLLECTION")
	}
	if o.lsn != "" {
		if o.at != "" {
			return usage("the moment is given twice, as --lsn and as --at")
		}
		if strings.Trim(o.lsn, "0123456789") != "" {
			return usage("--lsn %s is no LSN; --at takes any moment", o.lsn)
		}
		o.at = o.lsn
	}
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	if _, err := b.Resolve(ctx); err != nil {
		return err // so that a project that is not there is no empty result
	}
	find := &client.FindOptions{Skip: o.skip, Limit: o.limit}
	filter, err := optionalDoc("filter", o.filter)
	if err != nil {
		return err
	}
	if find.Sort, err = optionalDoc("sort", o.sort); err != nil {
		return err
	}
	if find.Projection, err = optionalDoc("projection", o.projection); err != nil {
		return err
	}
	cur, err := b.Collection(o.collection).Find(ctx, filter, find)
	if err != nil {
		return err
	}
	return a.printDocuments(ctx, cur, o.canonical)
}

// optionalDoc parses a document of a flag; nil if it is not given.
func optionalDoc(flag, text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	doc, err := parseDoc(text)
	if err != nil {
		return nil, usage("--%s is no JSON document: %v", flag, err)
	}
	return doc, nil
}

// printDocuments prints a stream, one line a document, and closes it.
func (a *app) printDocuments(ctx context.Context, cur *client.Documents, canonical bool) error {
	defer cur.Close()
	mode := ejson.Relaxed
	if canonical {
		mode = ejson.Canonical
	}
	w := bufio.NewWriterSize(a.io.Out, 64<<10)
	var line []byte
	for cur.Next(ctx) {
		line = append(ejson.Append(line[:0], bsonraw.Doc(cur.Current()), mode), '\n')
		if _, err := w.Write(line); err != nil {
			return outputError(err)
		}
	}
	if err := w.Flush(); err != nil {
		return outputError(err)
	}
	return cur.Err()
}
