//go:build !linux && !darwin

package auth

import "net"

// PeerUser would return the user at the other end; here the rights on the
// directory decide alone.
func PeerUser(net.Conn) (uid int, known bool, err error) { return 0, false, nil }
