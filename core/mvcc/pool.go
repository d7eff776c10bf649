package mvcc

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/kv"
)

// pool keeps iterators for reuse: making one costs several times more than a
// point read with it.
//
// An iterator shows the store as it was when it was made. Since versions are
// never changed, it serves every view that needs nothing newer (View.need);
// the pool keeps for each the LSN up to which it surely sees everything.
//
// An iterator keeps memtables and files alive that the store wants to drop, and
// the memtables are charged to its cache of blocks: a few of them, flushed long
// since, leave it no room at all, and each read then goes to the file. So
// iterators are closed that were made long ago, counted in bytes written since
// or, for a store that is only read after it was filled, in time; and all of
// them once something was removed for good.
type pool struct {
	store   *Store
	written atomic.Int64 // bytes applied since the store was opened
	purged  atomic.Int64 // written, at the last purge

	mu     sync.Mutex
	idle   []*reader
	epoch  int // of removals
	closed bool
}

const (
	maxIdle   = 32
	staleness = 4 << 20 // bytes written until an idle iterator is closed
	maxAge    = time.Second
)

// reader is an iterator of the pool.
type reader struct {
	kv.Iterator
	sees    LSN   // it sees every commit up to this one
	made    int64 // pool.written when it was made
	born    time.Time
	epoch   int
	bounded bool
}

// take returns an iterator that sees every commit up to need.
func (p *pool) take(need LSN) (*reader, error) {
	p.mu.Lock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		r := p.idle[i]
		if r.sees >= need {
			p.idle[i] = p.idle[len(p.idle)-1]
			p.idle = p.idle[:len(p.idle)-1]
			p.mu.Unlock()
			return r, nil
		}
	}
	epoch := p.epoch
	p.mu.Unlock()
	if err := p.store.usable(); err != nil {
		return nil, err
	}
	// Both are read before the iterator is made: what is committed in between
	// it sees as well, which does no harm.
	sees, made := p.store.LastLSN(), p.written.Load()
	it, err := p.store.kv.NewIter(nil, nil)
	if err != nil {
		return nil, err
	}
	return &reader{Iterator: it, sees: sees, made: made, born: time.Now(), epoch: epoch}, nil
}

// put gives an iterator back. One that failed is closed.
func (p *pool) put(r *reader) error {
	if r == nil {
		return nil
	}
	failed := r.Err() != nil
	if time.Since(r.born) > maxAge {
		p.purge(false) // the others that are as old
		return r.Close()
	}
	p.mu.Lock()
	if failed || p.closed || r.epoch != p.epoch || len(p.idle) >= maxIdle || p.written.Load()-r.made > staleness {
		p.mu.Unlock()
		return r.Close()
	}
	p.idle = append(p.idle, r)
	p.mu.Unlock()
	return nil
}

// wrote counts bytes applied, and from time to time closes what became stale.
func (p *pool) wrote(n int) {
	if w := p.written.Add(int64(n)); w-p.purged.Load() > staleness {
		p.purged.Store(w)
		p.purge(false)
	}
}

// purge closes idle iterators: all of them, and those in use once they are given
// back, or only those that are stale.
func (p *pool) purge(all bool) {
	written, now := p.written.Load(), time.Now()
	p.mu.Lock()
	if all {
		p.epoch++
	}
	kept := p.idle[:0]
	var stale []*reader
	for _, r := range p.idle {
		if all || written-r.made > staleness/2 || now.Sub(r.born) > maxAge {
			stale = append(stale, r)
		} else {
			kept = append(kept, r)
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	p.mu.Unlock()
	for _, r := range stale {
		_ = r.Close() // an idle iterator has no error left to tell
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.purge(true)
}

// point readies an iterator for seeks anywhere.
func (r *reader) point() {
	if r.bounded {
		r.SetBounds(nil, nil)
		r.bounded = false
	}
}

// bound readies an iterator for a range.
func (r *reader) bound(lo, hi []byte) {
	r.SetBounds(lo, hi)
	r.bounded = true
}
