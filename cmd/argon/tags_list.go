package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newTagsList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tags of a project", Aliases: []string{"ls"}, Args: cobra.NoArgs,
		Example: example(`argon tags list -p shop`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTagsList(cmd.Context(), a) },
	}
}

func runTagsList(ctx context.Context, a *app) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	list, err := p.Tags().List(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"tags": list})
	}
	rows := make([][]string, len(list))
	for i, t := range list {
		rows[i] = []string{t.Name, t.Branch, number(t.LSN), when(t.Time), t.Actor}
	}
	return a.table([]string{"TAG", "BRANCH", "LSN", "TIME", "BY"}, rows)
}
