package index_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/stretchr/testify/require"
)

func define(t testing.TB, spec string) *index.Definition {
	t.Helper()
	def, err := index.ParseDefinition(mongotest.Docf("%s", spec))
	require.NoError(t, err)
	return def
}

func keysOf(t testing.TB, def *index.Definition, doc bsonraw.Doc) ([][]byte, index.Multikey) {
	t.Helper()
	var keys [][]byte
	multikey, err := def.KeysOf(doc, func(key []byte) { keys = append(keys, bytes.Clone(key)) })
	require.NoError(t, err, mongotest.JSON(doc))
	return keys, multikey
}

// encode makes the key of a document that holds one value for each part, as
// returnKey of mongod gives it.
func encode(def *index.Definition, values bsonraw.Doc) []byte {
	var key []byte
	it := values.Iter()
	for i := 0; it.Next(); i++ {
		if def.Keys[i].Desc {
			key = bsonraw.AppendKeyDesc(key, it.Value())
		} else {
			key = bsonraw.AppendKey(key, it.Value())
		}
	}
	return key
}

// TestKeysAreMongods puts the zoo into a collection with an index and compares
// the number of keys in mongod's B-tree with that of KeysOf, and the first and
// the last key of each document, which hint and returnKey show.
func TestKeysAreMongods(t *testing.T) {
	for _, spec := range []string{
		`{"key": {"a": 1}, "name": "x"}`, `{"key": {"a": -1}, "name": "x"}`,
		`{"key": {"a.b": 1}, "name": "x"}`, `{"key": {"a.b.c": 1}, "name": "x"}`,
		`{"key": {"a.b": 1, "a.c": -1}, "name": "x"}`, `{"key": {"a": 1, "a.b": 1}, "name": "x"}`,
		`{"key": {"a.0": 1}, "name": "x"}`, `{"key": {"a.0.b": 1}, "name": "x"}`, `{"key": {"a.b.0": 1}, "name": "x"}`,
		`{"key": {"a.1.b": 1, "a.0": -1}, "name": "x"}`,
		`{"key": {"a.b": 1}, "name": "x", "sparse": true}`, `{"key": {"a.b": 1, "a.c": 1}, "name": "x", "sparse": true}`,
		`{"key": {"z": 1, "a": 1}, "name": "x"}`,
	} {
		t.Run(spec, func(t *testing.T) { compareKeys(t, spec) })
	}
}

func compareKeys(t *testing.T, spec string) {
	def := define(t, spec)
	coll := mongotest.Collection(t)
	coll.MustRun(createIndexes(coll, mongotest.Docf("%s", spec)))
	docs := mongotest.Documents()
	failed := insertAll(coll, docs)
	var total int64
	var firsts, lasts [][]byte
	for i, doc := range docs {
		var keys [][]byte
		_, err := def.KeysOf(doc, func(key []byte) { keys = append(keys, bytes.Clone(key)) })
		if code, ok := failed[i]; ok {
			require.Equal(t, code, errs.CodeOf(err), "%s: %v", mongotest.JSON(doc), err)
			continue
		}
		require.NoError(t, err, mongotest.JSON(doc))
		require.True(t, slices.IsSortedFunc(keys, bytes.Compare))
		total += int64(len(keys))
		if len(keys) > 0 {
			firsts, lasts = append(firsts, keys[0]), append(lasts, keys[len(keys)-1])
		}
	}
	reply := coll.MustRun(mongotest.Docf(`{"validate": %q}`, coll.Name()))
	want, _ := reply.Get("keysPerIndex").Doc().Get("x").AsInt64()
	require.Equal(t, want, total)
	requireSameKeys(t, firsts, scanKeys(coll, def, def.KeyPattern()))
	backwards := scanKeys(coll, def, inverse(def.KeyPattern()))
	slices.Reverse(backwards)
	requireSameKeys(t, lasts, backwards)
}

// requireSameKeys compares keys in any order, since documents with equal first
// keys come in that of their record ids.
func requireSameKeys(t *testing.T, got, want [][]byte) {
	slices.SortFunc(got, bytes.Compare)
	require.True(t, slices.IsSortedFunc(want, bytes.Compare))
	require.Len(t, got, len(want))
	for i := range got {
		require.Equal(t, want[i], got[i], "key %d of %d", i, len(want))
	}
}

// insertAll inserts what can be inserted and returns the codes of what cannot.
func insertAll(coll *mongotest.Coll, docs []bsonraw.Doc) map[int]errs.Code {
	failed := map[int]errs.Code{}
	for start := 0; start < len(docs); start += 1000 {
		b := bsonraw.NewBuilder(nil)
		b.String("insert", coll.Name())
		b.Bool("ordered", false)
		b.BeginArray("documents")
		for i, d := range docs[start:min(len(docs), start+1000)] {
			b.Doc(bsonraw.Index(i), d)
		}
		b.End()
		reply, _ := coll.Run(b.Finish())
		for _, e := range reply.Get("writeErrors").Doc().Values() {
			at, _ := e.Doc().Get("index").AsInt64()
			code, _ := e.Doc().Get("code").AsInt64()
			failed[start+int(at)] = errs.Code(code)
		}
	}
	return failed
}

// scanKeys returns the first key of each document in the order of the index.
func scanKeys(coll *mongotest.Coll, def *index.Definition, sort bsonraw.Doc) [][]byte {
	b := bsonraw.NewBuilder(nil)
	b.String("hint", def.Name)
	b.Bool("returnKey", true)
	b.Doc("sort", sort)
	docs, err := coll.Find(bsonraw.EmptyDoc, b.Finish())
	if err != nil {
		panic(err)
	}
	var keys [][]byte
	for _, d := range docs {
		keys = append(keys, encode(def, d))
	}
	return keys
}

func inverse(pattern bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := pattern.Iter()
	for it.Next() {
		n, _ := it.Value().AsInt64()
		b.Int32(string(it.Key()), int32(-n))
	}
	return b.Finish()
}

func TestMultikeyParts(t *testing.T) {
	def := define(t, `{"key": {"a.b": 1, "c": 1, "a.d": 1}, "name": "x"}`)
	for doc, want := range map[string]index.Multikey{
		`{"a": {"b": 1}, "c": 2}`:               0,
		`{"a": {"b": [1]}, "c": 2}`:             1,
		`{"a": [{"b": 1}], "c": 2}`:             1 | 4,
		`{"a": {"b": 1}, "c": []}`:              2,
		`{"a": [], "c": 1}`:                     1 | 4,
		`{"a": {"x": [1]}, "c": {"d": [1, 2]}}`: 0,
	} {
		_, got := keysOf(t, def, mongotest.Docf("%s", doc))
		require.Equal(t, want, got, doc)
	}
	_, err := def.KeysOf(mongotest.Docf(`{"a": [1], "c": [2]}`), func([]byte) {})
	require.ErrorContains(t, err, "cannot index parallel arrays [c] [a]")
	require.Equal(t, errs.CannotIndexParallelArrays, errs.CodeOf(err))
}

func TestKeyValue(t *testing.T) {
	def := define(t, `{"key": {"a.b": 1, "c": -1}, "name": "x"}`)
	doc := mongotest.Docf(`{"a": [{"b": 1.0}, {"b": "x"}], "d": 1}`)
	keys, _ := keysOf(t, def, doc)
	require.Len(t, keys, 2)
	require.JSONEq(t, `{"a.b": {"$numberDouble": "1.0"}, "c": null}`, mongotest.JSON(def.KeyValue(doc, keys[0])))
	require.JSONEq(t, `{"a.b": "x", "c": null}`, mongotest.JSON(def.KeyValue(doc, keys[1])))
	require.Nil(t, def.KeyValue(doc, []byte("other")))
	require.Equal(t, `{ a.b: 1.0, c: null }`, index.Text(def.KeyValue(doc, keys[0]).Value()))
}

func TestKeysOfRetainsNothing(t *testing.T) {
	def := define(t, `{"key": {"a": 1, "b": 1}, "name": "x"}`)
	doc := mongotest.Docf(`{"a": 1, "b": "two", "c": {"d": 1}}`)
	sink := func([]byte) {}
	allocs := testing.AllocsPerRun(1000, func() { _, _ = def.KeysOf(doc, sink) })
	require.Zero(t, allocs)
}

// FuzzKeysOf feeds documents of any bytes: no panic, and the keys are ascending
// and distinct.
func FuzzKeysOf(f *testing.F) {
	for _, doc := range mongotest.Documents()[:200] {
		f.Add([]byte(doc))
	}
	defs := []*index.Definition{
		define(f, `{"key": {"a": 1, "a.b": -1}, "name": "x"}`),
		define(f, `{"key": {"a.0": 1, "a.b.0": 1}, "name": "x", "sparse": true}`),
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bsonraw.Validate(data) != nil {
			return
		}
		for _, def := range defs {
			var last []byte
			_, _ = def.KeysOf(data, func(key []byte) {
				require.Negative(t, bytes.Compare(last, key))
				last = append(last[:0], key...)
			})
		}
	})
}

func BenchmarkKeysOf(b *testing.B) {
	doc := mongotest.Docf(`{"_id": 1, "name": "Ada Lovelace", "age": 36, "address": {"city": "London", "zip": "N1"}, "tags": ["x", "y", "z"], "n": 5.5}`)
	for name, spec := range map[string]string{
		"single": `{"key": {"age": 1}}`, "compound": `{"key": {"address.city": 1, "age": -1}}`, "multikey": `{"key": {"tags": 1}}`,
	} {
		b.Run(name, func(b *testing.B) {
			def := define(b, spec)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = def.KeysOf(doc, func([]byte) {})
			}
		})
	}
}
