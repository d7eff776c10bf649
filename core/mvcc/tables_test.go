package mvcc

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/kv/pebblekv"
	"github.com/argon-lab/argon/core/wal"
)

func TestTableEnd(t *testing.T) {
	end := TableEnd(16)
	version := func(c CollectionID) []byte {
		return appendVersionKey(nil, 7, c, bsonraw.AppendKey(nil, bsonraw.Int32Value(1)), 9)
	}
	require.Equal(t, appendHeader(nil, kindVersion, 7, 16), end(version(1)))
	require.Equal(t, appendHeader(nil, kindVersion, 7, 16), end(version(15)))
	require.Nil(t, end(version(16)))
	require.Equal(t, appendHeader(nil, kindIndex, 7, 16), end(appendIndexHeader(nil, 7, 3, 1)))
	require.Nil(t, end(appendLogKey(nil, 7, 9)))
	require.Nil(t, end(stateKey))
	require.Nil(t, end(nil))
}

// Documents with ascending ids are written to disk once, also when every commit
// writes to a collection of the system beside them.
func TestAscendingDocumentsAreMoved(t *testing.T) {
	p, err := pebblekv.Open(t.TempDir(), pebblekv.Options{TableEnd: TableEnd(16)})
	require.NoError(t, err)
	s, err := Open(p)
	require.NoError(t, err)
	defer s.Close()
	const rounds, docs, size = 6, 400, 1000
	seg, text := s.AllocSegment(), make([]byte, size)
	builder := bsonraw.NewBuilder(nil)
	for round := range rounds {
		c := &Commit{Segment: seg, Record: &wal.Record{Kind: wal.KindWrite}}
		for i := range docs {
			for j := range text {
				text[j] = byte(scramble(uint64(round*docs*size+i*size+j)) >> 32) // nothing compresses it
			}
			id := bsonraw.Int32Value(int32(round*docs + i))
			builder.Reset()
			builder.Value("_id", id)
			builder.Binary("text", 0, text)
			c.Writes = append(c.Writes, Write{17, bsonraw.AppendKey(nil, id), builder.Finish().Clone()})
		}
		builder.Reset()
		builder.Int32("_id", 1)
		builder.Int32("count", int32(round))
		counts := builder.Finish().Clone()
		c.Writes = append(c.Writes, Write{3, bsonraw.AppendKey(nil, bsonraw.Int32Value(1)), counts})
		_, wait, err := s.Apply(context.Background(), c)
		require.NoError(t, err)
		require.NoError(t, wait())
		require.NoError(t, s.Flush())
	}
	require.NoError(t, s.Compact(context.Background()))
	written, err := s.SegmentDiskUsage(seg)
	require.NoError(t, err)
	require.Greater(t, int(written), rounds*docs*size)
	t.Log(s.Metrics().Detail)
}
