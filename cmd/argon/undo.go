package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
)

type undoOptions struct {
	branch, since, until string
	what                 client.UndoOptions
	dryRun               bool
	resolve              resolveOptions
}

func newUndo(a *app) *cobra.Command {
	var o undoOptions
	cmd := &cobra.Command{
		Use: "undo", Short: "Take back commits in the middle of a branch's history", Args: cobra.NoArgs,
		Long: `Take back commits in the middle of a branch's history: by LSN, by a range of LSNs,
by who made them, by when. What others did since stays; increments are taken back,
fields are set to what they were. What was changed again since is a conflict, as in
a merge. An undo is a commit like any other, and can itself be undone.`,
		Example: example(`
argon undo -p shop -b main --lsn 1024 --dry-run
argon undo -p shop -b main --actor etl --since 2026-11-24
argon undo -p shop -b main --from-lsn 1020 --to-lsn 1024 --resolve theirs`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runUndo(cmd.Context(), a, &o) },
	}
	branchFlag(cmd, &o.branch)
	f := cmd.Flags()
	f.Int64Var(&o.what.LSN, "lsn", 0, "undo this commit")
	f.Int64Var(&o.what.From, "from-lsn", 0, "undo the commits from this one on")
	f.Int64Var(&o.what.To, "to-lsn", 0, "undo the commits up to this one")
	f.StringVar(&o.what.Actor, "by", "", "undo the commits of this actor; --actor says it, too, where neither this nor an LSN does")
	f.StringVar(&o.since, "since", "", "only commits not older than this time")
	f.StringVar(&o.until, "until", "", "only commits not newer than this time")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the plan, write nothing")
	messageFlag(cmd, &o.what.Message)
	o.resolve.flags(cmd)
	return cmd
}

func runUndo(ctx context.Context, a *app, o *undoOptions) error {
	w := &o.what
	var err error
	if w.Since, err = parseTime("since", o.since); err != nil {
		return err
	}
	if w.Until, err = parseTime("until", o.until); err != nil {
		return err
	}
	if w.Actor == "" && w.LSN == 0 && w.From == 0 && w.To == 0 {
		w.Actor, a.actor = a.actor, "" // whose commits, and not in whose name
	}
	if w.LSN == 0 && w.From == 0 && w.To == 0 && w.Actor == "" && w.Since.IsZero() && w.Until.IsZero() {
		return usage("say what to undo: --lsn, --from-lsn and --to-lsn, --by, --since or --until")
	}
	resolve, err := o.resolve.parse(a)
	if err != nil {
		return err
	}
	w.Resolve = *resolve
	b, err := a.openBranch(ctx, o.branch, "")
	if err != nil {
		return err
	}
	plan, err := b.UndoPlan(ctx, w)
	if err != nil {
		return err
	}
	if o.dryRun {
		return a.printPlan(plan, o.again())
	}
	if plan.Counts.Unresolved > 0 {
		return a.unresolved(plan, o.again())
	}
	w.ExpectOurs = plan.OursLSN
	res, err := b.Undo(ctx, w)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(res)
	}
	if res.LSN == 0 {
		a.printf("There was nothing left to undo.\n")
		return nil
	}
	a.printf("Undid %s on %s at LSN %d: %s.\n", count(res.Commits, "commit"), res.Branch, res.LSN, planText(res.Counts))
	return nil
}

// again is the command line as far as it chose commits.
func (o *undoOptions) again() string {
	parts := []string{"argon undo -b " + o.branch}
	for _, f := range []struct {
		name string
		n    int64
	}{{"lsn", o.what.LSN}, {"from-lsn", o.what.From}, {"to-lsn", o.what.To}} {
		if f.n != 0 {
			parts = append(parts, "--"+f.name+" "+number(f.n))
		}
	}
	for _, f := range [][2]string{{"by", o.what.Actor}, {"since", o.since}, {"until", o.until}} {
		if f[1] != "" {
			parts = append(parts, "--"+f[0]+" "+f[1])
		}
	}
	return strings.Join(parts, " ")
}

// outputError is the error of standard output. A reader that went away, as head
// does, is no failure of ours, but there is nothing left to do either.
func outputError(err error) error {
	return errs.Wrap(err, errs.Interrupted, "cannot write the output")
}
