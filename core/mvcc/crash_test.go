package mvcc

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

const crashWriters, crashDocs = 3, 4

// crashCommit writes the same documents in every commit of a writer, which has
// a segment of its own, so that their n tell which commits survived.
func crashCommit(seg SegmentID, n int) *Commit {
	c := &Commit{Segment: seg, Record: &wal.Record{Kind: wal.KindWrite}}
	for i := range crashDocs {
		id := bsonraw.Int32Value(int32(i))
		b := bsonraw.NewBuilder(nil)
		b.Value("_id", id)
		b.Int32("n", int32(n))
		b.String("pad", string(make([]byte, 100)))
		c.Writes = append(c.Writes, Write{1, idKey(id), b.Finish()})
		c.IndexWrites = append(c.IndexWrites, IndexWrite{1, 1, bsonraw.AppendKey(nil, bsonraw.Int32Value(int32(n))), idKey(id), false})
		if n > 1 {
			c.IndexWrites = append(c.IndexWrites, IndexWrite{1, 1, bsonraw.AppendKey(nil, bsonraw.Int32Value(int32(n-1))), idKey(id), true})
		}
		c.Record.Ops = append(c.Record.Ops, wal.Op{Collection: 1, Kind: wal.Update, ID: id})
	}
	return c
}

// witness follows what writers were told.
type witness struct {
	mu    sync.Mutex
	acked map[SegmentID]int // commits that are durable
	seen  LSN               // the highest LSN that anybody has seen
}

func (w *witness) record(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

// checkSurvivors looks at a store opened after a crash: of each segment a
// prefix of its commits, whole, with all that was acknowledged; and LSNs that
// were seen are never given out again.
func checkSurvivors(t *testing.T, s *Store, acked map[SegmentID]int, seen LSN) {
	for seg := SegmentID(1); seg <= crashWriters; seg++ {
		v := s.NewView(Lineage{{seg, MaxLSN}})
		cur := v.Scan(1, nil, nil, false)
		n, docs := int32(0), 0
		for cur.Next() {
			got := cur.Doc().Get("n").Int32()
			require.True(t, docs == 0 || got == n, "half a commit")
			n = got
			docs++
		}
		require.NoError(t, cur.Close())
		require.Contains(t, []int{0, crashDocs}, docs)
		require.GreaterOrEqual(t, int(n), acked[seg], "lost an acknowledged commit")
		log := 0
		for c := s.ReadLog(seg, 0, MaxLSN, false); ; log++ {
			if !c.Next() {
				require.NoError(t, c.Close())
				break
			}
		}
		require.Equal(t, int(n), log)
		_, err := s.CheckIndex(context.Background(), v.Lineage(), 1, 1, func(doc bsonraw.Doc, emit func([]byte)) error {
			emit(indexKey(doc))
			return nil
		}, func(p Problem) bool { t.Fatal(p); return false })
		require.NoError(t, err)
		v.Close()
	}
	_, err := s.Check(context.Background(), CheckOptions{Report: func(p Problem) bool { t.Fatal(p); return false }})
	require.NoError(t, err)
	lsn, wait, err := s.Apply(context.Background(), &Commit{Segment: 99})
	require.NoError(t, err)
	require.NoError(t, wait())
	require.Greater(t, lsn, seen, "an LSN given twice")
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

// TestCrash keeps what the disk would hold if the machine died just before each
// sync, while several writers commit and wait, and opens a store on it.
func TestCrash(t *testing.T) {
	type moment struct {
		fs    vfs.FS
		acked map[SegmentID]int
		seen  LSN
	}
	w := witness{acked: map[SegmentID]int{}}
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(7, 7))
	var moments []moment
	var cloning sync.Mutex
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncData && op.Kind != errorfs.OpFileSyncTo {
			return nil
		}
		w.record(func() {
			acked := map[SegmentID]int{}
			for seg, n := range w.acked {
				acked[seg] = n
			}
			cfg := vfs.CrashCloneCfg{}
			if len(moments)%2 == 1 {
				cfg = vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}
			}
			cloning.Lock()
			defer cloning.Unlock()
			moments = append(moments, moment{mem.CrashClone(cfg), acked, w.seen})
		})
		return nil
	}))
	next := map[SegmentID]int{}
	for session := range 3 {
		s := openMem(t, linkFS{fs, &cloning})
		commits := 60
		if session == 1 {
			s.runBytes = 1 // a run for every commit, which is several syncs
			commits = 12
		}
		var wg sync.WaitGroup
		for seg := SegmentID(1); seg <= crashWriters; seg++ {
			from := next[seg]
			next[seg] += commits
			wg.Add(1)
			go func() {
				defer wg.Done()
				for n := from + 1; n <= from+commits; n++ {
					lsn, wait, err := s.Apply(context.Background(), crashCommit(seg, n))
					if err != nil {
						t.Error(err)
						return
					}
					w.record(func() { w.seen = max(w.seen, lsn, s.LastLSN()) })
					if err := wait(); err != nil {
						t.Error(err)
						return
					}
					w.record(func() { w.acked[seg] = n })
				}
			}()
		}
		wg.Wait()
		require.NoError(t, s.Close())
	}
	require.Greater(t, len(moments), 100)
	for _, m := range moments {
		s := openMem(t, m.fs)
		checkSurvivors(t, s, m.acked, m.seen)
		require.NoError(t, s.Close())
	}
	t.Logf("%d moments", len(moments))
}

// TestFailingDisk lets every write of the disk fail from some moment on.
func TestFailingDisk(t *testing.T) {
	for after := 1; after < 400; after += 13 {
		mem := vfs.NewMem()
		var mu sync.Mutex
		writes, off := 0, true
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && !off {
				if writes++; writes > after {
					return syscall.ENOSPC
				}
			}
			return nil
		}))
		setOff := func(to bool) {
			mu.Lock()
			defer mu.Unlock()
			off = to
		}
		s := openMem(t, fs)
		if after%2 == 0 {
			s.runBytes = 1
		}
		setOff(false)
		acked := map[SegmentID]int{}
		seen := LSN(0)
		for n := 1; n < 400; n++ {
			lsn, wait, err := s.Apply(context.Background(), crashCommit(1, n))
			if err == nil {
				seen = max(seen, lsn)
				err = wait()
			}
			if err != nil {
				require.Equal(t, errs.OutOfDiskSpace, errs.CodeOf(err), "%v", err)
				break
			}
			acked[1] = n
		}
		_ = s.Close()
		setOff(true)
		s = openMem(t, mem)
		checkSurvivors(t, s, acked, seen)
		require.NoError(t, s.Close())
	}
}

// TestLSNsGoOnWithoutAGap is what a user sees of a store closed in order.
func TestLSNsGoOnWithoutAGap(t *testing.T) {
	mem := vfs.NewMem()
	for want := LSN(1); want < 10; want += 3 {
		s := openMem(t, mem)
		require.Equal(t, want-1, s.LastLSN())
		for i := range LSN(3) {
			lsn, wait, err := s.Apply(context.Background(), &Commit{Segment: 1})
			require.NoError(t, err)
			require.NoError(t, wait())
			require.Equal(t, want+i, lsn)
		}
		require.NoError(t, s.Close())
	}
}

// TestTimesNeverGoBack sets the clock back, within a session and across.
func TestTimesNeverGoBack(t *testing.T) {
	mem := vfs.NewMem()
	last := int64(0)
	for _, clock := range []int64{1000, 500, 2000, 1500, 1500, 3000} {
		s := openMem(t, mem)
		for d := range int64(3) {
			s.now = func() time.Time { return time.UnixMilli(clock - d*100) }
			c := &Commit{Segment: 1, Record: &wal.Record{Kind: wal.KindWrite}}
			_, wait, err := s.Apply(context.Background(), c)
			require.NoError(t, err)
			require.NoError(t, wait())
			require.GreaterOrEqual(t, c.Record.Time, last)
			last = c.Record.Time
		}
		require.NoError(t, s.Close())
	}
	require.Equal(t, int64(3000), last)
}

// TestIDsAreNotGivenTwice reopens between allocations, with a commit and
// without.
func TestIDsAreNotGivenTwice(t *testing.T) {
	mem := vfs.NewMem()
	s := openMem(t, mem)
	require.Equal(t, []uint64{1, 1, 1, 1}, []uint64{uint64(s.AllocSegment()), uint64(s.AllocCollection()), uint64(s.AllocIndex()), uint64(s.AllocProject())})
	_, wait, err := s.Apply(context.Background(), &Commit{Segment: 1})
	require.NoError(t, err)
	require.NoError(t, wait())
	require.Equal(t, SegmentID(2), s.AllocSegment())
	require.NoError(t, s.Close())
	s = openMem(t, mem)
	require.Equal(t, CollectionID(2), s.AllocCollection())
	require.Equal(t, IndexID(2), s.AllocIndex())
	// An index build writes before its commit, so its id must stick.
	ix := s.AllocIndex()
	require.NoError(t, s.BulkIndex(context.Background(), []BulkIndexEntry{{1, 1, IndexWrite{1, ix, []byte{0x0A}, []byte{0x0A}, false}}}))
	require.NoError(t, s.Close())
	s = openMem(t, mem)
	require.Equal(t, ix+1, s.AllocIndex())
	require.NoError(t, s.Close())
}

// TestLargestDocuments commits more than memtables hold, in one batch.
func TestLargestDocuments(t *testing.T) {
	mem := vfs.NewMem()
	s := openMem(t, mem)
	c := &Commit{Segment: 1, Record: &wal.Record{Kind: wal.KindWrite}}
	for i := range 3 {
		id := bsonraw.Int32Value(int32(i))
		b := bsonraw.NewBuilder(nil)
		b.Value("_id", id)
		b.Value("blob", bsonraw.BinaryValue(0, make([]byte, bsonraw.MaxDocSize-100)))
		c.Writes = append(c.Writes, Write{1, idKey(id), b.Finish()})
		c.Record.Ops = append(c.Record.Ops, wal.Op{Collection: 1, Kind: wal.Insert, ID: id})
	}
	_, wait, err := s.Apply(context.Background(), c)
	require.NoError(t, err)
	require.NoError(t, wait())
	for range 2 {
		v := s.NewView(Lineage{{1, MaxLSN}})
		cur := v.Scan(1, nil, nil, true)
		for i := range 3 {
			require.True(t, cur.Next())
			require.Equal(t, c.Writes[2-i].Doc, cur.Doc())
		}
		require.False(t, cur.Next())
		require.NoError(t, cur.Close())
		v.Close()
		require.NoError(t, s.Close())
		s = openMem(t, mem)
	}
	require.NoError(t, s.Close())
}
