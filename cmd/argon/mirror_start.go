package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
)

type mirrorStartOptions struct {
	name               string
	foreground, resync bool
	untilSynced        bool
}

func newMirrorStart(a *app) *cobra.Command {
	var o mirrorStartOptions
	cmd := &cobra.Command{
		Use: "start NAME", Short: "Run a mirror",
		Long: `Run a mirror: the first copy, or what is left of it, then the changes as they come.

It runs in the process that hosts the store: argon serve, or a program that has it
open. Where this command would be that process, --foreground keeps it there until
Ctrl-C. After a gap in what was captured the exit code is 9.`,
		Example: example(`
argon mirror start live --foreground
argon mirror start live --until-synced
argon mirror start live --resync --foreground`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirrorStart(cmd.Context(), a, &o) },
	}
	nameArg(cmd, &o.name)
	cmd.Flags().BoolVar(&o.foreground, "foreground", false, "stay, show what happens, and stop at Ctrl-C")
	cmd.Flags().BoolVar(&o.untilSynced, "until-synced", false, "stay until the mirror has what the source has now, then stop")
	cmd.Flags().BoolVar(&o.resync, "resync", false, "first compare everything with the source, and record the difference as one commit")
	return cmd
}

func runMirrorStart(ctx context.Context, a *app, o *mirrorStartOptions) error {
	stay := o.foreground || o.untilSynced
	a.stays = stay
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	if c.HostsStore() && !stay {
		return usage("this command has the store to itself, so nothing would run once it ends: say --foreground, or start the mirror while argon serve runs")
	}
	m, err := c.Mirrors().Start(ctx, o.name, o.resync)
	if err != nil {
		return err
	}
	if !stay {
		if a.json {
			return a.printJSON(m)
		}
		a.printf("Mirror %s runs; see argon mirror status %s.\n", m.Name, m.Name)
		return nil
	}
	gaps := m.Gaps
	last, err := watchMirror(ctx, a, c, o, m)
	stopping := context.WithoutCancel(ctx)
	if _, e := c.Mirrors().Stop(stopping, o.name); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(last); err != nil {
			return err
		}
	}
	if last.Gaps > gaps {
		return errs.New(errs.MirrorGap, "%d gaps opened in what mirror %q captured", last.Gaps-gaps, o.name)
	}
	return nil
}

// watchMirror shows what a mirror does until the context ends, the mirror fails,
// or it has what it was to have.
func watchMirror(ctx context.Context, a *app, c *client.Client, o *mirrorStartOptions, m *client.MirrorInfo) (*client.MirrorInfo, error) {
	synced := make(chan error, 1)
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.untilSynced {
		go func() {
			_, err := c.Mirrors().WaitSynced(waiting, o.name)
			synced <- err
			cancel()
		}()
	}
	show := mirrorView{a: a}
	defer show.done()
	for {
		show.show(m)
		if err := failureOf(m); err != nil {
			return m, err
		}
		slice, end := context.WithTimeout(waiting, time.Second)
		next, err := c.Mirrors().WaitChange(slice, o.name, m.Version)
		end()
		switch {
		case err == nil:
			m = next
		case waiting.Err() != nil:
			if o.untilSynced {
				if err := <-synced; err != nil && ctx.Err() == nil {
					return m, err
				}
			}
			// Without the context: what was asked for is over.
			return c.Mirrors().Status(context.WithoutCancel(ctx), o.name)
		case errors.Is(slice.Err(), context.DeadlineExceeded):
			if m, err = c.Mirrors().Status(ctx, o.name); err != nil {
				return m, err
			}
		default:
			return m, err
		}
	}
}

// failureOf returns the error of a mirror that has failed for good.
func failureOf(m *client.MirrorInfo) error {
	for _, d := range m.Databases {
		if d.State == "failed" && d.Error != nil {
			return errs.New(errs.Code(d.Error.Code), "%s", d.Error.Message).WithRemedy("%s", d.Error.Remedy)
		}
	}
	return nil
}

// mirrorView writes the changes of a mirror's state to standard error, a line
// each, and the progress of a copy as a bar.
type mirrorView struct {
	a    *app
	seen map[string]string
	bars map[string]*bar
}

func (v *mirrorView) show(m *client.MirrorInfo) {
	if v.seen == nil {
		v.seen, v.bars = map[string]string{}, map[string]*bar{}
	}
	for _, d := range m.Databases {
		if d.Copy != nil {
			v.copy(&d)
		} else if b := v.bars[d.Database]; b != nil {
			b.done()
			delete(v.bars, d.Database)
		}
		text := d.State
		if d.Error != nil && d.State != "following" {
			text += ": " + d.Error.Message
		}
		v.say(d.Database, "state", text)
		for i, n := range d.Notes {
			v.say(d.Database, fmt.Sprint("note", i), "note: "+n)
		}
	}
	for i, w := range m.Warnings {
		v.say(m.Name, fmt.Sprint("warning", i), "WARNING: "+w)
	}
}

// say writes a text unless it was the last of its kind.
func (v *mirrorView) say(who, kind, text string) {
	if v.seen[who+kind] == text {
		return
	}
	v.seen[who+kind] = text
	fmt.Fprintf(v.a.io.Err, "%s  %s: %s\n", time.Now().Format("15:04:05"), who, text)
}

func (v *mirrorView) copy(d *client.MirroredStatus) {
	if v.bars[d.Database] == nil {
		v.bars[d.Database] = v.a.progress("copying " + d.Database)
	}
	v.bars[d.Database].report(client.Progress{Done: d.Copy.Documents, Total: max(d.Copy.TotalDocuments, d.Copy.Documents), Unit: "documents"})
}

func (v *mirrorView) done() {
	for _, b := range v.bars {
		b.done()
	}
}

func newMirrorStatus(a *app) *cobra.Command {
	var name string
	var wait bool
	cmd := &cobra.Command{
		Use: "status NAME", Short: "Show what a mirror is doing",
		Long: `Show what a mirror is doing: its state, the progress of the copy, lag, gaps, notes
and warnings. It exits with code 9 if the mirror has failed, or has a gap that was
not re-synced yet.`,
		Example: example(`
argon mirror status live
argon mirror status live --wait
argon mirror status live --json`),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirrorStatus(cmd.Context(), a, name, wait) },
	}
	nameArg(cmd, &name)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the mirror has what the source has now")
	return cmd
}

func runMirrorStatus(ctx context.Context, a *app, name string, wait bool) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	get := c.Mirrors().Status
	if wait {
		get = c.Mirrors().WaitSynced
	}
	m, err := get(ctx, name)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(m)
	} else {
		err = a.printMirror(m)
	}
	if err != nil {
		return err
	}
	if err := failureOf(m); err != nil {
		return err
	}
	for _, d := range m.Databases {
		for _, g := range d.Gaps {
			if !g.Synced {
				return errs.New(errs.MirrorGap, "what %s did between %s and %s is missing", d.Database, when(g.From), when(g.Found)).
					WithRemedy("argon mirror start %s --resync", name)
			}
		}
	}
	return nil
}

func (a *app) printMirror(m *client.MirrorInfo) error {
	pairs := []string{"Mirror", m.Name, "Source", m.Source, "State", m.State}
	for _, d := range m.Databases {
		pairs = append(pairs, "Database", d.Database+" into "+d.Branch+" of "+d.Project, "  State", d.State)
		if d.Copy != nil {
			left := time.Duration(d.Copy.LeftMS) * time.Millisecond
			pairs = append(pairs, "  Copied", fmt.Sprintf("%d of %d documents, %s of %s, %.0f documents/s, %s left",
				d.Copy.Documents, d.Copy.TotalDocuments, bytesText(d.Copy.Bytes), bytesText(d.Copy.TotalBytes), d.Copy.Rate, left.Round(time.Second)))
		}
		if d.SourceTime != nil {
			pairs = append(pairs, "  Newest change", when(*d.SourceTime))
		}
		if d.Events > 0 {
			pairs = append(pairs, "  Changes", number(d.Events)+" in "+number(d.Commits)+" commits",
				"  Lag", fmt.Sprintf("%.1f ms, 95th percentile %.1f ms", d.LagMS, d.LagP95MS))
		}
		if d.Error != nil {
			pairs = append(pairs, "  Error", d.Error.Message)
		}
		for _, t := range d.TimeSeries {
			pairs = append(pairs, "  Not followed", fmt.Sprintf("%s, a time series: %s documents, as of %s", t.Collection, number(t.Documents), when(t.Read)))
		}
		for _, r := range d.Refused {
			pairs = append(pairs, "  Refused", r.Collection+" "+short(r.ID)+": "+r.Why)
		}
		for _, n := range d.Notes {
			pairs = append(pairs, "  Note", n)
		}
	}
	for _, w := range m.Warnings {
		pairs = append(pairs, "WARNING", w)
	}
	return a.facts(pairs...)
}
