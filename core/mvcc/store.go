package mvcc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/refs"
)

// Store is the versioned store. Its methods may be called by many goroutines
// at once.
type Store struct {
	kv  kv.Store
	now func() time.Time

	commit struct {
		sync.Mutex
		next  LSN   // the LSN of the next commit
		state state // as of the last commit
		// floors are the times of the newest commits of segments that hold, or
		// stand on, commits that brought their times along (time.go).
		floors map[SegmentID]int64
		key    []byte // scratch
	}
	last    atomic.Uint64 // LSN of the last visible commit
	time    atomic.Int64  // its time
	latest  atomic.Int64  // no commit has a later one, those with times of their own among them
	durable atomic.Uint64 // the limit that is durable (state.go)
	ids     struct {
		sync.Mutex
		segment    SegmentID
		collection CollectionID
		index      IndexID
		project    ProjectID
	}

	opened   LSN // the last LSN when the store was opened
	recent   recent
	pool     pool
	touched  touches
	names    names
	ancestry ancestry
	heads    heads
	segments segmentCache
	commits  commits
	closed   atomic.Bool

	runBytes int // see the constant
}

// Open opens the versioned store in a key-value store, which it takes over.
func Open(s kv.Store) (*Store, error) { return OpenWithClock(s, time.Now) }

// OpenWithClock is Open with another clock for the times of commits.
func OpenWithClock(store kv.Store, now func() time.Time) (*Store, error) {
	s := &Store{kv: store, now: now, runBytes: runBytes}
	value, ok, err := store.Get(stateKey)
	if err != nil {
		return nil, err
	}
	if ok {
		if s.commit.state, err = decodeState(value); err != nil {
			return nil, err
		}
	}
	st := &s.commit.state
	s.commit.next = max(st.last, st.limit) + 1
	s.opened = st.last
	s.recent.begin(st.last)
	s.last.Store(uint64(st.last))
	s.time.Store(st.time)
	s.latest.Store(max(st.time, st.source))
	s.durable.Store(uint64(st.limit))
	s.commits.durable.Store(uint64(st.last))
	s.ids.segment, s.ids.collection, s.ids.index, s.ids.project = st.segment, st.collection, st.index, st.project
	s.pool.store, s.touched.store, s.heads.store, s.segments.store = s, s, s, s
	s.names.store, s.names.limit, s.names.sets = s, maxNames, map[string]*nameSet{}
	s.ancestry.store, s.ancestry.known = s, map[ancestryKey][]run{}
	s.touched.sets = map[SegmentID]map[CollectionID]struct{}{}
	s.commit.floors = map[SegmentID]int64{}
	s.heads.logged, s.heads.written = map[SegmentID]LSN{}, map[SegmentID]LSN{}
	s.segments.records = map[SegmentID]refs.Segment{}
	return s, nil
}

// Close closes the store and the key-value store below. Views and cursors must
// be closed before.
func (s *Store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return nil
	}
	s.commits.closeAll()
	s.commit.Lock()
	defer s.commit.Unlock()
	err := s.settle()
	s.pool.close()
	return errors.Join(err, s.kv.Close())
}

// settle brings the limit down to the last LSN, so that numbering goes on
// without a gap when the store is opened again.
func (s *Store) settle() error {
	st := &s.commit.state
	if LSN(s.durable.Load()) == st.last && st.limit == st.last || s.commit.next != st.last+1 {
		return nil
	}
	st.limit = st.last
	return s.writeState(*st)
}

func (s *Store) writeState(st state) error {
	b := s.kv.NewBatch()
	putState(b, &st)
	return s.kv.Apply(b, true)
}

func putState(b kv.Batch, st *state) {
	key, value := b.SetDeferred(len(stateKey), st.size())
	copy(key, stateKey)
	st.encode(value)
}

func (s *Store) usable() error {
	if s.closed.Load() {
		return errs.New(errs.StoreClosed, "the store is closed")
	}
	return nil
}

// LastLSN returns the LSN of the newest commit that views can see.
func (s *Store) LastLSN() LSN { return LSN(s.last.Load()) }

// LastTime returns the time of the newest commit in milliseconds since 1970.
func (s *Store) LastTime() int64 { return s.time.Load() }

// LatestTime returns a time that no commit is later than. It never goes back.
func (s *Store) LatestTime() int64 { return s.latest.Load() }

// AllocSegment returns a segment id never used before. This and the other ids
// become durable with the next commit.
func (s *Store) AllocSegment() SegmentID {
	s.ids.Lock()
	defer s.ids.Unlock()
	s.ids.segment++
	return s.ids.segment
}

// AllocCollection returns a collection id never used before.
func (s *Store) AllocCollection() CollectionID {
	s.ids.Lock()
	defer s.ids.Unlock()
	s.ids.collection++
	return s.ids.collection
}

// AllocIndex returns an index id never used before.
func (s *Store) AllocIndex() IndexID {
	s.ids.Lock()
	defer s.ids.Unlock()
	s.ids.index++
	return s.ids.index
}

// AllocProject returns a project id never used before.
func (s *Store) AllocProject() ProjectID {
	s.ids.Lock()
	defer s.ids.Unlock()
	s.ids.project++
	return s.ids.project
}

// Metrics returns what the key-value store knows about itself.
func (s *Store) Metrics() kv.Metrics { return s.kv.Metrics() }

// Checkpoint writes a copy of everything committed so far to a new directory.
func (s *Store) Checkpoint(dir string) error { return s.kv.Checkpoint(dir) }

// Compact rewrites everything into its smallest form.
func (s *Store) Compact(ctx context.Context) error {
	s.pool.purge(true)
	return s.kv.Compact(ctx, nil, nil)
}

// Flush makes everything committed so far durable and cheap to open.
func (s *Store) Flush() error { return s.kv.Flush() }
