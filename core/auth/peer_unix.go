//go:build linux || darwin

package auth

import (
	"net"
	"syscall"

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
	var asked error
	err = raw.Control(func(fd uintptr) { uid, asked = peerOf(int(fd)) })
	if err == nil {
		err = asked
	}
	if err != nil {
		return 0, false, errs.Wrap(err, errs.StoreIO, "cannot ask who is at the other end of a socket")
	}
	return uid, true, nil
}
