package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// Pebble treats a failed write of its log or manifest as the end of the
// process: it calls Logger.Fatalf, or panics, some of it in a state in which
// even a recovered panic ends the process (it unlocks a mutex twice). What it
// holds in memory may differ from the disk then, so the store must stop; but
// the process, which is somebody's notebook, must go on.
//
// So Pebble never hears of such a failure. The first one is kept as the answer
// to every later call of the store, and closes the fence: from then on, writes
// go nowhere and succeed. Pebble carries on undisturbed and can be closed in
// order, and nothing of what it does reaches the disk, where the store may be
// opened again meanwhile.
//
// A table that cannot be written is no such failure. Pebble tries again, and
// answers reads from memory until then.

// failure is why a store stopped.
type failure struct{ err error }

// fence is the file system that Pebble sees. Locks are ours (lock.go); Pebble's
// are not taken.
type fence struct {
	vfs.FS
	store *Store
}

func (f *fence) closed() bool { return f.store.failed.Load() != nil }

// critical reports whether the store cannot go on without this file.
func (f *fence) critical(name string) bool {
	base := f.FS.PathBase(name)
	return f.isLog(name) || strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, markerPrefix)
}

// isLog reports whether commits wait for a file.
func (f *fence) isLog(name string) bool {
	base := f.FS.PathBase(name)
	return base == journalName || strings.HasSuffix(base, ".log")
}

const markerPrefix = "marker."

type noLock struct{}

func (noLock) Close() error { return nil }

func (f *fence) Lock(string) (io.Closer, error) { return noLock{}, nil }

// Create implements vfs.FS. A marker says which manifest is current; before it
// can be on disk, the manifest's own directory entry has to be.
func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if !f.closed() && strings.HasPrefix(f.FS.PathBase(name), markerPrefix) {
		if err := syncDir(f.FS, f.FS.PathDir(name)); err != nil {
			_ = f.store.fail(err)
		}
	}
	return f.open(name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// ReuseForWrite implements vfs.FS. The two steps are the machine's own; in one,
// Pebble's file system in memory locks itself twice, and waits for ever where
// another thread copies it in between, as tests of crashes do.
func (f *fence) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) {
		if err := f.FS.Rename(old, name); err != nil {
			return nil, err
		}
		return f.FS.OpenReadWrite(name, c)
	})
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

// open opens a file for writing, or pretends to.
func (f *fence) open(name string, open func() (vfs.File, error)) (vfs.File, error) {
	file := &fencedFile{fence: f, critical: f.critical(name)}
	if f.closed() {
		return file, nil
	}
	inner, err := open()
	if err != nil {
		return file, file.outcome(err)
	}
	if file.inner = inner; f.isLog(name) {
		file.inner = direct(inner)
	}
	return file, nil
}

// OpenDir implements vfs.FS: what is synced through it is critical.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{fence: f, inner: dir, critical: true}, nil
}

func (f *fence) Link(old, name string) error {
	if f.closed() {
		return nil
	}
	return f.FS.Link(old, name)
}

func (f *fence) Remove(name string) error {
	if f.closed() {
		return nil
	}
	return f.FS.Remove(name)
}

func (f *fence) RemoveAll(name string) error {
	if f.closed() {
		return nil
	}
	return f.FS.RemoveAll(name)
}

func (f *fence) Rename(old, name string) error {
	if f.closed() {
		return nil
	}
	return f.FS.Rename(old, name)
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// fail records the first failure and returns the error that every call
// answers with from now on.
func (s *Store) fail(cause error) error {
	err := s.translate(cause)
	if e := errs.As(err); e != nil && e.Code == errs.StoreIO {
		e.Remedy = "the store has stopped and lost nothing acknowledged: open it again once the cause is gone"
	}
	if s.failed.CompareAndSwap(nil, &failure{err}) {
		s.gate.change()
		return err
	}
	return s.failed.Load().err
}

// caught turns a panic inside Pebble into a failure; deferred with the error
// to set.
func (s *Store) caught(err *error) {
	r := recover()
	if r == nil {
		return
	}
	cause, ok := r.(error)
	if !ok {
		cause = fmt.Errorf("%v", r)
	}
	s.wedged.Store(true)
	*err = s.fail(cause)
}

// translate gives an error of Pebble or the system its code.
func (s *Store) translate(err error) error {
	if err == nil {
		return nil
	}
	if errs.As(err) != nil {
		return err
	}
	return translate(s.dir, err)
}

// translate gives an error met in the store of a directory its code.
func translate(dir string, err error) error {
	switch {
	case err == nil || errs.As(err) != nil:
		return err
	case pebble.IsCorruptionError(err):
		return errs.Wrap(plain(err), errs.StoreCorrupt, "store %q is damaged", dir)
	case errors.Is(err, pebble.ErrReadOnly):
		return errs.New(errs.StoreReadOnly, "store %q is open for reading only", dir)
	case errors.Is(err, pebble.ErrClosed):
		return errs.New(errs.StoreClosed, "store %q is closed", dir)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return errs.Wrap(err, errs.OutOfDiskSpace, "no room to write to store %q", dir)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return errs.Wrap(err, errs.StoreReadOnly, "store %q cannot be written", dir).
			WithRemedy("open it for reading only, or change who may write to the directory")
	case errors.Is(err, os.ErrNotExist):
		return errs.Wrap(err, errs.StoreCorrupt, "a file of store %q is missing", dir)
	}
	return errs.Wrap(err, errs.StoreIO, "store %q", dir)
}

// plain is an error without the line that Pebble joins to one of corruption,
// which carries details for programs and says nothing to people.
func plain(err error) error {
	text := strings.TrimSpace(strings.ReplaceAll(err.Error(), "<corruption detail carrier>", ""))
	if text == err.Error() {
		return err
	}
	return plainError{err, text}
}

type plainError struct {
	error
	text string
}

func (p plainError) Error() string { return p.text }

func (p plainError) Unwrap() error { return p.error }

// logger receives what Pebble has to say. Its information is dropped: what a
// user must know comes back as an error.
type logger Store

// Infof drops the message.
func (*logger) Infof(string, ...any) {}

// Errorf keeps the message for Metrics.
func (l *logger) Errorf(format string, args ...any) {
	(*Store)(l).background.Store(&failure{fmt.Errorf(format, args...)})
}

// Fatalf stops the store. It returns, which Pebble does not expect of it; the
// fence has seen to it that Pebble has little reason left to call it.
func (l *logger) Fatalf(format string, args ...any) {
	s := (*Store)(l)
	cause := fmt.Errorf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
		}
	}
	_ = s.fail(cause)
}

// maxAttempts is how often in a row a flush may fail; and a compaction, while
// writers wait for it. Pebble tries again and again, and they must not wait for
// ever.
const maxAttempts = 3

// events keeps background errors; without a handler of its own for damaged
// data Pebble would call Fatalf. A flush that failed is told twice, at its end
// and as a background error; one with nothing to flush has an error only at its
// end.
func (s *Store) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.background.Store(&failure{err})
			if f := s.flushed.Load(); f != nil && f.err != nil && errors.Is(err, f.err) {
				s.attempt(&s.badFlushes, err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) { s.background.Store(&failure{info.Details}) },
		FlushEnd: func(info pebble.FlushInfo) {
			s.flushed.Store(&failure{info.Err})
			if info.Err == nil {
				s.badFlushes.Store(0)
			}
			s.gate.change()
		},
		CompactionEnd: func(info pebble.CompactionInfo) {
			if info.Err != nil && (s.stalled.Load() || s.gate.waiting.Load()) {
				s.attempt(&s.badCompactions, info.Err)
			} else {
				s.badCompactions.Store(0)
			}
			s.gate.change()
		},
		WriteStallBegin: func(pebble.WriteStallBeginInfo) { s.stalled.Store(true) },
		WriteStallEnd:   func() { s.stalled.Store(false) },
	}
}

// attempt counts one more in a row that failed, and stops the store when they
// are too many.
func (s *Store) attempt(count *atomic.Int32, err error) {
	if count.Add(1) >= maxAttempts {
		_ = s.fail(err)
	}
}
