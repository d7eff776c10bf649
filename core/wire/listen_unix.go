//go:build unix

package wire

import (
	"context"
	"net"
	"os"
	"path/filepath"
)

// listenUnix makes the socket in a directory that only its user can enter, and
// moves it to its place once its own permissions are set: at no time can another
// user connect.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, "s"))
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err = os.Chmod(filepath.Join(dir, "s"), 0o600); err == nil {
		err = os.Rename(filepath.Join(dir, "s"), path)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return &unixListener{l, path}, nil
}

// unixListener removes its socket when it is closed, and says its real path.
type unixListener struct {
	net.Listener
	path string
}

// Addr is the socket's path.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close stops listening.
func (l *unixListener) Close() error {
	if err := l.Listener.Close(); err != nil {
		return err
	}
	return os.Remove(l.path)
}
