package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

type restoreOptions struct {
	targetOptions
	branch, at, message string
}

func newRestore(a *app) *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use: "restore --to mongodb://HOST/DATABASE --at MOMENT", Short: "Bring a live MongoDB back to a past moment of a branch", Args: cobra.NoArgs,
		Long: `Bring a live MongoDB, or some of its collections or documents, back to a past moment
of a branch, which is usually its mirror. The live documents have to be what the
branch has at its head, that is, what the mirror saw last; where they have moved on,
that is a conflict, and nothing is overwritten. A dropped collection is made again,
with its options and indexes. Plan, journal and rollback are those of argon publish.
(argon branches restore moves a branch back, and touches no MongoDB.)`,
		Example: example(`
argon restore --to mongodb://localhost:27017/shop -p shop -c orders --at 2026-11-24T06:00:00Z --dry-run
argon restore --to mongodb://localhost:27017/shop -p shop -c orders --at -1 --yes
argon restore --to mongodb://localhost:27017/shop -p shop -c users --at v1 --filter '{country: "UK"}'`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runRestore(cmd.Context(), a, &o) },
	}
	o.flags(cmd)
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	cmd.Flags().StringVar(&o.what.Base, "base", "", "what the target has now: a ref (else the branch's head)")
	messageFlag(cmd, &o.message)
	return cmd
}

func runRestore(ctx context.Context, a *app, o *restoreOptions) error {
	if o.at == "" {
		return usage("say to which moment: --at")
	}
	if err := o.complete(); err != nil {
		return err
	}
	b, err := a.openBranch(ctx, o.branch, "")
	if err != nil {
		return err
	}
	b = b.As(a.actor, o.message)
	return a.toTarget(ctx, &o.targetOptions, "restore",
		func(ctx context.Context) (*client.PublishReport, error) {
			return b.RestoreToPlan(ctx, o.to, o.at, &o.what)
		},
		func(ctx context.Context) (*client.PublishReport, error) {
			return b.RestoreTo(ctx, o.to, o.at, &o.what)
		})
}
