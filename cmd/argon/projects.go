package main

import "github.com/spf13/cobra"

func newProjects(a *app) *cobra.Command {
	return group("projects", "Make, list and delete projects",
		newProjectsCreate(a), newProjectsList(a), newProjectsDelete(a))
}

// nameArg is a verb's name, given as an argument or with --name.
func nameArg(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "name", "", "the name (or give it as an argument)")
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.PreRunE = func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 1 && *name != "":
			return usage("the name is given twice, as %s and as --name %s", args[0], *name)
		case len(args) == 1:
			*name = args[0]
		case *name == "":
			return usage("a name is missing\n  usage: %s NAME", cmd.CommandPath())
		}
		return nil
	}
}
