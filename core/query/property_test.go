package query

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// Random documents and filters over few names and values, so that they meet.

func scalars() *rapid.Generator[bsonraw.Value] {
	return rapid.SampledFrom([]bsonraw.Value{
		bsonraw.Int32Value(1), bsonraw.Int32Value(2), bsonraw.DoubleValue(1), bsonraw.Int64Value(5), bsonraw.StringValue("a"), bsonraw.StringValue("ab"),
		bsonraw.NullValue, bsonraw.BoolValue(true),
		{Type: bsonraw.MinKey},
		{Type: bsonraw.Undefined},
		mongotest.Value(`{"$numberDecimal": "1.0"}`),
	})
}

var names = rapid.SampledFrom([]string{"a", "b", "c", "0", "1"})

func values(depth int) *rapid.Generator[bsonraw.Value] {
	return rapid.Custom(func(t *rapid.T) bsonraw.Value {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 || kind < 3 {
			return scalars().Draw(t, "scalar")
		}
		if kind == 3 {
			return bsonraw.ArrayValue(rapid.SliceOfN(values(depth-1), 0, 3).Draw(t, "array")...)
		}
		return document(t, depth-1).Value()
	})
}

// document draws a document with each name at most once.
func document(t *rapid.T, depth int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for _, name := range rapid.SliceOfNDistinct(names, 0, 3, rapid.ID[string]).Draw(t, "names") {
		b.Value(name, values(depth).Draw(t, name))
	}
	return b.Finish()
}

func paths() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		path := names.Draw(t, "name")
		for range rapid.IntRange(0, 2).Draw(t, "more") {
			path += "." + names.Draw(t, "name")
		}
		return path
	})
}

// filter draws a filter document.
func filter(t *rapid.T, depth int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for range rapid.IntRange(0, 2).Draw(t, "clauses") {
		if depth > 0 && rapid.IntRange(0, 3).Draw(t, "logic") == 0 {
			op := rapid.SampledFrom([]string{"$and", "$or", "$nor"}).Draw(t, "op")
			b.BeginArray(op)
			for i := range rapid.IntRange(1, 2).Draw(t, "n") {
				b.Doc(bsonraw.Index(i), filter(t, depth-1))
			}
			b.End()
			continue
		}
		path := paths().Draw(t, "path")
		if rapid.Bool().Draw(t, "equal") {
			v := values(1).Draw(t, "v")
			if v.Type != bsonraw.Undefined {
				b.Value(path, v)
			}
			continue
		}
		b.Doc(path, operators(t, depth))
	}
	return b.Finish()
}

func operators(t *rapid.T, depth int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for range rapid.IntRange(1, 2).Draw(t, "operators") {
		op := rapid.SampledFrom([]string{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$all", "$exists", "$size", "$type", "$not", "$elemMatch", "$elemMatch", "$mod", "$bitsAnySet"}).Draw(t, "op")
		v := values(1).Filter(func(v bsonraw.Value) bool { return v.Type != bsonraw.Undefined }).Draw(t, "v")
		switch op {
		case "$in", "$nin", "$all":
			list := rapid.SliceOfN(values(1).Filter(func(v bsonraw.Value) bool { return v.Type != bsonraw.Undefined }), 0, 3).Draw(t, "list")
			b.Value(op, bsonraw.ArrayValue(list...))
		case "$exists":
			b.Bool(op, rapid.Bool().Draw(t, "exists"))
		case "$size", "$bitsAnySet":
			b.Int32(op, rapid.Int32Range(0, 3).Draw(t, "n"))
		case "$type":
			b.String(op, rapid.SampledFrom([]string{"int", "number", "array", "object", "null", "string"}).Draw(t, "type"))
		case "$mod":
			b.Value(op, bsonraw.ArrayValue(bsonraw.Int32Value(2), bsonraw.Int32Value(1)))
		case "$not", "$elemMatch":
			if depth == 0 {
				b.Value("$eq", v)
			} else if op == "$not" || rapid.Bool().Draw(t, "on values") {
				b.Doc(op, operators(t, depth-1))
			} else {
				b.Doc(op, filter(t, depth-1))
			}
		default:
			b.Value(op, v)
		}
	}
	return b.Finish()
}

// TestRandomFiltersAgreeWithMongod draws the documents once and then filters.
func TestRandomFiltersAgreeWithMongod(t *testing.T) {
	var docs []bsonraw.Doc
	gen := rapid.Custom(func(t *rapid.T) bsonraw.Doc { return document(t, 3) })
	for i := range 300 {
		b := bsonraw.NewBuilder(nil)
		b.Int32("_id", int32(i))
		it := gen.Example(i).Iter()
		for it.Next() {
			b.ValueBytes(it.Key(), it.Value())
		}
		docs = append(docs, b.Finish())
	}
	c := mongotest.Collection(t)
	c.Insert(docs...)
	projection := mongotest.Doc(`{"projection": {"_id": 1}}`)
	rapid.Check(t, func(t *rapid.T) {
		f := filter(t, 2)
		found, theirs := c.For(t).Find(f, projection)
		compiled, err := Compile(f, nil)
		if theirs != nil || err != nil {
			require.NoError(t, sameErrorOrNil(err, theirs), mongotest.JSON(f))
			return
		}
		var got []int32
		for i, d := range docs {
			matched, err := compiled.Match(d)
			require.NoError(t, err)
			position, _, err := compiled.MatchPosition(d)
			require.NoError(t, err)
			require.Equal(t, matched, position)
			if matched {
				got = append(got, int32(i))
			}
		}
		want := ids(found)
		require.ElementsMatch(t, want, got, mongotest.JSON(f))
	})
}

func sameErrorOrNil(ours error, theirs *mongotest.Error) error {
	if ours == nil && theirs == nil {
		return nil
	}
	return sameError(ours, theirs)
}

func TestNorIsTheComplement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, doc := filter(t, 2), document(t, 3)
		f, err := Compile(spec, nil)
		require.NoError(t, err)
		b := bsonraw.NewBuilder(nil)
		b.Array("$nor", bsonraw.ArrayOf(spec.Value()))
		nor, err := Compile(b.Finish(), nil)
		require.NoError(t, err)
		matched, err := f.Match(doc)
		require.NoError(t, err)
		opposite, err := nor.Match(doc)
		require.NoError(t, err)
		require.NotEqual(t, matched, opposite)

		why, err := f.Explain(doc)
		require.NoError(t, err)
		require.NoError(t, bsonraw.Validate(why))
	})
}

func TestIDsHoldEveryMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bsonraw.NewBuilder(nil)
		id := scalars().Draw(t, "id")
		b.Value("_id", id)
		doc := b.Finish()
		f, err := Compile(rapid.Custom(func(t *rapid.T) bsonraw.Doc {
			b := bsonraw.NewBuilder(nil)
			b.Doc("_id", operators(t, 1))
			return b.Finish()
		}).Draw(t, "filter"), nil)
		require.NoError(t, err)
		ids, ok := f.IDs()
		matched, err := f.Match(doc)
		require.NoError(t, err)
		if !ok || !matched || id.Type == bsonraw.Undefined {
			return
		}
		found := false
		for _, v := range ids {
			found = found || bsonraw.Equal(v, id)
		}
		require.True(t, found, "%s", mongotest.JSON(f.Raw()))
	})
}

// TestSortKeysOrderScalarsLikeCompare: without arrays a key is the values.
func TestSortKeysOrderScalarsLikeCompare(t *testing.T) {
	asc, err := CompileSort(mongotest.Doc(`{"a": 1}`))
	require.NoError(t, err)
	desc, err := CompileSort(mongotest.Doc(`{"a": -1}`))
	require.NoError(t, err)
	var docs []bsonraw.Doc
	for _, s := range mongotest.Values() {
		if s.Value.Type == bsonraw.Array {
			continue
		}
		b := bsonraw.NewBuilder(nil)
		b.Value("a", s.Value)
		docs = append(docs, b.Finish())
	}
	for _, x := range docs {
		for _, y := range docs {
			want := bsonraw.Compare(x.Get("a"), y.Get("a"))
			keyX, err := asc.Key(x, nil)
			require.NoError(t, err)
			keyY, err := asc.Key(y, nil)
			require.NoError(t, err)
			require.Equal(t, want, bytes.Compare(keyX, keyY), "%s %s", mongotest.JSON(x), mongotest.JSON(y))
			require.Equal(t, want, asc.Compare(x, y))
			require.Equal(t, -want, desc.Compare(x, y))
		}
	}
}
