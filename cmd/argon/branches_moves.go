package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newBranchesMoves(a *app) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "moves NAME", Short: "Show what happened to a branch itself",
		Long:    "Show when a branch was made, restored, deleted, protected and unprotected, and by\nwhom, newest first. LEFT is the head that it left: restoring to that LSN brings back\nwhat a restore took away.",
		Example: example(`argon branches moves main -p shop`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runBranchesMoves(cmd.Context(), a, name) },
	}
	nameArg(cmd, &name)
	return cmd
}

func runBranchesMoves(ctx context.Context, a *app, name string) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	moves, err := p.Branches().Moves(ctx, name)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"moves": moves})
	}
	rows := make([][]string, len(moves))
	for i, m := range moves {
		left := "-"
		if m.From != 0 {
			left = number(m.From)
		}
		rows[i] = []string{number(m.LSN), when(m.Time), m.Op, left, m.Actor}
	}
	return a.table([]string{"LSN", "TIME", "WHAT", "LEFT", "BY"}, rows)
}
