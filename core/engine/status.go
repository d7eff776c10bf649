package engine

import (
	"context"
	"os"
	"runtime"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
)

// Status describes the store: {path, lsn, projects, branches, sizeOnDisk,
// memory, pid, readOnly}. Sizes are bytes; memory is what Go holds from the
// system.
func (s *Store) Status(ctx context.Context) (Doc, error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, errClosed()
	}
	projects, branches := len(s.projects), 0
	for _, p := range s.projects {
		branches += len(p.branches)
	}
	s.mu.RUnlock()
	m := s.mv.Metrics()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b := bsonraw.NewBuilder(nil)
	b.String("path", s.dir)
	b.Int64("lsn", int64(s.mv.LastLSN()))
	b.Int64("projects", int64(projects))
	b.Int64("branches", int64(branches))
	b.Int64("sizeOnDisk", int64(m.DiskBytes))
	b.Int64("memory", int64(mem.Sys-mem.HeapReleased))
	b.Int64("pid", int64(os.Getpid()))
	b.Bool("readOnly", s.opts.ReadOnly)
	return b.Finish(), nil
}

// Metrics returns the numbers of the backend, for monitoring.
func (s *Store) Metrics(ctx context.Context) (Doc, error) {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return nil, errClosed()
	}
	m := s.mv.Metrics()
	b := bsonraw.NewBuilder(nil)
	b.Int64("lsn", int64(s.mv.LastLSN()))
	b.Int64("diskBytes", int64(m.DiskBytes))
	b.Int64("logBytes", int64(m.LogBytes))
	b.Int64("memoryBytes", int64(m.MemoryBytes))
	b.Int64("cacheHits", m.CacheHits)
	b.Int64("cacheMisses", m.CacheMisses)
	b.Int64("compactions", m.Compactions)
	b.Int64("compactionDebtBytes", int64(m.CompactionDebt))
	b.Int64("flushes", m.Flushes)
	b.Int64("readAmplification", int64(m.ReadAmplification))
	b.String("detail", m.Detail)
	return b.Finish(), nil
}

// LastLSN returns the newest commit of the store.
func (s *Store) LastLSN() mvcc.LSN { return s.mv.LastLSN() }

// Compact rewrites the store into its smallest form. It may take long.
func (s *Store) Compact(ctx context.Context) error { return s.mv.Compact(ctx) }
