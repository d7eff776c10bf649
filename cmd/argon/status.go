package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/client"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Describe the store, and say which processes use it", Args: cobra.NoArgs,
		Long:    "Describe the store, and say which process has it open (the host) and which processes\nuse it through the host.",
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
	pairs := []string{
		"Store", s.Path, "Newest LSN", number(s.LSN), "Projects", number(s.Projects), "Branches", number(s.Branches),
		"Size on disk", bytesText(s.SizeOnDisk), "Memory", bytesText(s.Memory), "Process", number(s.PID),
	}
	return a.facts(append(pairs, processes(s)...)...)
}

// processes says who hosts the store, and who uses it through the host.
func processes(s *client.Status) (pairs []string) {
	line := func(pid int64, command string, since time.Time) string {
		return fmt.Sprintf("%d (%s) since %s", pid, command, since.Local().Format(time.DateTime))
	}
	if s.Host != nil {
		pairs = append(pairs, "Host", line(s.Host.PID, s.Host.Command, s.Host.Since))
		if s.Host.Address != "" {
			pairs = append(pairs, "Socket", s.Host.Address)
		}
	}
	for _, c := range s.Clients {
		pairs = append(pairs, "Attached", line(c.PID, c.Command, c.Since))
	}
	return pairs
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
