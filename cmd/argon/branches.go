package main

import "github.com/spf13/cobra"

func newBranches(a *app) *cobra.Command {
	cmd := group("branches", "Make, compare, merge and restore branches",
		newBranchesCreate(a), newBranchesList(a), newBranchesDelete(a),
		newBranchesLog(a), newBranchesDiff(a), newBranchesMerge(a), newBranchesRestore(a), newBranchesWatch(a),
		newBranchesMoves(a), newBranchesProtect(a), newBranchesUnprotect(a))
	cmd.Aliases = []string{"branch"}
	return cmd
}

// The verbs that are typed most have a short form at the top.

func newLog(a *app) *cobra.Command {
	cmd := newBranchesLog(a)
	cmd.Example = example(`
argon log -p shop
argon log exp -p shop --limit 5 --json`)
	return cmd
}

func newDiff(a *app) *cobra.Command {
	cmd := newBranchesDiff(a)
	cmd.Example = example(`argon diff exp main -p shop`)
	return cmd
}

func newMerge(a *app) *cobra.Command {
	cmd := newBranchesMerge(a)
	cmd.Example = example(`argon merge exp --into main -p shop --dry-run`)
	return cmd
}
