package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

type tagsDeleteOptions struct {
	name string
	yes  bool
}

func newTagsDelete(a *app) *cobra.Command {
	var o tagsDeleteOptions
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a tag", Aliases: []string{"rm"},
		Long:    "Delete a tag. What only it kept from retention goes with the next argon gc.",
		Example: example(`argon tags delete v1 -p shop --yes`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTagsDelete(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	yesFlag(cmd, &o.yes)
	return cmd
}

func runTagsDelete(ctx context.Context, a *app, o *tagsDeleteOptions) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	if err := a.confirm(o.yes, fmt.Sprintf("Delete tag %s of project %s?", o.name, p.Name())); err != nil {
		return err
	}
	if err := p.Tags().Delete(ctx, o.name); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"deleted": o.name})
	}
	a.printf("Deleted tag %s.\n", o.name)
	return nil
}
