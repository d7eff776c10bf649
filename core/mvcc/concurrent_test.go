package mvcc

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// TestReadersSeeWholeCommits lets readers look while writers commit, small
// commits and large ones. A view shows what was committed before it was made,
// shows each commit whole, and shows the same by every way of reading.
func TestReadersSeeWholeCommits(t *testing.T) {
	t.Run("in batches", func(t *testing.T) { readersSeeWholeCommits(t, 1500, runBytes) })
	t.Run("in runs", func(t *testing.T) { readersSeeWholeCommits(t, 300, 1) })
}

func readersSeeWholeCommits(t *testing.T, commits, runBytes int) {
	const writers, readers = 2, 3
	s := openMem(t, vfs.NewMem())
	s.runBytes = runBytes
	var committed [writers + 1]atomic.Int64
	var done atomic.Bool
	var writing, reading sync.WaitGroup
	for seg := SegmentID(1); seg <= writers; seg++ {
		writing.Add(1)
		go func() {
			defer writing.Done()
			for n := 1; n <= commits; n++ {
				c := crashCommit(seg, n)
				if n%50 == 0 { // too many for a generation of recent commits
					for i := range recentWrites {
						id := bsonraw.Int32Value(int32(1000 + i))
						c.Writes = append(c.Writes, Write{2, idKey(id), testDoc(id, n)})
					}
				}
				_, wait, err := s.Apply(context.Background(), c)
				if err == nil {
					committed[seg].Store(int64(n))
					err = wait()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range readers {
		reading.Add(1)
		go func() {
			defer reading.Done()
			for !done.Load() && !t.Failed() {
				for seg := SegmentID(1); seg <= writers; seg++ {
					readWhole(t, s, seg, committed[seg].Load())
				}
			}
		}()
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
	require.NoError(t, s.Close())
}

// readWhole reads a segment in every way and compares.
func readWhole(t *testing.T, s *Store, seg SegmentID, least int64) {
	v := s.NewView(Lineage{{seg, MaxLSN}})
	defer v.Close()
	n := int64(-1)
	agree := func(how string, got bsonraw.Value) {
		switch i := int64(got.Int32()); {
		case i < least:
			t.Errorf("%s shows %d, committed before was %d", how, i, least)
		case n >= 0 && i != n:
			t.Errorf("%s shows %d, another way %d", how, i, n)
		default:
			n = i
		}
	}
	if least == 0 {
		return
	}
	for i := range crashDocs {
		found, ok, err := v.Get(1, idKey(bsonraw.Int32Value(int32(i))))
		if err != nil || !ok {
			t.Errorf("document %d: %v, %v", i, ok, err)
			return
		}
		agree("Get", found.Doc.Get("n"))
	}
	cur := v.Scan(1, nil, nil, false)
	for cur.Next() {
		agree("Scan", cur.Doc().Get("n"))
	}
	if err := cur.Close(); err != nil {
		t.Error(err)
	}
	entries := 0
	ix := v.ScanIndex(1, 1, nil, nil, false)
	for ; ix.Next(); entries++ {
		if string(ix.Fields()) != string(bsonraw.AppendKey(nil, bsonraw.Int32Value(int32(n)))) {
			t.Errorf("an index entry %x of another commit than %d", ix.Fields(), n)
		}
	}
	if err := ix.Close(); err != nil || entries != crashDocs {
		t.Errorf("%d index entries, %v", entries, err)
	}
}

// lasting is a context that is cancelled after it was asked so many times.
type lasting struct {
	context.Context
	times int
}

func (l *lasting) Err() error {
	if l.times--; l.times < 0 {
		return context.Canceled
	}
	return nil
}

// TestALargeCommitCanBeStopped: until it is applied it is not there at all, and the
// next commit has its LSN.
func TestALargeCommitCanBeStopped(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	c := crashCommit(1, 1)
	for i := range 10_000 {
		id := bsonraw.Int32Value(int32(1000 + i))
		c.Writes = append(c.Writes, Write{2, idKey(id), testDoc(id, i)})
	}
	_, _, err := s.Apply(&lasting{context.Background(), 5}, c)
	require.Equal(t, errs.Interrupted, errs.CodeOf(err))
	require.Zero(t, s.LastLSN())
	lsn, wait, err := s.Apply(context.Background(), c)
	require.NoError(t, err)
	require.NoError(t, wait())
	require.Equal(t, LSN(1), lsn)
}
