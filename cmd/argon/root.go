package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRoot makes the tree of verbs.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "argon",
		Short: "Git for MongoDB: branches, time travel, diff, merge and undo for your documents",
		Long: `Argon is a document database with Git's abilities. It speaks MongoDB's query
language, needs no server, and answers any query on any branch at any moment.

A ref is a branch, or a branch at a moment: main, main@1024 (an LSN), main@-3 (so
many commits back), main@2026-11-24T06:00:00Z, main@v1 (a tag).`,
		Example: example(`
argon import users.jsonl -p shop -c users
argon branches create exp -p shop --from main
argon branches diff exp main -p shop
argon branches merge exp --into main -p shop
argon time-travel query -p shop -b main -c users --at -1`),
		SilenceErrors: true, SilenceUsage: true,
		Args: noSuchVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v\n  see: %s --help", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.store, "store", "", "the store's directory (else $ARGON_URI, else a directory of the user's data)")
	flags.StringVarP(&a.project, "project", "p", "default", "the project")
	flags.StringVar(&a.actor, "actor", "", "who makes the changes, for the log (else the system's user)")
	flags.BoolVar(&a.json, "json", false, "print JSON")

	root.AddCommand(
		newProjects(a), newBranches(a), newTimeTravel(a), newTags(a),
		newLog(a), newDiff(a), newMerge(a), newUndo(a), newHistory(a), newBlame(a),
		newImport(a), newExport(a), newMirror(a), newPublish(a), newRestore(a), newRun(a), newServe(a),
		newUsers(a), newRoles(a), newAPIKeys(a),
		newStatus(a), newMetrics(a), newGC(a), newRetention(a), newFsck(a), newVersion(a),
		newReference(a),
	)
	checkArgs(root)
	return root
}

// group makes a noun: a command that only has verbs.
func group(name, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short,
		Args: noSuchVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(verbs...)
	return cmd
}

// noSuchVerb refuses arguments that are no verb, and names what is near.
func noSuchVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := ""
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		near = "; did you mean " + strings.Join(s, " or ") + "?"
	}
	return usage("%s has no verb %q%s\n  see: %s --help", cmd.CommandPath(), args[0], near, cmd.CommandPath())
}

// checkArgs turns wrong numbers of arguments into usage errors.
func checkArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return nil
			}
			if _, ok := err.(usageError); ok {
				return err
			}
			return usage("%v\n  usage: %s", err, cmd.UseLine())
		}
	}
	for _, sub := range cmd.Commands() {
		checkArgs(sub)
	}
}

// example indents the examples of a verb.
func example(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// Flags that several verbs have.

func branchFlag(cmd *cobra.Command, at *string) {
	cmd.Flags().StringVarP(at, "branch", "b", "main", "the branch")
}

func atFlag(cmd *cobra.Command, at *string) {
	cmd.Flags().StringVar(at, "at", "", "the moment: an LSN, a time, -n for n commits back, or a tag")
}

func collectionFlag(cmd *cobra.Command, at *string, help string) {
	cmd.Flags().StringVarP(at, "collection", "c", "", help)
}

func messageFlag(cmd *cobra.Command, at *string) {
	cmd.Flags().StringVarP(at, "message", "m", "", "why, for the log")
}

func yesFlag(cmd *cobra.Command, at *bool) {
	cmd.Flags().BoolVarP(at, "yes", "y", false, "do not ask")
}
