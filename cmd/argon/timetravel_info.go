package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

type timeTravelInfoOptions struct {
	branch, at string
}

func newTimeTravelInfo(a *app) *cobra.Command {
	var o timeTravelInfoOptions
	cmd := &cobra.Command{
		Use: "info", Short: "Say how far back a branch goes, and which commit a moment stands for", Args: cobra.NoArgs,
		Example: example(`
argon time-travel info -p shop -b main
argon time-travel info -p shop -b main --at 2026-11-24T06:00:00Z --json`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runTimeTravelInfo(cmd.Context(), a, &o) },
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	return cmd
}

func runTimeTravelInfo(ctx context.Context, a *app, o *timeTravelInfoOptions) error {
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	m, err := b.Resolve(ctx)
	if err != nil {
		return err
	}
	colls, err := b.Collections(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			*client.Moment
			Collections []string `json:"collections"`
		}{m, orNone(colls)})
	}
	at := "-"
	if m.Time != nil {
		at = when(*m.Time)
	}
	return a.facts("Project", m.Project, "Branch", m.Branch, "LSN", number(m.LSN), "Time", at,
		"First LSN", number(m.FirstLSN), "Head LSN", number(m.HeadLSN), "Collections", list(colls))
}
