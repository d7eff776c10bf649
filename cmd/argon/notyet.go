package main

import (
	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/errs"
)

// notYet are the verbs that are known and not there yet. Each says what works
// instead, so that nobody searches for a typing error.
func notYet(a *app) []*cobra.Command {
	var cmds []*cobra.Command
	for _, v := range []struct{ name, short, instead string }{
		{"publish", "Write a branch into a MongoDB (not there yet)", "write files: argon export -p PROJECT -c COLLECTION -o FILE, and mongoimport them"},
	} {
		cmds = append(cmds, &cobra.Command{
			Use: v.name, Short: v.short, Hidden: true, Args: cobra.ArbitraryArgs,
			FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
			Example:            example("argon " + v.name),
			RunE: func(*cobra.Command, []string) error {
				return errs.New(errs.NotSupported, "argon %s is not there yet", v.name).WithRemedy("%s", v.instead)
			},
		})
	}
	return cmds
}
