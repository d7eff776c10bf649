package main

import (
	"context"

	"github.com/spf13/cobra"
)

type tagsCreateOptions struct {
	name, branch, at string
}

func newTagsCreate(a *app) *cobra.Command {
	var o tagsCreateOptions
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Give a branch at a moment an immutable name",
		Example: example(`
argon tags create v1 -p shop -b main
argon tags create before-import -p shop -b main --at -1`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runTagsCreate(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	return cmd
}

func runTagsCreate(ctx context.Context, a *app, o *tagsCreateOptions) error {
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	t, err := b.Project().Tags().Create(ctx, o.name, b.Name(), b.Moment())
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(t)
	}
	a.printf("Tagged %s at LSN %d as %s.\n", t.Branch, t.LSN, t.Name)
	return nil
}
