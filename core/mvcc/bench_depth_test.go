package mvcc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// BenchmarkDepth reads through lineages of many segments, each of which changed
// ten documents of a base of 100,000.
func BenchmarkDepth(b *testing.B) {
	const base = 100_000
	s := openBench(b, b.TempDir())
	root, coll := s.AllocSegment(), s.AllocCollection()
	record := refs.Segment{ID: root}
	_, wait, err := s.Apply(context.Background(), &Commit{Segment: root, Refs: []RefWrite{{refs.SegmentKey(root), record.Encode()}}})
	require.NoError(b, err)
	require.NoError(b, wait())
	load(b, s, root, coll, 0, base, benchID)
	r := rand.New(rand.NewPCG(1, 1))
	builder := bsonraw.NewBuilder(nil)
	leaf := root
	made := 1
	for _, depth := range []int{1, 2, 10, 100, 1000} {
		for ; made < depth; made++ {
			seg := s.AllocSegment()
			record := refs.Segment{ID: seg, Parent: leaf, Fork: s.LastLSN()}
			c := &Commit{Segment: seg, Record: &wal.Record{Kind: wal.KindWrite}, Refs: []RefWrite{{refs.SegmentKey(seg), record.Encode()}}}
			for range 10 {
				id := benchID(uint64(r.IntN(base)))
				c.Writes = append(c.Writes, Write{coll, bsonraw.AppendKey(nil, id), benchDoc(builder, id, r).Clone()})
			}
			_, wait, err := s.Apply(context.Background(), c)
			require.NoError(b, err)
			require.NoError(b, wait())
			leaf = seg
		}
		l, err := s.Lineage(leaf, MaxLSN)
		require.NoError(b, err)
		require.Len(b, l, depth)
		b.Run(fmt.Sprintf("get/%d", depth), func(b *testing.B) {
			v := s.NewView(l)
			defer v.Close()
			for range b.N {
				_, ok, err := v.Get(coll, bsonraw.AppendKey(nil, benchID(uint64(r.IntN(base/5)))))
				if err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(fmt.Sprintf("range100/%d", depth), func(b *testing.B) {
			v := s.NewView(l)
			defer v.Close()
			for range b.N {
				from := r.IntN(base / 5)
				cur := v.Scan(coll, bsonraw.AppendKey(nil, benchID(uint64(from))), bsonraw.AppendKey(nil, benchID(uint64(from+100))), false)
				n := 0
				for cur.Next() {
					n++
				}
				require.NoError(b, cur.Close())
				require.Equal(b, 100, n)
			}
		})
		b.Run(fmt.Sprintf("scan/%d", depth), func(b *testing.B) {
			v := s.NewView(l)
			defer v.Close()
			for range b.N {
				cur := v.Scan(coll, nil, nil, false)
				n := 0
				for cur.Next() {
					n++
				}
				require.NoError(b, cur.Close())
				require.Equal(b, base, n)
			}
			b.ReportMetric(float64(base*b.N)/b.Elapsed().Seconds(), "docs/s")
		})
	}
	require.NoError(b, s.Close())
}
