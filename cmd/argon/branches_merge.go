package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
)

type branchesMergeOptions struct {
	from, into, message string
	dryRun              bool
	resolve             resolveOptions
}

func newBranchesMerge(a *app) *cobra.Command {
	var o branchesMergeOptions
	cmd := &cobra.Command{
		Use: "merge BRANCH --into BRANCH", Short: "Merge a branch into another one, field by field",
		Long: `Merge a branch, at its head or at a moment, into another one: three-way, field by
field, in one commit. Increments and other operators that commute take effect from
both sides. What both sides changed otherwise is a conflict: it is shown, and
nothing is written until every conflict is resolved.`,
		Args: cobra.ExactArgs(1),
		Example: example(`
argon branches merge exp --into main -p shop --dry-run
argon branches merge exp --into main -p shop
argon branches merge exp --into main -p shop --resolve theirs
argon branches merge exp --into main -p shop --resolve 1=ours --resolve '2={"$numberInt": "5"}'`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.from = args[0]
			return runBranchesMerge(cmd.Context(), a, &o)
		},
	}
	cmd.Flags().StringVar(&o.into, "into", "main", "the branch to merge into")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show the plan, write nothing")
	messageFlag(cmd, &o.message)
	o.resolve.flags(cmd)
	return cmd
}

func runBranchesMerge(ctx context.Context, a *app, o *branchesMergeOptions) error {
	resolve, err := o.resolve.parse(a)
	if err != nil {
		return err
	}
	b, err := a.openBranch(ctx, o.from, "")
	if err != nil {
		return err
	}
	opts := &client.MergeOptions{Resolve: *resolve, Message: o.message}
	plan, err := b.MergePlan(ctx, o.into, opts)
	if err != nil {
		return err
	}
	if o.dryRun {
		return a.printPlan(plan, mergeAgain(o))
	}
	if plan.UpToDate {
		if a.json {
			return a.printJSON(plan)
		}
		a.printf("%s has everything of %s already.\n", o.into, o.from)
		return nil
	}
	if plan.Counts.Unresolved > 0 {
		return a.unresolved(plan, mergeAgain(o))
	}
	// What was looked at is what is applied: a branch that moved on meanwhile
	// makes the plan stale.
	opts.ExpectOurs, opts.ExpectTheirs = plan.OursLSN, plan.TheirsLSN
	res, err := b.Merge(ctx, o.into, opts)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(res)
	}
	a.printf("Merged %s into %s at LSN %d: %s", o.from, o.into, res.LSN, planText(res.Counts))
	if res.Counts.Conflicts > 0 {
		a.printf(", %s resolved", count(res.Counts.Conflicts, "conflict"))
	}
	a.printf(".\n")
	return nil
}

func mergeAgain(o *branchesMergeOptions) string {
	return fmt.Sprintf("argon branches merge %s --into %s", o.from, o.into)
}

// printPlan shows what a merge or an undo would do.
func (a *app) printPlan(p *client.Plan, again string) error {
	if a.json {
		return a.printJSON(p)
	}
	if p.Into != "" {
		a.printf("Merge of %s (LSN %d) into %s (LSN %d): %s.\n", p.From, p.TheirsLSN, p.Into, p.OursLSN, planText(p.Counts))
	} else {
		a.printf("Undo of %s on %s (LSN %d): %s.\n", count(p.Commits, "commit"), p.Branch, p.OursLSN, planText(p.Counts))
	}
	if p.UpToDate {
		a.printf("There is nothing to merge.\n")
	}
	if len(p.Changes) > 0 {
		rows := make([][]string, len(p.Changes))
		for i, c := range p.Changes {
			rows[i] = []string{c.Collection, short(c.ID), c.Op}
		}
		if err := a.table([]string{"COLLECTION", "_ID", "OP"}, rows); err != nil {
			return err
		}
	}
	return a.printConflicts(p, again)
}

// printConflicts shows the conflicts as a table, and how to resolve them.
func (a *app) printConflicts(p *client.Plan, again string) error {
	if len(p.Conflicts) == 0 {
		return nil
	}
	a.printf("\n%s:\n", count(int64(len(p.Conflicts)), "conflict"))
	rows := make([][]string, len(p.Conflicts))
	for i, c := range p.Conflicts {
		state := c.Resolved
		if state == "" {
			state = "open"
		}
		rows[i] = []string{number(int64(c.N)), c.Collection, short(c.ID), c.Path, c.Kind, short(c.Base), short(c.Ours), short(c.Theirs), state}
	}
	if err := a.table([]string{"N", "COLLECTION", "_ID", "PATH", "KIND", "BASE", "OURS", "THEIRS", "TAKEN"}, rows); err != nil {
		return err
	}
	if p.Counts.Unresolved > 0 {
		a.printf("\nResolve them all one way, or one by one (ours, theirs, base, remove, or a JSON value):\n")
		a.printf("  %s -p %s --resolve theirs\n", again, a.project)
		a.printf("  %s -p %s --expect %s --resolve %d=ours …\n", again, a.project, expected(p), firstOpen(p))
	}
	return nil
}

// expected is the LSNs of a plan as --expect takes them.
func expected(p *client.Plan) string {
	if p.TheirsLSN == 0 {
		return number(p.OursLSN)
	}
	return number(p.OursLSN) + ":" + number(p.TheirsLSN)
}

func firstOpen(p *client.Plan) int {
	for _, c := range p.Conflicts {
		if c.Resolved == "" {
			return c.N
		}
	}
	return 1
}

// unresolved shows a plan's conflicts and fails.
func (a *app) unresolved(p *client.Plan, again string) error {
	if a.json {
		if err := a.printJSON(p); err != nil {
			return err
		}
	} else if err := a.printConflicts(p, again); err != nil {
		return err
	}
	return errs.New(errs.MergeConflict, "%s not resolved: nothing was changed", count(p.Counts.Unresolved, "conflict")).
		WithRemedy("say --resolve ours, --resolve theirs, or --resolve N=… for each")
}
