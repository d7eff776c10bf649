package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/transfer"
)

// discard is a sink that takes everything at once.
type discard struct{}

func (discard) CreateCollection(context.Context, string, bsonraw.Doc) error { return nil }
func (discard) CreateIndexes(context.Context, string, []bsonraw.Doc) error  { return nil }
func (discard) Insert(context.Context, string, []bsonraw.Doc) error         { return nil }

const benchLines = 100_000

func benchmarkImport(b *testing.B, format transfer.Format, line func(w io.Writer, i int), head string) {
	var in bytes.Buffer
	in.WriteString(head)
	for i := range benchLines {
		line(&in, i)
	}
	b.SetBytes(int64(in.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r, err := transfer.Import(context.Background(), bytes.NewReader(in.Bytes()), discard{}, transfer.ImportOptions{Collection: "c", Format: format})
		require.NoError(b, err)
		require.EqualValues(b, benchLines, r.Docs)
	}
	b.ReportMetric(float64(b.N)*benchLines/b.Elapsed().Seconds()/1e3, "kdocs/s")
}

func jsonLine(w io.Writer, i int) {
	fmt.Fprintf(w, `{"_id":{"$oid":"57e193d7a9cc81b4%08x"},"name":"customer number %d","age":%d,"score":%d.25,"active":true,"created":{"$date":"2024-05-01T12:30:00.123Z"},"address":{"street":"12 Main Street","city":"Springfield","zip":%d},"tags":["alpha","beta","gamma"],"visits":{"$numberLong":"%d"},"note":"some text of forty characters, or nearly"}`+"\n",
		i, i, i%90, i, i%90000, i)
}

func BenchmarkImportJSONLines(b *testing.B) { benchmarkImport(b, transfer.JSON, jsonLine, "") }

func BenchmarkImportJSONStream(b *testing.B) {
	benchmarkImport(b, transfer.JSON, func(w io.Writer, i int) {
		fmt.Fprintf(w, "{\n  \"_id\": %d,\n  \"name\": \"customer number %d\",\n  \"tags\": [\n    \"alpha\",\n    \"beta\"\n  ]\n}\n", i, i)
	}, "")
}

func BenchmarkImportCSV(b *testing.B) {
	benchmarkImport(b, transfer.CSV, func(w io.Writer, i int) {
		fmt.Fprintf(w, "%d,customer number %d,%d,%d.25,true,2024-05-01T12:30:00.123Z,12 Main Street,Springfield,%d,\"some text, of forty characters, or nearly\"\n", i, i, i%90, i, i)
	}, "_id,name,age,score,active,created,address.street,address.city,visits,note\n")
}

func BenchmarkExportJSONLines(b *testing.B) {
	var in bytes.Buffer
	for i := range benchLines {
		jsonLine(&in, i)
	}
	m := &memory{}
	_, err := transfer.Import(context.Background(), &in, m, transfer.ImportOptions{Collection: "c"})
	require.NoError(b, err)
	for b.Loop() {
		_, err := transfer.Export(context.Background(), opener(m.get("c").docs), io.Discard, transfer.ExportOptions{})
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.N)*benchLines/b.Elapsed().Seconds()/1e3, "kdocs/s")
}
