package columnar_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/arrowfile"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// The tests of package arrowfile that need this package's zoo of documents.

// fileOf writes documents to a file in memory.
func fileOf(t require.TestingT, kind arrowfile.Kind, docs []bsonraw.Doc, compression string) []byte {
	var out bytes.Buffer
	rows, err := arrowfile.Write(context.Background(), kind, &out, opener(join(docs...)), arrowfile.WriteOptions{Compression: compression})
	require.NoError(t, err)
	require.EqualValues(t, len(docs), rows)
	return out.Bytes()
}

// documentsOf reads all rows of a file.
func documentsOf(kind arrowfile.Kind, data []byte, o arrowfile.ReadOptions) ([]bsonraw.Doc, error) {
	r, err := openFile(kind, data, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []bsonraw.Doc
	for {
		b, ok, err := r.Next(context.Background())
		if err != nil || !ok {
			return all, err
		}
		docs, _, failed, err := r.Documents(context.Background(), b)
		if err != nil {
			return all, err
		}
		if len(failed) > 0 {
			return all, failed[0].Err
		}
		all = append(all, docs...)
	}
}

func openFile(kind arrowfile.Kind, data []byte, o arrowfile.ReadOptions) (*arrowfile.Reader, error) {
	if kind != arrowfile.Parquet {
		return arrowfile.OpenArrow(kind, bytes.NewReader(data), o)
	}
	return arrowfile.OpenParquet(context.Background(), bytes.NewReader(data), o)
}

// TestFilesRoundTrip: what package columnar promises of Arrow holds for files.
func TestFilesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		docs := genDocs(t)
		if len(docs) == 0 || allEmpty(docs) {
			return
		}
		kind := rapid.SampledFrom([]arrowfile.Kind{arrowfile.Parquet, arrowfile.IPCFile, arrowfile.IPCStream}).Draw(t, "kind")
		compressions := []string{"", "none", "zstd", "lz4"}
		if kind == arrowfile.Parquet {
			compressions = append(compressions, "snappy", "gzip", "brotli")
		}
		data := fileOf(t, kind, docs, rapid.SampledFrom(compressions).Draw(t, "compression"))
		skip := rapid.IntRange(0, len(docs)).Draw(t, "skip")
		got, err := documentsOf(kind, data, arrowfile.ReadOptions{Skip: int64(skip)})
		require.NoError(t, err)
		require.Len(t, got, len(docs)-skip)
		for i, d := range docs[skip:] {
			if err := same(d, got[i]); err != nil {
				t.Fatalf("%s: document %s\nbecame %s\n%v", kind, ejson.Append(nil, d, ejson.Canonical), ejson.Append(nil, got[i], ejson.Canonical), err)
			}
		}
	})
}

func allEmpty(docs []bsonraw.Doc) bool {
	for _, d := range docs {
		if !d.IsEmpty() {
			return false
		}
	}
	return true
}

// TestLargeFiles crosses batches and row groups, and cuts files off.
func TestLargeFiles(t *testing.T) {
	const n = 20_000
	docs := make([]bsonraw.Doc, n)
	for i := range docs {
		b := bsonraw.NewBuilder(nil)
		b.Int64("_id", int64(i))
		b.String("text", fmt.Sprintf("row %d", i))
		b.BeginArray("list")
		for k := range i % 4 {
			b.Int32(bsonraw.Index(k), int32(k))
		}
		b.End()
		docs[i] = b.Finish().Clone()
	}
	for _, kind := range []arrowfile.Kind{arrowfile.Parquet, arrowfile.IPCFile, arrowfile.IPCStream} {
		data := fileOf(t, kind, docs, "zstd")
		got, err := documentsOf(kind, data, arrowfile.ReadOptions{Skip: 5000})
		require.NoError(t, err, kind)
		require.Len(t, got, n-5000)
		for i, d := range got {
			require.Equal(t, docs[5000+i].Get("_id").Int64(), d.Get("_id").Int64())
		}
		_, err = documentsOf(kind, data, arrowfile.ReadOptions{Skip: n + 1})
		require.Equal(t, errs.ImportFailed, errs.CodeOf(err), kind)
		for _, cut := range []int{0, 4, 8, 100, len(data) / 2, len(data) - 9, len(data) - 1} {
			_, err := documentsOf(kind, data[:cut], arrowfile.ReadOptions{})
			require.Equal(t, errs.ImportFailed, errs.CodeOf(err), "%s cut at %d of %d: %v", kind, cut, len(data), err)
		}
	}
}

// TestEmptyFiles: of no documents there is no column, and that comes back.
func TestEmptyFiles(t *testing.T) {
	for _, kind := range []arrowfile.Kind{arrowfile.Parquet, arrowfile.IPCFile, arrowfile.IPCStream} {
		docs, err := documentsOf(kind, fileOf(t, kind, nil, ""), arrowfile.ReadOptions{})
		require.NoError(t, err, kind)
		require.Empty(t, docs, kind)
	}
}

func TestFileOptions(t *testing.T) {
	var out bytes.Buffer
	_, err := arrowfile.Write(context.Background(), arrowfile.IPCFile, &out, opener(nil), arrowfile.WriteOptions{Compression: "brotli"})
	require.ErrorContains(t, err, "Arrow has no compression")
	_, err = arrowfile.Write(context.Background(), arrowfile.Parquet, &out, opener(nil), arrowfile.WriteOptions{Compression: "rar"})
	require.ErrorContains(t, err, "Parquet has no compression")
	_, err = documentsOf(arrowfile.IPCFile, []byte("FEA1 and more than that"), arrowfile.ReadOptions{})
	require.Equal(t, errs.NotSupported, errs.CodeOf(err))
}

// fuzzFile takes any bytes for a file: no panic, and what comes out is BSON.
func fuzzFile(f *testing.F, kind arrowfile.Kind) {
	docs := lines(f, `{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"a":[1,{"b":"x"}],"d":{"$numberDecimal":"1.5"},"t":{"$date":{"$numberLong":"5"}}}`, `{"_id":{"$oid":"57e193d7a9cc81b4027498b6"},"a":[],"x":{}}`)
	f.Add(fileOf(f, kind, docs, "none"))
	f.Add(fileOf(f, kind, docs, "zstd"))
	if kind == arrowfile.Parquet {
		for _, data := range foreignFiles(f) {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, _ := documentsOf(kind, data, arrowfile.ReadOptions{})
		for _, d := range docs {
			require.NoError(t, bsonraw.Validate(d))
		}
	})
}

func FuzzParquet(f *testing.F)     { fuzzFile(f, arrowfile.Parquet) }
func FuzzArrowFile(f *testing.F)   { fuzzFile(f, arrowfile.IPCFile) }
func FuzzArrowStream(f *testing.F) { fuzzFile(f, arrowfile.IPCStream) }

// BenchmarkFiles measures files in both directions, without a store.
func BenchmarkFiles(b *testing.B) {
	data := benchDocs(50_000, false)
	for _, kind := range []arrowfile.Kind{arrowfile.Parquet, arrowfile.IPCFile} {
		var file bytes.Buffer
		_, err := arrowfile.Write(context.Background(), kind, &file, opener(data), arrowfile.WriteOptions{})
		require.NoError(b, err)
		b.Run("write "+kind.String(), func(b *testing.B) {
			for b.Loop() {
				var out bytes.Buffer
				_, err := arrowfile.Write(context.Background(), kind, &out, opener(data), arrowfile.WriteOptions{})
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N)*50/b.Elapsed().Seconds(), "krows/s")
		})
		b.Run("read "+kind.String(), func(b *testing.B) {
			for b.Loop() {
				docs, err := documentsOf(kind, file.Bytes(), arrowfile.ReadOptions{})
				require.NoError(b, err)
				require.Len(b, docs, 50_000)
			}
			b.ReportMetric(float64(b.N)*50/b.Elapsed().Seconds(), "krows/s")
		})
	}
}

// TestDamagedFiles changes bytes of files at random: lengths that lie are
// errors, and cost neither a panic nor memory without bounds.
func TestDamagedFiles(t *testing.T) {
	docs := lines(t, `{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"a":[1,{"b":"x"}],"d":{"$numberDecimal":"1.5"},"t":{"$date":{"$numberLong":"5"}}}`, `{"_id":{"$oid":"57e193d7a9cc81b4027498b6"},"a":[],"x":{}}`)
	const seed = 1
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for _, kind := range []arrowfile.Kind{arrowfile.Parquet, arrowfile.IPCFile, arrowfile.IPCStream} {
		damage(t, r, kind, fileOf(t, kind, docs, "none"))
	}
	for name, whole := range foreignFiles(t) {
		got, err := documentsOf(arrowfile.Parquet, whole, arrowfile.ReadOptions{})
		require.NoError(t, err, name)
		require.Len(t, got, 40, name)
		damage(t, r, arrowfile.Parquet, whole)
	}
}

func damage(t *testing.T, r *rand.Rand, kind arrowfile.Kind, whole []byte) {
	for range 1500 {
		data := bytes.Clone(whole)
		for range 1 + r.IntN(4) {
			data[r.IntN(len(data))] = byte(r.IntN(256))
		}
		got, err := documentsOf(kind, data, arrowfile.ReadOptions{})
		if err != nil {
			require.NotNil(t, errs.As(err), err)
		}
		for _, d := range got {
			require.NoError(t, bsonraw.Validate(d))
		}
	}
}

// foreignFiles are of pyarrow, without checksums, in encodings that Argon does
// not write: whatever their pages say is read.
func foreignFiles(t require.TestingT) map[string][]byte {
	names, err := filepath.Glob("testdata/*.parquet")
	require.NoError(t, err)
	require.Len(t, names, 2)
	files := map[string][]byte{}
	for _, name := range names {
		files[name], err = os.ReadFile(name)
		require.NoError(t, err)
	}
	return files
}
