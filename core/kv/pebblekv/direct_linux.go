package pebblekv

import (
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// A log goes past the system's cache: what a commit wrote is collected here, and
// one call writes it and makes it durable. Through the cache the bytes are copied
// once more, page by page, and handed to the disk by a second call; a third of
// what a commit of 300 KB waited for the disk went there.
//
// The disk takes whole blocks. So the last one, which the next commit continues,
// is written with zeros at its end, and again with the next commit; its first
// bytes are the same then, and nothing durable is at risk. The end of a log is
// where its zeros begin, as in one that has its size beforehand.
//
// What was not synced is lost if the process is killed, not only if the power
// fails, and if the file is just closed. Nobody was told that it is safe.
type directFile struct {
	vfs.File
	fd    int
	plain bool   // the file system does not take such writes
	buf   []byte // what stands from offset at on, not all of it on disk
	at    int64  // a multiple of directBlock
	dirty bool
}

const (
	directBlock = 4 << 10
	// A buffer grows from one size to the other, and is not kept above keptDirect.
	leastDirect = 64 << 10
	mostDirect  = 1 << 20
	keptDirect  = mostDirect / 2
)

// direct makes a file that is written from its beginning on one that goes past
// the cache, if it is the system's and can.
func direct(f vfs.File) vfs.File {
	fd := f.Fd()
	if fd == vfs.InvalidFd || setDirect(int(fd), true) != nil {
		return f
	}
	return &directFile{File: f, fd: int(fd), buf: alignedBuffer(leastDirect)}
}

func setDirect(fd int, on bool) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
	return err
}

// alignedBuffer returns an empty buffer of a capacity, where the disk can take it.
func alignedBuffer(size int) []byte {
	b := make([]byte, size+directBlock)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (directBlock - 1)
	return b[skip : skip : skip+size]
}

// Write implements vfs.File.
func (f *directFile) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if len(f.buf) == cap(f.buf) {
			if err := f.room(); err != nil {
				return len(p) - len(rest), err
			}
		}
		n := min(len(rest), cap(f.buf)-len(f.buf))
		f.buf = append(f.buf, rest[:n]...)
		f.dirty, rest = true, rest[n:]
	}
	return len(p), nil
}

// room makes room in a full buffer.
func (f *directFile) room() error {
	if cap(f.buf) == mostDirect {
		return f.SyncData()
	}
	f.buf = append(alignedBuffer(2*cap(f.buf)), f.buf...)
	return nil
}

// WriteAt implements vfs.File: behind what was written last, or from the beginning
// of the file again.
func (f *directFile) WriteAt(p []byte, off int64) (int, error) {
	switch off {
	case f.at + int64(len(f.buf)):
	case 0:
		if err := f.SyncData(); err != nil {
			return 0, err
		}
		f.buf, f.at = f.buf[:0], 0
	default:
		return 0, unix.ESPIPE
	}
	return f.Write(p)
}

// SyncData implements vfs.File.
func (f *directFile) SyncData() error {
	if !f.dirty {
		return nil
	}
	end := len(f.buf)
	whole := (end + directBlock - 1) &^ (directBlock - 1)
	clear(f.buf[end:whole])
	if err := f.write(f.buf[:whole], f.at); err != nil {
		return err
	}
	done := end &^ (directBlock - 1)
	tail := f.buf[done:end]
	if cap(f.buf) > keptDirect {
		f.buf = alignedBuffer(leastDirect)
	}
	f.buf, f.at, f.dirty = append(f.buf[:0], tail...), f.at+int64(done), false
	return nil
}

// write makes b durable at an offset. Where the file system does not take it as it
// is, it goes through the cache from then on.
func (f *directFile) write(b []byte, at int64) error {
	for rest := b; len(rest) > 0; {
		n, err := f.writeSome(rest, at)
		switch err {
		case nil:
			rest, at = rest[n:], at+int64(n)
		case unix.EINTR:
		case unix.EINVAL, unix.EOPNOTSUPP, unix.ENOSYS:
			if f.plain {
				return err
			}
			f.plain = true
			if err := setDirect(f.fd, false); err != nil {
				return err
			}
		default:
			return err
		}
	}
	if f.plain {
		return f.File.SyncData()
	}
	return nil
}

func (f *directFile) writeSome(b []byte, at int64) (int, error) {
	if f.plain {
		return unix.Pwrite(f.fd, b, at)
	}
	return unix.Pwritev2(f.fd, [][]byte{b}, at, unix.RWF_DSYNC)
}

// Sync implements vfs.File.
func (f *directFile) Sync() error {
	if err := f.SyncData(); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncTo implements vfs.File.
func (f *directFile) SyncTo(int64) (bool, error) { return true, f.SyncData() }
