package attach

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
)

// rendezvous is the file HOST.argon: what a host announces, JSON. It stands
// beside the data, or, where that cannot be written, in the user's directory for
// sockets under a name made of the store's.
type rendezvous struct {
	Protocol int       `json:"protocol"`
	Argon    string    `json:"argon"` // the host's version
	PID      int       `json:"pid"`
	Command  string    `json:"command"`
	Since    time.Time `json:"since"`
	Token    string    `json:"token"`             // that of the lock file
	Socket   string    `json:"socket,omitempty"`  // the path; none if there is no socket
	Problem  string    `json:"problem,omitempty"` // why there is no socket
}

const (
	rendezvousName = "HOST.argon"
	socketName     = "argon.sock"
)

// newToken makes up a name that nobody else has.
func newToken() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// newRendezvous describes this process.
func newRendezvous(token string) *rendezvous {
	return &rendezvous{
		Protocol: command.AttachProtocol, Argon: command.Version, PID: os.Getpid(),
		Command: strings.Join(os.Args, " "), Since: time.Now().UTC().Truncate(time.Millisecond), Token: token,
	}
}

// shortName stands for a store where there is no room for its path.
func shortName(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:8])
}

// places are the files in which a rendezvous may stand, the better one first.
func places(dir string) []string {
	list := []string{filepath.Join(dir, rendezvousName)}
	if other, err := socketDir(); err == nil {
		list = append(list, filepath.Join(other, shortName(dir)+".host"))
	}
	return list
}

// announce writes the rendezvous, and returns the file's name.
func (r *rendezvous) announce(dir string) (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", errs.Wrap(err, errs.InternalError, "cannot describe this process")
	}
	for _, path := range places(dir) {
		if err = replaceFile(path, text); err == nil {
			return path, nil
		}
	}
	return "", errs.Wrap(err, errs.StoreIO, "cannot tell other processes where this one serves store %q", dir)
}

// replaceFile puts a file in place whole. It need not survive a crash: after one
// it has no meaning.
func replaceFile(path string, text []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		os.Remove(temporary)
		return err
	}
	return os.Rename(temporary, path)
}

// find reads the rendezvous with a token; nil if there is none.
func find(dir, token string) (*rendezvous, error) {
	for _, path := range places(dir) {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if errors.Is(err, os.ErrPermission) {
			return nil, errs.Wrap(err, errs.Unauthorized, "cannot read which process has store %q open", dir).
				WithRemedy("only the user who opened it can use it from another process")
		}
		if err != nil {
			return nil, errs.Wrap(err, errs.StoreIO, "cannot read which process has store %q open", dir)
		}
		var r rendezvous
		if json.Unmarshal(text, &r) == nil && r.Token == token {
			return &r, nil
		}
	}
	return nil, nil
}
