package mvcc

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/wal"
)

// benchDocs is how many documents the read benchmarks load.
func benchDocs() int {
	if n, err := strconv.Atoi(os.Getenv("ARGON_BENCH_DOCS")); err == nil {
		return n
	}
	return 1_000_000
}

type readBench struct {
	s    *Store
	seg  SegmentID
	coll CollectionID
	n    int
	old  LSN // before the updates
}

var sharedReads *readBench

// reads returns a store of benchDocs documents, half of which were then
// updated once.
func reads(b *testing.B) *readBench {
	if sharedReads != nil {
		return sharedReads
	}
	dir, err := os.MkdirTemp("", "argon-bench")
	require.NoError(b, err)
	s := openBench(b, dir)
	rb := &readBench{s: s, seg: s.AllocSegment(), coll: s.AllocCollection(), n: benchDocs()}
	load(b, s, rb.seg, rb.coll, 0, rb.n, benchID)
	rb.old = s.LastLSN()
	r := rand.New(rand.NewPCG(3, 4))
	builder := bsonraw.NewBuilder(nil)
	for i := 0; i < rb.n; i += 2000 {
		c := &Commit{Segment: rb.seg, Record: &wal.Record{Kind: wal.KindWrite}}
		for j := i; j < min(i+2000, rb.n); j += 2 {
			id := benchID(uint64(j))
			c.Writes = append(c.Writes, Write{rb.coll, bsonraw.AppendKey(nil, id), benchDoc(builder, id, r).Clone()})
			c.Record.Ops = append(c.Record.Ops, wal.Op{Collection: rb.coll, Kind: wal.Update, ID: id})
		}
		_, wait, err := s.Apply(context.Background(), c)
		require.NoError(b, err)
		require.NoError(b, wait())
	}
	sharedReads = rb
	return rb
}

func TestMain(m *testing.M) {
	code := m.Run()
	if sharedReads != nil {
		dir := sharedReads.s.kv.(interface{ Dir() string }).Dir()
		_ = sharedReads.s.Close()
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func (rb *readBench) at(old bool) Lineage {
	if old {
		return Lineage{{rb.seg, rb.old}}
	}
	return Lineage{{rb.seg, MaxLSN}}
}

func (rb *readBench) pointRead(b *testing.B, old bool, span int) {
	r := rand.New(rand.NewPCG(5, 6))
	keys := make([][]byte, 4096)
	for i := range keys {
		keys[i] = bsonraw.AppendKey(nil, benchID(uint64(r.IntN(span))))
	}
	b.ResetTimer()
	b.ReportAllocs()
	for i := range b.N {
		v := rb.s.NewView(rb.at(old))
		_, ok, err := v.Get(rb.coll, keys[i%len(keys)])
		if !ok || err != nil {
			b.Fatal(ok, err)
		}
		v.Close()
	}
}

func BenchmarkPointReadHead(b *testing.B) {
	rb := reads(b)
	b.Run("warm", func(b *testing.B) { rb.pointRead(b, false, 20000) })
	b.Run("cold", func(b *testing.B) { rb.pointRead(b, false, rb.n) })
}

func BenchmarkPointReadOld(b *testing.B) {
	rb := reads(b)
	b.Run("warm", func(b *testing.B) { rb.pointRead(b, true, 20000) })
	b.Run("cold", func(b *testing.B) { rb.pointRead(b, true, rb.n) })
}

func (rb *readBench) scan(b *testing.B, old, reverse bool) {
	cpu := processor()
	for range b.N {
		v := rb.s.NewView(rb.at(old))
		c := v.Scan(rb.coll, nil, nil, reverse)
		n, bytes := 0, 0
		for c.Next() {
			n++
			bytes += len(c.Doc())
		}
		require.NoError(b, c.Close())
		require.Equal(b, rb.n, n)
		v.Close()
	}
	b.ReportMetric(float64(rb.n*b.N)/b.Elapsed().Seconds(), "docs/s")
	b.ReportMetric(float64(processor()-cpu)/float64(rb.n*b.N), "cpu-ns/doc")
}

func BenchmarkScanHead(b *testing.B)        { reads(b).timed(b, false, false) }
func BenchmarkScanOld(b *testing.B)         { reads(b).timed(b, true, false) }
func BenchmarkScanHeadReverse(b *testing.B) { reads(b).timed(b, false, true) }

func (rb *readBench) timed(b *testing.B, old, reverse bool) {
	b.ResetTimer()
	rb.scan(b, old, reverse)
}

func BenchmarkBranchCreate(b *testing.B) {
	s := openBench(b, b.TempDir())
	for range b.N {
		seg := s.AllocSegment()
		_, wait, err := s.Apply(context.Background(), &Commit{
			Segment: seg,
			Record:  &wal.Record{Kind: wal.KindBranch},
			Refs:    []RefWrite{{[]byte{0x12, byte(seg >> 16), byte(seg >> 8), byte(seg)}, make([]byte, 80)}, {[]byte{0x11, byte(seg >> 16), byte(seg >> 8), byte(seg)}, make([]byte, 80)}},
		})
		require.NoError(b, err)
		require.NoError(b, wait())
	}
	b.StopTimer()
	require.NoError(b, s.Close())
}
