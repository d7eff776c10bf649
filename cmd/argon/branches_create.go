package main

import (
	"context"

	"github.com/spf13/cobra"
)

type branchesCreateOptions struct {
	name, from, at string
}

func newBranchesCreate(a *app) *cobra.Command {
	var o branchesCreateOptions
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a branch from another one, at any moment",
		Long: "Make a branch from another one, at its head or at any moment. It is one small\nwrite, whatever the size of the data.",
		Example: example(`
argon branches create exp -p shop --from main
argon branches create exp -p shop --from main@1024
argon branches create exp -p shop --from main --at 2026-11-24T06:00:00Z`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runBranchesCreate(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	cmd.Flags().StringVar(&o.from, "from", "main", "the branch, or branch@moment, to start from")
	atFlag(cmd, &o.at)
	return cmd
}

func runBranchesCreate(ctx context.Context, a *app, o *branchesCreateOptions) error {
	from, err := a.openBranch(ctx, o.from, o.at)
	if err != nil {
		return err
	}
	b, err := from.Project().Branches().Create(ctx, o.name, from.Ref())
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(b)
	}
	a.printf("Created branch %s from %s at LSN %d.\n", b.Name, b.Parent, b.ForkLSN)
	return nil
}
