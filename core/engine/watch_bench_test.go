package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// replay reads n events from the beginning, over and over.
func replay(b *testing.B, spec WatchSpec, perCommit int, update bool) {
	s, ctx := benchStore(b), context.Background()
	const total = 100_000
	for at := 0; at < total; at += perCommit {
		_, err := s.Write(ctx, head("main"), CommitMeta{}, func(t *Txn) error {
			if update && at > 0 {
				_, err := t.Update(ctx, "c", &UpdateSpec{
					Filter: stage("_id", bsonraw.Int32Value(int32(at%perCommit))), Update: stage("$inc", stage("n", bsonraw.Int32Value(1)).Value()).Value(),
				})
				return err
			}
			docs := make([]Doc, perCommit)
			for i := range docs {
				docs[i] = benchDoc(bsonraw.Int32Value(int32(at+i)), at+i)
			}
			_, err := t.Insert(ctx, "c", docs, true)
			return err
		})
		require.NoError(b, err)
		if update && at >= 20_000 {
			break
		}
	}
	spec.Ref, spec.Since = head("main"), atLSN(0)
	b.ResetTimer()
	for n := 0; n < b.N; {
		w, err := s.Watch(ctx, &spec)
		require.NoError(b, err)
		for n < b.N {
			_, ok, err := w.TryNext(ctx)
			require.NoError(b, err)
			if !ok {
				break
			}
			n++
		}
		require.NoError(b, w.Close())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkWatchReplayInserts is a history of commits of 1,000 inserts each.
func BenchmarkWatchReplayInserts(b *testing.B) { replay(b, WatchSpec{}, 1000, false) }

// BenchmarkWatchReplayUpdates is a history of commits of one update each, with both
// images.
func BenchmarkWatchReplayUpdates(b *testing.B) {
	replay(b, WatchSpec{FullDocument: true, BeforeChange: true}, 1, true)
}

// BenchmarkWatchFilter is a stream whose pipeline lets nothing through.
func BenchmarkWatchFilter(b *testing.B) {
	s, ctx := benchStore(b), context.Background()
	for at := 0; at < 100_000; at += 1000 {
		_, err := s.Write(ctx, head("main"), CommitMeta{}, func(t *Txn) error {
			docs := make([]Doc, 1000)
			for i := range docs {
				docs[i] = benchDoc(bsonraw.Int32Value(int32(at+i)), at+i)
			}
			_, err := t.Insert(ctx, "c", docs, true)
			return err
		})
		require.NoError(b, err)
	}
	b.ResetTimer()
	for n := 0; n < b.N; n += 100_000 {
		w, err := s.Watch(ctx, &WatchSpec{
			Ref: head("main"), Since: atLSN(0), Pipeline: []Doc{stage("$match", stage("operationType", bsonraw.StringValue("drop")).Value())},
		})
		require.NoError(b, err)
		_, ok, err := w.TryNext(ctx)
		require.NoError(b, err)
		require.False(b, ok)
		require.NoError(b, w.Close())
	}
	b.ReportMetric(float64((b.N+99_999)/100_000*100_000)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkWatchLatency is the time from before a durable insert to its event at a
// stream that waits; BenchmarkWatchNobody is the insert alone.
func BenchmarkWatchLatency(b *testing.B) { benchmarkLatency(b, true) }

// BenchmarkWatchNobody is the same insert with nobody waiting.
func BenchmarkWatchNobody(b *testing.B) { benchmarkLatency(b, false) }

func benchmarkLatency(b *testing.B, follow bool) {
	s, ctx := benchStore(b), context.Background()
	require.NoError(b, s.EnsureProject(ctx, "p", CommitMeta{}))
	events := make(chan time.Time)
	if follow {
		w, err := s.Watch(ctx, &WatchSpec{Ref: head("main")})
		require.NoError(b, err)
		go func() {
			defer close(events)
			for range b.N {
				if _, _, err := w.Next(ctx); err != nil {
					b.Error(err)
					return
				}
				events <- time.Now()
			}
			_ = w.Close()
		}()
	}
	var lag time.Duration
	b.ResetTimer()
	for i := range b.N {
		_, err := s.Write(ctx, head("main"), CommitMeta{}, func(t *Txn) error {
			_, err := t.Insert(ctx, "c", []Doc{benchDoc(bsonraw.Int32Value(int32(i)), i)}, true)
			return err
		})
		acknowledged := time.Now()
		require.NoError(b, err)
		if follow {
			lag += (<-events).Sub(acknowledged)
		}
	}
	if follow {
		b.ReportMetric(float64(lag.Microseconds())/float64(b.N), "µs-behind-ack")
	}
}
