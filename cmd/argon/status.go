package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Describe the store", Args: cobra.NoArgs,
		Example: example(`argon status --store path/to/store`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), a) },
	}
}

func runStatus(ctx context.Context, a *app) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s)
	}
	return a.facts("Store", s.Path, "Newest LSN", number(s.LSN), "Projects", number(s.Projects), "Branches", number(s.Branches),
		"Size on disk", bytesText(s.SizeOnDisk), "Memory", bytesText(s.Memory), "Process", number(s.PID))
}

func newMetrics(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "metrics", Short: "Print the counters of the storage layer", Args: cobra.NoArgs,
		Example: example(`argon metrics --json`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runMetrics(cmd.Context(), a) },
	}
}

func runMetrics(ctx context.Context, a *app) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	doc, err := c.Metrics(ctx)
	if err != nil {
		return err
	}
	return a.printBody(doc)
}

func newFsck(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "fsck", Short: "Check the whole store", Args: cobra.NoArgs,
		Long:    "Check the whole store: keys, documents, log, indexes and checksums. It exits with\ncode 10 if something does not check out.",
		Example: example(`argon fsck --store path/to/store`),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runFsck(cmd.Context(), a) },
	}
}

func runFsck(ctx context.Context, a *app) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	doc, err := c.Fsck(ctx)
	if err != nil {
		return err
	}
	if err := a.printBody(doc); err != nil {
		return err
	}
	return client.CheckFsck(doc)
}

// printBody prints the fields of a reply: as JSON, or as names and values.
func (a *app) printBody(doc client.Document) error {
	if a.json {
		return a.printReply(bsonraw.Doc(doc), false)
	}
	var pairs []string
	it := bsonraw.Doc(doc).Iter()
	for it.Next() {
		key, v := string(it.Key()), it.Value()
		switch {
		case key == "ok":
		case v.Type == bsonraw.Object:
			inner := v.Doc().Iter()
			for inner.Next() {
				pairs = append(pairs, key+"."+string(inner.Key()), plain(inner.Value()))
			}
		default:
			pairs = append(pairs, key, plain(v))
		}
	}
	return a.facts(pairs...)
}
