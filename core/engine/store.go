package engine

import (
	"context"
	"os/user"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/kv/pebblekv"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// Options are how to open a store. Nil options are the defaults.
type Options struct {
	ReadOnly   bool
	CacheBytes int64            // of blocks and memtables; 0 is the backend's default
	Token      string           // by which others recognize this opening; see LockHolder
	Actor      string           // who commits where a call says nothing; the system's user if empty
	Clock      func() time.Time // nil is time.Now
	KV         kv.Store         // an open backend instead of a directory, for tests
}

// Store is an open store. All methods may be called from many goroutines.
type Store struct {
	dir   string
	kv    kv.Store
	mv    *mvcc.Store
	opts  Options
	clock func() time.Time

	// mu guards the tables of refs below. Lock order: a branch's mu, then mu.
	mu       sync.RWMutex
	closed   bool
	projects map[string]*project
	merges   map[mvcc.SegmentID][]mergeEdge // by LSN
	stages   map[string]bool                // project/branch: hidden; see stage.go

	creating sync.Mutex // one creation of a project, branch or tag at a time
	catalogs catalogCache
	builds   builds
	uses     uses
}

// project is an open project.
type project struct {
	rec      refs.Project
	branches map[string]*branch
	tags     map[string]refs.TagRecord
	log      []refs.LogEntry // moves of its branches, oldest first
	deleted  mvcc.LSN        // the commit that removed it, or 0
}

// Open opens the store in a directory, and makes it if the directory is new or
// empty. Another process that has it open is error StoreLocked.
func Open(ctx context.Context, dir string, o *Options) (*Store, error) {
	s := &Store{dir: dir, clock: time.Now, projects: map[string]*project{}}
	if o != nil {
		s.opts = *o
	}
	if s.opts.Clock != nil {
		s.clock = s.opts.Clock
	}
	if s.opts.Actor == "" {
		s.opts.Actor = systemUser()
	}
	s.uses.since = s.clock()
	s.kv = s.opts.KV
	if s.kv == nil {
		backend, err := pebblekv.Open(dir, pebblekv.Options{
			ReadOnly: s.opts.ReadOnly, CacheBytes: s.opts.CacheBytes, TableEnd: mvcc.TableEnd(firstUserID),
			Token: s.opts.Token,
		})
		if err != nil {
			return nil, err
		}
		s.kv = backend
	}
	err := s.load(ctx)
	if err == nil {
		err = s.dropStages(ctx)
	}
	if err != nil {
		s.kv.Close()
		return nil, err
	}
	return s, nil
}

// Holder is the process that has a store open; see LockHolder.
type Holder = pebblekv.Holder

// LockHolder reads which process has the store in a directory open for writing,
// or had it open when it ended without closing it. It is zero if there is none,
// and while one is just opening it.
func LockHolder(dir string) (Holder, error) { return pebblekv.LockHolder(dir) }

// Writable reports whether there is a store in a directory that this process could
// open for writing, were it not for others.
func Writable(dir string) bool { return pebblekv.Writable(dir) }

// systemUser returns the name that commits bear unless told otherwise.
func systemUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// Close closes the store. Commits that were acknowledged are on disk already.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.mv.Close()
	return s.kv.Close()
}

// open fails if the store was closed.
func (s *Store) open() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed()
	}
	return nil
}

// errClosed is the answer of a store that was closed.
func errClosed() error { return errs.New(errs.StoreClosed, "the store is closed") }

// meta fills in what a caller left out.
func (s *Store) meta(m CommitMeta) CommitMeta {
	if m.Actor == "" {
		m.Actor = s.opts.Actor
	}
	return m
}
