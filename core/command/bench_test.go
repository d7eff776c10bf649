package command

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/refs"
)

// benchDoc is a document of about 280 bytes: ten fields with a nested document,
// an array and a date.
func benchDoc(i int32) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", i)
	b.String("name", fmt.Sprintf("customer number %d", i))
	b.String("email", fmt.Sprintf("customer-%d@example.org", i))
	b.Int32("age", i%90)
	b.Double("balance", float64(i)*1.25)
	b.Bool("active", i%2 == 0)
	b.Value("created", bsonraw.DateValue(1_700_000_000_000+int64(i)))
	b.BeginDoc("address")
	b.String("street", "10 Downing Street")
	b.String("city", "London")
	b.Int32("zip", 12345)
	b.End()
	b.BeginArray("tags")
	b.String("0", "red")
	b.String("1", "green")
	b.End()
	b.Int64("visits", int64(i))
	return b.Finish()
}

func benchDoor(b *testing.B, n int) *door {
	d := newDoor(b)
	for at := 0; at < n; at += 1000 {
		cmd := bsonraw.NewBuilder(nil)
		cmd.String("insert", "c")
		cmd.BeginArray("documents")
		for i := range 1000 {
			cmd.Doc(bsonraw.Index(i), benchDoc(int32(at+i)))
		}
		cmd.End()
		_, err := d.Run(context.Background(), d.sess, "p", cmd.Finish())
		require.NoError(b, err)
	}
	return d
}

func findByID(id int32) bsonraw.Doc {
	cmd := bsonraw.NewBuilder(nil)
	cmd.String("find", "c")
	cmd.BeginDoc("filter")
	cmd.Int32("_id", id)
	cmd.End()
	cmd.Int32("limit", 1)
	cmd.Bool("singleBatch", true)
	return cmd.Finish()
}

func BenchmarkFindOneByID(b *testing.B) {
	d, ctx := benchDoor(b, 10_000), context.Background()
	cmds := make([]bsonraw.Doc, 10_000)
	for i := range cmds {
		cmds[i] = findByID(int32(i))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if _, err := d.Run(ctx, d.sess, "p", cmds[i*7919%len(cmds)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFindOneByIDEngine is the same read without the command around it.
func BenchmarkFindOneByIDEngine(b *testing.B) {
	d, ctx := benchDoor(b, 10_000), context.Background()
	ref := refs.Ref{Project: "p", Branch: "main"}
	filters := make([]bsonraw.Doc, 10_000)
	for i := range filters {
		filters[i] = findByID(int32(i)).Get("filter").Doc()
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		snap, err := d.store.Snapshot(ctx, ref)
		if err != nil {
			b.Fatal(err)
		}
		cur, err := snap.Find(ctx, "c", &engine.FindSpec{Filter: filters[i*7919%len(filters)], Limit: 1})
		if err != nil {
			b.Fatal(err)
		}
		for ok := true; ok; {
			if _, ok, err = cur.Next(ctx); err != nil {
				b.Fatal(err)
			}
		}
		cur.Close()
		snap.Close()
	}
}

func BenchmarkInsertOne(b *testing.B) {
	d, ctx := benchDoor(b, 0), context.Background()
	d.run("p", `{"create": "c"}`)
	b.ReportAllocs()
	i := int32(0)
	for b.Loop() {
		i++
		cmd := bsonraw.NewBuilder(nil)
		cmd.String("insert", "c")
		cmd.BeginArray("documents")
		cmd.Doc("0", benchDoc(i))
		cmd.End()
		if _, err := d.Run(ctx, d.sess, "p", cmd.Finish()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsertOneEngine is the same write without the command around it.
func BenchmarkInsertOneEngine(b *testing.B) {
	d, ctx := benchDoor(b, 0), context.Background()
	d.run("p", `{"create": "c"}`)
	ref := refs.Ref{Project: "p", Branch: "main"}
	b.ReportAllocs()
	i := int32(0)
	for b.Loop() {
		i++
		_, err := d.store.Write(ctx, ref, engine.CommitMeta{}, func(t *engine.Txn) error {
			_, err := t.Insert(ctx, "c", []bsonraw.Doc{benchDoc(i)}, true)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsertThousand inserts batches of 1,000 and reports documents/s.
func BenchmarkInsertThousand(b *testing.B) {
	d, ctx := benchDoor(b, 0), context.Background()
	i := int32(0)
	for b.Loop() {
		b.StopTimer()
		cmd := bsonraw.NewBuilder(nil)
		cmd.String("insert", "c")
		cmd.BeginArray("documents")
		for k := range 1000 {
			cmd.Doc(bsonraw.Index(k), benchDoc(i))
			i++
		}
		cmd.End()
		raw := cmd.Finish()
		b.StartTimer()
		if _, err := d.Run(ctx, d.sess, "p", raw); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "docs/s")
}

// BenchmarkFindAll reads 100,000 documents in batches of 16 MiB.
func BenchmarkFindAll(b *testing.B) {
	d, ctx := benchDoor(b, 100_000), context.Background()
	for b.Loop() {
		reply := d.run("p", `{"find": "c", "batchSize": 200000}`)
		for id := reply.Get("cursor").Doc().Get("id").Int64(); id != 0; {
			raw := doc(b, getMore(id, ""))
			reply, err := d.Run(ctx, d.sess, "p", raw)
			if err != nil {
				b.Fatal(err)
			}
			id = reply.Get("cursor").Doc().Get("id").Int64()
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "docs/s")
}
