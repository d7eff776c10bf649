package mvcc

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/kv/pebblekv"
	"github.com/argon-lab/argon/core/wal"
)

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	p, err := pebblekv.Open(dir, pebblekv.Options{})
	require.NoError(t, err)
	s, err := Open(p)
	require.NoError(t, err)
	seg, coll := s.AllocSegment(), s.AllocCollection()
	key := func(i int) []byte { return bsonraw.AppendKey(nil, bsonraw.Int32Value(int32(i))) }
	doc := func(i, n int) bsonraw.Doc {
		b := bsonraw.NewBuilder(nil)
		b.Int32("_id", int32(i))
		b.Int32("n", int32(n))
		return b.Finish()
	}
	var lsns []LSN
	for n := range 50 {
		c := &Commit{Segment: seg, Record: &wal.Record{Kind: wal.KindWrite}}
		for i := range 100 {
			if n%7 == 3 && i%5 == 0 {
				c.Writes = append(c.Writes, Write{coll, key(i), nil})
			} else {
				c.Writes = append(c.Writes, Write{coll, key(i), doc(i, n)})
			}
		}
		lsn, wait, err := s.Apply(context.Background(), c)
		require.NoError(t, err)
		require.NoError(t, wait())
		lsns = append(lsns, lsn)
	}
	check := func(s *Store) {
		for n, lsn := range lsns {
			for _, reverse := range []bool{false, true} {
				v := s.NewView(Lineage{{seg, lsn}})
				cur := v.Scan(coll, nil, nil, reverse)
				count := 0
				for cur.Next() {
					require.Equal(t, int32(n), cur.Doc().Get("n").Int32())
					count++
				}
				require.NoError(t, cur.Close())
				want := 100
				if n%7 == 3 {
					want = 80
				}
				require.Equal(t, want, count, fmt.Sprint(n, reverse))
				v.Close()
			}
		}
	}
	check(s)
	require.NoError(t, s.Close())
	p, err = pebblekv.Open(dir, pebblekv.Options{})
	require.NoError(t, err)
	s, err = Open(p)
	require.NoError(t, err)
	check(s)
	require.NoError(t, s.Close())
}
