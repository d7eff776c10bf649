package pebblekv

import (
	"bytes"
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
)

// Store is a kv.Store in a directory.
type Store struct {
	dir  string
	opts Options
	fs   vfs.FS
	lock io.Closer
	db   *pebble.DB
	// tables is how tables are written that Pebble takes in.
	tables sstable.WriterOptions
	runs   atomic.Int64 // how many of their files were begun
	// reader is what reads go to: db, or behind it, in a store that is only read,
	// what its journal has and Pebble has lost (recovery.go).
	reader pebble.Reader
	// journal is nil in a store that is only read.
	journal *journal

	// applying serialises Apply: a batch that Pebble fails on stays at the head
	// of its pipeline, and one behind it would wait for ever.
	applying sync.Mutex
	space    spaceGuard
	gate     *stallGate

	failed                     atomic.Pointer[failure] // why the store stopped
	background                 atomic.Pointer[failure] // the last error of a flush or compaction
	flushed                    atomic.Pointer[failure] // how the last flush ended
	stalled                    atomic.Bool             // writers wait for flushes or compactions
	badFlushes, badCompactions atomic.Int32            // failed ones in a row
	wedged                     atomic.Bool             // Pebble panicked and may hold its locks for ever
	closed                     atomic.Bool
}

var _ kv.Store = (*Store)(nil)

// Dir returns the store's directory.
func (s *Store) Dir() string { return s.dir }

// broken returns why the store stopped, or nil.
func (s *Store) broken() error {
	if f := s.failed.Load(); f != nil {
		return f.err
	}
	return nil
}

// usable returns why the store cannot be used, or nil.
func (s *Store) usable() error {
	if err := s.broken(); err != nil {
		return err
	}
	if s.closed.Load() {
		return errs.New(errs.StoreClosed, "store %q is closed", s.dir)
	}
	return nil
}

func (s *Store) writable() error {
	if s.opts.ReadOnly {
		return errs.New(errs.StoreReadOnly, "store %q is open for reading only", s.dir)
	}
	return s.usable()
}

// NewBatch implements kv.Store.
func (s *Store) NewBatch() kv.Batch { return batchOf(s.db.NewBatch()) }

// Apply implements kv.Store.
func (s *Store) Apply(b kv.Batch, sync bool) (err error) {
	if sync {
		wait, err := s.ApplyNoWait(b)
		if err != nil {
			return err
		}
		return wait()
	}
	p := b.(*batch)
	if _, err := s.commit(p, inMemory); err != nil {
		return err
	}
	return s.translate(p.b.Close())
}

// ApplyNoWait implements kv.Store.
func (s *Store) ApplyNoWait(b kv.Batch) (wait func() error, err error) {
	p := b.(*batch)
	if p.b.Empty() && p.run == nil {
		return func() error { return s.usable() }, s.translate(p.b.Close())
	}
	way := inJournal
	if p.b.Len() > journalBatch {
		way = inPebble
	}
	ordinal, err := s.commit(p, way)
	if err != nil {
		return nil, err
	}
	if way == inPebble {
		return p.waitSynced(s, ordinal), nil
	}
	if err := p.b.Close(); err != nil {
		return nil, s.translate(err)
	}
	return func() error { return s.journal.wait(ordinal) }, nil
}

// durability says what makes a batch durable.
type durability int

const (
	inMemory  durability = iota // whatever syncs next
	inJournal                   // the journal
	inPebble                    // a sync of Pebble's log, begun at once
)

// commit applies a batch and returns its ordinal.
func (s *Store) commit(p *batch, way durability) (ordinal uint64, err error) {
	b := p.b
	defer p.closeRun() // unless it was taken in
	err = s.writable()
	if err == nil && p.sets { // removing is how room is made
		err = s.space.admit(s.opts.FS, s.dir, p.room())
	}
	if err != nil {
		_ = b.Close()
		return 0, err
	}
	s.applying.Lock()
	defer s.applying.Unlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	defer s.caught(&err)
	if err := s.pass(); err != nil {
		return 0, err
	}
	if p.run != nil {
		if err := s.takeIn(p.run, b); err != nil {
			return 0, s.settled(err)
		}
	}
	ordinal = s.journal.stamp(b)
	if way == inPebble {
		err = s.db.ApplyNoSyncWait(b, pebble.Sync)
	} else {
		err = s.db.Apply(b, pebble.NoSync)
	}
	if err != nil {
		return 0, s.fail(err)
	}
	if err := s.broken(); err != nil {
		return 0, err
	}
	if way == inJournal {
		s.journal.note(ordinal, b.Repr())
	} else {
		s.journal.note(ordinal, nil)
	}
	return ordinal, nil
}

// Get implements kv.Reader.
func (s *Store) Get(key []byte) ([]byte, bool, error) { return s.get(s.reader, key) }

func (s *Store) get(r pebble.Reader, key []byte) (value []byte, ok bool, err error) {
	if err := s.usable(); err != nil {
		return nil, false, err
	}
	v, closer, err := r.Get(key)
	if err == pebble.ErrNotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.translate(err)
	}
	value = bytes.Clone(v)
	if value == nil {
		value = []byte{}
	}
	return value, true, s.translate(closer.Close())
}

// NewIter implements kv.Reader.
func (s *Store) NewIter(lo, hi []byte) (kv.Iterator, error) { return s.newIter(s.reader, lo, hi) }

func (s *Store) newIter(r pebble.Reader, lo, hi []byte) (kv.Iterator, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: aboveOrdinal(lo), UpperBound: hi, UseL6Filters: true})
	if err != nil {
		return nil, s.translate(err)
	}
	return &iterator{it: it, store: s}, nil
}

// aboveOrdinal hides the key that is the store's own.
func aboveOrdinal(lo []byte) []byte {
	if lo == nil {
		return minKey
	}
	return lo
}

// NewSnapshot implements kv.Store.
func (s *Store) NewSnapshot() kv.Snapshot {
	if s.opts.ReadOnly {
		return still{s}
	}
	return &snapshot{s.db.NewSnapshot(), s}
}

// still is the snapshot of a store that is only read: nothing changes in it.
type still struct{ *Store }

func (still) Close() error { return nil }

type snapshot struct {
	snap  *pebble.Snapshot
	store *Store
}

func (s *snapshot) Get(key []byte) ([]byte, bool, error) { return s.store.get(s.snap, key) }

func (s *snapshot) NewIter(lo, hi []byte) (kv.Iterator, error) {
	return s.store.newIter(s.snap, lo, hi)
}

func (s *snapshot) Close() error { return s.store.translate(s.snap.Close()) }

// Flush implements kv.Store.
func (s *Store) Flush() (err error) {
	if err := s.writable(); err != nil {
		return err
	}
	s.applying.Lock()
	defer s.applying.Unlock()
	defer s.caught(&err)
	return s.settled(s.db.Flush())
}

// settled translates the outcome of a flush or compaction, and looks whether
// the store failed meanwhile.
func (s *Store) settled(err error) error {
	if f := s.failed.Load(); f != nil {
		return f.err
	}
	return s.translate(err)
}

// Compact implements kv.Store.
func (s *Store) Compact(ctx context.Context, lo, hi []byte) error {
	if err := s.writable(); err != nil {
		return err
	}
	if lo == nil {
		lo = []byte{0}
	}
	if hi == nil {
		hi = bytes.Repeat([]byte{0xFF}, 16)
	}
	return s.settled(s.db.Compact(ctx, lo, hi, true))
}

// DiskUsage implements kv.Store.
func (s *Store) DiskUsage(lo, hi []byte) (uint64, error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	if lo == nil {
		lo = []byte{0}
	}
	if hi == nil {
		hi = bytes.Repeat([]byte{0xFF}, 16)
	}
	n, err := s.db.EstimateDiskUsage(lo, hi)
	return n, s.translate(err)
}

// Metrics implements kv.Store.
func (s *Store) Metrics() kv.Metrics {
	if s.usable() != nil {
		return kv.Metrics{}
	}
	m := s.db.Metrics()
	detail := m.String()
	if f := s.background.Load(); f != nil {
		detail += "\nlast background error: " + f.err.Error()
	}
	return kv.Metrics{
		DiskBytes:         m.DiskSpaceUsage(),
		LogBytes:          m.WAL.PhysicalSize,
		MemoryBytes:       uint64(m.BlockCache.Size) + m.MemTable.Size + m.MemTable.ZombieSize,
		CacheHits:         m.BlockCache.Hits,
		CacheMisses:       m.BlockCache.Misses,
		Compactions:       m.Compact.Count,
		CompactionDebt:    m.Compact.EstimatedDebt,
		Flushes:           m.Flush.Count,
		ReadAmplification: m.ReadAmp(),
		Detail:            detail,
	}
}
