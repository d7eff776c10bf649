package query

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// ids returns the _ids of documents.
func ids(docs []bsonraw.Doc) []int32 {
	out := make([]int32, len(docs))
	for i, d := range docs {
		out[i] = d.Get("_id").Int32()
	}
	return out
}

// sorted sorts by key and checks that Compare agrees with the keys.
func sorted(t *testing.T, s *Sort, docs []bsonraw.Doc) []bsonraw.Doc {
	type keyed struct {
		key []byte
		doc bsonraw.Doc
	}
	var all []keyed
	for _, d := range docs {
		key, err := s.Key(d, nil)
		require.NoError(t, err)
		all = append(all, keyed{key, d})
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return bytes.Compare(a.key, b.key) })
	out := make([]bsonraw.Doc, len(all))
	for i, k := range all {
		out[i] = k.doc
		if i > 0 {
			require.LessOrEqual(t, s.Compare(out[i-1], out[i]), 0)
		}
	}
	return out
}

func TestSortsAgreeWithMongod(t *testing.T) {
	sortsAgree(t, mongotest.Documents(),
		`{"a": 1}`, `{"a": -1}`, `{"a.b": 1}`, `{"a.b": -1}`, `{"a.b.c": 1}`, `{"a": 1, "a.b": -1}`, `{"a.b": 1, "a.c": 1}`, `{"a.b": -1, "a": 1}`,
		`{"z": 1, "a": -1}`, `{"a.b": 1, "z.y": 1}`, `{"a.b.c": -1, "a.b": 1}`, `{"a.1": 1}`, `{"a.1.b": -1}`, `{"a": 1, "a": -1}`,
	)
}

// An element that a number in the path chooses is a value as a whole, but for an
// empty array.
func TestSortsByElementsAgreeWithMongod(t *testing.T) {
	var docs []bsonraw.Doc
	for i, a := range []string{`[[]]`, `[[], 1]`, `[[null]]`, `[{"$minKey": 1}]`, `[]`, `[[[]]]`, `[1, []]`, `null`, `5`, `{"0": []}`, `{"0": 1}`, `[{"x": []}]`} {
		docs = append(docs, mongotest.Docf(`{"_id": %d, "a": %s}`, i, a))
	}
	sortsAgree(t, docs, `{"a.0": 1}`, `{"a.0": -1}`, `{"a.0": 1, "a": -1}`, `{"a.0.x": 1, "a.0": 1}`)
}

func sortsAgree(t *testing.T, docs []bsonraw.Doc, specs ...string) {
	c := mongotest.Collection(t)
	c.Insert(docs...)
	for _, spec := range specs {
		// The _id makes the order total. It stands behind, so it does not hide
		// what is compared.
		b := bsonraw.NewBuilder(nil)
		it := mongotest.Doc(spec).Iter()
		for it.Next() {
			b.ValueBytes(it.Key(), it.Value())
		}
		b.Int32("_id", 1)
		full := b.Finish()
		s, err := CompileSort(full)
		require.NoError(t, err)
		want, theirs := c.Find(bsonraw.EmptyDoc, mongotest.Docf(`{"sort": %s, "projection": {"_id": 1}}`, mongotest.JSON(full)))
		require.Nil(t, theirs, spec)
		require.Equal(t, ids(want), ids(sorted(t, s, docs)), spec)
	}
}

func TestSortErrorsAgreeWithMongod(t *testing.T) {
	c := mongotest.Collection(t)
	c.Insert(mongotest.Doc(`{"_id": 1, "a": [5, 6, {"b": 1, "c": 2}], "b": {"c": [1, 2, 3]}, "x": 7, "n": [{"0": 1}]}`))
	docs, _ := c.Find(bsonraw.EmptyDoc, nil)
	for _, spec := range []string{
		`{}`, `{"a": 2}`, `{"a": "x"}`, `{"a": true}`, `{"a": {"$meta": "textScore"}}`, `{"a": {"$meta": "x"}}`, `{"a": {"$meta": 1}}`, `{"a": {"$foo": 1}}`,
		`{"a": {}}`, `{"": 1}`, `{"a.": 1}`, `{"a..b": 1}`, `{".a": 1}`, `{"$a": 1}`, `{"a.$b": 1}`, `{"$natural": 1}`, `{"$natural": 1, "a": 1}`,
		`{"$natural": -1}`, `{"a": 0}`, `{"a": -1.0}`, `{"a": 1.5}`, `{"a": 1e300}`, `{"a": null}`, `{"a.$": 1}`, `{"a": [1]}`, `{"a": {"$numberDecimal": "1"}}`,
		`{"a.b": 1, "a.c": 1}`, `{"a": 1, "b.c": 1}`, `{"a": 1, "b.c": 1, "_id": 1}`, `{"$ref": 1}`, `{"a.$id": 1}`, `{"n.0": 1}`,
		`{"k0":1,"k1":1,"k2":1,"k3":1,"k4":1,"k5":1,"k6":1,"k7":1,"k8":1,"k9":1,"k10":1,"k11":1,"k12":1,"k13":1,"k14":1,"k15":1,"k16":1,"k17":1,"k18":1,"k19":1,"k20":1,"k21":1,"k22":1,"k23":1,"k24":1,"k25":1,"k26":1,"k27":1,"k28":1,"k29":1,"k30":1,"k31":1,"k32":1}`,
	} {
		_, theirs := c.Find(bsonraw.EmptyDoc, mongotest.Docf(`{"sort": %s}`, spec))
		s, err := CompileSort(mongotest.Doc(spec))
		if err == nil {
			_, err = s.Key(docs[0], nil)
		}
		if theirs == nil {
			require.NoError(t, err, spec)
			continue
		}
		require.Error(t, err, "%s: want %v", spec, theirs)
		require.Equal(t, theirs.Code, int32(errs.CodeOf(err)), "%s: %v, want %v", spec, err, theirs)
		require.Contains(t, theirs.Message, errs.As(err).Message, spec)
	}
}
