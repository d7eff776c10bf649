//go:build cgo && unix

package columnar_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory/mallocator"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/columnar"
)

// BenchmarkNestedMalloc is BenchmarkNested with the allocator that the C
// library uses.
func BenchmarkNestedMalloc(b *testing.B) {
	const n = 200_000
	docs := benchDocs(n, false)
	mem := mallocator.NewMallocator()
	before := cpuTime(b)
	for b.Loop() {
		require.EqualValues(b, n, drain(b, docs, columnar.Options{Allocator: mem}))
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/n, "cpu-ns/doc")
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mdocs/s")
	require.Zero(b, mem.AllocatedBytes())
}
