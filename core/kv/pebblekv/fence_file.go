package pebblekv

import (
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// retryPause is between two attempts to write a table.
const retryPause = 10 * time.Millisecond

// fencedFile is a file open for writing behind the fence. Without an inner file
// it goes nowhere.
type fencedFile struct {
	inner    vfs.File
	fence    *fence
	critical bool
}

// real returns the file to write to, nil if writes go nowhere.
func (f *fencedFile) real() vfs.File {
	if f.fence.closed() {
		return nil
	}
	return f.inner
}

// outcome passes an error on, unless Pebble could not bear it: then the store
// stops, and Pebble goes on.
func (f *fencedFile) outcome(err error) error {
	if err == nil {
		return nil
	}
	if !f.critical {
		// Pebble tries again at once, and would keep a processor busy with it.
		time.Sleep(retryPause)
		return err
	}
	_ = f.fence.store.fail(err)
	return nil
}

func (f *fencedFile) Write(p []byte) (int, error) {
	if file := f.real(); file != nil {
		if _, err := file.Write(p); err != nil {
			return len(p), f.outcome(err)
		}
	}
	return len(p), nil
}

func (f *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	if file := f.real(); file != nil {
		if _, err := file.WriteAt(p, off); err != nil {
			return len(p), f.outcome(err)
		}
	}
	return len(p), nil
}

func (f *fencedFile) Sync() error {
	if file := f.real(); file != nil {
		return f.outcome(file.Sync())
	}
	return nil
}

func (f *fencedFile) SyncData() error {
	if file := f.real(); file != nil {
		return f.outcome(file.SyncData())
	}
	return nil
}

func (f *fencedFile) SyncTo(n int64) (bool, error) {
	if file := f.real(); file != nil {
		full, err := file.SyncTo(n)
		return full, f.outcome(err)
	}
	return true, nil
}

// Preallocate only saves time, so its failure is none: if there is no room, a
// write will say so.
func (f *fencedFile) Preallocate(off, n int64) error {
	if file := f.real(); file != nil {
		_ = preallocate(file, off, n)
	}
	return nil
}

// Close closes the file even behind a closed fence.
func (f *fencedFile) Close() error {
	if f.inner == nil {
		return nil
	}
	err := f.inner.Close()
	if f.fence.closed() {
		return nil
	}
	return f.outcome(err)
}

func (f *fencedFile) Read(p []byte) (int, error) {
	if f.inner == nil {
		return 0, os.ErrClosed
	}
	return f.inner.Read(p)
}

func (f *fencedFile) ReadAt(p []byte, off int64) (int, error) {
	if f.inner == nil {
		return 0, os.ErrClosed
	}
	return f.inner.ReadAt(p, off)
}

func (f *fencedFile) Prefetch(off, n int64) error {
	if f.inner == nil {
		return nil
	}
	return f.inner.Prefetch(off, n)
}

func (f *fencedFile) Stat() (vfs.FileInfo, error) {
	if file := f.real(); file != nil {
		info, err := file.Stat()
		if err == nil {
			return info, nil
		}
		if err = f.outcome(err); err != nil {
			return nil, err
		}
	}
	return emptyFile{}, nil
}

// emptyFile describes a file that goes nowhere.
type emptyFile struct{}

func (emptyFile) Name() string           { return "" }
func (emptyFile) Size() int64            { return 0 }
func (emptyFile) Mode() os.FileMode      { return 0o600 }
func (emptyFile) ModTime() time.Time     { return time.Time{} }
func (emptyFile) IsDir() bool            { return false }
func (emptyFile) Sys() any               { return nil }
func (emptyFile) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }

func (f *fencedFile) Fd() uintptr {
	if f.inner == nil {
		return vfs.InvalidFd
	}
	return f.inner.Fd()
}
