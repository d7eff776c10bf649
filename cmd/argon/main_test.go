package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"argon": main})
}

// The scripts in testdata run the program on a store of their own. Beside
// testscript's commands there is
//
//	jsonfields FIELD…   standard output is JSON with exactly these fields, dotted
//	                    where nested, [] for the elements of arrays
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ARGON_URI", filepath.Join(env.WorkDir, "store"))
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"jsonfields": jsonFields},
	})
}

// jsonFields checks the names of the fields on standard output.
func jsonFields(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("jsonfields cannot be negated")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	seen := map[string]bool{}
	collectFields("", v, seen)
	var got []string
	for name := range seen {
		got = append(got, name)
	}
	sort.Strings(got)
	sort.Strings(args)
	if strings.Join(got, " ") != strings.Join(args, " ") {
		ts.Fatalf("fields are\n  %s\nand not\n  %s", strings.Join(got, " "), strings.Join(args, " "))
	}
}

// collectFields lists the fields of leaves. Values of documents are not looked
// into: they are what the user stored.
func collectFields(prefix string, v any, seen map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			name := strings.TrimPrefix(prefix+"."+key, ".")
			switch key {
			case "_id", "before", "after", "base", "ours", "theirs", "document", "value":
				if prefix != "" || key != "base" {
					seen[name] = true
					continue
				}
			}
			collectFields(name, value, seen)
		}
	case []any:
		if len(v) == 0 {
			seen[prefix+"[]"] = true
		}
		for _, e := range v {
			collectFields(prefix+"[]", e, seen)
		}
	default:
		seen[prefix] = true
	}
}

// verbs lists every command of the tree that can be run.
func verbs(t *testing.T) []*cobra.Command {
	var list []*cobra.Command
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() && cmd.Name() != "help" {
			list = append(list, cmd)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&app{io: &IO{}}))
	require.Greater(t, len(list), 30)
	return list
}

// Every verb says what it does and shows how; what it shows can be typed.
func TestEveryVerbHasHelpThatWorks(t *testing.T) {
	for _, verb := range verbs(t) {
		require.NotEmpty(t, verb.Short, verb.CommandPath())
		require.NotEmpty(t, verb.Example, verb.CommandPath())
		for _, line := range strings.Split(verb.Example, "\n") {
			require.Equal(t, verb.Name(), parses(t, verb.CommandPath(), line[strings.Index(line, "argon "):]).Name(), line)
		}
	}
}

// words splits a line as a shell does, as far as the examples need it.
func words(line string) []string {
	var out []string
	quote, word := byte(0), ""
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && c == ' ':
			if word != "" {
				out = append(out, word)
			}
			word = ""
		default:
			word += string(c)
		}
	}
	if word != "" {
		out = append(out, word)
	}
	return out
}

// Every category of errors has an exit code of its own.
func TestExitCodes(t *testing.T) {
	codes := map[int]bool{}
	for _, e := range errs.Table() {
		code, ok := exitCodes[e.Category]
		require.True(t, ok, e.Category)
		codes[code] = true
	}
	require.Len(t, codes, len(exitCodes))
	require.Equal(t, 0, exitCode(nil))
	require.Equal(t, 2, exitCode(usage("x")))
	require.Equal(t, 1, exitCode(errors.New("x")))
	require.Equal(t, 3, exitCode(errs.New(errs.BranchNotFound, "x")))
	require.Equal(t, 130, exitCode(errs.New(errs.Interrupted, "x")))
}

// runWith runs the program with a context of the test.
func runWith(ctx context.Context, t *testing.T, in io.Reader, args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	a := &app{io: &IO{In: in, Out: &out, Err: &err}}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&err)
	e := root.ExecuteContext(ctx)
	require.NoError(t, a.close())
	if e != nil {
		a.printError(e)
	}
	return out.String(), err.String(), exitCode(e)
}

// signalReader tells when all that it has was read, and then blocks.
type signalReader struct {
	data  io.Reader
	empty chan struct{} // closed when all of data was read
	block chan struct{} // never closed: a terminal where nobody types
}

func (r *signalReader) Read(p []byte) (int, error) {
	n, err := r.data.Read(p)
	if err == io.EOF {
		select {
		case <-r.empty:
		default:
			close(r.empty)
		}
		<-r.block
	}
	return n, err
}

// Ctrl-C stops an import that waits for more input, and the store is whole.
func TestInterruptStopsAtOnce(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	ctx, cancel := context.WithCancel(t.Context())
	in := &signalReader{data: strings.NewReader("{\"_id\": 1}\n{\"_id\": 2}\n"), empty: make(chan struct{}), block: make(chan struct{})}
	t.Cleanup(func() { close(in.block) })
	go func() {
		<-in.empty
		cancel()
	}()
	_, stderr, code := runWith(ctx, t, in, "import", "-", "-c", "users", "--store", store)
	require.Equal(t, 130, code, stderr)
	out, stderr, code := runWith(t.Context(), t, nil, "fsck", "--json", "--store", store)
	require.Equal(t, 0, code, stderr)
	require.Contains(t, out, `"problems": []`)
}

// An interrupted export leaves no file.
func TestInterruptedExportLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "store")
	_, stderr, code := runWith(t.Context(), t, strings.NewReader("{\"_id\": 1}\n"), "import", "-", "-c", "users", "--store", store)
	require.Equal(t, 0, code, stderr)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, code = runWith(ctx, t, nil, "export", "-c", "users", "-o", filepath.Join(dir, "out.jsonl"), "--store", store)
	require.NotEqual(t, 0, code)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// Questions are asked on a terminal only.
func TestConfirm(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{io: &IO{In: strings.NewReader("y\n"), Err: &stderr, InTerminal: true}}
	require.NoError(t, a.confirm(false, "Sure?"))
	require.Equal(t, "Sure? [y/N] ", stderr.String())
	for _, answer := range []string{"", "\n", "n\n", "yess\n"} {
		a.io.In = strings.NewReader(answer)
		require.Equal(t, errs.Interrupted, errs.CodeOf(a.confirm(false, "Sure?")))
	}
	a.io.InTerminal = false
	require.Equal(t, 2, exitCode(a.confirm(false, "Sure?")))
	require.NoError(t, a.confirm(true, "Sure?"))
}
