package mvcc

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/argon-lab/argon/core/errs"
)

// commits tells who waits of commits that have become durable. What is visible
// and not yet durable may be gone after a crash, so that nothing which acts on
// commits, as a change stream does, may see it before.
//
// While nobody waits, a commit costs two atomic operations here. A waiter sleeps
// on a channel of the segment that it is about, so that it wakes for no other's
// commits.
type commits struct {
	durable atomic.Uint64 // LSN up to which everything is on disk
	waiting atomic.Int32  // how many channels there are
	mu      sync.Mutex
	closed  bool
	byPlace map[SegmentID]chan struct{} // 0: any segment
}

// DurableLSN returns the LSN up to which every commit is durable.
func (s *Store) DurableLSN() LSN { return LSN(s.commits.durable.Load()) }

// settled wraps a commit's wait so that waiters hear of it.
func (c *commits) settled(seg SegmentID, lsn LSN, wait func() error) func() error {
	return func() error {
		if err := wait(); err != nil {
			return err
		}
		for {
			now := c.durable.Load()
			// The log is one: what is before a durable commit is durable.
			if uint64(lsn) <= now || c.durable.CompareAndSwap(now, uint64(lsn)) {
				break
			}
		}
		c.wake(seg)
		return nil
	}
}

// wake wakes who waits for a segment, and who waits for any.
func (c *commits) wake(seg SegmentID) {
	if c.waiting.Load() == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, place := range [...]SegmentID{seg, 0} {
		if ch, ok := c.byPlace[place]; ok {
			close(ch)
			delete(c.byPlace, place)
			c.waiting.Add(-1)
		}
	}
}

// Wake wakes who waits for a segment: for changes that are not commits on it.
func (s *Store) Wake(seg SegmentID) { s.commits.wake(seg) }

// Notice returns a channel that is closed at the next commit on a segment that
// becomes durable; 0 is any segment. A caller takes the channel, looks whether
// what it waits for is there already, and sleeps if not.
func (s *Store) Notice(seg SegmentID) <-chan struct{} {
	c := &s.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.byPlace[seg]
	if ch == nil {
		ch = make(chan struct{})
		if c.closed {
			close(ch)
			return ch
		}
		if c.byPlace == nil {
			c.byPlace = make(map[SegmentID]chan struct{})
		}
		c.byPlace[seg] = ch
		c.waiting.Add(1)
	}
	return ch
}

// WaitDurable waits until everything up to an LSN is durable.
func (s *Store) WaitDurable(ctx context.Context, lsn LSN) error {
	for s.DurableLSN() < lsn {
		ch := s.Notice(0)
		if s.DurableLSN() >= lsn {
			return nil
		}
		if err := s.usable(); err != nil {
			return err
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return errs.Wrap(ctx.Err(), errs.Interrupted, "the wait for LSN %d was stopped", lsn)
		}
	}
	return nil
}

// closeAll wakes everybody for good.
func (c *commits) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, ch := range c.byPlace {
		close(ch)
	}
	c.byPlace = nil
	c.waiting.Store(0)
}
