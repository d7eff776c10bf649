package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

type branchesDeleteOptions struct {
	name string
	yes  bool
}

func newBranchesDelete(a *app) *cobra.Command {
	var o branchesDeleteOptions
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a branch", Aliases: []string{"rm"},
		Long:    "Delete a branch's name. What tags and other branches need of it stays; the rest\ngoes with argon gc.",
		Example: example(`argon branches delete exp -p shop --yes`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runBranchesDelete(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	yesFlag(cmd, &o.yes)
	return cmd
}

func runBranchesDelete(ctx context.Context, a *app, o *branchesDeleteOptions) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	b, err := p.Branches().Get(ctx, o.name)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Delete branch %s of project %s, whose head is LSN %d?", b.Name, p.Name(), b.HeadLSN)
	if err := a.confirm(o.yes, question); err != nil {
		return err
	}
	if err := p.Branches().Delete(ctx, o.name); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"deleted": o.name, "headLSN": b.HeadLSN})
	}
	a.printf("Deleted branch %s, whose head was LSN %d.\n", b.Name, b.HeadLSN)
	return nil
}
