package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
)

type branchesLogOptions struct {
	branch, at   string
	since, until string
	list         client.LogOptions
}

func newBranchesLog(a *app) *cobra.Command {
	var o branchesLogOptions
	cmd := &cobra.Command{
		Use: "log [BRANCH]", Short: "List the commits of a branch, newest first", Args: cobra.MaximumNArgs(1),
		Example: example(`
argon branches log main -p shop --limit 5
argon branches log exp@-3 -p shop --actor etl --json`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.branch = args[0]
			}
			return runBranchesLog(cmd.Context(), a, &o)
		},
	}
	branchFlag(cmd, &o.branch)
	atFlag(cmd, &o.at)
	f := cmd.Flags()
	f.Int64VarP(&o.list.Limit, "limit", "n", 20, "at most so many commits; 0 for all")
	f.Int64Var(&o.list.Skip, "skip", 0, "leave out the newest ones")
	// A log changes nothing: here --actor says whose commits it shows.
	f.StringVar(&o.list.Actor, "actor", "", "only commits of this actor")
	f.StringVar(&o.list.Actor, "by", "", "the same as --actor")
	collectionFlag(cmd, &o.list.Collection, "only commits that touched this collection")
	f.StringVar(&o.since, "since", "", "not older than this time")
	f.StringVar(&o.until, "until", "", "not newer than this time")
	return cmd
}

func runBranchesLog(ctx context.Context, a *app, o *branchesLogOptions) error {
	var err error
	if o.list.Since, err = parseTime("since", o.since); err != nil {
		return err
	}
	if o.list.Until, err = parseTime("until", o.until); err != nil {
		return err
	}
	b, err := a.openBranch(ctx, o.branch, o.at)
	if err != nil {
		return err
	}
	if _, err := b.Resolve(ctx); err != nil {
		return err // so that a project that is not there is no empty log
	}
	cur, err := b.Log(ctx, &o.list)
	if err != nil {
		return err
	}
	var commits []client.Commit
	if err := cur.All(ctx, &commits); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"commits": orNone(commits)})
	}
	rows := make([][]string, len(commits))
	for i, c := range commits {
		rows[i] = []string{number(c.LSN), when(c.Time), c.Actor, kindText(&c), countsText(c.Counts), touched(&c), c.Message}
	}
	return a.table([]string{"LSN", "TIME", "BY", "KIND", "DOCUMENTS", "COLLECTIONS", "MESSAGE"}, rows)
}

// orNone makes an empty list print as [] and not as null.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func kindText(c *client.Commit) string {
	if c.Merge != nil {
		return fmt.Sprintf("%s of %s@%d", c.Kind, c.Merge.Branch, c.Merge.LSN)
	}
	return c.Kind
}

func countsText(c client.OpCounts) string {
	var parts []string
	for _, p := range []struct {
		sign string
		n    int64
	}{{"+", c.Insert}, {"~", c.Update}, {"-", c.Delete}} {
		if p.n > 0 {
			parts = append(parts, p.sign+number(p.n))
		}
	}
	return strings.Join(parts, " ")
}

// touched names the collections of the operations that the log lists.
func touched(c *client.Commit) string {
	var names []string
	seen := map[string]bool{}
	for _, op := range c.Ops {
		if !seen[op.Collection] && !strings.HasPrefix(op.Collection, "system.") {
			seen[op.Collection] = true
			names = append(names, op.Collection)
		}
	}
	return cut(strings.Join(names, ", "), cellWidth)
}

// parseTime reads a time of a flag: RFC 3339, or a date, which means UTC.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("--%s %s is not a time; say it as 2026-11-24T06:00:00Z", flag, text)
}

// jsonLine writes one JSON document on one line.
func (a *app) jsonLine(v any) error {
	enc := json.NewEncoder(a.io.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
