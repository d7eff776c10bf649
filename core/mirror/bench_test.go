package mirror

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// The benchmarks run on a source of their own, since the shared one has a small
// log. `go test -bench Mirror -benchtime 1x ./core/mirror`.

const benchDocs = 400_000

func benchDoc(i int) bson.D {
	return bson.D{
		{Key: "_id", Value: i},
		{Key: "name", Value: fmt.Sprintf("customer %d", i)},
		{Key: "age", Value: i % 90},
		{Key: "address", Value: bson.D{{Key: "street", Value: "Long Street " + fmt.Sprint(i%1000)}, {Key: "city", Value: "Springfield"}, {Key: "zip", Value: "12345"}}},
		{Key: "tags", Value: bson.A{"a", "b", "c"}},
		{Key: "when", Value: bson.DateTime(1795500000000 + int64(i))},
		{Key: "text", Value: strings.Repeat("x", 100)},
	}
}

func benchSource(b *testing.B) (*mongo.Client, string) {
	set := mongotest.NewSet(b, 1, "--oplogSize", "2000", "--wiredTigerCacheSizeGB", "1")
	return set.Client, set.URI
}

func fillBench(b *testing.B, c *mongo.Collection, n int) (bytes int64) {
	var docs []any
	for i := range n {
		raw, err := bson.Marshal(benchDoc(i))
		require.NoError(b, err)
		bytes += int64(len(raw))
		docs = append(docs, bson.Raw(raw))
		if len(docs) == 5000 || i == n-1 {
			_, err := c.InsertMany(b.Context(), docs)
			require.NoError(b, err)
			docs = docs[:0]
		}
	}
	return bytes
}

// benchWorld is a mirror of the database bench into a fresh store.
func benchWorld(b *testing.B, uri string) (*engine.Store, *Manager) {
	store, err := engine.Open(b.Context(), b.TempDir(), nil)
	require.NoError(b, err)
	m := New(b.Context(), store, nil)
	b.Cleanup(func() {
		m.Close()
		_ = store.Close()
	})
	_, err = m.Add(b.Context(), &command.MirrorSpec{Name: "live", Source: uri, Databases: []command.MirrorDatabase{{Database: "bench"}}}, engine.CommitMeta{})
	require.NoError(b, err)
	return store, m
}

// BenchmarkMirrorFirstCopy compares the first copy with the driver's bare cursor
// over the same collection, in turn.
func BenchmarkMirrorFirstCopy(b *testing.B) {
	client, uri := benchSource(b)
	c := client.Database("bench").Collection("docs")
	size := fillBench(b, c, benchDocs)
	best := func(fn func() time.Time) time.Duration {
		var all []time.Duration
		for range 3 {
			runtime.GC()
			all = append(all, time.Since(fn()))
		}
		return slices.Min(all)
	}
	for b.Loop() {
		raw := best(func() time.Time {
			began := time.Now()
			cursor, err := c.Find(b.Context(), bson.D{}, options.Find().SetBatchSize(copyDocs))
			require.NoError(b, err)
			n := 0
			for cursor.Next(b.Context()) {
				n++
			}
			require.NoError(b, cursor.Err())
			require.Equal(b, benchDocs, n)
			return began
		})
		copied := best(func() time.Time {
			_, m := benchWorld(b, uri)
			began := time.Now()
			_, err := m.Start(b.Context(), "live", false)
			require.NoError(b, err)
			t, err := m.task(b.Context(), "live")
			require.NoError(b, err)
			for t.lanes[0].phase() != phaseFollow {
				_, changed := m.version.now()
				select {
				case <-changed:
				case <-time.After(time.Millisecond):
				}
			}
			took := time.Since(began)
			m.Close()
			return time.Now().Add(-took)
		})
		b.ReportMetric(benchDocs/raw.Seconds(), "cursor_docs/s")
		b.ReportMetric(benchDocs/copied.Seconds(), "copy_docs/s")
		b.ReportMetric(float64(size)/copied.Seconds()/1e6, "copy_MB/s")
		b.ReportMetric(raw.Seconds()/copied.Seconds(), "copy/cursor")
	}
}

// BenchmarkMirrorSteady writes a backlog of updates, inserts and deletes while the
// mirror is stopped, and measures how fast it is taken in.
func BenchmarkMirrorSteady(b *testing.B) {
	client, uri := benchSource(b)
	c := client.Database("bench").Collection("docs")
	fillBench(b, c, 50_000)
	store, m := benchWorld(b, uri)
	_, err := m.Start(b.Context(), "live", false)
	require.NoError(b, err)
	_, err = m.Status(b.Context(), "live", true)
	require.NoError(b, err)
	t, err := m.task(b.Context(), "live")
	require.NoError(b, err)
	for b.Loop() {
		b.StopTimer()
		_, err = m.Stop(b.Context(), "live")
		require.NoError(b, err)
		const changes = 200_000
		backlog(b, c, changes)
		before := t.lanes[0].events.Load()
		runtime.GC()
		b.StartTimer()
		began := time.Now()
		_, err = m.Start(b.Context(), "live", false)
		require.NoError(b, err)
		_, err = m.Status(b.Context(), "live", true)
		require.NoError(b, err)
		took := time.Since(began)
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		b.ReportMetric(float64(t.lanes[0].events.Load()-before)/took.Seconds(), "changes/s")
		b.ReportMetric(float64(mem.Sys-mem.HeapReleased)/1e6, "go_MB")
	}
	_ = store
}

// backlog makes changes: four updates to one insert and one delete.
func backlog(b *testing.B, c *mongo.Collection, n int) {
	var models []mongo.WriteModel
	for i := range n {
		id := bson.D{{Key: "_id", Value: i * 7919 % 50_000}}
		switch i % 6 {
		case 0:
			models = append(models, mongo.NewInsertOneModel().SetDocument(benchDoc(1_000_000+i)))
		case 1:
			models = append(models, mongo.NewDeleteOneModel().SetFilter(bson.D{{Key: "_id", Value: 1_000_000 + i - 1}}))
		default:
			models = append(models, mongo.NewUpdateOneModel().SetFilter(id).SetUpdate(bson.D{{Key: "$inc", Value: bson.D{{Key: "age", Value: 1}}}}))
		}
		if len(models) == 2000 || i == n-1 {
			_, err := c.BulkWrite(b.Context(), models)
			require.NoError(b, err)
			models = models[:0]
		}
	}
}

// BenchmarkMirrorIdleLag inserts one document at a time and measures until its
// commit is durable in the store.
func BenchmarkMirrorIdleLag(b *testing.B) {
	client, uri := benchSource(b)
	c := client.Database("bench").Collection("docs")
	_, err := c.InsertOne(b.Context(), bson.D{{Key: "_id", Value: "first"}})
	require.NoError(b, err)
	_, m := benchWorld(b, uri)
	_, err = m.Start(b.Context(), "live", false)
	require.NoError(b, err)
	_, err = m.Status(b.Context(), "live", true)
	require.NoError(b, err)
	t, err := m.task(b.Context(), "live")
	require.NoError(b, err)
	l := t.lanes[0]
	var lags []time.Duration
	for b.Loop() {
		for i := range 200 {
			before := l.commits.Load()
			began := time.Now()
			_, err := c.InsertOne(context.WithoutCancel(b.Context()), bson.D{{Key: "i", Value: i}})
			require.NoError(b, err)
			for l.commits.Load() == before {
				time.Sleep(100 * time.Microsecond)
			}
			lags = append(lags, time.Since(began))
		}
	}
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds())/1000, "p50_ms")
	b.ReportMetric(float64(lags[len(lags)*95/100].Microseconds())/1000, "p95_ms")
}
