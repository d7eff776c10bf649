package engine

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// killedStore names, in the environment of the child process of the test below,
// the store to write to until it is killed.
const killedStore = "ARGON_TEST_KILLED_STORE"

// batchSize documents are inserted, and one counter raised, in each commit.
const batchSize = 10

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedStore); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeUntilKilled commits batches on two branches in turn and prints the number
// of each batch once it is acknowledged.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, dir, nil)
	if err != nil {
		return err
	}
	next, err := batches(s, "main")
	if err != nil {
		return err
	}
	for n := next; ; n++ {
		branch := "main"
		if n%3 == 2 {
			branch = fmt.Sprintf("b%d-%d", n, os.Getpid())
			if _, err := s.CreateBranch(ctx, "p", branch, head("main"), CommitMeta{}); err != nil {
				return err
			}
		}
		_, err := s.Write(ctx, head(branch), CommitMeta{}, func(t *Txn) error { return writeBatch(ctx, t, n) })
		if err != nil {
			return err
		}
		fmt.Println(branch, n)
	}
}

func writeBatch(ctx context.Context, t *Txn, n int) error {
	var docs []Doc
	for i := range batchSize {
		docs = append(docs, numbered(int32(n*batchSize+i), "k", n))
	}
	res, err := t.Insert(ctx, "c", docs, true)
	if err == nil && len(res.Errors) > 0 {
		err = res.Errors[0].Err
	}
	if err != nil {
		return err
	}
	_, err = t.Update(ctx, "counter", &UpdateSpec{
		Filter: stage("_id", bsonraw.Int32Value(0)), Upsert: true,
		Update: stage("$inc", stage("batches", bsonraw.Int32Value(1)).Value()).Value(),
	})
	return err
}

// batches returns the number after the last batch that a branch has.
func batches(s *Store, branch string) (int, error) {
	snap, err := s.Snapshot(context.Background(), head(branch))
	if err != nil {
		return 0, nil //nolint:nilerr // a new store has no project yet
	}
	defer snap.Close()
	cur, err := snap.Find(context.Background(), "c", &FindSpec{Sort: stage("_id", bsonraw.Int32Value(-1)), Limit: 1})
	if err != nil {
		return 0, err
	}
	defer cur.Close()
	doc, ok, err := cur.Next(context.Background())
	if err != nil || !ok {
		return 0, err
	}
	return int(doc.Get("_id").Int32())/batchSize + 1, nil
}

// TestAKilledProcessLosesNothingAcknowledged kills a writing process several
// times over: afterwards each acknowledged commit is there whole, and no other
// is there in part.
func TestAKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acked := map[int]string{}
	for round := range 5 {
		acks := runAndKill(t, dir, 20+13*round)
		for n, branch := range acks {
			acked[n] = branch
		}
		before := fileSizes(t, dir)
		checkKilled(t, dir, &Options{ReadOnly: true}, acked)
		require.Equal(t, before, fileSizes(t, dir), "reading changed nothing")
		checkKilled(t, dir, nil, acked)
	}
}

func checkKilled(t *testing.T, dir string, o *Options, acked map[int]string) {
	s, err := Open(context.Background(), dir, o)
	require.NoError(t, err)
	for n, branch := range acked {
		require.Equal(t, batchSize, countBatch(t, s, branch, n), "batch %d, acknowledged on %s", n, branch)
	}
	whole := 0
	last, err := batches(s, "main")
	require.NoError(t, err)
	for n := range last {
		switch countBatch(t, s, "main", n) {
		case batchSize:
			whole++
		case 0:
		default:
			t.Fatalf("batch %d is there in part", n)
		}
	}
	require.Equal(t, whole, counter(t, s), "the counter is of the same commits as the documents")
	checkStore(t, s)
	require.NoError(t, s.Close())
}

func fileSizes(t *testing.T, dir string) map[string]int64 {
	sizes := map[string]int64{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		sizes[path] = info.Size()
		return err
	}))
	return sizes
}

// runAndKill starts a writing child, kills it after so many acknowledgements,
// and returns them: batch and branch.
func runAndKill(t *testing.T, dir string, after int) map[int]string {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killedStore+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	acks := map[int]string{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		branch, number, ok := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		require.True(t, ok && err == nil, lines.Text())
		acks[n] = branch
		if len(acks) == after {
			require.NoError(t, child.Process.Kill())
		}
	}
	_ = child.Wait() // killed: always an error
	require.GreaterOrEqual(t, len(acks), after, "the child ended before it was killed")
	return acks
}

func countBatch(t *testing.T, s *Store, branch string, n int) int {
	snap, err := s.Snapshot(context.Background(), head(branch))
	require.NoError(t, err)
	defer snap.Close()
	count, err := snap.Count(context.Background(), "c", &CountSpec{Filter: stage("k", bsonraw.Int32Value(int32(n)))})
	require.NoError(t, err)
	return int(count)
}

func counter(t *testing.T, s *Store) int {
	snap, err := s.Snapshot(context.Background(), head("main"))
	require.NoError(t, err)
	defer snap.Close()
	cur, err := snap.Find(context.Background(), "counter", &FindSpec{})
	require.NoError(t, err)
	docs := drain(t, context.Background(), cur)
	require.Len(t, docs, 1)
	return int(docs[0].Get("batches").Int32())
}
