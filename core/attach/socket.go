package attach

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/inherit"
)

// maxSocketPath is the longest path that a socket can have on every system; the
// shortest limit is macOS's, 104 bytes with the final zero.
const maxSocketPath = 103

// listen opens the socket of a store, which this process has locked, so that
// whatever stands in its place is left over.
func listen(dir string) (net.Listener, string, error) {
	paths := []string{filepath.Join(dir, socketName)}
	other, err := socketDir()
	if err == nil {
		paths = append(paths, filepath.Join(other, shortName(dir)+".sock"))
	}
	for _, path := range paths {
		if len(path) > maxSocketPath {
			err = errors.Join(err, errs.New(errs.StoreIO, "the path of a socket has at most %d bytes: %s", maxSocketPath, path))
			continue
		}
		l, listenErr := listenAt(path)
		if listenErr == nil {
			return &guarded{inherit.Listener(l)}, path, nil
		}
		err = errors.Join(err, listenErr)
	}
	return nil, "", err
}

func listenAt(path string) (*net.UnixListener, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode()&os.ModeSocket == 0:
		return nil, errs.New(errs.StoreIO, "%s is in the way: it is no socket", path)
	case err == nil:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// socketDir is where the sockets of this user stand whose store's path is too
// long, or is on a file system without sockets: nobody else may write there.
func socketDir() (string, error) {
	dir := filepath.Join(os.TempDir(), "argon-"+strconv.Itoa(os.Getuid()))
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		dir = filepath.Join(runtime, "argon")
	}
	if len(dir) > maxSocketPath-30 {
		dir = filepath.Join("/tmp", "argon-"+strconv.Itoa(os.Getuid()))
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return dir, onlyOurs(dir)
}

// guarded is a listener that turns away other users' processes. The mode of the
// socket keeps them out already where the system looks at it.
type guarded struct {
	net.Listener
}

func (g *guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if sameUser(c) == nil {
			return c, nil
		}
		c.Close()
	}
}

// sameUser is an error if the process at the other end is another user's.
func sameUser(c net.Conn) error {
	uid, known, err := auth.PeerUser(c)
	switch {
	case err != nil:
		return err
	case known && uid != os.Getuid():
		return errs.New(errs.Unauthorized, "the process at the other end of the socket is of user %d, this one of user %d", uid, os.Getuid()).
			WithRemedy("processes of one user share a store; others use argon serve with users and passwords")
	}
	return nil
}
