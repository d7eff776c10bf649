package engine

import (
	"context"
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
)

// benchmarkDiff compares a branch with n changed documents of 100,000 with main.
func benchmarkDiff(b *testing.B, changes int) {
	s, ctx := filled(b, 100_000), context.Background()
	if _, err := s.CreateBranch(ctx, "p", "exp", head("main"), CommitMeta{}); err != nil {
		b.Fatal(err)
	}
	_, err := s.Write(ctx, head("exp"), CommitMeta{}, func(t *Txn) error {
		_, err := t.Update(ctx, "c", &UpdateSpec{
			Filter: stage("_id", stage("$lt", bsonraw.Int64Value(int64(changes))).Value()),
			Update: stage("$inc", stage("age", bsonraw.Int32Value(1)).Value()).Value(), Multi: true,
		})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		cur, err := s.Diff(ctx, head("main"), head("exp"), "")
		if err != nil {
			b.Fatal(err)
		}
		n += len(drain(b, ctx, cur))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "docs/s")
}

func BenchmarkDiff1000(b *testing.B)  { benchmarkDiff(b, 1000) }
func BenchmarkDiff50000(b *testing.B) { benchmarkDiff(b, 50_000) }
