package expr

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// accumulate runs an accumulator over documents as one group.
func accumulate(spec bsonraw.Value, docs []bsonraw.Doc) outcome {
	it := spec.Doc().Iter()
	it.Next()
	factory, err := CompileAccumulator(string(it.Key()), it.Value(), nil)
	if err != nil {
		return failure(err)
	}
	env := NewEnv(testNow)
	env.Reset(bsonraw.EmptyDoc)
	acc, err := factory.New(env)
	if err != nil {
		return failure(err)
	}
	for _, d := range docs {
		env.Reset(d)
		if err := acc.Add(env); err != nil {
			return failure(err)
		}
	}
	v, err := acc.Result(env)
	if err != nil {
		return failure(err)
	}
	return outcome{value: v.Clone()}
}

func groupOn(t *testing.T, db string, spec bsonraw.Value, docs []bsonraw.Doc) outcome {
	list := bson.A{}
	for _, d := range docs {
		list = append(list, bson.Raw(d))
	}
	command, err := bson.Marshal(bson.D{
		{Key: "aggregate", Value: int32(1)},
		{Key: "pipeline", Value: bson.A{
			bson.D{{Key: "$documents", Value: bson.D{{Key: "$literal", Value: list}}}},
			bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: nil}, {Key: "r", Value: raw(spec)}}}},
		}},
		{Key: "cursor", Value: bson.D{}},
	})
	require.NoError(t, err)
	reply, failed := mongotest.Run(t, db, command)
	if failed != nil {
		return outcome{code: errs.Code(failed.Code), message: failed.Message}
	}
	first := elementAt(reply.Get("cursor").Doc().Get("firstBatch").Doc(), 0)
	return outcome{value: first.Doc().Get("r")}
}

var accumulatorSpecs = []string{
	`{"$sum": "$a"}`, `{"$avg": "$a"}`, `{"$min": "$a"}`, `{"$max": "$a"}`, `{"$first": "$a"}`, `{"$last": "$a"}`,
	`{"$push": "$a"}`, `{"$push": {"x": "$a", "y": "$b"}}`, `{"$addToSet": "$a"}`, `{"$count": {}}`, `{"$mergeObjects": "$a"}`,
	`{"$stdDevPop": "$a"}`, `{"$stdDevSamp": "$a"}`, `{"$sum": 1}`, `{"$sum": {"$add": ["$a", "$b"]}}`, `{"$push": "$$ROOT"}`,
	`{"$firstN": {"n": 2, "input": "$a"}}`, `{"$lastN": {"n": 2, "input": "$a"}}`, `{"$firstN": {"n": 200, "input": "$a"}}`, `{"$lastN": {"n": 200, "input": "$a"}}`,
	`{"$minN": {"n": 3, "input": "$a"}}`, `{"$maxN": {"n": 3, "input": "$a"}}`, `{"$minN": {"n": 200, "input": "$a"}}`, `{"$maxN": {"n": 200, "input": "$a"}}`,
	`{"$top": {"sortBy": {"a": 1}, "output": "$b"}}`, `{"$bottom": {"sortBy": {"a": 1}, "output": ["$a", "$b"]}}`,
	`{"$topN": {"n": 3, "sortBy": {"a": -1}, "output": "$a"}}`, `{"$bottomN": {"n": 3, "sortBy": {"a": -1}, "output": "$a"}}`,
	`{"$topN": {"n": 200, "sortBy": {"a": 1, "b": -1}, "output": "$a"}}`, `{"$bottomN": {"n": 200, "sortBy": {"b": 1, "a": 1}, "output": "$b"}}`,
	`{"$topN": {"n": 4, "sortBy": {"a.b": 1}, "output": "$a"}}`, `{"$topN": {"n": 2, "sortBy": {}, "output": "$a"}}`,
	// What does not compile, or fails.
	`{"$foo": 1}`, `{"$sum": ["$a"]}`, `{"$count": 1}`, `{"$count": null}`, `{"$firstN": 5}`, `{"$firstN": {"n": 2}}`, `{"$firstN": {"input": 2}}`,
	`{"$firstN": {"n": 0, "input": "$a"}}`, `{"$lastN": {"n": "x", "input": "$a"}}`, `{"$minN": {"n": 1.5, "input": "$a"}}`, `{"$maxN": 5}`, `{"$maxN": {"n": "$a", "input": "$a"}}`,
	`{"$topN": 5}`, `{"$topN": {}}`, `{"$topN": {"n": 1}}`, `{"$topN": {"n": 1, "output": 1}}`, `{"$topN": {"n": 1, "sortBy": 5, "output": 1}}`,
	`{"$topN": {"n": 1, "sortBy": {"x": 2}, "output": 1}}`, `{"$topN": {"n": 1, "sortBy": {"x": 1}, "output": 1, "z": 1}}`, `{"$top": {"n": 1, "sortBy": {"x": 1}, "output": 1}}`,
	`{"$top": {"sortBy": {"x": 1}}}`, `{"$topN": {"sortBy": {"x": 1}, "output": "$x"}}`, `{"$min": {"$divide": [1, 0]}}`, `{"$sum": {"$toInt": "z"}}`,
	`{"$top": {"sortBy": {"x": "y"}, "output": 1}}`, `{"$top": {"sortBy": {"": 1}, "output": 1}}`, `{"$top": {"sortBy": {"x.": 1}, "output": 1}}`, `{"$top": {"sortBy": {"$x": 1}, "output": 1}}`,
}

// TestAccumulators compares accumulators with mongod over groups drawn from
// the zoo.
func TestAccumulators(t *testing.T) {
	db := mongotest.Database(t)
	random := rand.New(rand.NewPCG(3, 3))
	values := zoo()
	var numbers, objects []bsonraw.Value
	// mongod's $top and $bottom refuse sort keys with a field "0".
	values = slices.DeleteFunc(values, func(v bsonraw.Value) bool { return strings.Contains(mongotest.ValueJSON(v), `"0":`) })
	for _, v := range values {
		if v.IsNumber() || v.IsNullish() {
			numbers = append(numbers, v)
		}
		if v.Type == bsonraw.Object || v.IsNullish() {
			objects = append(objects, v)
		}
	}
	groups := 6
	if *long {
		groups = 60
	}
	for _, spec := range accumulatorSpecs {
		v := mongotest.Value(spec)
		for g := range groups {
			from := [][]bsonraw.Value{values, numbers, objects}[g%3]
			var docs []bsonraw.Doc
			for range 1 + random.IntN(20) {
				docs = append(docs, docOf("ab", from[random.IntN(len(from))], from[random.IntN(len(from))]))
			}
			got, want := accumulate(v, docs), groupOn(t, db, v, docs)
			if strings.Contains(spec, "$addToSet") {
				got.value, want.value = asSet(got.value), asSet(want.value)
			}
			if !got.same(want) {
				t.Errorf("%s over %s:\n  got  %v\n  want %v", spec, listJSON(docs), got, want)
			}
		}
	}
}

// asSet sorts an array by its elements' text: mongod gives a set in no order.
func asSet(v bsonraw.Value) bsonraw.Value {
	if v.Type != bsonraw.Array {
		return v
	}
	vs := v.Doc().Values()
	slices.SortFunc(vs, func(a, b bsonraw.Value) int { return strings.Compare(mongotest.ValueJSON(a), mongotest.ValueJSON(b)) })
	return bsonraw.ArrayValue(vs...)
}

func listJSON(docs []bsonraw.Doc) string {
	var texts []string
	for _, d := range docs {
		texts = append(texts, mongotest.JSON(d))
	}
	return fmt.Sprint(texts)
}

// TestAccumulatorsAreReused: a reset accumulator is as a new one, and Result
// may be asked for between additions.
func TestAccumulatorsAreReused(t *testing.T) {
	for _, spec := range accumulatorSpecs[:32] {
		it := mongotest.Value(spec).Doc().Iter()
		it.Next()
		factory, err := CompileAccumulator(string(it.Key()), it.Value(), nil)
		require.NoError(t, err)
		env := NewEnv(testNow)
		env.Reset(bsonraw.EmptyDoc)
		acc, err := factory.New(env)
		require.NoError(t, err)
		docs := []bsonraw.Doc{
			mongotest.Doc(`{"a": {"b": 2}, "b": 1}`), mongotest.Doc(`{"a": {"b": 1}, "b": 2}`),
			mongotest.Doc(`{"a": {"b": 3, "c": 1}, "b": 0}`), mongotest.Doc(`{"b": 7}`),
		}
		for range 2 {
			for i, d := range docs {
				env.Reset(d)
				err := acc.Add(env)
				if err != nil {
					break // $add of an object, the same in accumulate
				}
				got, err := acc.Result(env)
				require.NoError(t, err)
				require.True(t, accumulate(mongotest.Value(spec), docs[:i+1]).same(outcome{value: got}), spec)
			}
			require.Positive(t, acc.Size())
			acc.Reset()
		}
	}
}

func TestAccumulatorCountMayDependOnTheKey(t *testing.T) {
	factory, err := CompileAccumulator("$firstN", mongotest.Value(`{"n": "$k", "input": "$a"}`), nil)
	require.NoError(t, err)
	env := NewEnv(testNow)
	env.Reset(mongotest.Doc(`{"k": 2}`))
	acc, err := factory.New(env)
	require.NoError(t, err)
	for i := range 3 {
		env.Reset(mongotest.Docf(`{"a": %d}`, i))
		require.NoError(t, acc.Add(env))
	}
	v, err := acc.Result(env)
	require.NoError(t, err)
	require.True(t, identical(mongotest.Value(`[0, 1]`), v))
	require.False(t, IsAccumulator("$foo"))
	require.True(t, IsAccumulator("$topN"))
	_, err = CompileAccumulator("$accumulator", mongotest.Value(`{}`), nil)
	require.True(t, errs.Is(err, errs.InvalidPipelineOperator))
}
