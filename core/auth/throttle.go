package auth

import (
	"context"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/errs"
)

// Slowing down guesses. The first wrong tries for a user from one source cost
// nothing; each one after makes the next wait, twice as long as the one before
// up to a limit. A right one clears the account. Who waits holds nothing but its
// own connection, and nobody else waits: not the same user from elsewhere, nor
// another user from the same source.
const (
	freeTries = 5
	firstWait = 250 * time.Millisecond
	longest   = 8 * time.Second
	forgotten = 15 * time.Minute // after the last wrong try
	maxTraces = 10_000           // what guesses of many names can hold
)

// source is a user as guessed, and where from.
type source struct {
	user UserName
	from string
}

// trace is the account of one source.
type trace struct {
	failures int
	last     time.Time // the last wrong try
	next     time.Time // when the next try may be looked at
}

type throttle struct {
	now    func() time.Time
	after  func(time.Duration) <-chan time.Time
	mu     sync.Mutex
	traces map[source]*trace
}

// wait returns when a try may be looked at. Tries at the same time get their
// turns one after the other; one whose turn is too far off is refused at once.
func (t *throttle) wait(ctx context.Context, s source) error {
	pause, err := t.turn(s)
	if err != nil || pause <= 0 {
		return err
	}
	select {
	case <-t.after(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *throttle) turn(s source) (time.Duration, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.traces[s]
	if tr == nil || tr.failures < freeTries {
		return 0, nil
	}
	now := t.now()
	pause := tr.next.Sub(now)
	if pause > longest {
		return 0, errs.New(errs.AuthenticationFailed, "Authentication failed.").
			WithRemedy("too many wrong tries: try again in %d seconds", int(pause/time.Second)+1)
	}
	tr.next = now.Add(max(pause, 0) + tr.delay())
	return pause, nil
}

// delay is what one more try costs now.
func (tr *trace) delay() time.Duration {
	return min(longest, firstWait<<min(tr.failures-freeTries, 10))
}

// result takes down how a try went.
func (t *throttle) result(s source, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok {
		delete(t.traces, s)
		return
	}
	now := t.now()
	tr := t.traces[s]
	if tr == nil || now.Sub(tr.last) > forgotten {
		t.makeRoom(now)
		tr = &trace{}
		t.traces[s] = tr
	}
	tr.failures++
	tr.last = now
	if tr.failures >= freeTries && tr.next.Before(now.Add(tr.delay())) {
		tr.next = now.Add(tr.delay())
	}
}

// makeRoom forgets what is old, and if need be the oldest.
func (t *throttle) makeRoom(now time.Time) {
	if t.traces == nil {
		t.traces = make(map[source]*trace)
	}
	if len(t.traces) < maxTraces {
		return
	}
	var oldest source
	var at time.Time
	for s, tr := range t.traces {
		if now.Sub(tr.last) > forgotten {
			delete(t.traces, s)
		} else if at.IsZero() || tr.last.Before(at) {
			oldest, at = s, tr.last
		}
	}
	if len(t.traces) >= maxTraces {
		delete(t.traces, oldest)
	}
}
