package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

type branchesDiffOptions struct {
	branch, base string
	collection   string
	limit        int64
	stat         bool
}

func newBranchesDiff(a *app) *cobra.Command {
	var o branchesDiffOptions
	cmd := &cobra.Command{
		Use: "diff BRANCH [BASE]", Short: "Show what a branch has changed against another one",
		Long: "Show what a branch has changed against a base, which is main unless it is named.\nBoth may be at a moment. Its cost follows the changes, not the data.",
		Args: cobra.RangeArgs(1, 2),
		Example: example(`
argon branches diff exp main -p shop
argon branches diff main main@-1 -p shop -c users --json`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.branch = args[0]
			if len(args) == 2 {
				o.base = args[1]
			}
			return runBranchesDiff(cmd.Context(), a, &o)
		},
	}
	o.base = "main"
	collectionFlag(cmd, &o.collection, "only this collection")
	cmd.Flags().Int64VarP(&o.limit, "limit", "n", 0, "at most so many documents; 0 for all")
	cmd.Flags().BoolVar(&o.stat, "stat", false, "only count, by collection")
	return cmd
}

func runBranchesDiff(ctx context.Context, a *app, o *branchesDiffOptions) error {
	b, err := a.openBranch(ctx, o.branch, "")
	if err != nil {
		return err
	}
	cur, err := b.Diff(ctx, o.base, o.collection, o.limit)
	if err != nil {
		return err
	}
	defer cur.Close()
	if o.stat {
		return diffStat(ctx, a, cur)
	}
	var rows [][]string
	n := int64(0)
	for cur.Next(ctx) {
		var d client.Difference
		if err := cur.Decode(&d); err != nil {
			return err
		}
		n++
		if a.json {
			if err := a.jsonLine(d); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, diffRows(&d)...)
	}
	if err := cur.Err(); err != nil || a.json {
		return err
	}
	if n == 0 {
		a.printf("%s and %s are the same.\n", o.branch, o.base)
		return nil
	}
	if err := a.table([]string{"COLLECTION", "_ID", "OP", "PATH", "BEFORE", "AFTER"}, rows); err != nil {
		return err
	}
	a.printf("%s.\n", count(n, "difference"))
	return nil
}

// diffRows makes a row for each changed field, or one for the document.
func diffRows(d *client.Difference) [][]string {
	if len(d.Changes) == 0 {
		return [][]string{{d.Collection, short(d.ID), d.Op, "", short(d.Before), short(d.After)}}
	}
	rows := make([][]string, len(d.Changes))
	for i, c := range d.Changes {
		rows[i] = []string{"", "", "", c.Path, short(c.Before), short(c.After)}
		if i == 0 {
			rows[i][0], rows[i][1], rows[i][2] = d.Collection, short(d.ID), d.Op
		}
	}
	return rows
}

// diffStat counts the differences.
func diffStat(ctx context.Context, a *app, cur *client.Documents) error {
	type stat struct {
		Collection string           `json:"collection"`
		Ops        map[string]int64 `json:"ops"`
	}
	var stats []*stat
	for cur.Next(ctx) {
		var d struct{ Collection, Op string }
		if err := cur.Decode(&d); err != nil {
			return err
		}
		if len(stats) == 0 || stats[len(stats)-1].Collection != d.Collection {
			stats = append(stats, &stat{d.Collection, map[string]int64{}})
		}
		stats[len(stats)-1].Ops[d.Op]++
	}
	if err := cur.Err(); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"collections": orNone(stats)})
	}
	rows := make([][]string, len(stats))
	for i, s := range stats {
		rows[i] = []string{s.Collection, number(s.Ops["insert"]), number(s.Ops["update"]), number(s.Ops["delete"])}
	}
	return a.table([]string{"COLLECTION", "INSERTED", "UPDATED", "DELETED"}, rows)
}

// planText says in one sentence what a plan changes.
func planText(c client.PlanCounts) string {
	return fmt.Sprintf("%d inserted, %d updated, %d deleted", c.Inserted, c.Updated, c.Deleted)
}
