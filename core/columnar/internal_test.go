package columnar

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/ejson"
)

// benchChunk is a chunk of documents like those of bench_test.go.
func benchChunk(b *testing.B) *chunk {
	doc, err := ejson.ParseDoc(`{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"name":"customer number 12345","age":36,"score":12.25,
		"visits":{"$numberLong":"12345678"},"active":true,"created":{"$date":"2024-05-01T12:30:00.123Z"},
		"address":{"street":"12 Main Street","city":"Springfield","zip":12345},"tags":["alpha","beta","gamma"],
		"note":"some text of forty characters, or nearly"}`)
	require.NoError(b, err)
	k := &chunk{}
	for range 10_000 {
		k.docs = append(k.docs, doc...)
		k.rows++
	}
	return k
}

// BenchmarkProfile is stage 2 of a reader, and BenchmarkConvert stage 3.
func BenchmarkProfile(b *testing.B) {
	k := benchChunk(b)
	for b.Loop() {
		_, err := runOf[*profiler](newProfiling(), k)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(k.rows), "ns/doc")
}

func BenchmarkConvert(b *testing.B) {
	k := benchChunk(b)
	p, err := runOf[*profiler](newProfiling(), k)
	require.NoError(b, err)
	s := resolve(&p.root)
	c := newConverter(memory.DefaultAllocator, s, s.schema())
	for b.Loop() {
		made, err := runOf[converted](c, k)
		require.NoError(b, err)
		require.Nil(b, made.misfit)
		made.drop()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(k.rows), "ns/doc")
}

// TestNamesAsWords compares names of all lengths with elements that begin like
// them, or end too early.
func TestNamesAsWords(t *testing.T) {
	const text = "abcdefghij"
	for n := range text {
		f := newChild(&shape{name: text[:n]}, &nullColumn{})
		for m := range text {
			for _, value := range []string{"", "\x01", "\x01\x00\x00\x00\x00"} {
				element := []byte("\x10" + text[:m] + "\x00" + value)
				require.Equal(t, n == m, f.begins(element), "%q and %q", text[:n], element)
				require.False(t, f.begins(element[:m+1]), "an element without the end of its name")
			}
		}
	}
}
