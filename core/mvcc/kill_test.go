package mvcc

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKill kills a process in the midst of its commits, again and again, and
// looks at what the store has: everything that the process was told is durable,
// and of each commit all or nothing.
func TestKill(t *testing.T) {
	if dir := os.Getenv("ARGON_TEST_KILL"); dir != "" {
		commitForEver(t, dir)
		return
	}
	dir := t.TempDir()
	acked := map[SegmentID]int{}
	seen := LSN(0)
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "ARGON_TEST_KILL="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			f := strings.Fields(lines.Text())
			if len(f) != 3 || f[0] != "durable" {
				continue
			}
			commit, err := strconv.Atoi(f[1])
			require.NoError(t, err)
			lsn, err := strconv.ParseUint(f[2], 10, 64)
			require.NoError(t, err)
			acked[1], seen = commit, LSN(lsn)
			if n == 40+30*round {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait()
		s := openBench(t, dir)
		checkSurvivors(t, s, acked, seen)
		seen = s.LastLSN()
		require.NoError(t, s.Close())
	}
	require.NotZero(t, acked[1])
}

// commitForEver is the process that is killed.
func commitForEver(t *testing.T, dir string) {
	s := openBench(t, dir)
	n := 0
	v := s.NewView(Lineage{{1, MaxLSN}})
	if found, ok, err := v.Get(1, crashCommit(1, 1).Writes[0].IDKey); err == nil && ok {
		n = int(found.Doc.Get("n").Int32())
	}
	v.Close()
	for {
		n++
		lsn, wait, err := s.Apply(context.Background(), crashCommit(1, n))
		require.NoError(t, err)
		require.NoError(t, wait())
		fmt.Println("durable", n, lsn)
	}
}
