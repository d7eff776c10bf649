package mvcc

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/wal"
)

// TestCheckFindsWhatDoesNotFit writes behind the store's back and looks at what
// the check says.
func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	one, two := bsonraw.Int32Value(1), bsonraw.Int32Value(2)
	version := func(id bsonraw.Value, lsn LSN) []byte { return appendVersionKey(nil, 1, 1, idKey(id), lsn) }
	value := func(doc bsonraw.Doc) []byte { return append([]byte{flagPresent}, doc...) }
	record := wal.Record{Kind: wal.KindWrite, Time: 5, Ops: []wal.Op{{Collection: 1, Kind: wal.Insert, ID: two}}}
	for want, set := range map[string]func(b kv.Batch){
		"a key of no known kind":              func(b kv.Batch) { b.Set([]byte{0x7F}, nil) },
		"a versioned key that does not parse": func(b kv.Batch) { b.Set([]byte{kindVersion, 1}, nil) },
		"neither a document nor a deletion":   func(b kv.Batch) { b.Set(version(one, 1), []byte{7, 7}) },
		"invalid BSON":                        func(b kv.Batch) { b.Set(version(one, 1), value([]byte{9, 0, 0, 0, 0, 0})) },
		"under the key of another _id":        func(b kv.Batch) { b.Set(version(two, 1), value(testDoc(one, 1))) },
		"an LSN that no commit has had":       func(b kv.Batch) { b.Set(version(one, 999), value(testDoc(one, 1))) },
		"does not know that it touched":       func(b kv.Batch) { b.Set(appendVersionKey(nil, 9, 1, idKey(one), 1), value(testDoc(one, 1))) },
		"a log record does not decode":        func(b kv.Batch) { b.Set(appendLogKey(nil, 1, 1), []byte{1}) },
		"without the version it made":         func(b kv.Batch) { b.Set(appendLogKey(nil, 1, 1), record.Append(nil)) },
		"is before that of the commit before": func(b kv.Batch) { b.Set(appendLogKey(nil, 1, 2), (&wal.Record{Kind: 1}).Append(nil)) },
		"the log has an insert whose version": func(b kv.Batch) { b.Set(version(one, 1), []byte{flagDeleted}) },
		"the index entry": func(b kv.Batch) {
			b.Set(kv.AppendVersion(append(appendIndexHeader(nil, 1, 1, 1), 0x0A, 0x0A), 1), []byte{1, 9})
		},
		"the state record does not decode":      func(b kv.Batch) { b.Set(stateKey, []byte{0}) },
		"a ref record of no known kind":         func(b kv.Batch) { b.Set([]byte{0x1F}, nil) },
		"does not decode: invalid BSON: a docu": func(b kv.Batch) { b.Set([]byte{0x10, 'p'}, []byte{1}) },
	} {
		s := openMem(t, vfs.NewMem())
		_, wait, err := s.Apply(context.Background(), &Commit{
			Segment: 1, Writes: []Write{{1, idKey(one), testDoc(one, 1)}},
			Record: &wal.Record{Kind: wal.KindWrite, Ops: []wal.Op{{Collection: 1, Kind: wal.Insert, ID: one}}},
		})
		require.NoError(t, err)
		require.NoError(t, wait())
		b := s.kv.NewBatch()
		set(b)
		require.NoError(t, s.kv.Apply(b, true))
		var problems []string
		stats, err := s.Check(context.Background(), CheckOptions{Report: func(p Problem) bool {
			problems = append(problems, p.String())
			return false
		}})
		require.NoError(t, err)
		require.Len(t, problems, 1, want)
		require.Contains(t, problems[0], want)
		require.Equal(t, int64(1), stats.Problems)
		require.NoError(t, s.Close())
	}
}

// TestCheckIndexFindsWhatDiffers takes an entry away and adds another.
func TestCheckIndexFindsWhatDiffers(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	_, wait, err := s.Apply(context.Background(), crashCommit(1, 1))
	require.NoError(t, err)
	require.NoError(t, wait())
	id := idKey(bsonraw.Int32Value(2))
	require.NoError(t, s.BulkIndex(context.Background(), []BulkIndexEntry{
		{1, s.LastLSN(), IndexWrite{1, 1, bsonraw.AppendKey(nil, bsonraw.Int32Value(1)), id, true}},
		{1, s.LastLSN(), IndexWrite{1, 1, bsonraw.AppendKey(nil, bsonraw.Int32Value(7)), id, false}},
	}))
	for _, all := range []bool{true, false} {
		var problems []string
		entries, err := s.CheckIndex(context.Background(), Lineage{{1, MaxLSN}}, 1, 1, func(doc bsonraw.Doc, emit func([]byte)) error {
			emit(indexKey(doc))
			return nil
		}, func(p Problem) bool {
			problems = append(problems, p.Message)
			return all
		})
		require.NoError(t, err)
		require.Equal(t, int64(crashDocs), entries)
		want := []string{"a document has no entry in the index", "the index has an entry that no document asks for"}
		if !all {
			want = want[:1]
		}
		require.Equal(t, want, problems)
	}
	require.NoError(t, s.Close())
}

// TestCheckKnowsEveryKindOfKey compares the kinds that the layouts draw with those
// that a check takes for known.
func TestCheckKnowsEveryKindOfKey(t *testing.T) {
	drawn, known := map[byte]bool{}, map[byte]bool{}
	for _, file := range []string{"key.go", "../refs/key.go"} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, line := range regexp.MustCompile(`(?m)^//\t\[([0-9A-F]{2})\]`).FindAllSubmatch(source, -1) {
			kind, err := strconv.ParseUint(string(line[1]), 16, 8)
			require.NoError(t, err)
			drawn[byte(kind)] = true
		}
	}
	delete(drawn, 0x00) // draws a value
	s := openMem(t, vfs.NewMem())
	for kind := range 256 {
		for _, size := range []int{1, headerLen, segmentLen + 8} {
			key := append([]byte{byte(kind)}, make([]byte, size-1)...)
			said := ""
			c := checker{store: s, o: CheckOptions{Report: func(p Problem) bool { said = p.Message; return true }}}
			require.NoError(t, c.key(key, make([]byte, 8)))
			if !strings.Contains(said, "no known kind") {
				known[byte(kind)] = true
			}
		}
	}
	require.Equal(t, drawn, known)
	require.Greater(t, len(drawn), 10)
}

// TestCheckStopsWithinACommit: one commit may name any number of documents.
func TestCheckStopsWithinACommit(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	commit := Commit{Segment: 1, Record: &wal.Record{Kind: wal.KindWrite}}
	for i := range int32(1500) {
		id := bsonraw.Int32Value(i)
		commit.Writes = append(commit.Writes, Write{1, idKey(id), testDoc(id, 1)})
		commit.Record.Ops = append(commit.Record.Ops, wal.Op{Collection: 1, Kind: wal.Insert, ID: id})
	}
	_, wait, err := s.Apply(t.Context(), &commit)
	require.NoError(t, err)
	require.NoError(t, wait())
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	stats, err := s.Check(stopped, CheckOptions{})
	require.Equal(t, errs.Interrupted, errs.CodeOf(err))
	require.Less(t, stats.Ops, int64(1500))
	require.Zero(t, stats.Documents)
}
