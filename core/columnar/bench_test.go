//go:build unix

package columnar_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
)

// benchDocs are documents as issue 3 has them: about 280 bytes, ten fields with
// a nested document, an array and a date.
func benchDocs(n int, flat bool) []byte {
	var out []byte
	b := bsonraw.NewBuilder(nil)
	for i := range n {
		b.Reset()
		b.Value("_id", bsonraw.ObjectIDValue([12]byte{1, 2, 3, 4, 5, 6, 7, 8, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
		b.String("name", fmt.Sprintf("customer number %d", i))
		b.Int32("age", int32(18+i%70))
		b.Double("score", float64(i)*0.25)
		b.Int64("visits", int64(i)*1_000_003)
		b.Bool("active", i%3 == 0)
		b.Value("created", bsonraw.DateValue(1_700_000_000_000+int64(i)*1000))
		if flat {
			b.String("city", "Springfield")
			b.String("tag", "alpha")
		} else {
			b.BeginDoc("address")
			b.String("street", "12 Main Street")
			b.String("city", "Springfield")
			b.Int32("zip", int32(10000+i%9000))
			b.End()
			b.BeginArray("tags")
			b.String("0", "alpha")
			b.String("1", "beta")
			b.String("2", "gamma")
			b.End()
		}
		b.String("note", "some text of forty characters, or nearly")
		out = append(out, b.Finish()...)
	}
	return out
}

func drain(b testing.TB, docs []byte, o columnar.Options) (rows int64) {
	r, err := columnar.NewReader(context.Background(), opener(docs), o)
	require.NoError(b, err)
	defer r.Release()
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	require.NoError(b, r.Err())
	return rows
}

// cpuTime returns the processor time of the process in nanoseconds: what a loaded
// machine lets one compare.
func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchmarkConvert(b *testing.B, flat bool, o columnar.Options) {
	const n = 200_000
	docs := benchDocs(n, flat)
	b.SetBytes(int64(len(docs)))
	b.ReportAllocs()
	o.Allocator = memory.DefaultAllocator
	before := cpuTime(b)
	for b.Loop() {
		require.EqualValues(b, n, drain(b, docs, o))
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/n, "cpu-ns/doc")
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mdocs/s")
	b.ReportMetric(float64(len(docs))/n, "B/doc")
}

func BenchmarkNestedOneWorker(b *testing.B) {
	benchmarkConvert(b, false, columnar.Options{Workers: 1})
}
func BenchmarkNested(b *testing.B) { benchmarkConvert(b, false, columnar.Options{}) }
func BenchmarkFlatOneWorker(b *testing.B) {
	benchmarkConvert(b, true, columnar.Options{Workers: 1})
}
func BenchmarkFlat(b *testing.B) { benchmarkConvert(b, true, columnar.Options{}) }
