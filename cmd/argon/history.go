package main

import (
	"context"

	"github.com/spf13/cobra"
)

type documentOptions struct {
	branch, at     string
	collection, id string
}

// args reads COLLECTION and ID.
func (o *documentOptions) args(args []string) {
	o.collection, o.id = args[0], args[1]
}

const idHelp = "\n\nID is a JSON value: 7, \"abc\", '{\"$oid\": \"…\"}', 'ObjectId(\"…\")'. What is no JSON is taken as a\nstring. Put -- before an ID that begins with -."

func newHistory(a *app) *cobra.Command {
	var o documentOptions
	cmd := &cobra.Command{
		Use: "history COLLECTION ID", Short: "List the states that a document went through, oldest first", Args: cobra.ExactArgs(2),
		Long: "List the states that a document went through on a branch, oldest first." + idHelp,
		Example: example(`
argon history users 7 -p shop -b main
argon history users 'ObjectId("5f8f8c44b54764421b7156c1")' -p shop --json`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.args(args)
			return runHistory(cmd.Context(), a, &o)
		},
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	return cmd
}

func runHistory(ctx context.Context, a *app, o *documentOptions) error {
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	id, note := parseID(o.id)
	states, err := b.History(ctx, o.collection, id)
	if err != nil {
		return err
	}
	if len(states) == 0 {
		return noDocument(o, note)
	}
	if a.json {
		return a.printJSON(map[string]any{"history": states})
	}
	rows := make([][]string, len(states))
	for i, s := range states {
		rows[i] = []string{number(s.LSN), when(s.Time), s.Actor, s.Op, s.Message, cut(plain(s.Document.Raw()), 2*cellWidth)}
	}
	return a.table([]string{"LSN", "TIME", "BY", "OP", "MESSAGE", "DOCUMENT"}, rows)
}
