package mvcc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkOpen opens and closes a store of ARGON_BENCH_DOCS documents.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := openBench(b, dir)
	load(b, s, s.AllocSegment(), s.AllocCollection(), 0, benchDocs(), benchID)
	require.NoError(b, s.Close())
	cpu := processor()
	b.ResetTimer()
	for range b.N {
		require.NoError(b, openBench(b, dir).Close())
	}
	b.ReportMetric(float64((processor()-cpu).Microseconds())/float64(b.N)/1000, "cpu-ms/op")
}
