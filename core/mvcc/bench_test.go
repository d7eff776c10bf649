package mvcc

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/kv/pebblekv"
	"github.com/argon-lab/argon/core/wal"
)

// benchDoc is a document of about 280 bytes: ten fields with a nested document,
// an array and a date.
func benchDoc(b *bsonraw.Builder, id bsonraw.Value, r *rand.Rand) bsonraw.Doc {
	b.Reset()
	b.Value("_id", id)
	b.String("name", fmt.Sprintf("customer-%08d", r.IntN(1e8)))
	b.String("email", fmt.Sprintf("user%d@example%d.org", r.IntN(1e9), r.IntN(100)))
	b.Int32("age", int32(r.IntN(90)))
	b.Double("score", r.Float64()*100)
	b.Bool("active", r.IntN(2) == 0)
	b.Time("created", time.UnixMilli(1700000000000+int64(r.IntN(1e10))))
	b.BeginDoc("address")
	b.String("street", fmt.Sprintf("%d Main Street", r.IntN(10000)))
	b.String("city", []string{"Berlin", "Paris", "Rome", "Oslo"}[r.IntN(4)])
	b.Int32("zip", int32(r.IntN(99999)))
	b.End()
	b.BeginArray("tags")
	for i := range 3 {
		b.String(bsonraw.Index(i), []string{"red", "green", "blue", "black"}[r.IntN(4)])
	}
	b.End()
	b.Int64("counter", r.Int64N(1e12))
	return b.Finish()
}

func benchID(i uint64) bsonraw.Value {
	var id [12]byte
	binary.BigEndian.PutUint64(id[:], i)
	return bsonraw.ObjectIDValue(id)
}

func scramble(i uint64) uint64 { // a bijection that scatters
	i ^= i >> 31
	i *= 0x9E3779B97F4A7C15
	i ^= i >> 29
	i *= 0xBF58476D1CE4E5B9
	return i ^ i>>32
}

func openBench(b testing.TB, dir string) *Store {
	p, err := pebblekv.Open(dir, pebblekv.Options{})
	require.NoError(b, err)
	s, err := Open(p)
	require.NoError(b, err)
	return s
}

// load inserts documents from..to in synced batches of 1,000, each checked for
// its _id first.
func load(b testing.TB, s *Store, seg SegmentID, coll CollectionID, from, to int, id func(i uint64) bsonraw.Value) {
	r := rand.New(rand.NewPCG(1, 2))
	builder := bsonraw.NewBuilder(nil)
	type item struct {
		w  Write
		id bsonraw.Value
	}
	for from < to {
		n := min(1000, to-from)
		items := make([]item, n)
		for i := range n {
			v := id(uint64(from + i))
			items[i] = item{Write{coll, bsonraw.AppendKey(nil, v), benchDoc(builder, v, r).Clone()}, v}
		}
		slices.SortFunc(items, func(a, b item) int { return slices.Compare(a.w.IDKey, b.w.IDKey) })
		insert(b, s, seg, coll, items, func(it *item) (Write, wal.Op) {
			return it.w, wal.Op{Collection: coll, Kind: wal.Insert, ID: it.id}
		})
		from += n
	}
}

func insert[T any](b testing.TB, s *Store, seg SegmentID, coll CollectionID, items []T, get func(*T) (Write, wal.Op)) {
	c := &Commit{Segment: seg, Record: &wal.Record{Kind: wal.KindWrite, Actor: "bench"}}
	keys := make([][]byte, len(items))
	for i := range items {
		w, op := get(&items[i])
		keys[i] = w.IDKey
		c.Writes = append(c.Writes, w)
		c.Record.Ops = append(c.Record.Ops, op)
	}
	v := s.NewView(Lineage{{seg, MaxLSN}})
	hits, err := v.ExistsSorted(coll, keys)
	v.Close()
	if err != nil || len(hits) > 0 {
		b.Fatal(hits, err)
	}
	_, wait, err := s.Apply(context.Background(), c)
	if err == nil {
		err = wait()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func benchInsert(b *testing.B, id func(i uint64) bsonraw.Value) {
	s := openBench(b, b.TempDir())
	seg, coll := s.AllocSegment(), s.AllocCollection()
	type item struct {
		w  Write
		op wal.Op
	}
	batches := make([][]item, (b.N+999)/1000)
	r := rand.New(rand.NewPCG(1, 2))
	builder := bsonraw.NewBuilder(nil)
	pool := make([]bsonraw.Doc, 1000)
	for i := range pool {
		pool[i] = benchDoc(builder, benchID(0), r).Clone()
	}
	b.ResetTimer()
	cpu := processor()
	var spent time.Duration
	for k := range batches {
		b.StopTimer()
		items := make([]item, min(1000, b.N-k*1000))
		for i := range items {
			v := id(uint64(k*1000 + i))
			doc := pool[i]
			copy(doc[9:], v.Data)
			items[i] = item{Write{coll, bsonraw.AppendKey(nil, v), doc}, wal.Op{Collection: coll, Kind: wal.Insert, ID: v}}
		}
		slices.SortFunc(items, func(a, b item) int { return slices.Compare(a.w.IDKey, b.w.IDKey) })
		b.StartTimer()
		start := time.Now()
		insert(b, s, seg, coll, items, func(it *item) (Write, wal.Op) { return it.w, it.op })
		spent += time.Since(start)
	}
	b.ReportMetric(float64(b.N)/spent.Seconds(), "docs/s")
	b.ReportMetric(float64(processor()-cpu)/float64(b.N), "cpu-ns/op")
	b.StopTimer()
	require.NoError(b, s.Close())
}

func BenchmarkInsertAscending(b *testing.B) { benchInsert(b, benchID) }

func BenchmarkInsertRandom(b *testing.B) {
	benchInsert(b, func(i uint64) bsonraw.Value { return benchID(scramble(i)) })
}

func BenchmarkSingleCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s := openBench(b, b.TempDir())
			seg, coll := s.AllocSegment(), s.AllocCollection()
			doc := benchDoc(bsonraw.NewBuilder(nil), benchID(0), rand.New(rand.NewPCG(1, 2))).Clone()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						id := benchID(uint64(i))
						_, wait, err := s.Apply(context.Background(), &Commit{
							Segment: seg,
							Writes:  []Write{{coll, bsonraw.AppendKey(nil, id), doc}},
							Record:  &wal.Record{Kind: wal.KindWrite, Ops: []wal.Op{{Collection: coll, Kind: wal.Insert, ID: id}}},
						})
						if err != nil || wait() != nil {
							b.Error(err)
							return
						}
					}
				}()
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.StopTimer()
			require.NoError(b, s.Close())
		})
	}
}

// BenchmarkReadModifyWrite is what an update of one document does, but for the
// wait for the disk.
func BenchmarkReadModifyWrite(b *testing.B) {
	s := openBench(b, b.TempDir())
	seg, coll := s.AllocSegment(), s.AllocCollection()
	load(b, s, seg, coll, 0, 50_000, benchID)
	r := rand.New(rand.NewPCG(1, 2))
	waits := make(chan func() error, 64)
	go func() {
		for wait := range waits {
			_ = wait()
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		id := benchID(uint64(r.IntN(50_000)))
		key := bsonraw.AppendKey(nil, id)
		v := s.NewView(Lineage{{seg, MaxLSN}})
		found, ok, err := v.Get(coll, key)
		if !ok || err != nil {
			b.Fatal(ok, err)
		}
		_, wait, err := s.Apply(context.Background(), &Commit{
			Segment: seg,
			Writes:  []Write{{coll, key, found.Doc}},
			Record:  &wal.Record{Kind: wal.KindWrite, Ops: []wal.Op{{Collection: coll, Kind: wal.Update, ID: id}}},
		})
		if err != nil {
			b.Fatal(err)
		}
		v.Close()
		waits <- wait
	}
	b.StopTimer()
	close(waits)
	require.NoError(b, s.Close())
}
