package pebblekv

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// files returns the content of every file of a store.
func files(t testing.TB, fs vfs.FS, dir string) map[string][]byte {
	all := map[string][]byte{}
	names, err := fs.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		require.NoError(t, err)
		if info.IsDir() {
			maps.Copy(all, files(t, fs, path))
			continue
		}
		all[path], err = readFile(fs, path)
		require.NoError(t, err)
	}
	return all
}

// restored returns a file system with these files, one of them changed.
func restored(t testing.TB, all map[string][]byte, changed string, content []byte) vfs.FS {
	fs := vfs.NewMem()
	for path, bytes := range all {
		if path == changed {
			if content == nil {
				continue // the file is missing
			}
			bytes = content
		}
		require.NoError(t, fs.MkdirAll(filepath.Dir(path), 0o755))
		f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = f.Write(bytes)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	return fs
}

const damageBatches = 200

// damaged makes a store with tables, a manifest of several records and a log,
// and returns its files: closed in order, or as a kill leaves them.
func damaged(t testing.TB, closed bool) map[string][]byte {
	mem := vfs.NewCrashableMem()
	s := open(t, "/store", small(mem))
	for n := 1; n <= damageBatches; n++ {
		wait, err := putBatch(s, n, true)
		require.NoError(t, err)
		require.NoError(t, wait())
		if n == damageBatches/2 {
			require.NoError(t, s.Compact(t.Context(), nil, nil))
		}
	}
	now := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
	require.NoError(t, s.Close())
	if closed {
		return files(t, mem, "/store")
	}
	return files(t, now, "/store")
}

// survey opens a store with one file changed. It returns how many batches it
// has, or the error that says why not.
func survey(t testing.TB, all map[string][]byte, changed string, content []byte) (batches int, err error) {
	s, err := Open("/store", small(restored(t, all, changed, content)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.Close() }()
	it, err := s.NewIter(nil, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = it.Close() }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.Value()
		if err != nil {
			return 0, err
		}
		if strings.HasPrefix(string(it.Key()), "batch") {
			batches++
			require.Equal(t, fmt.Sprintf("batch%06d", batches), string(it.Key()), "%s: served as data", changed)
			require.Equal(t, make([]byte, batchValue(batches)), v, "%s: served as data", changed)
		}
	}
	return batches, it.Err()
}

// offsets are the places to damage: all of a small file, some of a large one,
// its beginning and its end.
func offsets(n int) (all []int) {
	step := max(1, n/150)
	for i := 0; i < n; i += step {
		all = append(all, i)
	}
	for i := max(0, n-30); i < n; i++ {
		all = append(all, i)
	}
	return all
}

// TestFlippedBits flips single bits of every file. The answer must be an error
// that says so, or else all of the data.
func TestFlippedBits(t *testing.T) {
	codes := []errs.Code{errs.StoreCorrupt}
	for _, closed := range []bool{true, false} {
		all := damaged(t, closed)
		found := map[string]int{}
		for _, path := range slices.Sorted(maps.Keys(all)) {
			for _, at := range offsets(len(all[path])) {
				content := slices.Clone(all[path])
				content[at] ^= 1 << (at % 8)
				batches, err := survey(t, all, path, content)
				if err != nil {
					if filepath.Base(path) == formatName {
						codes = []errs.Code{errs.StoreCorrupt, errs.StoreTooNew, errs.NotAStore}
					}
					require.Contains(t, codes, errs.CodeOf(err), "%s, byte %d: %v", path, at, err)
					found[filepath.Ext(path)]++
					continue
				}
				least := damageBatches
				if !closed && (strings.HasSuffix(path, ".log") || filepath.Base(path) == journalName) {
					least-- // the last write of a killed process: see logscan.go
				}
				require.GreaterOrEqual(t, batches, least, "%s, byte %d of %d, closed %v: data lost without a word", path, at, len(content), closed)
			}
		}
		t.Logf("closed %v: errors by kind of file %v", closed, found)
		require.NotZero(t, found[".sst"])
		require.NotZero(t, found[".log"])
	}
}

// TestTruncatedAndMissingFiles cuts files short and takes them away.
func TestTruncatedAndMissingFiles(t *testing.T) {
	all := damaged(t, true)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		base := filepath.Base(path)
		if base == lockName || len(all[path]) == 0 {
			continue
		}
		for _, content := range [][]byte{nil, {}, all[path][:len(all[path])/2], all[path][:len(all[path])-1]} {
			batches, err := survey(t, all, path, content)
			if err != nil {
				require.NotContains(t, err.Error(), "carrier")
				require.Contains(t, []errs.Code{errs.StoreCorrupt, errs.NotAStore}, errs.CodeOf(err), "%s to %d bytes: %v", path, len(content), err)
				continue
			}
			require.Equal(t, damageBatches, batches, "%s to %d of %d bytes: data lost without a word", path, len(content), len(all[path]))
		}
	}
}

func TestSealSaysWhatChanged(t *testing.T) {
	all := damaged(t, true)
	for path, content := range all {
		if !strings.HasSuffix(path, ".log") {
			continue
		}
		_, err := survey(t, all, path, append(slices.Clone(content), 0))
		require.Equal(t, errs.StoreCorrupt, errs.CodeOf(err))
		require.Contains(t, err.Error(), filepath.Base(path))
		require.Contains(t, err.Error(), sealName)
	}
	// Without the seal, what is readable can be opened.
	batches, err := survey(t, all, "/store/"+sealName, nil)
	require.NoError(t, err)
	require.Equal(t, damageBatches, batches)
}

func TestSealGolden(t *testing.T) {
	fs := restored(t, map[string][]byte{"/s/data/000002.log": []byte("log"), "/s/data/000005.sst": []byte("table"), "/s/data/MANIFEST-000001": nil}, "", nil)
	text, err := sealText(fs, "/s")
	require.NoError(t, err)
	require.Equal(t, "argon seal 1\n32239a1a 3 000002.log\n00000000 0 MANIFEST-000001\ncrc32c ", string(text[:len(text)-9]))
}
