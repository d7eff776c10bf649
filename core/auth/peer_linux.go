package auth

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/argon-lab/argon/core/errs"
)

// PeerUser returns the user of the process at the other end of a Unix socket.
func PeerUser(c net.Conn) (uid int, known bool, err error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, false, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err == nil {
		err = credErr
	}
	if err != nil {
		return 0, false, errs.Wrap(err, errs.StoreIO, "cannot ask who is at the other end of a socket")
	}
	return int(cred.Uid), true, nil
}
