//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program is the program itself, in a process that can be sent signals.
type program struct {
	*exec.Cmd
	t      *testing.T
	stderr bytes.Buffer
}

func newProgram(t *testing.T, store string, args ...string) *program {
	p := &program{t: t, Cmd: exec.CommandContext(t.Context(), "argon", append(args, "--store", store)...)} // of testscript.Main
	p.Stderr = &p.stderr
	return p
}

// interrupt sends Ctrl-C and returns the exit code.
func (p *program) interrupt() int {
	p.t.Helper()
	require.NoError(p.t, p.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) {
		require.NoError(p.t, err)
		return 0
	}
	return exit.ExitCode()
}

// appears waits for a file.
func (p *program) appears(pattern string) {
	for {
		names, err := filepath.Glob(pattern)
		require.NoError(p.t, err)
		if len(names) > 0 {
			return
		}
		require.NoError(p.t, p.t.Context().Err())
	}
}

const signalDocs = 40_000 // of 1 KiB: more than an atomic import has in one transaction

func signalLines() string {
	var out strings.Builder
	for i := range signalDocs {
		fmt.Fprintf(&out, "{\"_id\": %d, \"text\": %q}\n", i, strings.Repeat("x", 1000))
	}
	return out.String()
}

func countIn(t *testing.T, store, coll string) (n int) {
	t.Helper()
	out, stderr, code := runWith(t.Context(), t, nil, "run", fmt.Sprintf("{count: %q}", coll), "--store", store)
	require.Equal(t, 0, code, stderr)
	_, err := fmt.Sscanf(out[strings.Index(out, `"n":`):], `"n": %d`, &n)
	require.NoError(t, err, out)
	return n
}

// Ctrl-C in an import leaves nothing of an atomic one, of another what it says, and
// of one that can be resumed what the next run goes on from.
func TestInterruptedImports(t *testing.T) {
	dir, text := t.TempDir(), signalLines()
	store, path := filepath.Join(dir, "store"), filepath.Join(dir, "rows.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	for coll, atomic := range map[string]bool{"plain": false, "atomic": true} {
		p := newProgram(t, store, "import", "-", "-c", coll, fmt.Sprintf("--atomic=%v", atomic))
		in, err := p.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, p.Start())
		_, err = io.WriteString(in, text) // once it is written, all but what the pipe holds was read
		require.NoError(t, err)
		require.Equal(t, 130, p.interrupt(), p.stderr.String())
		if atomic {
			require.Contains(t, p.stderr.String(), "nothing was imported")
			require.Zero(t, countIn(t, store, coll))
		} else {
			n := countIn(t, store, coll)
			require.Positive(t, n)
			require.Contains(t, p.stderr.String(), fmt.Sprintf("%d documents were imported and stay", n))
		}
	}
	for _, atomic := range []bool{false, true} {
		coll := fmt.Sprintf("resumed%v", atomic)
		args := []string{"import", path, "-c", coll, "--resume", fmt.Sprintf("--atomic=%v", atomic)}
		p := newProgram(t, store, args...)
		require.NoError(t, p.Start())
		p.appears(filepath.Join(store, "HOST.argon"))
		code := p.interrupt()
		require.Contains(t, []int{0, 130}, code, p.stderr.String())
		if atomic && code != 0 {
			require.Zero(t, countIn(t, store, coll))
		}
		_, stderr, code := runWith(t.Context(), t, nil, append(args, "--store", store)...)
		require.Equal(t, 0, code, stderr)
		require.Equal(t, signalDocs, countIn(t, store, coll))
	}
	out, stderr, code := runWith(t.Context(), t, nil, "fsck", "--json", "--store", store)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, out, `"problems": []`)
}

// Ctrl-C in an export leaves no file, or a whole one.
func TestInterruptedExports(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "store")
	_, stderr, code := runWith(t.Context(), t, strings.NewReader(signalLines()), "import", "-", "-c", "c", "--store", store)
	require.Equal(t, 0, code, stderr)

	p := newProgram(t, store, "export", "-c", "c", "-o", "-")
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	_, err = io.ReadFull(out, make([]byte, 1000)) // now it waits for a reader
	require.NoError(t, err)
	require.NoError(t, p.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, out)
	require.NoError(t, err)
	var exit *exec.ExitError
	require.ErrorAs(t, p.Wait(), &exit)
	require.Equal(t, 130, exit.ExitCode(), p.stderr.String())

	for _, name := range []string{"c.jsonl", "c.parquet", "c.csv.gz"} {
		files := filepath.Join(t.TempDir(), "out")
		require.NoError(t, os.Mkdir(files, 0o700))
		p := newProgram(t, store, "export", "-c", "c", "-o", filepath.Join(files, name))
		require.NoError(t, p.Start())
		p.appears(filepath.Join(files, "*"))
		code := p.interrupt()
		left, err := os.ReadDir(files)
		require.NoError(t, err)
		if code == 0 {
			require.Len(t, left, 1)
			continue
		}
		require.Equal(t, 130, code, p.stderr.String())
		require.Empty(t, left)
	}
}
