package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

func newBranchesProtect(a *app) *cobra.Command {
	cmd := protection(a, "protect", "Let only merges change a branch", "takes merges only", client.Branches.Protect)
	cmd.Long = "Let only merges change a branch: writes, also of transactions that are open,\nrestoring and deleting it are refused until argon branches unprotect."
	return cmd
}

func newBranchesUnprotect(a *app) *cobra.Command {
	return protection(a, "unprotect", "Let a protected branch take writes again", "takes writes", client.Branches.Unprotect)
}

func protection(a *app, verb, short, now string, change func(client.Branches, context.Context, string) (*client.BranchInfo, error)) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: verb + " NAME", Short: short,
		Example: example("argon branches " + verb + " main -p shop"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.openProject(cmd.Context())
			if err != nil {
				return err
			}
			b, err := change(p.Branches(), cmd.Context(), name)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(b)
			}
			a.printf("Branch %s %s.\n", b.Name, now)
			return nil
		},
	}
	nameArg(cmd, &name)
	return cmd
}
