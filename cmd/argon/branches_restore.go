package main

import (
	"context"

	"github.com/spf13/cobra"
)

type branchesRestoreOptions struct {
	branch, at string
}

func newBranchesRestore(a *app) *cobra.Command {
	var o branchesRestoreOptions
	cmd := &cobra.Command{
		Use: "restore BRANCH --at MOMENT", Short: "Make a branch look as it did at a moment",
		Long: "Make a branch look as it did at a moment: one small write. What it leaves behind\nstays readable under its own LSNs; restoring to the LSN that is printed brings it back.",
		Args: cobra.ExactArgs(1),
		Example: example(`
argon branches restore main -p shop --at -1
argon branches restore main@v1 -p shop`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.branch = args[0]
			return runBranchesRestore(cmd.Context(), a, &o)
		},
	}
	atFlag(cmd, &o.at)
	return cmd
}

func runBranchesRestore(ctx context.Context, a *app, o *branchesRestoreOptions) error {
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	if b.Moment() == "" {
		return usage("say which moment to go back to: --at MOMENT")
	}
	res, err := b.Project().Branch(b.Name()).Restore(ctx, b.Moment())
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(res)
	}
	a.printf("Restored %s to LSN %d. It was at LSN %d; to go back there:\n  argon branches restore %s -p %s --at %d\n",
		res.Branch.Name, res.To, res.From, res.Branch.Name, a.project, res.From)
	return nil
}
