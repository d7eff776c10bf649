package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
)

// targetOptions are the flags of what writes to a live MongoDB.
type targetOptions struct {
	to, filter string
	dryRun     bool
	yes        bool
	what       client.PublishOptions
}

func (o *targetOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "the live MongoDB, mongodb://host/database")
	f.StringVar(&o.what.Database, "database", "", "its database (else the one of the connection string)")
	f.StringSliceVarP(&o.what.Collections, "collection", "c", nil, "only this collection; may be repeated (else all)")
	f.StringVar(&o.filter, "filter", "", "only documents that match, before or afterwards, as JSON")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the plan, write nothing")
	f.StringVar(&o.what.Guard, "guard", "fields", "what must be as the base had it: the fields that are written, or the whole document")
	f.BoolVar(&o.what.AllowDrop, "allow-drop", false, "drop collections and indexes, too")
	f.BoolVar(&o.what.SkipConflicts, "skip-conflicts", false, "write what is not in conflict")
	yesFlag(cmd, &o.yes)
}

// complete reads the filter.
func (o *targetOptions) complete() error {
	if o.to == "" {
		return usage("say where to: --to mongodb://host/database")
	}
	if o.filter == "" {
		return nil
	}
	doc, err := parseDoc(o.filter)
	if err != nil {
		return usage("--filter is no JSON document: %v", err)
	}
	o.what.Filter = doc
	return nil
}

type publishOptions struct {
	targetOptions
	branch, resume, rollback, forget, message string
	list                                      bool
}

func newPublish(a *app) *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use: "publish [BRANCH] --to mongodb://HOST/DATABASE", Short: "Write what a branch changed to a live MongoDB", Args: cobra.MaximumNArgs(1),
		Long: `Write what a branch changed, against what it was based on, to a live MongoDB. Each
write demands that the live document is still as the base had it; where it has moved
on, that is a conflict: it is shown, and never overwritten. The plan is shown first,
and asked about. Where the server has transactions, the writes are in transactions;
a journal in the store allows a publish that was cut off to be resumed, and every
publish to be rolled back.`,
		Example: example(`
argon publish exp -p shop --to mongodb://localhost:27017/shop --dry-run
argon publish exp -p shop --to mongodb://localhost:27017/shop --base main@1024 --yes
argon publish exp -p shop --to mongodb://localhost:27017/shop -c users --guard document
argon publish --list
argon publish --resume 20261124-060000-a1b2c3
argon publish --rollback 20261124-060000-a1b2c3`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.branch = args[0]
			}
			return runPublish(cmd.Context(), a, &o)
		},
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.branch, "branch", "b", "", "the branch, or branch@moment, instead of the argument")
	f.StringVar(&o.what.Base, "base", "", "what the target had: a ref (else where the branch was made)")
	f.StringVar(&o.resume, "resume", "", "go on with a publish that was cut off, by its id")
	f.StringVar(&o.rollback, "rollback", "", "take back what a publish wrote, by its id")
	f.StringVar(&o.forget, "forget", "", "remove a publish from the journal, by its id")
	f.BoolVar(&o.list, "list", false, "list the publishes in the journal")
	messageFlag(cmd, &o.message)
	cmd.MarkFlagsMutuallyExclusive("resume", "rollback", "forget", "list", "base")
	return cmd
}

func runPublish(ctx context.Context, a *app, o *publishOptions) error {
	switch {
	case o.list:
		return listPublishes(ctx, a)
	case o.forget != "":
		c, err := a.open(ctx)
		if err == nil {
			err = c.Publishes().Forget(ctx, o.forget)
		}
		if err == nil {
			a.printf("Publish %s is no longer in the journal.\n", o.forget)
		}
		return err
	case o.resume != "" || o.rollback != "":
		return publishAgain(ctx, a, o)
	case o.branch == "":
		return usage("say which branch: argon publish BRANCH --to mongodb://host/database")
	}
	if err := o.complete(); err != nil {
		return err
	}
	b, err := a.openBranch(ctx, o.branch, "")
	if err != nil {
		return err
	}
	b = b.As(a.actor, o.message)
	return a.toTarget(ctx, &o.targetOptions, "publish",
		func(ctx context.Context) (*client.PublishReport, error) { return b.PublishPlan(ctx, o.to, &o.what) },
		func(ctx context.Context) (*client.PublishReport, error) { return b.Publish(ctx, o.to, &o.what) })
}

type reporting func(ctx context.Context) (*client.PublishReport, error)

// toTarget shows a plan, asks, and writes it.
func (a *app) toTarget(ctx context.Context, o *targetOptions, verb string, plan, write reporting) error {
	if o.dryRun || !o.yes {
		r, err := a.withBar(ctx, verb, plan)
		if err != nil {
			return err
		}
		if o.dryRun {
			return a.printPublishPlan(r, true)
		}
		if !a.json {
			if err := a.printPublishPlan(r, false); err != nil {
				return err
			}
		}
		switch {
		case r.Counts.Conflicts > 0 && !o.what.SkipConflicts:
			return conflictsLeft(r)
		case r.Nothing():
			return nil
		}
		if err := a.confirm(o.yes, fmt.Sprintf("Write this to %s (database %s)?", r.Target, r.Database)); err != nil {
			return err
		}
	}
	r, err := a.withBar(ctx, verb, write)
	return a.published(r, err, map[string]string{"publish": "Published", "restore": "Restored"}[verb])
}

// withBar runs something long under a progress bar.
func (a *app) withBar(ctx context.Context, title string, do reporting) (*client.PublishReport, error) {
	bar := a.progress(title)
	defer bar.done()
	return do(client.WithProgress(ctx, bar.report))
}

// published says what a publish did.
func (a *app) published(r *client.PublishReport, err error, did string) error {
	if report := client.PublishConflicts(err); report != nil {
		if a.json {
			if e := a.printJSON(report); e != nil {
				return e
			}
		} else if e := a.printPublishConflicts(report); e != nil {
			return e
		}
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	n := r.Counts.Written
	if did == "Rolled back" {
		n = r.Counts.RolledBack
	}
	a.printf("%s %s, %s (%s)", did, count(n, "document"), count(r.Done(), "change")+" of collections and indexes", r.Database)
	if r.Counts.Already > 0 {
		a.printf("; %d were so already", r.Counts.Already)
	}
	a.printf(".\n")
	if r.ID != "" && did != "Rolled back" {
		a.printf("Take it back with: argon publish --rollback %s\n", r.ID)
	}
	return a.printPublishConflicts(r)
}

func conflictsLeft(r *client.PublishReport) error {
	return errs.New(errs.PublishConflict, "%s: nothing was written", count(r.Counts.Conflicts, "conflict")).
		WithRemedy("write the rest with --skip-conflicts; or branch from the newer state, merge, and publish that")
}

// printPublishPlan shows what a publish would do.
func (a *app) printPublishPlan(r *client.PublishReport, dry bool) error {
	if a.json {
		return a.printJSON(r)
	}
	c := r.Counts
	a.printf("%s of %s (LSN %d) against %s (LSN %d) to %s, database %s, by %s: %d inserted, %d updated, %d deleted, %s of collections and indexes.\n",
		map[string]string{"publish": "Publish", "restore": "Restore"}[r.Kind], r.Branch, r.LSN, r.Base, r.BaseLSN, r.Target, r.Database, r.Transport,
		c.Inserted, c.Updated, c.Deleted, count(c.Catalog, "change"))
	if c.Already > 0 {
		a.printf("%d are so already.\n", c.Already)
	}
	for _, note := range r.Notes {
		a.printf("note: %s\n", note)
	}
	if err := a.printPublishChanges(r); err != nil {
		return err
	}
	if err := a.printPublishConflicts(r); err != nil || !dry {
		return err
	}
	if r.Truncated {
		a.printf("There are more than are shown here.\n")
	}
	return nil
}

func (a *app) printPublishChanges(r *client.PublishReport) error {
	var rows [][]string
	for _, c := range r.Catalog {
		rows = append(rows, []string{c.Collection, c.Name, c.Op, c.Status, "", short(c.Before), short(c.After)})
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		d := client.Difference{Collection: c.Collection, ID: c.ID, Op: c.Op, Before: c.Before, After: c.After, Changes: c.Changes}
		for n, row := range diffRows(&d) {
			status := ""
			if n == 0 {
				status = c.Status
			}
			rows = append(rows, []string{row[0], row[1], row[2], status, row[3], row[4], row[5]})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return a.table([]string{"COLLECTION", "_ID", "OP", "STATUS", "PATH", "BEFORE", "AFTER"}, rows)
}

func (a *app) printPublishConflicts(r *client.PublishReport) error {
	if len(r.Conflicts) == 0 {
		return nil
	}
	a.printf("\n%s:\n", count(r.Counts.Conflicts, "conflict"))
	rows := make([][]string, len(r.Conflicts))
	for i, c := range r.Conflicts {
		rows[i] = []string{number(int64(c.N)), c.Collection, short(c.ID), c.Op, c.Kind, c.Path, short(c.Expected), short(c.Found), short(c.Wanted), cut(c.Message, 2*cellWidth)}
	}
	return a.table([]string{"N", "COLLECTION", "_ID", "OP", "KIND", "PATH", "EXPECTED", "FOUND", "WANTED", "WHY"}, rows)
}

func publishAgain(ctx context.Context, a *app, o *publishOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if o.resume != "" {
		r, err := a.withBar(ctx, "publish", func(ctx context.Context) (*client.PublishReport, error) {
			return c.Publishes().Resume(ctx, o.resume, o.to, o.what.SkipConflicts)
		})
		return a.published(r, err, "Published")
	}
	if err := a.confirm(o.yes, fmt.Sprintf("Take back what publish %s wrote?", o.rollback)); err != nil {
		return err
	}
	r, err := a.withBar(ctx, "rollback", func(ctx context.Context) (*client.PublishReport, error) {
		return c.Publishes().Rollback(ctx, o.rollback, o.to)
	})
	return a.published(r, err, "Rolled back")
}

func listPublishes(ctx context.Context, a *app) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	list, err := c.Publishes().List(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(orNone(list))
	}
	if len(list) == 0 {
		a.printf("There are no publishes in the journal.\n")
		return nil
	}
	rows := make([][]string, len(list))
	for i, r := range list {
		rows[i] = []string{r.ID, r.State, r.Project, r.Branch, r.Target, r.Database, number(r.Counts.Written), number(r.Counts.Conflicts), when(r.Created)}
	}
	return a.table([]string{"ID", "STATE", "PROJECT", "BRANCH", "TARGET", "DATABASE", "WRITTEN", "CONFLICTS", "CREATED"}, rows)
}
