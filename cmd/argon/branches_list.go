package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newBranchesList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the branches of a project", Aliases: []string{"ls"}, Args: cobra.NoArgs,
		Example: example(`argon branches list -p shop`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runBranchesList(cmd.Context(), a) },
	}
}

func runBranchesList(ctx context.Context, a *app) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	list, err := p.Branches().List(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"branches": list})
	}
	rows := make([][]string, len(list))
	for i, b := range list {
		parent := "-"
		if b.Parent != "" {
			parent = b.Parent + "@" + number(b.ForkLSN)
		}
		rows[i] = []string{b.Name, parent, number(b.HeadLSN), when(b.Created), b.Actor}
	}
	return a.table([]string{"BRANCH", "FROM", "HEAD", "CREATED", "BY"}, rows)
}
