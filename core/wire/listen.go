package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/argon-lab/argon/core/errs"
)

// IsUnix reports whether an address to listen on is a path and not host:port.
func IsUnix(address string) bool {
	return strings.HasPrefix(address, "unix:") || strings.ContainsAny(address, `/\`) || strings.HasSuffix(address, ".sock")
}

// IsLoopback reports whether an address to listen on can be reached from this
// machine only. A name is looked up.
func IsLoopback(ctx context.Context, address string) (bool, error) {
	if IsUnix(address) {
		return true, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, badAddress(address, err)
	}
	if host == "" {
		return false, nil
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false, badAddress(address, err)
	}
	for _, ip := range ips {
		if !ip.IP.IsLoopback() {
			return false, nil
		}
	}
	return true, nil
}

func badAddress(address string, err error) error {
	return errs.Wrap(err, errs.BadValue, "cannot listen on %q", address).
		WithRemedy("say host:port, as in 127.0.0.1:27018 or [::1]:27018, or the path of a Unix socket")
}

// maxSocketPath is what every system has room for.
const maxSocketPath = 103

// Listen listens on host:port, or on a Unix socket that only its user can open.
// A socket that a dead process left behind is replaced.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if !IsUnix(address) {
		l, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, listenError(address, err)
		}
		return l, nil
	}
	path := strings.TrimPrefix(address, "unix:")
	if max(len(path), len(filepath.Dir(path))+len(temporaryName)) > maxSocketPath {
		return nil, errs.New(errs.BadValue, "the socket's path %q has %d bytes, at most %d are possible", path, len(path), maxSocketPath)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	l, err := listenUnix(ctx, path)
	if err != nil {
		return nil, listenError(address, err)
	}
	return l, nil
}

// temporaryName is as long as the name under which listenUnix makes a socket.
const temporaryName = "/.s1234567890/s"

func listenError(address string, err error) error {
	e := errs.Wrap(err, errs.ConnectionRefused, "cannot listen on %q", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return e.WithRemedy("another process listens there; choose another address with --listen")
	}
	return e
}

// removeStale removes a socket that nobody serves any more.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil // nothing is there, or something that listening will complain of
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		nc.Close()
		return errs.New(errs.ConnectionRefused, "another process serves the socket %q", path).
			WithRemedy("choose another path with --listen")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return errs.Wrap(err, errs.ConnectionRefused, "cannot replace the socket %q, which nobody serves", path)
	}
	return nil
}
