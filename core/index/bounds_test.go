package index

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/stretchr/testify/require"
)

// boundFilters are filters on a (a plain field), m (an array in some document)
// and n, with indexes {a: 1} and {m: 1, n: -1}.
var boundFilters = []string{
	`{"a": {"$in": [1, "x", null]}}`, `{"a": {"$in": []}}`, `{"a": {"$in": [[1, 2], 3]}}`, `{"a": {"$in": [1, 1.0, 2]}}`,
	`{"a": {"$in": [{"$regularExpression": {"pattern": "^ab", "options": ""}}, 1]}}`,
	`{"a": {"$ne": 1}}`, `{"a": {"$nin": [1, 2]}}`, `{"a": {"$not": {"$gt": 1}}}`, `{"a": {"$ne": null}}`,
	`{"a": {"$exists": true}}`, `{"a": {"$exists": false}}`, `{"a": {"$type": "array"}}`, `{"a": null}`,
	`{"a": {"$type": 2}}`, `{"a": {"$type": "number"}}`, `{"a": {"$type": ["int", "string"]}}`,
	`{"a": {"$mod": [2, 0]}}`, `{"a": {"$all": [1, 2]}}`, `{"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}`,
	`{"a": {"$gt": 1, "$lt": 5}}`, `{"a": {"$gt": 5, "$lt": 1}}`, `{"a": {"$gt": 1.5, "$lte": {"$numberDecimal": "1.50"}}}`,
	`{"a": {"$regularExpression": {"pattern": "^ab.c", "options": ""}}}`,
	`{"a": {"$regularExpression": {"pattern": "^ab", "options": "i"}}}`,
	`{"a": {"$regularExpression": {"pattern": "ab", "options": ""}}}`,
	`{"a": {"$regularExpression": {"pattern": "^abc*", "options": ""}}}`,
	`{"a": {"$regex": "^ab\\.c"}}`, `{"a": {"$regex": "^ab|c"}}`,
	`{"$or": [{"a": 1}, {"a": 3}]}`, `{"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 9}}]}`,
	`{"a": {"$gt": {"b": 1}, "$lt": {"b": 9}}}`, `{"a": []}`, `{"a": {"$lt": [1, 2]}}`, `{"a": {"$gte": [1, 2]}}`,
	`{"m": {"$elemMatch": {"$gt": 1, "$lt": 5}}}`,
	`{"m": 1, "n": 2}`, `{"m": {"$gt": 1}, "n": {"$lt": 2}}`, `{"m": 1, "n": {"$in": [3, 4]}}`, `{"m": 1, "n": {"$exists": true}}`,
}

// TestBoundsAreMongods compares the bounds of each filter with those that
// mongod's explain shows.
func TestBoundsAreMongods(t *testing.T) {
	coll := mongotest.Collection(t)
	coll.MustRun(mongotest.Docf(`{"createIndexes": %q, "indexes": [{"key": {"a": 1}, "name": "a"}, {"key": {"m": 1, "n": -1}, "name": "mn"}]}`, coll.Name()))
	coll.Insert(mongotest.Docf(`{"_id": 1, "m": [1, 2]}`))
	indexes := []Index{
		{Definition: parsed(t, `{"key": {"a": 1}, "name": "a"}`)},
		{Definition: parsed(t, `{"key": {"m": 1, "n": -1}, "name": "mn"}`), Multikey: 1},
	}
	filters := boundFilters
	for _, s := range mongotest.Values() {
		for _, op := range []string{"$eq", "$lt", "$lte", "$gt", "$gte"} {
			if s.Value.Type == bsonraw.Undefined || s.Value.Type == bsonraw.Regex && op != "$eq" {
				continue // not allowed by mongod
			}
			if s.Value.Type == bsonraw.Array || s.Value.Type == bsonraw.Symbol || s.Value.Type == bsonraw.CodeWithScope || s.Value.Type == bsonraw.DBPointer {
				continue // printed or bounded otherwise; soundness is TestPlansAreSound's
			}
			filters = append(filters, mongotest.JSON(operator("a", op, s.Value)))
		}
	}
	for _, f := range filters {
		filter := mongotest.Docf("%s", f)
		reply := coll.MustRun(explainFind(coll.Name(), filter))
		want := findScan(reply.Get("queryPlanner").Doc().Get("winningPlan").Doc())
		plan, err := Choose(&Request{Filter: filter, Indexes: indexes})
		require.NoError(t, err)
		if plan.Kind == CollScan {
			// Where bounds leave nothing out, the collection itself is faster.
			require.JSONEq(t, `{"a": ["[MinKey, MaxKey]"]}`, mongotest.ValueJSON(want.Get("indexBounds")), f)
			continue
		}
		b := bsonraw.NewBuilder(nil)
		Explain(b, &Explanation{Plan: plan, Filter: filter})
		got := findScan(b.Finish().Get("queryPlanner").Doc().Get("winningPlan").Doc())
		for _, field := range []string{"indexName", "isMultiKey", "direction", "indexBounds"} {
			require.Equal(t, mongotest.ValueJSON(want.Get(field)), mongotest.ValueJSON(got.Get(field)), "%s of %s", field, f)
		}
	}
}

func operator(path, op string, v bsonraw.Value) bsonraw.Doc {
	return clause(path, op, v).Doc()
}

func explainFind(coll string, filter bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("explain")
	b.String("find", coll)
	b.Doc("filter", filter)
	b.End()
	b.String("verbosity", "queryPlanner")
	return b.Finish()
}

// findScan returns the IXSCAN of a plan, or an empty document.
func findScan(stage bsonraw.Doc) bsonraw.Doc {
	for stage != nil {
		if v := stage.Get("stage"); v.Type == bsonraw.String && v.Str() == "IXSCAN" {
			return stage
		}
		stage = stage.Get("inputStage").Doc()
	}
	return bsonraw.EmptyDoc
}

func parsed(t testing.TB, spec string) *Definition {
	t.Helper()
	def, err := ParseDefinition(mongotest.Docf("%s", spec))
	require.NoError(t, err)
	return def
}

func TestIntervals(t *testing.T) {
	n := func(i int32) bsonraw.Value { return bsonraw.Int32Value(i) }
	closed := func(a, b int32) interval { return interval{n(a), n(b), true, true} }
	require.Equal(t, "[[1, 5]]", show(union(intervals{closed(1, 3)}, intervals{closed(2, 5)})))
	require.Equal(t, "[[1, 5]]", show(normalize(intervals{{n(1), n(2), true, false}, closed(2, 5)})))
	require.Equal(t, "[[1, 2) (2, 5]]", show(normalize(intervals{{n(2), n(5), false, true}, {n(1), n(2), true, false}})))
	require.Equal(t, "[[2, 3]]", show(intersect(intervals{closed(1, 3)}, intervals{closed(2, 5)})))
	require.Equal(t, "[[3, 3]]", show(intersect(intervals{closed(1, 3)}, intervals{closed(3, 5)})))
	require.Equal(t, "[]", show(intersect(intervals{{n(1), n(3), true, false}}, intervals{closed(3, 5)})))
	require.Equal(t, "[[MinKey, 1) (3, MaxKey]]", show(complement(intervals{closed(1, 3)})))
	require.Equal(t, "[]", show(complement(allValues)))
	require.Equal(t, "[[MinKey, MaxKey]]", show(complement(nil)))
	require.True(t, intervals{closed(2, 3)}.within(intervals{closed(1, 3)}))
	require.False(t, intervals{closed(2, 4)}.within(intervals{closed(1, 3)}))
}

func show(l intervals) string {
	s := "["
	for i, iv := range l {
		if i > 0 {
			s += " "
		}
		s += iv.String()
	}
	return s + "]"
}

// TestRangesHoldTheInterval checks, for the zoo, that a key lies in the bytes of
// an interval exactly if the value lies in the interval, in both directions and
// behind a prefix.
func TestRangesHoldTheInterval(t *testing.T) {
	zoo := mongotest.Values()
	prefix := bsonraw.AppendKey(nil, bsonraw.StringValue("p"))
	for i := 0; i < len(zoo); i += 3 {
		for k := 0; k < len(zoo); k += 5 {
			for _, in := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
				iv := interval{zoo[i].Value, zoo[k].Value, in[0], in[1]}
				if iv.isEmpty() {
					continue
				}
				for _, desc := range []bool{false, true} {
					r := rangeOf(prefix, iv, desc)
					for _, s := range zoo {
						key := append(appendKey(append([]byte(nil), prefix...), s.Value, desc), 0x80, 0xFF)
						require.Equal(t, point(s.Value).within(intervals{iv}), r.holds(key), "%s in %s, desc %t", s.Name, iv, desc)
					}
				}
			}
		}
	}
}
