package main

import "github.com/spf13/cobra"

func newTimeTravel(a *app) *cobra.Command {
	cmd := group("time-travel", "Read a branch as it was at any moment", newTimeTravelInfo(a), newTimeTravelQuery(a))
	cmd.Aliases = []string{"tt"}
	return cmd
}
