package main

import (
	"context"

	"github.com/spf13/cobra"
)

type projectsCreateOptions struct {
	name string
}

func newProjectsCreate(a *app) *cobra.Command {
	var o projectsCreateOptions
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a project with an empty branch main",
		Example: example(`
argon projects create my-app
argon projects create --name my-app --json`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runProjectsCreate(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	return cmd
}

func runProjectsCreate(ctx context.Context, a *app, o *projectsCreateOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	p, err := c.Projects().Create(ctx, o.name)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p)
	}
	a.printf("Created project %s.\n", p.Name)
	return nil
}
