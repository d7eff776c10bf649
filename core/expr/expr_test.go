package expr

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func mustCompile(t testing.TB, text string, o *Options) Expr {
	e, err := Compile(mongotest.Value(text), o)
	require.NoError(t, err, text)
	return e
}

func evalOn(t testing.TB, e Expr, env *Env, doc string) string {
	env.Reset(mongotest.Doc(doc))
	v, err := e.Eval(env)
	require.NoError(t, err)
	return mongotest.ValueJSON(v)
}

func TestVariables(t *testing.T) {
	var vars *Vars
	vars, x := vars.With("x")
	vars = vars.WithConstant("k", mongotest.Value(`{"a": [{"b": 2}, {"b": 3}]}`))
	vars, current := vars.With("CURRENT")
	o := &Options{Vars: vars}

	env := NewEnv(testNow)
	env.Set(x, mongotest.Value(`"bound"`))
	env.Set(current, mongotest.Value(`{"a": "of CURRENT"}`))
	for text, want := range map[string]string{
		`"$$x"`:        `"bound"`,
		`"$$x.y"`:      `missing`,
		`"$$k.a.b"`:    `[{"$numberInt":"2"},{"$numberInt":"3"}]`,
		`"$a"`:         `"of CURRENT"`,
		`"$$CURRENT"`:  `{"a":"of CURRENT"}`,
		`"$$ROOT.a"`:   `"of ROOT"`,
		`"$$NOW"`:      `{"$date":{"$numberLong":"1700000000123"}}`,
		`"$$REMOVE"`:   `missing`,
		`["$$REMOVE"]`: `[null]`,
		`{"$let": {"vars": {"x": 1}, "in": {"$let": {"vars": {"x": 2, "y": "$$x"}, "in": ["$$x", "$$y"]}}}}`:                          `[{"$numberInt":"2"},{"$numberInt":"1"}]`,
		`{"$let": {"vars": {"x": {"$let": {"vars": {"q": 5}, "in": "$$q"}}}, "in": "$$x"}}`:                                           `{"$numberInt":"5"}`,
		`{"$map": {"input": [[1, 2], [3]], "as": "o", "in": {"$map": {"input": "$$o", "as": "i", "in": ["$$i", {"$size": "$$o"}]}}}}`: `[[[{"$numberInt":"1"},{"$numberInt":"2"}],[{"$numberInt":"2"},{"$numberInt":"2"}]],[[{"$numberInt":"3"},{"$numberInt":"1"}]]]`,
	} {
		require.Equal(t, want, evalOn(t, mustCompile(t, text, o), env, `{"a": "of ROOT"}`), text)
	}
	v, ok := Constant(mustCompile(t, `{"$size": "$$k.a"}`, o))
	require.True(t, ok)
	require.Equal(t, int32(2), v.Int32())

	_, err := mustCompile(t, `"$$CLUSTER_TIME"`, nil).Eval(env)
	require.EqualValues(t, 51144, errs.CodeOf(err))
	env.ClusterTime = bsonraw.TimestampValue(5, 6)
	require.Equal(t, `{"$timestamp":{"t":5,"i":6}}`, evalOn(t, mustCompile(t, `"$$CLUSTER_TIME"`, nil), env, `{}`))
	_, err = Compile(mongotest.Value(`"$$x"`), nil)
	require.EqualValues(t, 17276, errs.CodeOf(err))
	for name, ok := range map[string]bool{"a": true, "aB_1": true, "CURRENT": true, "é": true, "": false, "A": false, "_a": false, "1": false, "a-b": false, "ROOT": false} {
		require.Equal(t, ok, ValidateVarName(name) == nil, name)
	}
}

func TestWhatIsAbsentSaysSo(t *testing.T) {
	for _, op := range []string{"$function", "$meta", "$toHashedIndexKey"} {
		_, err := Compile(mongotest.Value(`{"`+op+`": {}}`), nil)
		require.True(t, errs.Is(err, errs.InvalidPipelineOperator))
		require.ErrorContains(t, err, op)
		require.ErrorContains(t, err, ": ")
	}
	for _, op := range []string{"$median", "$percentile", "$bitAnd", "$toUUID", "$foo", "$"} {
		_, err := Compile(mongotest.Value(`{"`+op+`": 1}`), nil)
		require.EqualError(t, err, "Unrecognized expression '"+op+"'")
	}
}

func TestDeps(t *testing.T) {
	for text, want := range map[string]Deps{
		`"$a.b"`:                                      {Paths: []string{"a.b"}},
		`{"$add": ["$a", "$b.c", "$a"]}`:              {Paths: []string{"a", "b.c"}},
		`"$$ROOT"`:                                    {Whole: true},
		`["$$CURRENT.x", "$$NOW", "$$REMOVE"]`:        {Paths: []string{"x"}},
		`{"$literal": "$a"}`:                          {},
		`{"$map": {"input": "$a", "in": "$$this.b"}}`: {Paths: []string{"a"}},
		`{"$getField": "x"}`:                          {Whole: true},
		`{"$switch": {"branches": [{"case": "$a", "then": "$b"}], "default": "$c"}}`: {Paths: []string{"c", "a", "b"}},
		`{"$dateToString": {"date": "$a", "timezone": "$z"}}`:                        {Paths: []string{"a", "z"}},
	} {
		var got Deps
		AddDeps(mustCompile(t, text, nil), &got)
		require.Equal(t, want, got, text)
	}
}

func TestShortCircuits(t *testing.T) {
	env := NewEnv(testNow)
	for text, want := range map[string]string{
		`{"$and": ["$none", {"$divide": [1, "$zero"]}]}`:                   "false",
		`{"$or": ["$one", {"$divide": [1, "$zero"]}]}`:                     "true",
		`{"$and": [{"$divide": [1, "$zero"]}, false]}`:                     "false",
		`{"$cond": ["$one", 1, {"$divide": [1, "$zero"]}]}`:                `{"$numberInt":"1"}`,
		`{"$ifNull": ["$one", {"$divide": [1, "$zero"]}]}`:                 `{"$numberInt":"1"}`,
		`{"$add": ["$none", {"$divide": [1, "$zero"]}]}`:                   "null",
		`{"$concat": ["$none", {"$toString": {"$divide": [1, "$zero"]}}]}`: "null",
	} {
		require.Equal(t, want, evalOn(t, mustCompile(t, text, nil), env, `{"zero": 0, "one": 1}`), text)
	}
}

// TestResultsLiveUntilReset evaluates random expressions one after the other
// without a reset: no result may be overwritten by a later one.
func TestResultsLiveUntilReset(t *testing.T) {
	g := &growing{Rand: rand.New(rand.NewPCG(9, 9))}
	for _, doc := range randomDocs {
		env := NewEnv(testNow)
		for range 5 {
			env.Reset(doc)
			type result struct{ got, copy bsonraw.Value }
			var results []result
			for range 200 {
				v := g.grow(kind(g.IntN(int(kinds))), 4)
				x, err := Compile(bsonraw.Value{Type: bsonraw.Type(v.Type), Data: v.Value}, nil)
				if err != nil {
					continue
				}
				if got, err := x.Eval(env); err == nil {
					results = append(results, result{got, got.Clone()})
				}
			}
			require.NotEmpty(t, results)
			for _, r := range results {
				require.True(t, bsonraw.Identical(r.got, r.copy))
			}
		}
	}
}

// TestExprIsShared: one compiled expression, many goroutines.
func TestExprIsShared(t *testing.T) {
	x := mustCompile(t, `{"$reduce": {"input": "$r", "initialValue": "", "in": {"$concat": ["$$value", {"$toString": "$$this"}, {"$cond": [{"$regexMatch": {"input": "$s", "regex": "^a"}}, "+", "-"]}]}}}`, nil)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			env := NewEnv(time.Time{})
			doc, want := `{"r": [1, 2, 3], "s": "abc"}`, `"1+2+3+"`
			if i%2 == 1 {
				doc, want = `{"r": [7], "s": "xyz"}`, `"7-"`
			}
			for range 200 {
				env.Reset(mongotest.Doc(doc))
				v, err := x.Eval(env)
				if err != nil || mongotest.ValueJSON(v) != want {
					t.Errorf("got %v, %v, want %s", mongotest.ValueJSON(v), err, want)
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestNoAllocations holds what the package promises of a warm Env.
func TestNoAllocations(t *testing.T) {
	env := NewEnv(testNow)
	for _, text := range []string{
		`"$a"`, `"$addr.geo.lat"`, `{"$add": ["$a", "$b"]}`, `{"$multiply": ["$a", "$b", 2]}`, `{"$gt": ["$a", 3]}`,
		`{"$cond": [{"$and": [{"$gt": ["$a", 3]}, "$b"]}, "$b", 0]}`, `{"$concat": ["$name", "!"]}`, `{"x": "$a", "y": ["$b"]}`,
		`"$items.p"`, `{"$sum": {"$map": {"input": "$items", "in": {"$multiply": ["$$this.p", "$$this.q"]}}}}`, `{"$year": "$at"}`,
	} {
		x := mustCompile(t, text, nil)
		n := testing.AllocsPerRun(100, func() {
			env.Reset(benchDoc)
			if _, err := x.Eval(env); err != nil {
				t.Error(err)
			}
		})
		require.Zero(t, n, text)
	}
	for _, spec := range []string{`{"$sum": "$a"}`, `{"$avg": "$b"}`, `{"$min": "$a"}`, `{"$max": "$name"}`, `{"$count": {}}`, `{"$addToSet": "$name"}`} {
		it := mongotest.Value(spec).Doc().Iter()
		it.Next()
		factory, err := CompileAccumulator(string(it.Key()), it.Value(), nil)
		require.NoError(t, err)
		acc, err := factory.New(nil)
		require.NoError(t, err)
		n := testing.AllocsPerRun(100, func() {
			env.Reset(benchDoc)
			if err := acc.Add(env); err != nil {
				t.Error(err)
			}
		})
		require.Zero(t, n, spec)
	}
}
