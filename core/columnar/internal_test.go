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
		_, err := profileChunk(k)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(k.rows), "ns/doc")
}

func BenchmarkConvert(b *testing.B) {
	k := benchChunk(b)
	p, err := profileChunk(k)
	require.NoError(b, err)
	s := resolve(&p.root)
	c := newConverter(memory.DefaultAllocator, s, s.schema())
	for b.Loop() {
		batch, m := c.convert(k)
		require.Nil(b, m)
		batch.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(k.rows), "ns/doc")
}
