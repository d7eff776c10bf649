package auth

import (
	"net"
	"os"

	"github.com/argon-lab/argon/core/errs"
)

// Which connections have to authenticate. A Unix socket of one's own is as safe
// as the files of the store are: the same user may open those. A client of
// another user, which the socket's permissions keep away but a changed mode or a
// shared directory may not, is not taken for granted. On loopback any user of
// the machine can connect, so there authentication is a choice; from elsewhere it
// is not.

// Policy says what a server asks of its connections.
type Policy struct {
	// Auth makes every client authenticate that is not on a Unix socket of the
	// process's own user.
	Auth bool
}

// CheckListen refuses to listen where strangers can connect and nobody would
// have to authenticate. loopback says that the address can be reached from this
// machine only.
func (p Policy) CheckListen(address string, loopback bool) error {
	if loopback || p.Auth {
		return nil
	}
	return errs.New(errs.Unauthorized, "%q can be reached from other machines, and nobody would have to authenticate", address).
		WithRemedy("say --auth and make a user (argon users create), or listen on 127.0.0.1, [::1] or a Unix socket")
}

// Admission is what the server knows of a new connection.
type Admission struct {
	// Authenticate says that the client has to.
	Authenticate bool
	// Loopback says that the client is on this machine.
	Loopback bool
	// Own says that the client is a process of this one's user, on a Unix socket.
	Own bool
	// Client is what authentications need to know. The certificate is the
	// server's to add, once it is shown.
	Client Client
}

// Admit decides about a new connection. encrypted says that it speaks TLS. An
// error refuses it.
func (p Policy) Admit(nc net.Conn, encrypted bool) (Admission, error) {
	a := Admission{Authenticate: p.Auth, Client: Client{Private: encrypted, Source: "unknown"}}
	if wrapped, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = wrapped.NetConn()
	}
	if unix, ok := nc.(*net.UnixConn); ok {
		a.Loopback, a.Client.Private, a.Client.Source = true, true, "local socket"
		uid, known, err := PeerUser(unix)
		switch {
		case err != nil:
			return a, err
		case !known || uid == os.Getuid():
			a.Authenticate, a.Own = false, true
		case !p.Auth:
			return a, errs.New(errs.Unauthorized, "the user %d of this machine may not use a socket of the user %d", uid, os.Getuid()).
				WithRemedy("serve with --auth, and authenticate")
		}
		return a, nil
	}
	if addr := nc.RemoteAddr(); addr != nil {
		a.Client.Source = addr.String()
		if host, _, err := net.SplitHostPort(addr.String()); err == nil {
			a.Client.Source = host
			ip := net.ParseIP(host)
			a.Loopback = ip != nil && ip.IsLoopback()
		}
	}
	a.Client.Private = encrypted || a.Loopback
	return a, nil
}
