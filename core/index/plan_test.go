package index_test

import (
	"strings"
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/stretchr/testify/require"
)

// outline writes a plan's stages from the top: "SORT < FETCH < IXSCAN a [1, 1]".
func outline(plan bsonraw.Doc) string {
	var parts []string
	for stage := plan; stage != nil; stage = stage.Get("inputStage").Doc() {
		s := stage.Get("stage").Str()
		if name := stage.Get("indexName"); name.Type == bsonraw.String {
			s += " " + name.Str()
			for _, b := range stage.Get("indexBounds").Doc().Values() {
				var list []string
				for _, iv := range b.Doc().Values() {
					list = append(list, iv.Str())
				}
				s += " " + strings.Join(list, "|")
			}
		}
		if d := stage.Get("direction"); d.Type == bsonraw.String && d.Str() == "backward" {
			s += " backward"
		}
		for _, name := range []string{"limitAmount", "skipAmount"} {
			if n, ok := stage.Get(name).AsInt64(); ok {
				s += " " + bsonraw.Index(int(n))
			}
		}
		var children []string
		for _, c := range stage.Get("inputStages").Doc().Values() {
			children = append(children, outline(c.Doc()))
		}
		if children != nil {
			s += " (" + strings.Join(children, "; ") + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " < ")
}

func winning(t *testing.T, r *index.Request, e index.Explanation) string {
	t.Helper()
	p, err := index.Choose(r)
	require.NoError(t, err)
	e.Plan, e.Filter, e.Sort, e.Limit = p, r.Filter, r.Sort, r.Limit
	b := bsonraw.NewBuilder(nil)
	index.Explain(b, &e)
	return outline(b.Finish().Get("queryPlanner").Doc().Get("winningPlan").Doc())
}

// TestChoices fixes which plan is chosen among several.
func TestChoices(t *testing.T) {
	for _, c := range []struct {
		indexes      string // names of fields, "-" for descending, "," between parts, " " between indexes
		filter, sort string
		want         string
	}{
		{"", `{}`, `{}`, "COLLSCAN"},
		{"a", `{"b": 1}`, `{}`, "COLLSCAN"},
		{"a", `{}`, `{"_id": -1}`, "COLLSCAN backward"},
		{"a", `{"_id": 5}`, `{}`, "IDHACK"},
		{"a", `{"_id": 5, "a": 1}`, `{}`, "FETCH < IXSCAN _id_ [5, 5]"},
		{"a", `{"_id": {"$in": [3, 1, 1.0]}}`, `{"_id": -1}`, "FETCH < IXSCAN _id_ [3, 3]|[1, 1] backward"},
		{"a", `{"_id": {"$gt": 3}}`, `{"_id": 1}`, "FETCH < IXSCAN _id_ (3, inf.0]"},
		{"a", `{"_id": {"$gt": 5, "$lt": 5}}`, `{}`, "EOF"},
		{"a", `{"a": 5}`, `{}`, "FETCH < IXSCAN a [5, 5]"},
		{"a", `{"a": 5}`, `{"_id": 1}`, "FETCH < IXSCAN a [5, 5]"},
		{"a", `{"a": 5}`, `{"_id": -1}`, "FETCH < IXSCAN a [5, 5] backward"},
		{"a", `{"a": {"$in": [5, 6]}}`, `{"_id": 1}`, "SORT < FETCH < IXSCAN a [5, 5]|[6, 6]"},
		{"a", `{}`, `{"a": -1}`, "FETCH < IXSCAN a [MaxKey, MinKey] backward"},
		{"a", `{}`, `{"a": 1, "_id": 1}`, "FETCH < IXSCAN a [MinKey, MaxKey]"},
		{"a", `{}`, `{"a": 1, "_id": -1}`, "SORT < COLLSCAN"},
		{"a a,b", `{"a": 1, "b": 2}`, `{}`, "FETCH < IXSCAN a,b [1, 1] [2, 2]"},
		{"a,b a", `{"a": 1}`, `{}`, "FETCH < IXSCAN a [1, 1]"},
		{"a a,b", `{"a": 1}`, `{"b": 1}`, "FETCH < IXSCAN a,b [1, 1] [MinKey, MaxKey]"},
		{"a,c a,b", `{"a": 1, "c": {"$gt": 0}}`, `{"b": 1}`, "FETCH < IXSCAN a,b [1, 1] [MinKey, MaxKey]"},
		{"a,b", `{"a": 1}`, `{"b": -1}`, "FETCH < IXSCAN a,b [1, 1] [MaxKey, MinKey] backward"},
		{"a,-b", `{"a": 1}`, `{"a": 1, "b": 1}`, "FETCH < IXSCAN a,-b [1, 1] [MinKey, MaxKey] backward"},
		{"a,-b", `{}`, `{"a": 1, "b": 1}`, "SORT < COLLSCAN"},
		{"a b", `{"a": {"$gt": 1}}`, `{"b": 1}`, "SORT < FETCH < IXSCAN a (1, inf.0]"},
		{"a b", `{"a": {"$ne": 1}}`, `{"b": 1}`, "FETCH < IXSCAN b [MinKey, MaxKey]"},
		{"a b", `{"a": {"$gt": 1}, "b": 5}`, `{}`, "FETCH < IXSCAN b [5, 5]"},
		{"a,b", `{"b": 5}`, `{}`, "COLLSCAN"},
		{"a b", `{"$or": [{"a": 1}, {"b": 2}]}`, `{}`, "FETCH < OR (IXSCAN a [1, 1]; IXSCAN b [2, 2])"},
		{"a", `{"$or": [{"a": 1}, {"b": 2}]}`, `{}`, "COLLSCAN"},
		{"a", `{"$or": [{"a": 1}, {"a": {"$gt": 7}}]}`, `{}`, "FETCH < IXSCAN a [1, 1]|(7, inf.0]"},
		{"a b c", `{"c": 3, "$or": [{"a": 1}, {"b": 2}]}`, `{}`, "FETCH < IXSCAN c [3, 3]"},
		{"a", `{"a": {"$exists": true}}`, `{}`, "COLLSCAN"},
		{"a", `{"$nor": [{"a": 1}]}`, `{}`, "COLLSCAN"},
		{"a", `{"a": 1}`, `{"$natural": -1}`, "COLLSCAN backward"},
	} {
		t.Run(c.indexes+" "+c.filter+" "+c.sort, func(t *testing.T) {
			r := &index.Request{Filter: mongotest.Doc(c.filter), Sort: mongotest.Doc(c.sort), Limit: 10}
			for _, name := range strings.Fields(c.indexes) {
				r.Indexes = append(r.Indexes, index.Index{Definition: define(t, keysSpec(name))})
			}
			want := c.want
			if !strings.HasPrefix(want, "SORT") {
				want = "LIMIT 10 < " + want
			} else {
				want = "SORT 10" + strings.TrimPrefix(want, "SORT")
			}
			require.Equal(t, want, winning(t, r, index.Explanation{}))
		})
	}
}

// keysSpec makes a specification of "a,-b", which is also its name.
func keysSpec(name string) string {
	var keys []string
	for _, k := range strings.Split(name, ",") {
		path, desc := strings.CutPrefix(k, "-")
		n := "1"
		if desc {
			n = "-1"
		}
		keys = append(keys, `"`+path+`": `+n)
	}
	return `{"name": "` + name + `", "key": {` + strings.Join(keys, ", ") + `}}`
}

func TestSpecialIndexes(t *testing.T) {
	unique := index.Index{Definition: define(t, `{"key": {"a": 1}, "name": "unique", "unique": true}`)}
	compound := index.Index{Definition: define(t, `{"key": {"a": 1, "b": 1}, "name": "ab"}`)}
	sparse := index.Index{Definition: define(t, `{"key": {"a": 1}, "name": "sparse", "sparse": true}`)}
	partial := index.Index{Definition: define(t, `{"key": {"a": 1}, "name": "partial", "partialFilterExpression": {"b": {"$gt": 5}, "c": {"$exists": true}}}`)}
	hidden := index.Index{Definition: define(t, `{"key": {"a": 1}, "name": "hidden", "hidden": true}`)}
	plain := index.Index{Definition: define(t, `{"key": {"m": 1, "n": 1}, "name": "plain"}`)}
	multi := index.Index{Definition: plain.Definition, Multikey: 1}
	for _, c := range []struct {
		index  []index.Index
		filter string
		want   string
	}{
		{[]index.Index{compound, unique}, `{"a": 1, "b": 1}`, "FETCH < IXSCAN unique [1, 1]"},
		{[]index.Index{sparse}, `{"a": null}`, "COLLSCAN"},
		{[]index.Index{sparse}, `{"a": {"$ne": 1}}`, "COLLSCAN"},
		{[]index.Index{sparse}, `{"a": {"$exists": true}}`, "FETCH < IXSCAN sparse [MinKey, MaxKey]"},
		{[]index.Index{sparse}, `{"a": {"$in": [1, null]}}`, "COLLSCAN"},
		{[]index.Index{sparse}, `{"a": {"$gt": 1}}`, "FETCH < IXSCAN sparse (1, inf.0]"},
		{[]index.Index{partial}, `{"a": 1}`, "COLLSCAN"},
		{[]index.Index{partial}, `{"a": 1, "b": 6}`, "COLLSCAN"},
		{[]index.Index{partial}, `{"a": 1, "b": 5, "c": 1}`, "COLLSCAN"},
		{[]index.Index{partial}, `{"a": 1, "b": {"$gte": 5}, "c": 1}`, "COLLSCAN"},
		{[]index.Index{partial}, `{"a": 1, "b": {"$in": [6, 7]}, "c": {"$gt": 0}}`, "FETCH < IXSCAN partial [1, 1]"},
		{[]index.Index{partial}, `{"a": 1, "b": {"$gt": 5}, "c": {"$exists": true}}`, "FETCH < IXSCAN partial [1, 1]"},
		{[]index.Index{partial}, `{"a": 1, "b": 6, "c": null}`, "COLLSCAN"},
		{[]index.Index{partial}, `{"a": 1, "$and": [{"b": 6}, {"$or": [{"c": 1}, {"c": {"$gt": 7}}]}]}`, "FETCH < IXSCAN partial [1, 1]"},
		{[]index.Index{hidden}, `{"a": 1}`, "COLLSCAN"},
		{[]index.Index{plain}, `{"m": {"$gt": 1, "$lt": 5}}`, "FETCH < IXSCAN plain (1, 5) [MinKey, MaxKey]"},
		{[]index.Index{multi}, `{"m": {"$gt": 1, "$lt": 5}}`, "FETCH < IXSCAN plain (1, inf.0] [MinKey, MaxKey]"},
		{[]index.Index{multi}, `{"m": {"$elemMatch": {"$gt": 1, "$lt": 5}}}`, "FETCH < IXSCAN plain (1, 5) [MinKey, MaxKey]"},
		{[]index.Index{multi}, `{"m": 1, "n": 2}`, "FETCH < IXSCAN plain [1, 1] [2, 2]"},
	} {
		r := &index.Request{Filter: mongotest.Doc(c.filter), Indexes: c.index}
		require.Equal(t, c.want, winning(t, r, index.Explanation{}), c.filter)
	}
}

// TestMultikeyCompound: bounds on two paths under one array go together only
// where one element answers to both.
func TestMultikeyCompound(t *testing.T) {
	ix := index.Index{Definition: define(t, `{"key": {"a.b": 1, "a.c": 1}, "name": "x"}`), Multikey: 3}
	for filter, want := range map[string]string{
		`{"a.b": 1, "a.c": 2}`:                                "FETCH < IXSCAN x [1, 1] [MinKey, MaxKey]",
		`{"a": {"$elemMatch": {"b": 1, "c": 2}}}`:             "FETCH < IXSCAN x [1, 1] [2, 2]",
		`{"a": {"$elemMatch": {"b": 1}}, "a.c": 2}`:           "FETCH < IXSCAN x [1, 1] [MinKey, MaxKey]",
		`{"a.b": {"$gte": 1}, "a": {"$elemMatch": {"c": 2}}}`: "FETCH < IXSCAN x [1, inf.0] [MinKey, MaxKey]",
		`{"a": {"$elemMatch": {"b": 1, "b": {"$gt": 0}}}}`:    "FETCH < IXSCAN x [1, 1] [MinKey, MaxKey]",
	} {
		r := &index.Request{Filter: mongotest.Doc(filter), Indexes: []index.Index{ix}}
		require.Equal(t, want, winning(t, r, index.Explanation{}), filter)
	}
}

func TestHints(t *testing.T) {
	r := func(hint string) *index.Request {
		return &index.Request{Filter: mongotest.Doc(`{"a": 1}`), Hint: mongotest.Value(hint), Indexes: []index.Index{
			{Definition: define(t, `{"key": {"a": 1}, "name": "a"}`)},
			{Definition: define(t, `{"key": {"b": 1}, "name": "b", "sparse": true}`)},
			{Definition: define(t, `{"key": {"c": 1}, "name": "c", "hidden": true}`)},
			{Definition: define(t, `{"key": {"d": 1}, "name": "d1"}`)},
			{Definition: define(t, `{"key": {"d": 1}, "name": "d2", "unique": true}`)},
		}}
	}
	for hint, want := range map[string]string{
		`"a"`: "FETCH < IXSCAN a [1, 1]", `{"a": 1.0}`: "FETCH < IXSCAN a [1, 1]", `{}`: "FETCH < IXSCAN a [1, 1]",
		`"b"`: "FETCH < IXSCAN b [MinKey, MaxKey]", `"_id_"`: "COLLSCAN", `{"_id": 1}`: "COLLSCAN",
		`{"$natural": 1}`: "COLLSCAN", `{"$natural": -1}`: "COLLSCAN backward",
	} {
		require.Equal(t, want, winning(t, r(hint), index.Explanation{}), hint)
	}
	for hint, code := range map[string]errs.Code{
		`"nope"`: errs.BadValue, `{"z": 1}`: errs.BadValue, `"c"`: errs.BadValue, `5`: errs.FailedToParse, `{"d": 1}`: errs.IndexNotFound,
	} {
		_, err := index.Choose(r(hint))
		require.Equal(t, code, errs.CodeOf(err), hint)
	}
}

// TestExplainHasMongodsShape compares the stages of whole finds with mongod's.
func TestExplainHasMongodsShape(t *testing.T) {
	coll := mongotest.Collection(t)
	coll.MustRun(createIndexes(coll, mongotest.Doc(`{"key": {"a": 1}, "name": "a"}`), mongotest.Doc(`{"key": {"b": 1, "c": -1}, "name": "bc"}`)))
	coll.Insert(mongotest.Doc(`{"_id": 1, "a": 1}`))
	indexes := []index.Index{{Definition: define(t, `{"key": {"a": 1}, "name": "a"}`)}, {Definition: define(t, `{"key": {"b": 1, "c": -1}, "name": "bc"}`)}}
	for _, c := range []struct{ filter, more string }{
		{`{}`, `{}`},
		{`{"z": 1}`, `{"skip": 2}`},
		{`{"_id": 7}`, `{}`},
		{`{"a": 1}`, `{"limit": 3}`},
		{`{"a": 1, "z": {"$gt": 1}}`, `{"sort": {"z": 1}}`},
		{`{"a": {"$gt": 1}}`, `{"sort": {"z": 1}, "limit": 3, "skip": 1}`},
		{`{"b": 1}`, `{"sort": {"c": 1}}`},
		{`{"b": 1}`, `{"sort": {"c": -1}, "limit": 2}`},
		{`{"a": 1}`, `{"projection": {"x": 1}}`},
		{`{"a": 1}`, `{"projection": {"x.y": 1}, "limit": 1}`},
		{`{"z": 1}`, `{"projection": {"x": {"$slice": 1}}}`},
		{`{"b": {"$in": [1, 2]}, "c": {"$lt": 5}}`, `{}`},
		{`{"_id": {"$in": [1, 2]}}`, `{}`},
		{`{"_id": {"$gt": 1}, "z": 1}`, `{}`},
	} {
		b := bsonraw.NewBuilder(nil)
		b.BeginDoc("explain")
		b.String("find", coll.Name())
		b.Doc("filter", mongotest.Doc(c.filter))
		more := mongotest.Doc(c.more)
		it := more.Iter()
		for it.Next() {
			b.ValueBytes(it.Key(), it.Value())
		}
		b.End()
		b.String("verbosity", "queryPlanner")
		theirs := outline(coll.MustRun(b.Finish()).Get("queryPlanner").Doc().Get("winningPlan").Doc())
		limit, _ := more.Get("limit").AsInt64()
		skip, _ := more.Get("skip").AsInt64()
		r := &index.Request{Filter: mongotest.Doc(c.filter), Sort: more.Get("sort").Doc(), Limit: limit, Indexes: indexes}
		require.Equal(t, theirs, winning(t, r, index.Explanation{Projection: more.Get("projection").Doc(), Skip: skip}), "%s %s", c.filter, c.more)
	}
}

func TestExplainStats(t *testing.T) {
	filter := mongotest.Doc(`{"a": 1}`)
	p, err := index.Choose(&index.Request{Filter: filter, Indexes: []index.Index{{Definition: define(t, `{"key": {"a": 1}, "name": "a"}`)}}})
	require.NoError(t, err)
	b := bsonraw.NewBuilder(nil)
	index.Explain(b, &index.Explanation{Plan: p, Namespace: "shop.c", Filter: filter, Top: "COUNT", Stats: &index.Stats{Returned: 0, KeysExamined: 3, DocsExamined: 3, Matched: 3}})
	doc := b.Finish()
	require.NoError(t, bsonraw.Validate(doc))
	stats := doc.Get("executionStats").Doc()
	n, _ := stats.Get("totalKeysExamined").AsInt64()
	require.EqualValues(t, 3, n)
	require.Equal(t, "COUNT < FETCH < IXSCAN a [1, 1]", outline(stats.Get("executionStages").Doc()))
	require.JSONEq(t, `{"a": {"$eq": {"$numberInt": "1"}}}`, mongotest.JSON(doc.Get("queryPlanner").Doc().Get("parsedQuery").Doc()))
}
