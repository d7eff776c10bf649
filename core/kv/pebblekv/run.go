package pebblekv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
)

// A run is written to tables of Pebble's form beside its own, in files RUN-n of
// the store's directory, which Pebble takes in when the batch is applied: no log,
// no memtable, and where nothing of its range is there yet, the lowest level, so
// that no compaction touches it again.
//
// Pebble takes tables in durably, but not together with a batch. So before it
// does, the key runKey says which run is on its way, and the batch removes that
// key again: a store that finds it when it is opened removes what it has of the
// run. Everything before is made durable with the key, since Pebble's log may
// lose its end in a crash, and the tables do not.
//
// Rejected: tables for the batch too, taken in together. Each of its kinds of
// key needs one of its own, with a sync; and since its keys are in the memtable
// already, that has to be flushed each time.
const (
	runPrefix = "RUN-"
	// runTable bounds what goes into a table, and runBuffer what is written at once.
	runTable  = 64 << 20
	runBuffer = 256 << 10
)

// runKey holds the run that is on its way. FROZEN; integers big-endian.
//
//	[version 8][uvarint length of the first key][first key][last key]
var runKey = []byte{0, 1}

// run is a kv.Run.
type run struct {
	store       *Store
	ctx         context.Context
	version     uint64
	w           *sstable.Writer // of the last table, nil between two
	end         []byte          // where it ends at the latest, nil if anywhere
	room        int             // bytes that it may still take
	paths       []string
	first, last []byte
	size        int
}

// NewRun implements kv.Store.
func (s *Store) NewRun(ctx context.Context, version uint64) (kv.Run, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	// What was begun is finished or undone, whatever becomes of the caller.
	return &run{store: s, ctx: context.WithoutCancel(ctx), version: version}, nil
}

// Set implements kv.Run.
func (r *run) Set(key, value []byte) (err error) {
	defer r.store.caught(&err)
	if r.w != nil && (r.end != nil && bytes.Compare(key, r.end) >= 0 || r.room <= 0) {
		err = r.finishTable()
	}
	if err == nil && r.w == nil {
		err = r.beginTable(key)
	}
	if err == nil {
		err = r.w.Set(key, value)
	}
	if r.first == nil {
		r.first = bytes.Clone(key)
	}
	r.last = append(r.last[:0], key...)
	r.room -= len(key) + len(value)
	r.size += len(key) + len(value)
	return r.store.translate(err)
}

func (r *run) beginTable(key []byte) error {
	path := r.store.fs.PathJoin(r.store.dir, fmt.Sprint(runPrefix, r.store.runs.Add(1)))
	f, err := r.store.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	r.paths = append(r.paths, path)
	r.w, r.room = sstable.NewWriter(&runFile{f: f}, r.store.tables), runTable
	_, r.end, err = r.store.spanPolicy(key)
	return err
}

// finishTable makes the last table durable.
func (r *run) finishTable() error {
	err := r.w.Close()
	r.w = nil
	return err
}

// Finish implements kv.Run.
func (r *run) Finish() (err error) {
	defer r.store.caught(&err)
	if r.w != nil {
		err = r.finishTable()
	}
	return r.store.translate(err)
}

// Size implements kv.Run.
func (r *run) Size() int { return r.size }

// Close implements kv.Run.
func (r *run) Close() {
	if r.w != nil {
		_ = r.w.Close()
	}
	for _, path := range r.paths {
		_ = r.store.fs.Remove(path) // or it goes when the store is opened
	}
	r.paths = nil
}

// takeIn makes a run a part of the store, and b the batch that keeps it there.
// The caller holds applying.
func (s *Store) takeIn(r *run, b *pebble.Batch) error {
	if len(r.paths) == 0 {
		return nil
	}
	if err := s.announce(r); err != nil {
		return s.fail(err)
	}
	err := s.db.Ingest(r.ctx, r.paths)
	s.gate.change()
	if err == nil {
		r.paths = nil // Pebble has moved them
		return b.Delete(runKey, nil)
	}
	if err := s.db.Delete(runKey, pebble.NoSync); err != nil {
		return s.fail(err)
	}
	return err
}

// announce says which run is on its way, and makes that and all before durable.
func (s *Store) announce(r *run) error {
	value := binary.BigEndian.AppendUint64(nil, r.version)
	value = append(binary.AppendUvarint(value, uint64(len(r.first))), r.first...)
	if err := s.db.Set(runKey, append(value, r.last...), pebble.Sync); err != nil {
		return err
	}
	s.journal.noteSettled(s.journal.applied) // which holds still under applying
	return nil
}

// dropRun removes a run that a crash has left without its batch.
func (s *Store) dropRun() error {
	value, closer, err := s.db.Get(runKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	version, first, last, ok := decodeRun(value)
	if !ok {
		return errors.Join(errs.New(errs.StoreCorrupt, "store %q is damaged: its note of an unfinished run has %d bytes", s.dir, len(value)), closer.Close())
	}
	err = errors.Join(s.dropVersion(version, first, append(bytes.Clone(last), 0)), closer.Close())
	if err != nil {
		return err
	}
	return s.db.Delete(runKey, pebble.NoSync) // as the others: in order
}

func decodeRun(value []byte) (version uint64, first, last []byte, ok bool) {
	if len(value) < 9 {
		return 0, nil, nil, false
	}
	n, size := binary.Uvarint(value[8:])
	if rest := value[8+max(size, 0):]; size > 0 && n <= uint64(len(rest)) {
		return binary.BigEndian.Uint64(value), rest[:n], rest[n:], true
	}
	return 0, nil, nil, false
}

// dropVersion removes the keys of a version in [lo, hi).
func (s *Store) dropVersion(version uint64, lo, hi []byte) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: hi, KeyTypes: pebble.IterKeyTypePointsOnly})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		if key := it.Key(); kv.Split(key) < len(key) && kv.Version(key) == version {
			err = s.db.Delete(key, pebble.NoSync)
		}
	}
	return errors.Join(err, it.Error(), it.Close())
}

// removeRuns removes the files of runs that were not finished.
func (s *Store) removeRuns() error {
	names, err := s.opts.FS.List(s.dir)
	for _, name := range names {
		if err == nil && strings.HasPrefix(name, runPrefix) {
			err = s.fs.Remove(s.fs.PathJoin(s.dir, name))
		}
	}
	return err
}

// runFile is the file of a table that is being written.
type runFile struct {
	f   vfs.File
	buf []byte
}

func (w *runFile) Write(p []byte) error {
	w.buf = append(w.buf, p...)
	if len(w.buf) < runBuffer {
		return nil
	}
	return w.flush()
}

func (w *runFile) flush() error {
	_, err := w.f.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *runFile) Finish() error {
	err := w.flush()
	if err == nil {
		err = w.f.Sync()
	}
	return errors.Join(err, w.f.Close())
}

func (w *runFile) Abort() { _ = w.f.Close() }
