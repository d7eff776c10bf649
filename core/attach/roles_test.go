package attach

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// roles are what the processes do that tests start, besides worker.
var roles = map[string]func(ctx context.Context, dir string) error{
	"host":     hostStore,
	"stranger": beAStranger,
}

// hostStore hosts a store until its standard input ends.
func hostStore(ctx context.Context, dir string) error {
	s, err := Open(ctx, dir, nil)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}

// startHost starts a process that hosts a store, and waits until it does.
func startHost(t *testing.T, dir string) *os.Process {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ARGON_TEST_ROLE=host", "ARGON_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd.Process
}
