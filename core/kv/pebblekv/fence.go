package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// Pebble treats a failed write of its log or manifest as the end of the
// process: it calls Logger.Fatalf, or panics. What it holds in memory may
// differ from the disk then, so the store stops; but the process, which is
// somebody's notebook, goes on. The first such failure is kept as the reason
// for every later call, and closes the fence: from then on the file system
// given to Pebble refuses to change anything, so that a compaction that still
// runs cannot meet the store that is opened on the directory next.

// failure is why a store stopped.
type failure struct{ err error }

// fence is a file system that refuses writes once the store has failed. Locks
// are ours (lock.go), Pebble's are not taken.
type fence struct {
	vfs.FS
	failed *atomic.Pointer[failure]
}

var errFenced = errors.New("the store stopped after an earlier failure")

func (f *fence) check() error {
	if f.failed.Load() != nil {
		return errFenced
	}
	return nil
}

type noLock struct{}

func (noLock) Close() error { return nil }

func (f *fence) Lock(string) (io.Closer, error) { return noLock{}, nil }

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, c)
	return f.wrap(file, err)
}

func (f *fence) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	file, err := f.FS.ReuseForWrite(old, name, c)
	return f.wrap(file, err)
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenReadWrite(name, c, opts...)
	return f.wrap(file, err)
}

func (f *fence) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fencedFile{file, f}, nil
}

func (f *fence) Link(old, name string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.Link(old, name)
}

func (f *fence) Remove(name string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *fence) RemoveAll(name string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

func (f *fence) Rename(old, name string) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.FS.Rename(old, name)
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file open for writing.
type fencedFile struct {
	vfs.File
	fence *fence
}

func (f *fencedFile) Write(p []byte) (int, error) {
	if err := f.fence.check(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fence.check(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *fencedFile) Sync() error {
	if err := f.fence.check(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *fencedFile) SyncData() error {
	if err := f.fence.check(); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f *fencedFile) SyncTo(n int64) (bool, error) {
	if err := f.fence.check(); err != nil {
		return false, err
	}
	return f.File.SyncTo(n)
}

// fail records the first failure and returns the error that every call
// answers with from now on.
func (s *Store) fail(cause error) error {
	err := s.translate(cause)
	if e := errs.As(err); e != nil && e.Code == errs.StoreIO {
		e.Remedy = "the store has stopped and lost nothing acknowledged: open it again once the cause is gone"
	}
	if s.failed.CompareAndSwap(nil, &failure{err}) {
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
	if f := s.failed.Load(); f != nil && errors.Is(err, errFenced) {
		return f.err
	}
	return translate(s.dir, err)
}

// translate gives an error met in the store of a directory its code.
func translate(dir string, err error) error {
	switch {
	case err == nil || errs.As(err) != nil:
		return err
	case pebble.IsCorruptionError(err):
		return errs.Wrap(err, errs.StoreCorrupt, "store %q is damaged", dir)
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

// logger receives what Pebble has to say. Its information is dropped: what a
// user must know comes back as an error.
type logger Store

// Infof drops the message.
func (*logger) Infof(string, ...any) {}

// Errorf keeps the message for Metrics.
func (l *logger) Errorf(format string, args ...any) {
	(*Store)(l).background.Store(&failure{fmt.Errorf(format, args...)})
}

// Fatalf stops the store. It returns, unlike what Pebble expects; each of its
// callers either returns an error next, which is fenced, or is Apply, which
// looks at the failure again.
func (l *logger) Fatalf(format string, args ...any) {
	s := (*Store)(l)
	cause := fmt.Errorf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
		}
	}
	s.wedged.Store(true)
	_ = s.fail(cause)
}

// events keeps background errors; without a handler of its own for damaged
// data Pebble would call Fatalf.
func (s *Store) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { s.background.Store(&failure{err}) },
		DataCorruption:  func(info pebble.DataCorruptionInfo) { s.background.Store(&failure{info.Details}) },
	}
}
