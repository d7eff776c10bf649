package pebblekv

import (
	"errors"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// Open opens the store in a directory, and makes it first if the directory is
// empty or absent.
func Open(dir string, o Options) (*Store, error) {
	o.setDefaults()
	exists, err := probe(o.FS, dir)
	if err != nil {
		return nil, err
	}
	if !exists && (o.MustExist || o.ReadOnly) {
		return nil, errs.New(errs.NotAStore, "there is no Argon store in directory %q", dir)
	}
	s := &Store{dir: dir, opts: o, gate: newStallGate()}
	s.fs = &fence{o.FS, s}
	if err := s.open(exists); err != nil {
		return nil, err
	}
	return s, nil
}

// open takes the lock, checks the seal and opens Pebble; it undoes what it did
// where one of them fails.
func (s *Store) open(exists bool) (err error) {
	fs := s.opts.FS
	if !exists {
		if err := makeDir(fs, s.dir); err != nil {
			return s.madeError(err)
		}
	}
	if s.lock, err = takeLock(fs, s.dir, s.opts.Token, s.opts.ReadOnly); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.Close())
		}
	}()
	if !exists {
		if err := s.create(); err != nil {
			return s.translate(err)
		}
	}
	if !s.opts.ReadOnly {
		if err := makeDir(fs, fs.PathJoin(s.dir, dataName)); err != nil {
			return s.translate(err)
		}
	}
	if err := breakSeal(fs, s.dir, s.opts.ReadOnly); err != nil {
		return s.translate(err)
	}
	return s.openPebble()
}

// create writes FORMAT. It is there before any of Pebble's files, so that a
// directory with them but without it is never ours.
func (s *Store) create() error {
	return writeFile(s.opts.FS, s.dir, formatName, []byte(formatText(formatCurrent)))
}

func (s *Store) openPebble() (err error) {
	defer s.caught(&err)
	data := s.fs.PathJoin(s.dir, dataName)
	if err := s.standIn(data); err != nil {
		return s.translate(err)
	}
	opts := s.pebbleOptions()
	db, err := pebble.Open(data, opts)
	if f := s.failed.Load(); f != nil {
		if err == nil {
			_ = db.Close()
		}
		return f.err
	}
	if err != nil {
		return s.openError(err)
	}
	s.db, s.reader = db, db
	s.tables = opts.MakeWriterOptions(len(opts.Levels)-1, db.TableFormat())
	if err = s.recover(); err == nil {
		err = s.broken()
	}
	if err != nil {
		err = errors.Join(s.translate(err), db.Close())
	}
	return err
}

// recover completes what a crash has cut off.
func (s *Store) recover() error {
	if err := s.recoverJournal(); err != nil || s.opts.ReadOnly {
		return err // what a run has left, no reader of versions sees
	}
	return errors.Join(s.dropRun(), s.removeRuns())
}

// openError gives an error of pebble.Open its code. What the system did not
// cause is about what the files say: one is missing or has another size, or
// does not parse.
func (s *Store) openError(err error) error {
	var system syscall.Errno
	if errors.As(err, &system) && !errors.Is(err, os.ErrNotExist) {
		return s.translate(err)
	}
	return errs.Wrap(plain(err), errs.StoreCorrupt, "store %q is damaged", s.dir)
}

// madeError gives the failure to make the store's directory its code: nothing of
// a store is missing where there was none.
func (s *Store) madeError(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return errs.Wrap(err, errs.StoreIO, "directory %q cannot be made", s.dir).
			WithRemedy("name a directory in one that you can write to")
	}
	return s.translate(err)
}

// flushOnClose is how much log a store may leave behind: less is replayed in a
// few milliseconds when it is opened again.
const flushOnClose = 1 << 20

// Close implements kv.Store.
func (s *Store) Close() (err error) {
	if !s.closed.CompareAndSwap(false, true) {
		return nil
	}
	defer func() { err = errors.Join(err, s.lock.Close()) }()
	if s.wedged.Load() {
		// Pebble may hold its own locks for ever. Nothing can reach the disk
		// any more, so what is left is memory.
		return s.failed.Load().err
	}
	return s.closePebble()
}

func (s *Store) closePebble() (err error) {
	defer s.caught(&err)
	if s.journal != nil {
		err = errors.Join(s.journal.settle(), s.journal.close())
	}
	if !s.opts.ReadOnly && s.failed.Load() == nil && s.db.Metrics().WAL.Size > flushOnClose {
		err = errors.Join(err, s.translate(s.db.Flush()))
	}
	err = errors.Join(err, s.translate(s.db.Close()))
	if f := s.failed.Load(); f != nil {
		return f.err
	}
	if err != nil || s.opts.ReadOnly {
		return err
	}
	return s.translate(setSeal(s.opts.FS, s.dir))
}

// Checkpoint implements kv.Store.
func (s *Store) Checkpoint(dir string) (err error) {
	if err := s.writable(); err != nil {
		return err // Pebble would have to flush its log
	}
	fs := s.opts.FS
	if exists, err := probe(fs, dir); err != nil || exists {
		return errors.Join(err, errs.New(errs.StoreIO, "directory %q of the copy is a store already", dir))
	}
	if err := makeDir(fs, dir); err != nil {
		return translate(dir, err)
	}
	defer s.caught(&err)
	if err := s.db.Checkpoint(fs.PathJoin(dir, dataName), pebble.WithFlushedWAL()); err != nil {
		return s.translate(err)
	}
	if err := writeFile(fs, dir, formatName, []byte(formatText(formatCurrent))); err != nil {
		return translate(dir, err)
	}
	return translate(dir, setSeal(fs, dir))
}

var _ vfs.FS = (*fence)(nil)
