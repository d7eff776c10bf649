package transfer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// golden is the content of testdata/golden as what an export is given.
func golden(t testing.TB) []transfer.DumpCollection {
	docs := readBSON(t, "testdata/golden/shop/users.bson")
	require.Len(t, docs, 2)
	id := `{"v":2,"key":{"_id":1},"name":"_id_"}`
	return []transfer.DumpCollection{
		{Name: "a b/ü&c", Indexes: parse(t, id), Open: opener(nil)},
		{
			Name: "users", Open: opener(docs), Docs: 2,
			Options: parse(t, `{"validator":{"n":{"$exists":true}},"validationLevel":"moderate"}`)[0],
			Indexes: parse(t, id, `{"v":2,"key":{"name":1,"n":-1},"name":"name_1_n_-1","unique":true}`),
		},
		{Name: "adults", View: true, Options: parse(t, `{"viewOn":"users","pipeline":[{"$match":{"age":{"$gte":18}}}]}`)[0]},
	}
}

func readBSON(t testing.TB, path string) (docs []bsonraw.Doc) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for len(data) > 0 {
		n := binary.LittleEndian.Uint32(data)
		docs = append(docs, bsonraw.Doc(data[:n:n]))
		data = data[n:]
	}
	return docs
}

// written is a dump in memory.
type written map[string]*bytes.Buffer

func (w written) create(name string) (io.WriteCloser, error) {
	w[name] = &bytes.Buffer{}
	return nopCloser{w[name]}, nil
}

func (w written) fs() fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, b := range w {
		fsys[name] = &fstest.MapFile{Data: b.Bytes()}
	}
	return fsys
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// TestDumpGolden pins both forms of a dump, byte by byte.
func TestDumpGolden(t *testing.T) {
	dir := written{}
	res, err := transfer.ExportDump(t.Context(), dir.create, golden(t), transfer.DumpOptions{Database: "shop"})
	require.NoError(t, err)
	require.EqualValues(t, 2, res.Docs)
	want := os.DirFS("testdata/golden")
	names, err := fs.Glob(want, "shop/*")
	require.NoError(t, err)
	require.ElementsMatch(t, names, slices.Collect(maps.Keys(dir)))
	for _, name := range names {
		data, err := fs.ReadFile(want, name)
		require.NoError(t, err)
		require.Equal(t, string(data), dir[name].String(), name)
	}
	var out bytes.Buffer
	_, err = transfer.ExportArchive(t.Context(), &out, golden(t), transfer.DumpOptions{Database: "shop"})
	require.NoError(t, err)
	archive, err := os.ReadFile("testdata/golden.archive")
	require.NoError(t, err)
	require.Equal(t, archive, out.Bytes())
}

// TestDumpRead reads what golden_test wrote, in every form.
func TestDumpRead(t *testing.T) {
	archive, err := os.Open("testdata/golden.archive")
	require.NoError(t, err)
	defer archive.Close()
	zipped := written{}
	_, err = transfer.ExportDump(t.Context(), zipped.create, golden(t), transfer.DumpOptions{Database: "shop", Gzip: true})
	require.NoError(t, err)
	sub, err := fs.Sub(os.DirFS("testdata/golden"), "shop")
	require.NoError(t, err)
	for name, load := range map[string]func(transfer.Sink) (transfer.DatabaseResult, error){
		"directory": func(s transfer.Sink) (transfer.DatabaseResult, error) {
			return transfer.ImportDump(t.Context(), os.DirFS("testdata/golden"), s, transfer.RestoreOptions{})
		},
		"database": func(s transfer.Sink) (transfer.DatabaseResult, error) {
			return transfer.ImportDump(t.Context(), sub, s, transfer.RestoreOptions{})
		},
		"gzip": func(s transfer.Sink) (transfer.DatabaseResult, error) {
			return transfer.ImportDump(t.Context(), zipped.fs(), s, transfer.RestoreOptions{})
		},
		"archive": func(s transfer.Sink) (transfer.DatabaseResult, error) {
			return transfer.ImportArchive(t.Context(), archive, s, transfer.RestoreOptions{})
		},
	} {
		m := &memory{}
		res, err := load(m)
		require.NoError(t, err, name)
		require.Empty(t, res.Notes, name)
		require.EqualValues(t, 2, res.Docs, name)
		require.Len(t, res.Collections, 3, name)
		require.Equal(t, "adults", m.order[2], name)
		for _, c := range golden(t) {
			got := m.get(c.Name)
			if !c.Options.IsEmpty() {
				require.Equal(t, []byte(c.Options), []byte(got.options), name)
			}
			if len(c.Indexes) > 1 {
				require.Equal(t, `{"key":{"name":1,"n":-1},"name":"name_1_n_-1","unique":true}`, string(ejson.Append(nil, got.indexes[0], ejson.Relaxed)), name)
			}
		}
		for i, d := range readBSON(t, "testdata/golden/shop/users.bson") {
			require.Equal(t, []byte(d), []byte(m.get("users").docs[i]), name)
		}
	}
}

func TestDumpNames(t *testing.T) {
	long := strings.Repeat("é", 120)
	dir := written{}
	_, err := transfer.ExportDump(t.Context(), dir.create, []transfer.DumpCollection{{Name: long, Open: opener(nil)}}, transfer.DumpOptions{Database: "d"})
	require.NoError(t, err)
	for name := range dir {
		require.Less(t, len(name), 256)
	}
	m := &memory{}
	_, err = transfer.ImportDump(t.Context(), dir.fs(), m, transfer.RestoreOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{long}, m.order)

	// Without metadata the file's name is the collection's.
	m = &memory{}
	plain := fstest.MapFS{"d/a%20b.bson": {Data: parse(t, `{"_id":1}`)[0]}}
	_, err = transfer.ImportDump(t.Context(), plain, m, transfer.RestoreOptions{})
	require.NoError(t, err)
	require.Len(t, m.get("a b").docs, 1)
}

func TestDumpChoice(t *testing.T) {
	doc := parse(t, `{"_id":1}`)[0]
	fsys := fstest.MapFS{
		"a/x.bson": {Data: doc}, "a/y.bson": {Data: doc}, "a/system.js.bson": {Data: doc}, "b/x.bson": {Data: doc},
		"admin/system.users.bson": {Data: doc}, "oplog.bson": {Data: doc},
	}
	_, err := transfer.ImportDump(t.Context(), fsys, &memory{}, transfer.RestoreOptions{})
	require.ErrorContains(t, err, "several databases: [a b]")
	_, err = transfer.ImportDump(t.Context(), fsys, &memory{}, transfer.RestoreOptions{Database: "c"})
	require.ErrorContains(t, err, `no database "c"`)
	m := &memory{}
	res, err := transfer.ImportDump(t.Context(), fsys, m, transfer.RestoreOptions{Database: "a"})
	require.NoError(t, err)
	require.Equal(t, []string{"x", "y"}, m.order)
	require.Equal(t, []string{"system.js was left out: it belongs to the server that was dumped"}, res.Notes)
	m = &memory{}
	_, err = transfer.ImportDump(t.Context(), fsys, m, transfer.RestoreOptions{Database: "a", Collections: []string{"y"}})
	require.NoError(t, err)
	require.Equal(t, []string{"y"}, m.order)
	_, err = transfer.ImportDump(t.Context(), fsys, m, transfer.RestoreOptions{Database: "a", Collections: []string{"z"}})
	require.Equal(t, errs.NamespaceNotFound, errs.CodeOf(err))
	_, err = transfer.ImportDump(t.Context(), fstest.MapFS{"readme.txt": {}}, m, transfer.RestoreOptions{})
	require.ErrorContains(t, err, "no database of a dump")
}

// TestArchiveSegments reads an archive whose collections alternate, as those of
// mongodump with several jobs do, and one for each way to be damaged.
func TestArchiveSegments(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.archive")
	require.NoError(t, err)
	for cut := 0; cut < len(data); cut += 7 {
		_, err := transfer.ImportArchive(t.Context(), bytes.NewReader(data[:cut]), &memory{}, transfer.RestoreOptions{})
		require.Error(t, err, "cut at %d", cut)
		require.Equal(t, errs.ImportFailed, errs.CodeOf(err), "cut at %d: %v", cut, err)
	}
	at := bytes.Index(data, []byte("Ada"))
	broken := bytes.Clone(data)
	broken[at] = 'I'
	_, err = transfer.ImportArchive(t.Context(), bytes.NewReader(broken), &memory{}, transfer.RestoreOptions{})
	require.ErrorContains(t, err, "shop.users have the checksum")

	segments, docs := alternating(t)
	m := &memory{}
	res, err := transfer.ImportArchive(t.Context(), bytes.NewReader(segments), m, transfer.RestoreOptions{BatchDocs: 3})
	require.NoError(t, err)
	require.EqualValues(t, 2*len(docs), res.Docs)
	for _, name := range []string{"a", "b"} {
		require.Len(t, m.get(name).docs, len(docs))
		for i, d := range docs {
			require.Equal(t, []byte(d), []byte(m.get(name).docs[i]))
		}
	}
}

// alternating writes an archive of two equal collections in alternate segments.
func alternating(t *testing.T) ([]byte, []bsonraw.Doc) {
	docs := parse(t, `{"_id":1}`, `{"_id":2}`, `{"_id":3}`, `{"_id":4}`)
	var whole bytes.Buffer
	_, err := transfer.ExportArchive(t.Context(), &whole, []transfer.DumpCollection{
		{Name: "a", Open: opener(docs)}, {Name: "b", Open: opener(docs)},
	}, transfer.DumpOptions{Database: "d"})
	require.NoError(t, err)
	end := []byte{0xFF, 0xFF, 0xFF, 0xFF}
	parts := bytes.Split(whole.Bytes(), end) // none of the documents has these bytes
	require.Len(t, parts, 6)
	head := func(segment []byte) []byte { return segment[:binary.LittleEndian.Uint32(segment)] }
	out := append(bytes.Clone(parts[0]), end...)
	a, b := head(parts[1]), head(parts[3])
	for _, d := range docs {
		for _, h := range [][]byte{a, b} {
			out = append(append(append(out, h...), d...), end...)
		}
	}
	return append(append(append(append(out, parts[2]...), end...), parts[4]...), end...), docs
}

func TestBrokenBSON(t *testing.T) {
	good := parse(t, `{"_id":1}`)[0]
	bad := bytes.Clone(good)
	bad[4] = 0x7E // no type
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"short":    {append(bytes.Clone(good), good[:6]...), "document 2: the input ends inside a document"},
		"huge":     {append(bytes.Clone(good), 0xFF, 0xFF, 0xFF, 0x7F), "document 2: no BSON: a document cannot have 2147483647 bytes"},
		"negative": {[]byte{0, 0, 0, 0x80}, "document 1: no BSON"},
		"type":     {append(append(bytes.Clone(good), bad...), good...), "document 2: invalid BSON"},
	} {
		m := &memory{}
		_, err := transfer.Import(t.Context(), bytes.NewReader(c.data), m, transfer.ImportOptions{Collection: "c", Format: transfer.BSON})
		require.ErrorContains(t, err, c.want, name)
	}
	m := &memory{}
	var rejected []string
	res, err := transfer.Import(t.Context(), bytes.NewReader(append(append(bytes.Clone(good), bad...), good...)), m, transfer.ImportOptions{
		Collection: "c", Format: transfer.BSON, MaxErrors: 1,
		OnError: func(e transfer.LineError) { rejected = append(rejected, string(e.Text)) },
	})
	require.NoError(t, err)
	require.EqualValues(t, 2, res.Docs)
	require.Len(t, rejected, 1)
	require.Contains(t, rejected[0], "brokenBSON")
}

// TestDumpRoundTrip writes random collections and reads them again.
func TestDumpRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 20, 60).Filter(func(s string) bool {
			return !strings.ContainsRune(s, 0) && !strings.HasPrefix(s, "system.") && !strings.HasPrefix(s, "$")
		}), 1, 4, rapid.ID).Draw(r, "names")
		var colls []transfer.DumpCollection
		content := map[string][]bsonraw.Doc{}
		for _, name := range names {
			content[name] = parse(t, rapid.SliceOfN(rapid.Custom(genText), 0, 5).Draw(r, "docs")...)
			colls = append(colls, transfer.DumpCollection{Name: name, Open: opener(content[name])})
		}
		dir, archive := written{}, &bytes.Buffer{}
		o := transfer.DumpOptions{Database: "d", Gzip: rapid.Bool().Draw(r, "gzip")}
		_, err := transfer.ExportDump(context.Background(), dir.create, colls, o)
		require.NoError(t, err)
		_, err = transfer.ExportArchive(context.Background(), archive, colls, o)
		require.NoError(t, err)
		a, b := &memory{}, &memory{}
		_, err = transfer.ImportDump(context.Background(), dir.fs(), a, transfer.RestoreOptions{})
		require.NoError(t, err)
		_, err = transfer.ImportArchive(context.Background(), archive, b, transfer.RestoreOptions{})
		require.NoError(t, err)
		for name, docs := range content {
			for _, m := range []*memory{a, b} {
				require.Len(t, m.get(name).docs, len(docs))
				for i, d := range docs {
					require.Equal(t, []byte(d), []byte(m.get(name).docs[i]))
				}
			}
		}
	})
}

// FuzzArchive takes any bytes for an archive: no panic, and what comes out is
// BSON.
func FuzzArchive(f *testing.F) {
	data, err := os.ReadFile("testdata/golden.archive")
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, input []byte) {
		m := &memory{}
		_, _ = transfer.ImportArchive(context.Background(), bytes.NewReader(input), m, transfer.RestoreOptions{MaxErrors: -1})
		for _, c := range m.collections {
			for _, d := range c.docs {
				require.NoError(t, bsonraw.Validate(d))
			}
		}
	})
}

// pointed is a sink that remembers where imports are, and fails after some
// batches.
type pointed struct {
	memory
	at   map[string]transfer.Point
	left int
}

func (p *pointed) InsertAt(ctx context.Context, coll string, docs []bsonraw.Doc, end transfer.Point) error {
	if p.left--; p.left < 0 {
		return errs.New(errs.StoreIO, "stopped")
	}
	p.at[coll] = end
	return p.Insert(ctx, coll, docs)
}

// TestCheckpoints stops imports at every batch and lets them go on: in every
// layout every document comes once and in order.
func TestCheckpoints(t *testing.T) {
	const n = 30_000
	var lines, stream, array, csv, raw bytes.Buffer
	array.WriteString("\xEF\xBB\xBF[")
	csv.WriteString("_id,pad\n")
	pad := strings.Repeat("x", 90)
	for i := range n {
		text := fmt.Sprintf(`{"_id":%d,"pad":"%s"}`, i, pad)
		lines.WriteString(text + "\n")
		stream.WriteString(strings.Replace(text, ",", ",\n", 1) + "\n")
		if i > 0 {
			array.WriteString(",\n")
		}
		array.WriteString(text)
		fmt.Fprintf(&csv, "%d,\"%s\n\"\n", i, pad)
		raw.Write(parse(t, text)[0])
	}
	array.WriteString("]\n")
	for name, c := range map[string]struct {
		data   []byte
		format transfer.Format
	}{
		"lines": {lines.Bytes(), transfer.JSON}, "stream": {stream.Bytes(), transfer.JSON}, "array": {array.Bytes(), transfer.JSON},
		"csv": {csv.Bytes(), transfer.CSV}, "bson": {raw.Bytes(), transfer.BSON},
	} {
		p := &pointed{at: map[string]transfer.Point{}}
		stops := 0
		for ; ; stops++ {
			p.left = 1
			_, err := transfer.Import(t.Context(), io.MultiReader(bytes.NewReader(c.data)), p, transfer.ImportOptions{
				Collection: "c", Format: c.format, Checkpoints: true, From: p.at["c"],
			})
			if err == nil {
				break
			}
			require.Equal(t, errs.StoreIO, errs.CodeOf(err), name)
			require.Less(t, stops, 200, name)
		}
		require.Positive(t, stops, name)
		require.Len(t, p.get("c").docs, n, name)
		for i, d := range p.get("c").docs {
			id, _ := d.Get("_id").AsInt64()
			require.EqualValues(t, i, id, name)
		}
	}
}
