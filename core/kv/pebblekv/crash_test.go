package pebblekv

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
)

var syncs = map[errorfs.OpKind]bool{errorfs.OpFileSync: true, errorfs.OpFileSyncData: true, errorfs.OpFileSyncTo: true}

// small makes flushes, compactions and rounds through the journal frequent.
func small(fs vfs.FS) Options {
	return Options{FS: fs, MemtableBytes: 64 << 10, CacheBytes: 1 << 20, JournalBytes: 8 << 10}
}

const keysInBatch = 5

// batchValue is the size of a batch: most are small, a few go to Pebble alone.
func batchValue(n int) int {
	if n%137 == 0 && n < 900 {
		return journalBatch + 1
	}
	return 300
}

// putBatch applies the n-th batch: it writes the same keys as every other, and
// its number into each, so that one look at them tells which batches survived.
func putBatch(s kv.Store, n int, sync bool) (func() error, error) {
	b := s.NewBatch()
	for k := range keysInBatch {
		b.Set(fmt.Appendf(nil, "last%d", k), []byte(strconv.Itoa(n)))
	}
	b.Set(fmt.Appendf(nil, "batch%06d", n), make([]byte, batchValue(n)))
	if hasRun(n) {
		r, err := newRun(s, n)
		if err != nil {
			b.Close()
			return nil, err
		}
		b.AddRun(r)
	}
	if !sync {
		return func() error { return nil }, s.Apply(b, false)
	}
	return s.ApplyNoWait(b)
}

// linkFS keeps links and copies of the whole file system apart: those of
// vfs.MemFS wait for each other for ever.
type linkFS struct {
	vfs.FS
	cloning *sync.Mutex
}

func (f linkFS) Link(from, to string) error {
	f.cloning.Lock()
	defer f.cloning.Unlock()
	return f.FS.Link(from, to)
}

// Some batches have a run, of their number for its version: of a stretch of keys
// that overlaps those of others, in two tables.
func hasRun(n int) bool { return n%29 == 0 }

const keysInRun = 40

func runKeyOf(n, i int) []byte {
	key := fmt.Appendf([]byte{kv.Versioned + byte(i%40/20)}, "run%010d", (n*7%100)+i)
	return kv.AppendVersion(key, uint64(n))
}

func newRun(s kv.Store, n int) (kv.Run, error) {
	r, err := s.NewRun(context.Background(), uint64(n))
	for i := 0; i < keysInRun && err == nil; i++ {
		err = r.Set(runKeyOf(n, i), make([]byte, 300))
	}
	if err == nil {
		err = r.Finish()
	}
	if err != nil && r != nil {
		r.Close()
	}
	return r, err
}

// survivingRuns returns how many keys of runs there are, and checks that they are
// of whole runs up to a batch.
func survivingRuns(t require.TestingT, s *Store, last int) {
	it, err := s.NewIter([]byte{kv.Versioned}, nil)
	require.NoError(t, err)
	count := map[uint64]int{}
	for ok := it.First(); ok; ok = it.Next() {
		count[kv.Version(it.Key())]++
	}
	require.NoError(t, it.Err())
	require.NoError(t, it.Close())
	for n := 1; n <= last; n++ {
		if hasRun(n) {
			require.Equal(t, keysInRun, count[uint64(n)], "the run of batch %d", n)
			delete(count, uint64(n))
		}
	}
	require.Empty(t, count, "runs without their batches, %d the last", last)
}

// survived returns the number of the last batch in a store, and checks that
// every batch up to it is there whole and none beyond.
func survived(t require.TestingT, s *Store) int {
	last := 0
	for k := range keysInBatch {
		v, ok, err := s.Get(fmt.Appendf(nil, "last%d", k))
		require.NoError(t, err)
		n := 0
		if ok {
			n, err = strconv.Atoi(string(v))
			require.NoError(t, err)
		}
		require.True(t, k == 0 || n == last, "half a batch: %d and %d", last, n)
		last = n
	}
	it, err := s.NewIter([]byte("batch"), []byte("batci"))
	require.NoError(t, err)
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		n++
		require.Equal(t, fmt.Sprintf("batch%06d", n), string(it.Key()))
	}
	require.NoError(t, it.Err())
	require.NoError(t, it.Close())
	require.Equal(t, last, n)
	survivingRuns(t, s, last)
	return last
}

// TestCrashAtEverySync keeps what the disk would hold if the machine died just
// before each sync, once only what was synced and once with a random part of
// the rest, and looks at what a store opened on it has.
func TestCrashAtEverySync(t *testing.T) {
	type moment struct {
		fs    *vfs.MemFS
		acked int
	}
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(1, 2))
	var mu, cloning sync.Mutex
	var moments []moment
	var acked atomic.Int64
	hook := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if syncs[op.Kind] {
			mu.Lock()
			defer mu.Unlock()
			cloning.Lock()
			defer cloning.Unlock()
			before := int(acked.Load()) // read first: more may be durable, not less
			moments = append(moments,
				moment{mem.CrashClone(vfs.CrashCloneCfg{}), before},
				moment{mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}), before})
		}
		return nil
	})
	n := 0
	for session := range 3 {
		s := open(t, "/store", small(linkFS{errorfs.Wrap(mem, hook), &cloning}))
		require.Equal(t, n, survived(t, s))
		for range 150 {
			n++
			wait, err := putBatch(s, n, n%4 != 0)
			require.NoError(t, err)
			require.NoError(t, wait())
			if n%4 != 0 {
				acked.Store(int64(n))
			}
			if n%67 == 0 {
				require.NoError(t, s.Flush())
			}
		}
		if session == 1 {
			require.NoError(t, s.Compact(t.Context(), nil, nil))
		}
		require.NoError(t, s.Close())
		acked.Store(int64(n))
	}
	require.Greater(t, len(moments), 400)
	for i, m := range moments {
		s, err := Open("/store", small(m.fs))
		require.NoError(t, err, "moment %d", i)
		last := survived(t, s)
		require.GreaterOrEqual(t, last, m.acked, "moment %d lost an acknowledged batch", i)
		wait, err := putBatch(s, last+1, true)
		require.NoError(t, err)
		require.NoError(t, wait())
		require.NoError(t, s.Close())
	}
	t.Logf("%d moments", len(moments))
}

// TestErrorAtEveryWrite fails the n-th operation that writes, for every n, once
// only that one and once all that follow too. The store must answer with a
// coded error, must not panic, and must have lost nothing acknowledged when it
// is opened on the same disk, in order again.
func TestErrorAtEveryWrite(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		sticky bool
		want   []errs.Code
	}{
		{"once", syscall.EIO, false, []errs.Code{errs.StoreIO}},
		{"from then on", syscall.EIO, true, []errs.Code{errs.StoreIO}},
		{"disk full", syscall.ENOSPC, true, []errs.Code{errs.OutOfDiskSpace}},
		{"not ours", syscall.EROFS, true, []errs.Code{errs.StoreReadOnly}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := int64(1); ; n += 1 + n/40 {
				if !failAt(t, n, c.err, c.sticky, c.want) {
					require.Greater(t, n, int64(50))
					return
				}
			}
		})
	}
}

// failAt runs a workload with the n-th write failing; false if it has not that
// many.
func failAt(t *testing.T, n int64, fail error, sticky bool, want []errs.Code) bool {
	mem := vfs.NewMem()
	var writes atomic.Int64
	var off atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || off.Load() {
			return nil
		}
		if i := writes.Add(1); i == n || sticky && i > n {
			return fail
		}
		return nil
	}))
	acked := 0
	check := func(err error) bool {
		if err == nil {
			return true
		}
		require.Contains(t, append(want, errs.StoreIO), errs.CodeOf(err), "write %d: %v", n, err)
		return false
	}
	work := func() {
		s, err := Open("/store", small(fs))
		if !check(err) {
			return
		}
		for i := 1; i <= 250; i++ {
			wait, err := putBatch(s, i, i%5 != 0)
			if !check(err) || !check(wait()) {
				break
			}
			if i%5 != 0 {
				acked = i
			}
			if i%100 == 0 && !check(s.Flush()) {
				break
			}
		}
		if s.failed.Load() != nil {
			_, _, err := s.Get([]byte("last0"))
			require.False(t, check(err), "a store that failed answers no more")
		}
		check(s.Close())
	}
	work()
	hit := writes.Load() >= n
	off.Store(true)
	s, err := Open("/store", small(mem))
	require.NoError(t, err, "write %d", n)
	require.GreaterOrEqual(t, survived(t, s), acked, "write %d", n)
	require.NoError(t, s.Close())
	return hit
}
