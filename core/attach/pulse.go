package attach

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/argon-lab/argon/core/errs"
)

// A host that is stopped, by Ctrl-Z or in a debugger, answers nothing, and it has
// the store still: nobody may take its place. Who waits for it is told after a
// while. A command may take as long as it likes, so that the time alone says
// nothing: the pulse, which beats while some command waits, asks the system what
// state the host is in, and the host whether it greets a new connection.

const (
	beat = time.Second
	// patience is how many beats a command waits before its host is looked at, and
	// between two looks.
	patience = 5
)

// waits notes that a connection waits for the host from now on, until answered.
func (l *link) waits(c *conn) {
	c.asked.Store(l.tick.Load() + 1)
	if !l.pulsing.Load() && l.pulsing.CompareAndSwap(false, true) {
		go l.pulse()
	}
}

func (c *conn) answered() { c.asked.Store(0) }

// pulse beats as long as something waits.
func (l *link) pulse() {
	t := time.NewTicker(beat)
	defer t.Stop()
	for {
		select {
		case <-l.gone:
			return
		case <-t.C:
		}
		now := l.tick.Add(1)
		if len(l.late(now, 0)) == 0 {
			l.pulsing.Store(false)
			// Something may have begun to wait that saw the pulse beat.
			if len(l.late(now, 0)) == 0 || !l.pulsing.CompareAndSwap(false, true) {
				return
			}
		}
		if now%patience == 0 && len(l.late(now, patience)) > 0 {
			if err := l.look(); err != nil {
				l.fail(l.late(now, patience), err)
			}
		}
	}
}

// late returns the connections that have waited for some beats.
func (l *link) late(now, beats int64) (list []*conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.used {
		if since := c.asked.Load(); since > 0 && now-(since-1) >= beats {
			list = append(list, c)
		}
	}
	return list
}

// fail ends commands that the host does not answer. Those that it has read it may
// still carry out when it goes on.
func (l *link) fail(list []*conn, err *errs.Error) {
	for _, c := range list {
		c.failed.Store(err)
		c.close()
	}
}

// look finds out whether the host is alive and does not answer.
func (l *link) look() *errs.Error {
	if l.stopped() {
		return l.silent()
	}
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTime)
	defer cancel()
	nc, err := l.dial(ctx)
	if err != nil {
		return nil // it has gone, or is too busy to be asked
	}
	c := newConn(nc)
	defer c.close()
	if _, err := c.greet(ctx, l.o, l.id); errors.Is(err, os.ErrDeadlineExceeded) {
		return l.silent()
	}
	return nil
}

// greeted is what the host said of itself, or nil while it is asked.
func (l *link) greeted() *greeting {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.greeting
}

// stopped reports whether the system says that the host is stopped.
func (l *link) stopped() bool {
	g := l.greeted()
	return l.local && g != nil && isStopped(g.host.PID)
}

// silent is the error of a host that is there and does not answer.
func (l *link) silent() *errs.Error {
	g := l.greeted()
	switch {
	case g == nil:
		return nil // who connects looks at the time itself
	case !l.local:
		return errs.New(errs.HostLost, "the Argon server does not answer; what was sent to it may be carried out")
	}
	return silentHost(g.host.PID, g.host.Command, errs.HostLost, "; what it was asked to do may be carried out when it goes on")
}

// silentHost names the process and says what to do about it.
func silentHost(pid int, command string, code errs.Code, also string) *errs.Error {
	what := "does not answer"
	if isStopped(pid) {
		what = "is stopped"
	}
	e := errs.New(code, "process %d (%s) has the store open and %s%s", pid, command, what, also)
	return e.WithRemedy("let it go on (fg in its terminal, or kill -CONT %d), or end it (kill -KILL %d): another process then takes its place", pid, pid)
}
