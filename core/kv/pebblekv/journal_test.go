package pebblekv

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

func TestGroupGolden(t *testing.T) {
	var g group
	g.add(7, []byte("one"))
	g.add(9, []byte("another"))
	require.Equal(t, "1f476ff4"+"0000004a"+"0000000000000003"+"0000000000000006"+"0000000000000007"+"0000000000000009"+
		"0000000000000007"+"00000003"+"6f6e65"+"0000000000000009"+"00000007"+"616e6f74686572", hex.EncodeToString(g.seal(3, 6)))
	got, durable, ok := readGroup(append(bytes.Clone(g.bytes), 0, 0), 3)
	require.True(t, ok)
	require.Equal(t, g, got)
	require.Equal(t, uint64(6), durable)
	_, _, ok = readGroup(g.bytes, 4)
	require.False(t, ok, "of another opening")
	for i := range g.bytes {
		damaged := bytes.Clone(g.bytes)
		damaged[i] ^= 0x10
		_, _, ok = readGroup(damaged, 3)
		require.False(t, ok, "byte %d", i)
	}
}

// crashed is the store as the disk has it when the machine dies now, once
// without anything that was not synced.
func crashed(mem *vfs.MemFS) *vfs.MemFS { return mem.CrashClone(vfs.CrashCloneCfg{}) }

// TestJournalHoldsWhatPebbleLost checks that small commits are durable through
// the journal: Pebble's own files do not have them yet.
func TestJournalHoldsWhatPebbleLost(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := open(t, "/store", Options{FS: mem})
	const n = 20
	for i := 1; i <= n; i++ {
		wait, err := putBatch(s, i, true)
		require.NoError(t, err)
		require.NoError(t, wait())
	}
	disk := crashed(mem)
	require.NoError(t, s.Close())

	without := vfs.NewMem()
	ok, err := vfs.Clone(disk, without, "/store", "/store")
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, without.Remove("/store/"+journalName))
	lost := open(t, "/store", Options{FS: without})
	require.Less(t, survived(t, lost), n, "the journal was not needed")
	require.NoError(t, lost.Close())

	unwritable := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpLock && op.Kind != errorfs.OpFileClose {
			return errorfs.ErrInjected
		}
		return nil
	}))
	readOnly := open(t, "/store", Options{FS: unwritable, ReadOnly: true})
	require.Equal(t, n, survived(t, readOnly))
	require.Equal(t, errs.StoreReadOnly, errs.CodeOf(readOnly.Flush()))
	require.NoError(t, readOnly.Close())

	again := open(t, "/store", Options{FS: disk})
	require.Equal(t, n, survived(t, again))
	require.NoError(t, again.Close())
	again = open(t, "/store", Options{FS: disk, ReadOnly: true})
	require.Equal(t, n, survived(t, again))
	require.NoError(t, again.Close())
}

// TestJournalWithManyWriters lets writers share groups, with large batches in
// between, and kills the machine at any time: what was acknowledged is there, and
// nothing without what it was applied upon.
func TestJournalWithManyWriters(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := open(t, "/store", small(mem))
	const writers, each = 8, 120
	var apply sync.Mutex
	var next, acked atomic.Int64
	type moment struct {
		fs    *vfs.MemFS
		acked int64
	}
	var moments []moment
	var all sync.WaitGroup
	done := make([]atomic.Bool, writers*each+1)
	for w := range writers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			for range each {
				apply.Lock()
				n := int(next.Add(1))
				wait, err := putBatch(s, n, true)
				apply.Unlock()
				if !assertNoError(t, err) || !assertNoError(t, wait()) {
					return
				}
				done[n].Store(true)
				if rng.IntN(20) == 0 {
					apply.Lock()
					for done[acked.Load()+1].Load() && acked.Load() < writers*each-1 {
						acked.Add(1)
					}
					moments = append(moments, moment{
						nil, acked.Load(),
					})
					moments[len(moments)-1].fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(2) * 50, RNG: rng})
					apply.Unlock()
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, s.Close())
	for i, m := range moments {
		s, err := Open("/store", small(m.fs))
		require.NoError(t, err, "moment %d", i)
		require.GreaterOrEqual(t, int64(survived(t, s)), m.acked, "moment %d", i)
		require.NoError(t, s.Close())
	}
	t.Logf("%d moments", len(moments))
}

func assertNoError(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// FuzzJournal reads any bytes as a journal.
func FuzzJournal(f *testing.F) {
	var g group
	g.add(1, []byte("repr"))
	f.Add(bytes.Clone(g.seal(1, 0)))
	g.add(3, []byte("gap"))
	f.Add(bytes.Clone(g.seal(1, 9)))
	f.Fuzz(func(t *testing.T, b []byte) {
		mem := vfs.NewMem()
		require.NoError(t, mem.MkdirAll("/s", 0o755))
		file, err := mem.Create("/s/"+journalName, vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = file.Write(bytes.Clone(b))
		require.NoError(t, err)
		require.NoError(t, file.Close())
		s := &Store{dir: "/s", opts: Options{FS: mem}, fs: mem, gate: newStallGate()}
		lost, err := s.readJournal(1, 0)
		if err != nil {
			require.Equal(t, errs.StoreCorrupt, errs.CodeOf(err), fmt.Sprint(err))
			return
		}
		size := 0
		for _, repr := range lost {
			size += len(repr)
		}
		require.LessOrEqual(t, size, len(b))
	})
}

// TestReadersShareWhatTheJournalHas reads a killed store from several threads,
// through values, replacements, deletions and ranges that only its journal has.
func TestReadersShareWhatTheJournalHas(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := open(t, "/store", Options{FS: mem})
	put(t, s, "a", "old")
	put(t, s, "gone1", "v")
	require.NoError(t, s.Flush())
	b := s.NewBatch()
	b.Set([]byte("a"), []byte("new"))
	b.Set([]byte("gone2"), []byte("v"))
	require.NoError(t, s.Apply(b, true))
	b = s.NewBatch()
	b.DeleteRange([]byte("gone"), []byte("goo"))
	b.Set([]byte("z"), []byte("v"))
	require.NoError(t, s.Apply(b, true))
	disk := crashed(mem)
	require.NoError(t, s.Close())

	killed := open(t, "/store", Options{FS: disk, ReadOnly: true})
	require.NotEqual(t, killed.db, killed.reader, "the journal was not needed")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				requireValue(t, killed, "a", "new")
				snap := killed.NewSnapshot()
				it, err := snap.NewIter(nil, nil)
				assert.NoError(t, err)
				var keys []string
				for ok := it.First(); ok; ok = it.Next() {
					keys = append(keys, string(it.Key()))
				}
				assert.NoError(t, it.Close())
				assert.NoError(t, snap.Close())
				assert.Equal(t, []string{"a", "z"}, keys)
			}
		})
	}
	all.Wait()
	require.NoError(t, killed.Close())
}
