package publish

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/update"
)

func TestMain(m *testing.M) { mongotest.Main(m) }

// oddNames are names that a path cannot carry, or that look like something else.
var oddNames = []string{"a", "a.b", "$a", "0", "é", "a$", ".", "..", "$", "-1", "a b"}

// wider adds what the zoo lacks: cohorts of decimals, and numbers with other bits.
func wider() []mongotest.Sample {
	zoo := append([]mongotest.Sample{{Name: "missing"}}, mongotest.Values()...)
	for _, s := range []string{"-0", "0E+3", "1.0", "NaN", "-Infinity", "Infinity", "1.000"} {
		d, err := bson.ParseDecimal128(s)
		if err != nil {
			panic(err)
		}
		raw, _ := bson.Marshal(bson.D{{Key: "v", Value: d}, {Key: "w", Value: bson.A{d, bson.D{{Key: "x", Value: d}}}}})
		zoo = append(zoo, mongotest.Sample{Name: "decimal " + s, Value: bsonraw.Doc(raw).Get("v").Clone()},
			mongotest.Sample{Name: "array of decimal " + s, Value: bsonraw.Doc(raw).Get("w").Clone()})
	}
	zero := bsonraw.DoubleValue(math.Copysign(0, -1))
	return append(zoo, mongotest.Sample{Name: "array of -0", Value: bsonraw.ArrayValue(zero)})
}

// A guard matches exactly the documents that have the same bits at its place, in
// whatever shape, for each of the zoo's values against each other.
func TestGuardsAreExact(t *testing.T) {
	coll := mongotest.Collection(t)
	samples := wider()
	for _, shape := range mongotest.Shapes() {
		coll.Clear()
		docs := make([]bsonraw.Doc, len(samples))
		for i, s := range samples {
			b := bsonraw.NewBuilder(nil)
			b.Int32("_id", int32(i))
			shape.Build(b, s.Value)
			docs[i] = b.Finish()
		}
		coll.Insert(docs...)
		for i, pre := range docs {
			deep := "a"
			if shape.Name == "a.b.c" || shape.Name == "a.b[].c" {
				deep = "a.b"
			}
			for _, path := range []string{"a", deep, "missing"} {
				filter := filterOf(pre, []string{path}).Get("$expr")
				got, err := coll.Find(operator("$expr", filter), mongotest.Doc(`{"projection": {"_id": 1}, "sort": {"_id": 1}, "collation": {"locale": "simple"}}`))
				require.Nil(t, err, "%s", samples[i].Name)
				var want, found []int32
				for j, d := range docs {
					if holds(pre, d, []string{path}) {
						want = append(want, int32(j))
					}
				}
				for _, d := range got {
					found = append(found, d.Get("_id").Int32())
				}
				require.Equal(t, want, found, "%s %s at %s", shape.Name, samples[i].Name, path)
			}
		}
	}
}

// Names do not matter: a guard of a field with a dot, a dollar sign or a number
// for a name looks at that field.
func TestGuardsOfOddNames(t *testing.T) {
	coll := mongotest.Collection(t)
	var docs []bsonraw.Doc
	for i, outer := range oddNames {
		for j, inner := range oddNames {
			if outer[0] == '$' {
				continue // mongod stores none at the top
			}
			b := bsonraw.NewBuilder(nil)
			b.Int32("_id", int32(len(docs)))
			b.BeginDoc(outer)
			b.Int32(inner, int32(i+j))
			b.End()
			docs = append(docs, b.Finish())
		}
	}
	coll.Insert(docs...)
	for i, pre := range docs {
		it := pre.Iter()
		it.Next()
		it.Next()
		outer := string(it.Key())
		inner := it.Value().Doc().Iter()
		inner.Next()
		path := update.JoinPath(outer, string(inner.Key()))
		filter := filterOf(pre, []string{path}).Get("$expr")
		got, err := coll.Find(operator("$expr", filter), nil)
		require.Nil(t, err, path)
		require.Len(t, got, 1, path)
		require.Equal(t, int32(i), got[0].Get("_id").Int32(), path)
	}
}

// An update makes exactly the post-image of the pre-image.
func TestUpdatesAreExact(t *testing.T) {
	coll := mongotest.Collection(t)
	for _, c := range []struct{ pre, post string }{
		{`{"_id": 1, "a": 1, "b": 2}`, `{"_id": 1, "b": 2, "a": 1}`},
		{`{"_id": 1, "a": 1}`, `{"_id": 1, "a": 1, "z": 1, "y": 2, "b": {"q": 1}}`},
		{`{"_id": 1, "a": {"b": 1, "c": 1}}`, `{"_id": 1, "a": {"c": 1, "b": 1}}`},
		{`{"_id": 1, "a": {"b": 1, "c": 1}}`, `{"_id": 1, "a": {"c": 1, "z": {}, "y": [], "b1": null}}`},
		{`{"_id": 1, "a": {"x.y": 1, "$z": 1}}`, `{"_id": 1, "a": {"x.y": 2, "$z": {"$w": 1}, "p.q": 1}}`},
		{`{"_id": 1, "x.y": 1, "x": {"y": 1}}`, `{"_id": 1, "x.y": 2, "x": {"y": 3}}`},
		{`{"_id": 1, "a": [1, {"b": 1}]}`, `{"_id": 1, "a": [1, {"b": 2}, {"$numberLong": "1"}]}`},
		{`{"_id": 1, "a": {"0": {"b": 1}}}`, `{"_id": 1, "a": {"0": {"b": {"$numberLong": "1"}, "c": "$x"}}}`},
		{`{"_id": 1, "a": 1}`, `{"_id": 1, "a": {"$numberDouble": "-0.0"}, "b": "$a", "c": {"$ROOT": "$$ROOT"}}`},
		{`{"_id": 1, "a": 1, "b": 1, "c": 1}`, `{"_id": 1, "c": {"$numberDecimal": "NaN"}, "d": {"$date": 1}, "a": 2}`},
		{`{"_id": 1, "a": {"$timestamp": {"t": 1, "i": 1}}}`, `{"_id": 1, "a": {"$timestamp": {"t": 0, "i": 0}}, "b": {"$timestamp": {"t": 0, "i": 0}}}`},
		{`{"_id": 1, "a": 1}`, `{"_id": 1, "": 1, "b": {"": 2}}`},
	} {
		coll.Clear()
		pre, post := mongotest.Doc(c.pre), mongotest.Doc(c.post)
		coll.Insert(pre)
		for _, how := range []Guard{Fields, Document} {
			require.Equal(t, JSON(post), runUpdate(t, coll, updateOf(pre, post, how)), "%s → %s", c.pre, c.post)
			require.Equal(t, JSON(pre), runUpdate(t, coll, updateOf(post, pre, how)), "%s ← %s", c.pre, c.post)
			require.Equal(t, JSON(pre), runUpdate(t, coll, updateOf(post, pre, how)), "the guard does not hold")
		}
		b := bsonraw.NewBuilder(nil)
		b.String("delete", coll.Name())
		b.Array("deletes", bsonraw.ArrayOf(deleteOf(pre).Value()))
		n, _ := coll.MustRun(b.Finish()).Get("n").AsInt64()
		require.EqualValues(t, 1, n)
		require.Equal(t, JSON(post), runUpdate(t, coll, insertOf(post)))
	}
}

// JSON of a document for messages.
func JSON(d bsonraw.Doc) string { return mongotest.JSON(d) }

func runUpdate(t *testing.T, coll *mongotest.Coll, statement bsonraw.Doc) string {
	b := bsonraw.NewBuilder(nil)
	b.String("update", coll.Name())
	b.Array("updates", bsonraw.ArrayOf(statement.Value()))
	_, err := coll.Run(b.Finish())
	require.Nil(t, err)
	docs, err := coll.Find(bsonraw.EmptyDoc, nil)
	require.Nil(t, err)
	require.Len(t, docs, 1)
	return JSON(docs[0])
}
