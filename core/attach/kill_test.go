package attach

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/engine"
)

// TestMain is also the main function of the processes that tests start.
func TestMain(m *testing.M) {
	if role := roles[os.Getenv("ARGON_TEST_ROLE")]; role != nil {
		if err := role(context.Background(), os.Getenv("ARGON_TEST_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv("ARGON_TEST_WORKER"); dir != "" {
		if err := worker(context.Background(), dir, os.Getenv("ARGON_TEST_NAME")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func parse(text string) bsonraw.Doc {
	d, err := ejson.ParseDoc(text)
	if err != nil {
		panic(err)
	}
	return d
}

// worker writes to a store until a file "stop" is beside it, and into a journal
// of its own what it is about to do and what was acknowledged. Every third write
// is a transaction's.
func worker(ctx context.Context, dir, name string) error {
	s, err := Open(ctx, filepath.Join(dir, "store"), &Options{Actor: name})
	if err != nil {
		return err
	}
	journal, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if _, err := os.Stat(filepath.Join(dir, "stop")); err == nil {
			return s.Close()
		}
		fmt.Fprintf(journal, "begin %d\n", n)
		reply, err := s.Run(ctx, "p", parse(fmt.Sprintf(`{"insert": "docs", "documents": [{"_id": "%s-%d"}]}`, name, n)))
		if err != nil || reply.Get("n").Int32() != 1 {
			return fmt.Errorf("insert %d: %v %w", n, reply, err)
		}
		reply, err = s.Run(ctx, "p", parse(fmt.Sprintf(`{"update": "counts", "updates": [{"q": {"_id": "%s"}, "u": {"$inc": {"n": 1}}, "upsert": true}]}`, name)))
		if err != nil || reply.Get("n").Int32() != 1 {
			return fmt.Errorf("update %d: %v %w", n, reply, err)
		}
		reply, err = s.Run(ctx, "p", parse(fmt.Sprintf(`{"update": "counts", "updates": [{"q": {"_id": "%s"}, "u": {"$inc": {"multi": 1}}, "multi": true}]}`, name)))
		if err != nil || reply.Get("n").Int32() != 1 {
			return fmt.Errorf("update %d: %v %w", n, reply, err)
		}
		cur, err := s.OpenCursor(ctx, "p", parse(fmt.Sprintf(`{"aggregate": "counts", "cursor": {}, "pipeline": [
			{"$match": {"_id": "%s"}}, {"$set": {"merged": {"$add": [{"$ifNull": ["$merged", 0]}, 1]}}}, {"$merge": "counts"}]}`, name)))
		if err != nil {
			return fmt.Errorf("merge %d: %w", n, err)
		}
		if _, more, err := cur.Next(ctx); more || err != nil {
			return fmt.Errorf("merge %d: %v %w", n, more, err)
		}
		if err := cur.Close(); err != nil {
			return err
		}
		if n%4 == 0 {
			if err := branchOff(ctx, s, name, n); err != nil {
				return err
			}
		}
		fmt.Fprintf(journal, "done %d\n", n)
	}
}

// branchOff runs commands that must take effect once: done twice, or not at all,
// each of them or the next one fails.
func branchOff(ctx context.Context, s *Shared, name string, n int) error {
	branch := fmt.Sprintf("%s-%d", name, n)
	for _, step := range []struct{ db, cmd string }{
		{"p", `{"argonBranchCreate": "%s"}`},
		{"p~" + branch, `{"create": "of-%s"}`},
		{"p~" + branch, `{"createIndexes": "of-%s", "indexes": [{"key": {"n": 1}, "name": "n"}]}`},
		{"p~" + branch, `{"dropIndexes": "of-%s", "index": "n"}`},
		{"p", `{"argonTagCreate": "tag-%[1]s", "branch": "%[1]s"}`},
		{"p", `{"argonMerge": "%s", "into": "main"}`},
		{"p", `{"drop": "of-%s"}`},
		{"p", `{"argonTagDelete": "tag-%s"}`},
		{"p", `{"argonBranchDelete": "%s"}`},
	} {
		reply, err := s.Run(ctx, step.db, parse(fmt.Sprintf(step.cmd, branch)))
		if err != nil {
			return fmt.Errorf("%s of %s: %w", step.cmd, branch, err)
		}
		if merged, ok := reply.Lookup("merged"); ok && !merged.Truthy() {
			return fmt.Errorf("the merge of %s was answered with %s", branch, reply)
		}
	}
	return nil
}

// process is a worker that runs.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *bytes.Buffer
}

func startWorker(t *testing.T, dir, name string) *process {
	p := &process{name: name, cmd: exec.Command(os.Args[0]), log: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), "ARGON_TEST_WORKER="+dir, "ARGON_TEST_NAME="+name)
	p.cmd.Stderr, p.cmd.Stdout = p.log, p.log
	require.NoError(t, p.cmd.Start())
	return p
}

// journal counts what a worker has begun, and what it was told is done.
func journal(t *testing.T, dir, name string) (begun, done int) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return 0, 0
	}
	require.NoError(t, err)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		word, n, _ := strings.Cut(lines.Text(), " ")
		i, err := strconv.Atoi(n)
		require.NoError(t, err)
		if word == "done" {
			done = i + 1
		} else {
			begun = i + 1
		}
	}
	return begun, done
}

// Three processes write to one store while the host is killed again and again.
// What was acknowledged is there, and nothing is there twice.
func TestThreeProcessesThroughKillsOfTheHost(t *testing.T) {
	dir, kills := t.TempDir(), 8
	if n, err := strconv.Atoi(os.Getenv("RAPID_CHECKS")); err == nil {
		kills = max(kills, n/10)
	}
	seed := uint64(20261124)
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(seed, 1))
	var names []string
	workers := map[int]*process{}
	start := func() {
		name := fmt.Sprintf("w%d", len(names))
		names = append(names, name)
		p := startWorker(t, dir, name)
		workers[p.cmd.Process.Pid] = p
	}
	for range 3 {
		start()
	}
	total := func() (n int) {
		for _, name := range names {
			begun, done := journal(t, dir, name)
			n += begun + done
		}
		return n
	}
	for range kills {
		target := total() + 20 + random.IntN(100)
		require.Eventually(t, func() bool { return total() > target }, 30*time.Second, time.Millisecond, "nobody writes any more")
		var host *process
		require.Eventually(t, func() bool {
			h, err := engine.LockHolder(filepath.Join(dir, "store"))
			host = workers[h.PID]
			return err == nil && host != nil
		}, 30*time.Second, time.Millisecond, "nobody hosts the store")
		require.NoError(t, host.cmd.Process.Kill())
		_ = host.cmd.Wait()
		require.Empty(t, host.log.String())
		delete(workers, host.cmd.Process.Pid)
		start()
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600))
	for _, p := range workers {
		require.NoError(t, p.cmd.Wait(), p.log.String())
	}
	checkJournals(t, dir, names)
}

func checkJournals(t *testing.T, dir string, names []string) {
	s, err := Open(t.Context(), filepath.Join(dir, "store"), nil)
	require.NoError(t, err)
	defer s.Close()
	for _, name := range names {
		begun, done := journal(t, dir, name)
		docs := map[string]bool{}
		cur, err := s.OpenCursor(t.Context(), "p", parse(fmt.Sprintf(`{"find": "docs", "filter": {"_id": {"$gte": "%s-", "$lt": "%s."}}}`, name, name)))
		require.NoError(t, err)
		for {
			d, ok, err := cur.Next(t.Context())
			require.NoError(t, err)
			if !ok {
				break
			}
			docs[d.Get("_id").Str()] = true
		}
		require.NoError(t, cur.Close())
		for i := range done {
			require.True(t, docs[fmt.Sprintf("%s-%d", name, i)], "%s-%d was acknowledged", name, i)
		}
		require.LessOrEqual(t, len(docs), begun)
		reply, err := s.Run(t.Context(), "p", parse(`{"find": "counts", "filter": {"_id": "`+name+`"}}`))
		require.NoError(t, err)
		count := reply.Get("cursor").Doc().Get("firstBatch").Doc().Get("0").Doc()
		for _, field := range []string{"n", "multi", "merged"} {
			n, _ := count.Get(field).AsInt64()
			require.GreaterOrEqual(t, int(n), done, "%s of %s", field, name)
			require.LessOrEqual(t, int(n), begun, "%s of %s was counted twice", field, name)
		}
	}
	reply, err := s.Run(t.Context(), "admin", parse(`{"argonFsck": 1}`))
	require.NoError(t, err)
	require.Zero(t, reply.Get("problems").Doc().Len(), reply)
}
