package engine

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// benchDoc is a document of about 280 bytes: ten fields with a nested document,
// an array and a date.
func benchDoc(id Value, n int) Doc {
	b := bsonraw.NewBuilder(make([]byte, 0, 320))
	b.Value("_id", id)
	b.String("name", "customer number one hundred and one")
	b.Int32("age", int32(n%90))
	b.Int64("visits", int64(n))
	b.Double("score", float64(n)*0.5)
	b.Bool("active", n%2 == 0)
	b.BeginDoc("address")
	b.String("street", "12 Long Lane")
	b.String("city", "Springfield")
	b.Int32("zip", 12345)
	b.End()
	b.BeginArray("tags")
	b.String("0", "alpha")
	b.String("1", "beta")
	b.String("2", "gamma")
	b.End()
	b.Value("created", bsonraw.DateValue(1700000000000+int64(n)))
	b.String("note", "nothing to see here")
	return b.Finish()
}

func benchStore(b *testing.B) *Store {
	s, err := Open(context.Background(), b.TempDir(), nil)
	require.NoError(b, err)
	b.Cleanup(func() { s.Close() })
	return s
}

func insertBatch1000(b *testing.B, s *Store, docs []Doc) {
	_, err := s.Write(context.Background(), head("main"), CommitMeta{}, func(t *Txn) error {
		t.Borrow()
		res, err := t.Insert(context.Background(), "c", docs, true)
		if err == nil && len(res.Errors) > 0 {
			err = res.Errors[0].Err
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

func benchmarkInsert(b *testing.B, id func(n int) Value) {
	s := benchStore(b)
	const size = 1000
	docs := make([]Doc, size)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		b.StopTimer()
		for i := range docs {
			docs[i] = benchDoc(id(n), n)
			n++
		}
		b.StartTimer()
		insertBatch1000(b, s, docs)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "docs/s")
}

func BenchmarkInsertManyAscending(b *testing.B) {
	benchmarkInsert(b, func(n int) Value { return bsonraw.Int64Value(int64(n)) })
}

func BenchmarkInsertManyRandom(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	benchmarkInsert(b, func(n int) Value {
		var id [12]byte
		binary.BigEndian.PutUint64(id[:], r.Uint64())
		binary.BigEndian.PutUint32(id[8:], r.Uint32())
		return bsonraw.ObjectIDValue(id)
	})
}

func BenchmarkInsertOne(b *testing.B) {
	s := benchStore(b)
	n := 0
	for b.Loop() {
		insertBatch1000(b, s, []Doc{benchDoc(bsonraw.Int64Value(int64(n)), n)})
		n++
	}
}

func filled(b *testing.B, n int) *Store {
	s := benchStore(b)
	for at := 0; at < n; at += 1000 {
		docs := make([]Doc, 0, 1000)
		for i := at; i < min(at+1000, n); i++ {
			docs = append(docs, benchDoc(bsonraw.Int64Value(int64(i)), i))
		}
		insertBatch1000(b, s, docs)
	}
	return s
}

func BenchmarkFindOneByID(b *testing.B) {
	s, ctx := filled(b, 100_000), context.Background()
	filter := stage("_id", bsonraw.Int64Value(50_000))
	b.ReportAllocs()
	for b.Loop() {
		snap, err := s.Snapshot(ctx, head("main"))
		if err != nil {
			b.Fatal(err)
		}
		cur, err := snap.Find(ctx, "c", &FindSpec{Filter: filter, Limit: 1})
		if err != nil {
			b.Fatal(err)
		}
		if _, ok, err := cur.Next(ctx); !ok || err != nil {
			b.Fatal(ok, err)
		}
		cur.Close()
		snap.Close()
	}
}

func BenchmarkCreateBranch(b *testing.B) {
	s, ctx := filled(b, 10_000), context.Background()
	n := 0
	for b.Loop() {
		n++
		if _, err := s.CreateBranch(ctx, "p", "b"+bsonraw.Index(n), head("main"), CommitMeta{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	s, ctx := filled(b, 100_000), context.Background()
	n := 0
	for b.Loop() {
		snap, _ := s.Snapshot(ctx, head("main"))
		cur, err := snap.Find(ctx, "c", &FindSpec{})
		if err != nil {
			b.Fatal(err)
		}
		for {
			_, ok, err := cur.Next(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
			n++
		}
		cur.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "docs/s")
}

func BenchmarkCountMatching(b *testing.B) {
	s, ctx := filled(b, 100_000), context.Background()
	filter := stage("age", stage("$gte", bsonraw.Int32Value(45)).Value())
	n := 0
	for b.Loop() {
		snap, err := s.Snapshot(ctx, head("main"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := snap.Count(ctx, "c", &CountSpec{Filter: filter}); err != nil {
			b.Fatal(err)
		}
		snap.Close()
		n += 100_000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "docs/s")
}
