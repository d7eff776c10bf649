package main

import (
	"sync"

	"github.com/schollz/progressbar/v3"

	"github.com/argon-lab/argon/core/client"
)

// bar shows how far a long verb is, on standard error, if that is a terminal.
type bar struct {
	a     *app
	title string

	mu   sync.Mutex
	bar  *progressbar.ProgressBar
	over bool
}

func (a *app) progress(title string) *bar { return &bar{a: a, title: title} }

// report takes a state of the verb.
func (b *bar) report(p client.Progress) {
	if !b.a.io.ErrTerminal {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	if b.bar == nil {
		total := p.Total
		if total == 0 {
			total = -1
		}
		options := []progressbar.Option{
			progressbar.OptionSetWriter(b.a.io.Err), progressbar.OptionSetDescription(b.title),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100e6),
		}
		if p.Unit == "bytes" {
			options = append(options, progressbar.OptionShowBytes(true))
		} else {
			options = append(options, progressbar.OptionSetItsString("documents"), progressbar.OptionShowIts())
		}
		b.bar = progressbar.NewOptions64(total, options...)
	}
	if p.Total > 0 && p.Total != b.bar.GetMax64() {
		b.bar.ChangeMax64(p.Total)
	}
	_ = b.bar.Set64(p.Done) // a bar that cannot be drawn stops nothing
}

// done takes the bar off the screen. Twice is allowed.
func (b *bar) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if b.bar != nil {
		_ = b.bar.Clear()
		b.bar = nil
	}
}
