package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newProjectsList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the projects", Aliases: []string{"ls"}, Args: cobra.NoArgs,
		Example: example(`argon projects list --json`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runProjectsList(cmd.Context(), a) },
	}
}

func runProjectsList(ctx context.Context, a *app) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	list, err := c.Projects().List(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"projects": list})
	}
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = []string{p.Name, number(int64(p.Branches)), number(p.LSN), when(p.Created)}
	}
	return a.table([]string{"PROJECT", "BRANCHES", "LSN", "CREATED"}, rows)
}
