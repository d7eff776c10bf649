package kv_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/kv/pebblekv"
)

// backends are the implementations under test. A new one is added here.
var backends = map[string]func(t require.TestingT) kv.Store{
	"memory": func(require.TestingT) kv.Store { return newMemory() },
	"pebble": func(t require.TestingT) kv.Store {
		s, err := pebblekv.Open("store", pebblekv.Options{FS: vfs.NewMem()})
		require.NoError(t, err)
		return kv.Checked(s)
	},
	"pebble, tiny memtables": func(t require.TestingT) kv.Store {
		s, err := pebblekv.Open("store", pebblekv.Options{FS: vfs.NewMem(), MemtableBytes: 64 << 10, CacheBytes: 1 << 20})
		require.NoError(t, err)
		return kv.Checked(s)
	},
}

func eachBackend(t *testing.T, test func(t *testing.T, s kv.Store)) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			test(t, s)
			require.NoError(t, s.Close())
		})
	}
}

func set(t require.TestingT, s kv.Store, pairs ...string) {
	b := s.NewBatch()
	for i := 0; i < len(pairs); i += 2 {
		b.Set([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	require.NoError(t, s.Apply(b, true))
}

// versioned makes a versioned key.
func versioned(name string, version uint64) []byte {
	return kv.AppendVersion(append([]byte{kv.Versioned, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}, name...), version)
}

func keys(t require.TestingT, it kv.Iterator, ok bool) (all []string) {
	for ; ok; ok = it.Next() {
		v, err := it.Value()
		require.NoError(t, err)
		all = append(all, fmt.Sprintf("%s=%s", it.Key(), v))
	}
	require.NoError(t, it.Err())
	return all
}

func TestBackendsReadTheirWrites(t *testing.T) {
	eachBackend(t, func(t *testing.T, s kv.Store) {
		set(t, s, "a", "1", "b", "", "c", "3")
		v, ok, err := s.Get([]byte("a"))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "1", string(v))
		v, ok, err = s.Get([]byte("b"))
		require.NoError(t, err)
		require.True(t, ok, "an empty value is a value")
		require.Empty(t, v)
		_, ok, err = s.Get([]byte("x"))
		require.NoError(t, err)
		require.False(t, ok)
	})
}

func TestBackendsApplyBatchesInOrder(t *testing.T) {
	eachBackend(t, func(t *testing.T, s kv.Store) {
		b := s.NewBatch()
		b.Set([]byte("a"), []byte("1"))
		b.Set([]byte("b"), []byte("1"))
		b.Delete([]byte("a"))
		b.Set([]byte("c"), []byte("1"))
		b.DeleteRange([]byte("b"), []byte("d"))
		key, value := b.SetDeferred(1, 2)
		copy(key, "b")
		copy(value, "22")
		require.Equal(t, 6, b.Len())
		require.NoError(t, s.Apply(b, false))
		it, err := s.NewIter(nil, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"b=22"}, keys(t, it, it.First()))
		require.NoError(t, it.Close())
	})
}

func TestBackendsIterateWithinBounds(t *testing.T) {
	eachBackend(t, func(t *testing.T, s kv.Store) {
		set(t, s, "a", "1", "b", "2", "c", "3", "d", "4")
		it, err := s.NewIter([]byte("b"), []byte("d"))
		require.NoError(t, err)
		require.Equal(t, []string{"b=2", "c=3"}, keys(t, it, it.First()))
		require.True(t, it.Last())
		require.Equal(t, "c", string(it.Key()))
		require.True(t, it.Prev())
		require.False(t, it.Prev())
		require.True(t, it.SeekGE([]byte("a")), "a seek below the bounds leads to the first")
		require.Equal(t, "b", string(it.Key()))
		require.False(t, it.SeekGE([]byte("d")))
		require.True(t, it.SeekLT([]byte("z")))
		require.Equal(t, "c", string(it.Key()))
		it.SetBounds([]byte("d"), nil)
		require.Equal(t, []string{"d=4"}, keys(t, it, it.First()))
		require.NoError(t, it.Close())
	})
}

func TestBackendsSeekPrefixes(t *testing.T) {
	eachBackend(t, func(t *testing.T, s kv.Store) {
		b := s.NewBatch()
		for _, version := range []uint64{1, 5, 9} {
			b.Set(versioned("a", version), fmt.Append(nil, version))
			b.Set(versioned("c", version), fmt.Append(nil, version))
		}
		require.NoError(t, s.Apply(b, true))
		require.NoError(t, s.Flush())
		it, err := s.NewIter(nil, nil)
		require.NoError(t, err)
		for _, c := range []struct {
			name    string
			version uint64
			want    uint64
		}{{"a", 9, 9}, {"a", 8, 5}, {"a", 5, 5}, {"a", 4, 1}, {"a", 0, 0}, {"b", 9, 0}, {"c", kv.MaxVersion, 9}} {
			ok := it.SeekPrefixGE(versioned(c.name, c.version))
			require.Equal(t, c.want != 0, ok, "%s at %d", c.name, c.version)
			if ok {
				require.Equal(t, c.want, kv.Version(it.Key()))
			}
		}
		require.True(t, it.SeekPrefixGE(versioned("a", 5)))
		require.True(t, it.Next())
		require.False(t, it.Next(), "ends with the prefix")
		require.NoError(t, it.Close())
	})
}

func TestBackendsKeepSnapshots(t *testing.T) {
	eachBackend(t, func(t *testing.T, s kv.Store) {
		set(t, s, "a", "1")
		snap := s.NewSnapshot()
		it, err := s.NewIter(nil, nil)
		require.NoError(t, err)
		set(t, s, "a", "2", "b", "2")
		v, ok, err := snap.Get([]byte("a"))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "1", string(v))
		require.Equal(t, []string{"a=1"}, keys(t, it, it.First()))
		require.NoError(t, it.Close())
		it, err = snap.NewIter(nil, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"a=1"}, keys(t, it, it.First()))
		require.NoError(t, it.Close())
		require.NoError(t, snap.Close())
	})
}

func TestBackendsTakeRunsWithTheirBatches(t *testing.T) {
	eachBackend(t, func(t *testing.T, s kv.Store) {
		set(t, s, "a", "1")
		r, err := s.NewRun(t.Context(), 7)
		require.NoError(t, err)
		for _, name := range []string{"a", "b", "c"} {
			require.NoError(t, r.Set(versioned(name, 7), []byte(name)))
		}
		require.NoError(t, r.Finish())
		require.Positive(t, r.Size())
		_, ok, err := s.Get(versioned("a", 7))
		require.NoError(t, err)
		require.False(t, ok, "before its batch is applied")
		dropped, err := s.NewRun(t.Context(), 8)
		require.NoError(t, err)
		require.NoError(t, dropped.Set(versioned("a", 8), []byte("none")))
		require.NoError(t, dropped.Finish())
		dropped.Close()
		b := s.NewBatch()
		b.Set([]byte("b"), []byte("2"))
		b.AddRun(r)
		require.NoError(t, s.Apply(b, false))
		it, err := s.NewIter(nil, nil)
		require.NoError(t, err)
		require.Len(t, keys(t, it, it.First()), 5)
		require.NoError(t, it.Close())
		for _, name := range []string{"a", "b", "c"} {
			v, ok, err := s.Get(versioned(name, 7))
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, name, string(v))
		}
	})
}

func TestBackendsWaitForTheDisk(t *testing.T) {
	eachBackend(t, func(t *testing.T, s kv.Store) {
		var waits []func() error
		for i := range 10 {
			b := s.NewBatch()
			b.Set(fmt.Appendf(nil, "k%d", i), []byte("v"))
			wait, err := s.ApplyNoWait(b)
			require.NoError(t, err)
			_, ok, err := s.Get(fmt.Appendf(nil, "k%d", i))
			require.NoError(t, err)
			require.True(t, ok, "visible before it is durable")
			waits = append(waits, wait)
		}
		for i := range waits {
			require.NoError(t, waits[len(waits)-1-i]())
		}
		require.NoError(t, s.Compact(context.Background(), nil, nil))
	})
}

// TestBackendsAgree runs random operations on all backends at once.
func TestBackendsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stores []kv.Store
		for _, name := range []string{"memory", "pebble", "pebble, tiny memtables"} {
			stores = append(stores, backends[name](t))
		}
		drawKey := rapid.Custom(func(t *rapid.T) []byte {
			name := rapid.SampledFrom([]string{"_", "a", "b", "ba", "c"}).Draw(t, "name")
			if rapid.Bool().Draw(t, "plain") {
				return append([]byte{1}, name...)
			}
			return versioned(name, rapid.Uint64Range(0, 12).Draw(t, "version"))
		})
		drawBound := rapid.Custom(func(t *rapid.T) []byte {
			key := drawKey.Draw(t, "bound")
			return key[:kv.Split(key)]
		})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			step(t, stores, drawKey, drawBound)
		}
		for _, s := range stores {
			require.NoError(t, s.Close())
		}
	})
}

// takeRuns applies a batch with a run, whose names may be there already.
func takeRuns(t *rapid.T, stores []kv.Store) {
	version := rapid.Uint64Range(13, 20).Draw(t, "version of run") // above what readers look at
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "aa", "b", "ba", "bb", "c"}), 1, 6, rapid.ID[string]).Draw(t, "names")
	slices.Sort(names)
	for _, s := range stores {
		r, err := s.NewRun(t.Context(), version)
		require.NoError(t, err)
		for _, name := range names {
			require.NoError(t, r.Set(versioned(name, version), []byte(name)))
		}
		require.NoError(t, r.Finish())
		b := s.NewBatch()
		b.Set([]byte{1, 'r'}, fmt.Append(nil, version))
		b.AddRun(r)
		require.NoError(t, s.Apply(b, rapid.Bool().Draw(t, "sync")))
	}
}

func step(t *rapid.T, stores []kv.Store, drawKey, drawBound *rapid.Generator[[]byte]) {
	switch rapid.IntRange(0, 6).Draw(t, "step") {
	case 6:
		takeRuns(t, stores)
	case 0, 1, 2:
		var ops []func(kv.Batch)
		for range rapid.IntRange(1, 8).Draw(t, "writes") {
			key, value := drawKey.Draw(t, "key"), rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "value")
			switch rapid.IntRange(0, 3).Draw(t, "write") {
			case 0:
				ops = append(ops, func(b kv.Batch) { b.Delete(key) })
			case 1:
				lo, hi := ordered(drawBound.Draw(t, "lo"), drawBound.Draw(t, "hi"))
				ops = append(ops, func(b kv.Batch) { b.DeleteRange(lo, hi) })
			default:
				ops = append(ops, func(b kv.Batch) { b.Set(key, value) })
			}
		}
		sync := rapid.Bool().Draw(t, "sync")
		for _, s := range stores {
			b := s.NewBatch()
			for _, op := range ops {
				op(b)
			}
			require.NoError(t, s.Apply(b, sync))
		}
	case 3:
		for _, s := range stores {
			require.NoError(t, s.Flush())
		}
	case 4:
		for _, s := range stores {
			require.NoError(t, s.Compact(context.Background(), nil, nil))
		}
	case 5:
		compareIterators(t, stores, drawKey, drawBound)
	}
}

func ordered(a, b []byte) (lo, hi []byte) {
	if bytes.Compare(a, b) > 0 {
		return b, a
	}
	return a, b
}

func compareIterators(t *rapid.T, stores []kv.Store, drawKey, drawBound *rapid.Generator[[]byte]) {
	var lo, hi []byte
	if rapid.Bool().Draw(t, "bounded") {
		lo, hi = ordered(drawBound.Draw(t, "lo"), drawBound.Draw(t, "hi"))
	}
	var its []kv.Iterator
	for _, s := range stores {
		it, err := s.NewIter(lo, hi)
		require.NoError(t, err)
		its = append(its, it)
	}
	inPrefix, valid := false, false
	for range rapid.IntRange(1, 20).Draw(t, "moves") {
		move, key := rapid.IntRange(0, 6).Draw(t, "move"), drawKey.Draw(t, "key")
		if move >= 5 && !valid || move == 6 && inPrefix {
			move %= 5
		}
		outside := lo != nil && bytes.Compare(key, lo) < 0 || hi != nil && bytes.Compare(key, hi) >= 0
		if move == 1 && outside {
			move = 0
		}
		inPrefix = move == 1 || move == 5 && inPrefix
		var want string
		for i, it := range its {
			moves := []func() bool{
				func() bool { return it.SeekGE(key) }, func() bool { return it.SeekPrefixGE(key) },
				func() bool { return it.SeekLT(key) }, it.First, it.Last, it.Next, it.Prev,
			}
			got := "end"
			if moves[move]() {
				v, err := it.Value()
				require.NoError(t, err)
				got = fmt.Sprintf("%x=%x", it.Key(), v)
			}
			if i == 0 {
				want = got
			}
			require.Equal(t, want, got, "move %d to %x", move, key)
			valid = it.Valid()
		}
	}
	for _, it := range its {
		require.NoError(t, it.Close())
	}
}

func TestKeyGolden(t *testing.T) {
	key := kv.AppendVersion([]byte{0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, 5)
	require.Equal(t, "800102030405060708090a0b0c0d0e00fffffffffffffa08", fmt.Sprintf("%x", key))
	require.Equal(t, 16, kv.Split(key))
	require.Equal(t, 16, kv.Split(key[:16]), "a prefix is its own")
	require.Equal(t, uint64(5), kv.Version(key))
	kv.PutVersion(key, kv.MaxVersion)
	require.Equal(t, uint64(kv.MaxVersion), kv.Version(key))
	require.Equal(t, "0000000000000008", fmt.Sprintf("%x", key[16:]))
}

// TestSplitKeepsOrder checks what Pebble asks of a split: prefixes order keys
// before suffixes do.
func TestSplitKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func() []byte {
			name := rapid.SliceOfN(rapid.SampledFrom([]byte{1, 8, 0xFF}), 1, 5).Draw(t, "name")
			for i, b := range name { // names are not prefixes of each other
				if b == 1 {
					name = name[:i+1]
					break
				}
			}
			name[len(name)-1] = 1
			return versioned(string(name), rapid.Uint64Range(0, kv.MaxVersion).Draw(t, "version"))
		}
		a, b := draw(), draw()
		pa, pb := a[:kv.Split(a)], b[:kv.Split(b)]
		require.Equal(t, len(pa), kv.Split(pa))
		if !bytes.Equal(pa, pb) {
			require.Equal(t, bytes.Compare(pa, pb), bytes.Compare(a, b))
		}
	})
}
