package attach

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/wire"
)

const nobody = 65534

// The kernel says who is at the other end of a socket, and that decides, whatever
// the permissions of files would allow.
func TestAnotherUserOnASocket(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	dir, err := os.MkdirTemp("", "argon")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	store := filepath.Join(dir, "store")
	s := open(t, store, nil)
	defer s.Close()
	_, err = s.Run(t.Context(), "p", parse(`{"insert": "c", "documents": [{"_id": 1}]}`))
	require.NoError(t, err)
	_, err = s.Run(t.Context(), "admin", parse(`{"createUser": "ada", "pwd": "x", "roles": ["root"]}`))
	require.NoError(t, err)
	for name, auth := range map[string]bool{"asks.sock": true, "free.sock": false} {
		serveSocket(t, s, filepath.Join(dir, name), auth)
		require.NoError(t, driver(t.Context(), filepath.Join(dir, name), "", bson.D{{Key: "find", Value: "c"}}), "this user's processes need no password")
	}
	open := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == rendezvousName {
			return err // with the token in it
		}
		return os.Chmod(path, 0o777)
	}
	require.NoError(t, filepath.WalkDir(dir, open))

	program := filepath.Join(dir, "program")
	text, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, text, 0o755))
	cmd := exec.Command(program)
	cmd.Dir = dir
	cmd.Env = []string{"ARGON_TEST_ROLE=stranger", "ARGON_TEST_DIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

func serveSocket(t *testing.T, s *Shared, path string, auth bool) {
	l, err := wire.Listen(t.Context(), path)
	require.NoError(t, err)
	serveOn(t, s, l, &wire.Options{Auth: auth})
}
