package auth

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUser returns the user of the process at the other end of a Unix socket, as
// the kernel knows it.
func peerUser(nc *net.UnixConn) (uid int, ok bool) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return -1, true
	}
	uid = -1 // nobody's, if the kernel does not say
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	return uid, true
}
