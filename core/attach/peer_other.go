//go:build !linux && !darwin

package attach

import "net"

// peerUser would return the user at the other end; here the rights on the
// directory decide alone.
func peerUser(net.Conn) (uid int, known bool, err error) { return 0, false, nil }
