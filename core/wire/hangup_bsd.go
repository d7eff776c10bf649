//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package wire

import "golang.org/x/sys/unix"

// peerGone reports whether the other end is gone. A client that closes only its
// own side, with bytes unread before that, is found when it has closed both.
func peerGone(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	if err != nil || n == 0 {
		return false
	}
	if fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
		return true
	}
	var one [1]byte
	got, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && got == 0
}
