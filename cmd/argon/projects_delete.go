package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

type projectsDeleteOptions struct {
	name string
	yes  bool
}

func newProjectsDelete(a *app) *cobra.Command {
	var o projectsDeleteOptions
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a project with its branches, tags and history", Aliases: []string{"rm"},
		Example: example(`argon projects delete my-app --yes`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runProjectsDelete(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	yesFlag(cmd, &o.yes)
	return cmd
}

func runProjectsDelete(ctx context.Context, a *app, o *projectsDeleteOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	branches, err := c.Project(o.name).Branches().List(ctx)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Delete project %s with %s and all its history?", o.name, count(int64(len(branches)), "branch"))
	if err := a.confirm(o.yes, question); err != nil {
		return err
	}
	if err := c.Projects().Delete(ctx, o.name); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"deleted": o.name})
	}
	a.printf("Deleted project %s. Its space comes back with: argon gc --yes\n", o.name)
	return nil
}
