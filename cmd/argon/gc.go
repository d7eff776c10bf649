package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
)

type gcOptions struct {
	yes, dryRun bool
	keep        string
}

func newGC(a *app) *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use: "gc", Short: "Show, and with --yes remove, what retention lets go", Args: cobra.NoArgs,
		Long: `Show what garbage collection would remove: versions that were replaced longer ago
than a project keeps them (argon retention) and that no branch or tag can see, and
what deleted branches and projects left. --yes removes it.`,
		Example: example(`
argon gc
argon gc --yes
argon gc --keep 7d --dry-run --json`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runGC(cmd.Context(), a, &o) },
	}
	yesFlag(cmd, &o.yes)
	cmd.Flags().Lookup("yes").Usage = "remove it"
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "only show, which is what happens without --yes")
	cmd.Flags().StringVar(&o.keep, "keep", "", "instead of each project's retention: 30d, 2w, 12h")
	cmd.MarkFlagsMutuallyExclusive("yes", "dry-run")
	return cmd
}

func runGC(ctx context.Context, a *app, o *gcOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	doc, err := c.GC(ctx, !o.yes, o.keep)
	if err != nil {
		return err
	}
	if a.json {
		return a.printReply(bsonraw.Doc(doc), false)
	}
	return a.printGC(doc, o.yes)
}

func (a *app) printGC(doc client.Document, done bool) error {
	d := bsonraw.Doc(doc)
	n := func(name string) int64 {
		v, _ := d.Get(name).AsInt64()
		return v
	}
	verb := "Would remove"
	if done {
		verb = "Removed"
	}
	a.printf("%s %s, %s and %s of deleted branches and projects: about %s.\n", verb,
		count(n("versions"), "version"), count(n("indexEntries"), "index entry"),
		count(n("segments"), "segment"), bytesText(n("bytes")))
	if !done && n("versions")+n("indexEntries")+n("segments") > 0 {
		a.printf("Remove it with: argon gc --yes\n")
	}
	return nil
}

type retentionOptions struct {
	keep    string
	forever bool
}

func newRetention(a *app) *cobra.Command {
	var o retentionOptions
	cmd := &cobra.Command{
		Use: "retention", Short: "Show or set how long a project keeps the past", Args: cobra.NoArgs,
		Long: "Show, or with --keep or --forever set, how long a project keeps the past. The\ndefault is for ever. Nothing is removed before argon gc --yes.",
		Example: example(`
argon retention -p shop
argon retention -p shop --keep 30d`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runRetention(cmd.Context(), a, &o) },
	}
	cmd.Flags().StringVar(&o.keep, "keep", "", "30d, 2w, 12h")
	cmd.Flags().BoolVar(&o.forever, "forever", false, "keep everything")
	cmd.MarkFlagsMutuallyExclusive("keep", "forever")
	return cmd
}

func runRetention(ctx context.Context, a *app, o *retentionOptions) error {
	p, err := a.openProject(ctx)
	if err != nil {
		return err
	}
	var keep string
	if o.keep != "" || o.forever {
		keep, err = p.SetRetention(ctx, o.keep)
	} else {
		keep, err = p.Retention(ctx)
	}
	if err != nil {
		return err
	}
	if a.json {
		out := map[string]any{"project": p.Name(), "keep": nil}
		if keep != "" {
			out["keep"] = keep
		}
		return a.printJSON(out)
	}
	if keep == "" {
		keep = "everything, for ever"
	}
	a.printf("Project %s keeps %s.\n", p.Name(), keep)
	return nil
}
