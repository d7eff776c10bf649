package pebblekv

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// TestALogPastTheCache writes pieces of all sizes, syncs now and then, and finds
// in the file, each time, what was written until then, and zeros behind it; where
// the file system takes such writes, and where it turns out not to.
func TestALogPastTheCache(t *testing.T) {
	for _, plain := range []bool{false, true} {
		f, path := directTestFile(t)
		f.plain = plain
		if plain {
			require.NoError(t, setDirect(f.fd, false))
		}
		random := rand.New(rand.NewPCG(1, 2))
		var want []byte
		for range 25 {
			for range random.IntN(4) {
				piece := make([]byte, 1+random.IntN(1<<random.IntN(22)))
				for i := range piece {
					piece[i] = byte(1 + random.IntN(255))
				}
				n, err := f.Write(piece)
				require.NoError(t, err)
				require.Equal(t, len(piece), n)
				want = append(want, piece...)
			}
			require.NoError(t, f.SyncData())
			requireLog(t, path, want)
			require.LessOrEqual(t, cap(f.buf), keptDirect)
		}
		require.NoError(t, f.Close())
	}
}

// TestALogThatBeginsAnew checks the journal's way of writing: at the end, or from
// the beginning again.
func TestALogThatBeginsAnew(t *testing.T) {
	f, path := directTestFile(t)
	write := func(text string, off int64) {
		n, err := f.WriteAt([]byte(text), off)
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		require.NoError(t, f.SyncData())
	}
	write("first", 0)
	write(" second", 5)
	requireLog(t, path, []byte("first second"))
	write("new", 0)
	write("er", 3)
	requireLog(t, path, []byte("newer"))
	_, err := f.WriteAt([]byte("x"), 100)
	require.Error(t, err)
	require.NoError(t, f.Close())
}

// TestAnUnsyncedLogIsNotWritten checks that bytes nobody waits for stay in memory,
// so that behind a closed fence closing a file writes nothing.
func TestAnUnsyncedLogIsNotWritten(t *testing.T) {
	f, path := directTestFile(t)
	_, err := f.Write([]byte("lost"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	requireLog(t, path, nil)
}

func directTestFile(t *testing.T) (*directFile, string) {
	path := filepath.Join(t.TempDir(), "log")
	file, err := vfs.Default.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	f, ok := direct(file).(*directFile)
	if !ok {
		t.Skipf("the file system of %s has no way past its cache", path)
	}
	return f, path
}

func requireLog(t *testing.T, path string, want []byte) {
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, len(got) >= len(want) && string(got[:len(want)]) == string(want))
	for _, b := range got[len(want):] {
		require.Zero(t, b)
	}
}
