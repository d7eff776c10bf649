package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/argon-lab/argon/core/errs"
)

// Pebble's own lock would not do. It is a POSIX record lock: the process drops
// it when anything in it closes the file (a copy of the directory does), and
// never conflicts with itself, so that a second copy of the library in one
// process would open the store a second time. This one belongs to the open
// file, and the file says who holds it.

// errHeld is what lockFile returns when somebody else has the lock.
var errHeld = errors.New("held")

// takeLock locks a directory: alone, or with others that only read.
func takeLock(fs vfs.FS, dir string, shared bool) (io.Closer, error) {
	if fs != vfs.Default && vfs.Root(fs) != vfs.Default {
		return takeMemoryLock(fs, dir)
	}
	path := filepath.Join(dir, lockName)
	for range 10 {
		f, err := openLock(path, shared)
		if shared && errors.Is(err, os.ErrNotExist) {
			return noLock{}, nil // never opened for writing, so nobody can be
		}
		if err != nil {
			return nil, translate(dir, err)
		}
		if err := lockFile(f, shared); err != nil {
			holder := readHolder(f)
			_ = f.Close()
			if errors.Is(err, errHeld) {
				return nil, lockedError(dir, holder)
			}
			return nil, translate(dir, err)
		}
		if !samePlace(f, path) {
			_ = f.Close() // removed meanwhile: a lock on it would keep nobody out
			continue
		}
		l := &heldLock{f, shared}
		return l, l.sign()
	}
	return nil, errs.New(errs.StoreIO, "file %s of store %q is removed again and again", lockName, dir)
}

func openLock(path string, shared bool) (*os.File, error) {
	if shared {
		return os.Open(path)
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
}

func samePlace(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// holder is what the lock file says of the process that holds it.
type holder struct {
	pid     int
	host    string
	command string
}

func (l *heldLock) sign() error {
	if l.shared {
		return nil
	}
	host, _ := os.Hostname()
	text := fmt.Sprintf("%d\n%s\n%s\n", os.Getpid(), host, strings.ReplaceAll(strings.Join(os.Args, " "), "\n", " "))
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt([]byte(text), 0)
	return err
}

func readHolder(f *os.File) (h holder) {
	text := make([]byte, 4096)
	n, _ := f.ReadAt(text, 0)
	lines := strings.SplitN(string(text[:n]), "\n", 4)
	if len(lines) < 3 {
		return holder{}
	}
	_, _ = fmt.Sscanf(lines[0], "%d", &h.pid)
	h.host, h.command = lines[1], lines[2]
	return h
}

func lockedError(dir string, h holder) error {
	if h.pid == 0 {
		return errs.New(errs.StoreLocked, "store %q is in use by another process, which only reads it or is just opening it", dir)
	}
	where := ""
	if host, _ := os.Hostname(); host != h.host {
		where = " on host " + h.host
	}
	if len(h.command) > 200 {
		h.command = h.command[:200] + "..."
	}
	who := "process"
	if where == "" && h.pid == os.Getpid() {
		who = "this very process,"
	} else if where == "" && !alive(h.pid) {
		return errs.New(errs.StoreLocked, "store %q was in use by process %d (%s), which has ended; a process that it forked still holds the lock", dir, h.pid, h.command).
			WithRemedy("end what that process started, such as the workers of a pool")
	}
	return errs.New(errs.StoreLocked, "store %q is in use by %s %d%s (%s)", dir, who, h.pid, where, h.command)
}

// heldLock is a lock that is held.
type heldLock struct {
	f      *os.File
	shared bool
}

// Close lets the lock go. It unlocks before it closes: a child that was forked
// meanwhile has the same open file, and would keep the lock with it.
func (l *heldLock) Close() error {
	var err error
	if !l.shared {
		err = l.f.Truncate(0)
	}
	return errors.Join(err, unlockFile(l.f), l.f.Close())
}

// takeMemoryLock locks a directory of a file system that is not the machine's.
func takeMemoryLock(fs vfs.FS, dir string) (io.Closer, error) {
	l, err := fs.Lock(fs.PathJoin(dir, lockName))
	if errors.Is(err, syscall.EAGAIN) {
		return nil, errs.New(errs.StoreLocked, "store %q is in use", dir)
	}
	return l, translate(dir, err)
}
