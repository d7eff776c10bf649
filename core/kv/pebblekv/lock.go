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
	"github.com/argon-lab/argon/core/inherit"
)

// Pebble's own lock would not do. It is a POSIX record lock: the process drops
// it when anything in it closes the file (a copy of the directory does), and
// never conflicts with itself, so that a second copy of the library in one
// process would open the store a second time. This one belongs to the open
// file, and the file says who holds it.

// errHeld is what lockFile returns when somebody else has the lock.
var errHeld = errors.New("held")

// takeLock locks a directory: alone, or with others that only read.
func takeLock(fs vfs.FS, dir, token string, shared bool) (io.Closer, error) {
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
		if err := elsewhere(dir, readHolder(f)); err != nil {
			_ = unlockFile(f)
			_ = f.Close()
			return nil, err
		}
		inherit.Own(f.Fd())
		return l, l.sign(token)
	}
	return nil, errs.New(errs.StoreIO, "file %s of store %q is removed again and again", lockName, dir)
}

// Writable reports whether there is a store in a directory that this process could
// open for writing, were it not for others.
func Writable(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, formatName)); err != nil {
		return false
	}
	f, err := openLock(filepath.Join(dir, lockName), false)
	if err == nil {
		err = f.Close()
	}
	return err == nil
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

// Holder is what the lock file says of the process that holds the lock.
//
// The file LOCK.argon, text, empty while nobody writes to the store: the process
// id, the machine's name, the command line, what tells this run of the machine
// from others, and the token of Options, a line each.
type Holder struct {
	PID     int
	Host    string
	Command string
	Boot    string
	Token   string

	Here  bool // it is, or was, a process of this machine since it was started
	Alive bool // it is Here and has not ended
}

// LockHolder reads who holds the lock of a store, or held it when the process
// ended without closing it. It is zero where nobody does, and while somebody is
// just taking it.
func LockHolder(dir string) (Holder, error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return Holder{}, nil
	}
	if err != nil {
		return Holder{}, translate(dir, err)
	}
	defer f.Close()
	h := readHolder(f)
	h.Here = h.PID != 0 && h.Boot == bootID()
	h.Alive = h.Here && alive(h.PID)
	return h, nil
}

func (l *heldLock) sign(token string) error {
	if l.shared {
		return nil
	}
	host, _ := os.Hostname()
	command := strings.ReplaceAll(strings.Join(os.Args, " "), "\n", " ")
	if len(command) > 2000 {
		command = command[:2000]
	}
	text := fmt.Sprintf("%d\n%s\n%s\n%s\n%s\n", os.Getpid(), host, command, bootID(), token)
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt([]byte(text), 0)
	return err
}

// readHolder takes a text that is not there to its end as that of nobody.
func readHolder(f *os.File) (h Holder) {
	text := make([]byte, 4096)
	n, _ := f.ReadAt(text, 0)
	lines := strings.SplitN(string(text[:n]), "\n", 6)
	if len(lines) < 6 {
		return Holder{}
	}
	_, _ = fmt.Sscanf(lines[0], "%d", &h.PID)
	h.Host, h.Command, h.Boot, h.Token = lines[1], lines[2], lines[3], lines[4]
	return h
}

// elsewhere refuses a store on a network file system that a process of another
// machine has not closed. The lock says that nobody has it open, but there locks
// of other machines may not count, and two writers would ruin the store.
func elsewhere(dir string, h Holder) error {
	name, isNetwork := networkFS(dir)
	if h.PID == 0 || !isNetwork || h.Boot == bootID() {
		return nil
	}
	if host, err := os.Hostname(); err == nil && host == h.Host {
		return nil // this machine, before it was started again
	}
	return errs.New(errs.StoreLocked, "store %q is on a network file system (%s), and process %d on host %s (%s) has it open or ended without closing it: locks of another machine cannot be relied on there",
		dir, name, h.PID, h.Host, shortened(h.Command)).
		WithRemedy("reach that process over the network: argon serve on %s, argon://%s:27018 here. If it has ended, remove %s", h.Host, h.Host, filepath.Join(dir, lockName))
}

func shortened(command string) string {
	if len(command) > 200 {
		return command[:200] + "..."
	}
	return command
}

func lockedError(dir string, h Holder) error {
	if h.PID == 0 {
		return errs.New(errs.StoreLocked, "store %q is in use by another process, which only reads it or is just opening it", dir)
	}
	who, command := "process", shortened(h.Command)
	switch here := h.Boot == bootID(); {
	case !here:
		return errs.New(errs.StoreLocked, "store %q is in use by process %d on host %s (%s)", dir, h.PID, h.Host, command).
			WithRemedy("processes of another machine reach it over the network only: argon serve on %s, argon://%s:27018 here", h.Host, h.Host)
	case h.PID == os.Getpid():
		who = "this very process,"
	case !alive(h.PID):
		return errs.New(errs.StoreLocked, "store %q was in use by process %d (%s), which has ended; a process that it forked still holds the lock", dir, h.PID, command).
			WithRemedy("end what that process started, such as the workers of a pool")
	}
	return errs.New(errs.StoreLocked, "store %q is in use by %s %d (%s)", dir, who, h.PID, command)
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
	inherit.Disown(l.f.Fd())
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
