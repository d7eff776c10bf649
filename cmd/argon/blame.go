package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/errs"
)

func newBlame(a *app) *cobra.Command {
	var o documentOptions
	cmd := &cobra.Command{
		Use: "blame COLLECTION ID", Short: "Say who set each field of a document, and when", Args: cobra.ExactArgs(2),
		Long:    "Say for each field of a document who set it, when, and in which commit." + idHelp,
		Example: example(`argon blame users 7 -p shop -b main`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.args(args)
			return runBlame(cmd.Context(), a, &o)
		},
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	return cmd
}

func runBlame(ctx context.Context, a *app, o *documentOptions) error {
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	id, note := parseID(o.id)
	fields, err := b.Blame(ctx, o.collection, id)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return noDocument(o, note)
	}
	if a.json {
		return a.printJSON(map[string]any{"fields": fields})
	}
	rows := make([][]string, len(fields))
	for i, f := range fields {
		rows[i] = []string{f.Path, short(f.Value), number(f.LSN), when(f.Time), f.Actor, f.Message}
	}
	return a.table([]string{"PATH", "VALUE", "LSN", "TIME", "BY", "MESSAGE"}, rows)
}

// noDocument is the error of a document that is not there.
func noDocument(o *documentOptions, note string) error {
	return errs.New(errs.DocumentNotFound, "collection %q has no document with _id %s", o.collection, o.id).WithRemedy("%s", note)
}
