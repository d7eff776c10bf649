package query

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestExprAgreesWithMongod(t *testing.T) {
	o := newOracle(t, mongotest.Documents())
	for _, f := range []string{
		`{"$expr": {"$gt": ["$a", 1]}}`, `{"$expr": {"$eq": ["$a.b", [1]]}}`, `{"$expr": "$a"}`, `{"$expr": "$a.b"}`, `{"$expr": true}`, `{"$expr": {"$literal": 0}}`,
		`{"$expr": {"$eq": ["$a", null]}}`, `{"$expr": {"$lt": ["$a", "$_id"]}, "a": {"$exists": true}}`, `{"$or": [{"$expr": {"$eq": ["$_id", 5]}}, {"a": 1}]}`,
		`{"$nor": [{"$expr": {"$in": ["$_id", [1, 2, 3]]}}, {"a": {"$type": "array"}}]}`, `{"$expr": {"$divide": [1, 0]}}`, `{"$expr": {"$foo": 1}}`, `{"$expr": {"$divide": [1, "$_id"]}}`,
		`{"$and": [{"_id": {"$gt": 0}}, {"$expr": {"$gt": [{"$divide": [100, "$_id"]}, 7]}}]}`, `{"$expr": {"$and": ["$a", {"$ne": ["$a", 1]}]}}`, `{"$expr": "$$nope"}`, `{"$expr": {"$let": {"vars": {"x": "$a"}, "in": {"$eq": ["$$x", 5]}}}}`,
	} {
		o.checkRun(mongotest.Doc(f))
	}
}

// checkRun is check for filters that may fail on a document.
func (o *oracle) checkRun(filter bsonraw.Doc) {
	found, theirs := o.coll.Find(filter, mongotest.Doc(`{"projection": {"_id": 1}}`))
	f, err := Compile(filter, nil)
	got := []int32{}
	for _, d := range o.docs {
		if err != nil {
			break
		}
		var ok bool
		if ok, err = f.Match(d); ok {
			got = append(got, d.Get("_id").Int32())
		}
	}
	if err != nil || theirs != nil {
		require.Error(o.t, err, mongotest.JSON(filter))
		require.NotNil(o.t, theirs, "%s: %v", mongotest.JSON(filter), err)
		require.Equal(o.t, theirs.Code, int32(errs.CodeOf(err)), "%s: %v, want %v", mongotest.JSON(filter), err, theirs)
		return
	}
	require.Equal(o.t, ids(found), got, mongotest.JSON(filter))
}

func TestVariablesReachExpressions(t *testing.T) {
	doc := mongotest.Doc(`{"_id": 1, "a": 5}`)
	var vars *expr.Vars
	constant := vars.WithConstant("limit", bsonraw.Int32Value(4))
	f, err := Compile(mongotest.Doc(`{"$expr": {"$gt": ["$a", "$$limit"]}}`), &Options{Vars: constant})
	require.NoError(t, err)
	require.True(t, f.HasExpr())
	matched, err := f.Match(doc)
	require.NoError(t, err)
	require.True(t, matched)

	bound, slot := vars.With("limit")
	f, err = Compile(mongotest.Doc(`{"$expr": {"$gt": ["$a", "$$limit"]}}`), &Options{Vars: bound})
	require.NoError(t, err)
	p, err := CompileProjectStage(mongotest.Doc(`{"x": {"$add": ["$a", "$$limit"]}}`), &Options{Vars: bound})
	require.NoError(t, err)
	env := expr.NewEnv(time.Unix(0, 0))
	for limit, want := range map[int32]bool{4: true, 5: false} {
		env.Set(slot, bsonraw.Int32Value(limit))
		env.Reset(doc)
		matched, err := f.MatchEnv(env)
		require.NoError(t, err)
		require.Equal(t, want, matched)
		var dst bsonraw.Builder
		got, err := p.ApplyEnv(env, &dst)
		require.NoError(t, err)
		require.Equal(t, mongotest.JSON(mongotest.Docf(`{"_id": 1, "x": %d}`, 5+limit)), mongotest.JSON(got))
	}
}

func TestNowIsOneMoment(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	p, err := CompileAddFields(mongotest.Doc(`{"t": "$$NOW"}`), &Options{Now: now})
	require.NoError(t, err)
	var dst bsonraw.Builder
	got, err := p.Apply(bsonraw.EmptyDoc, &dst)
	require.NoError(t, err)
	require.Equal(t, now.UTC(), got.Get("t").Time())
}

func TestDepsNameWhatIsRead(t *testing.T) {
	deps := func(add func(d *expr.Deps)) ([]string, bool) {
		var d expr.Deps
		add(&d)
		slices.Sort(d.Paths)
		return slices.Compact(d.Paths), d.Whole
	}
	f, err := Compile(mongotest.Doc(`{"a.b": 1, "$or": [{"c": 2}, {"$expr": {"$eq": ["$d.e", 1]}}], "f": {"$elemMatch": {"g": 1}}}`), nil)
	require.NoError(t, err)
	paths, whole := deps(f.AddDeps)
	require.Equal(t, []string{"a.b", "c", "d.e", "f"}, paths)
	require.False(t, whole)

	p, err := CompileProjectStage(mongotest.Doc(`{"a": 1, "b": {"c": "$x.y"}}`), nil)
	require.NoError(t, err)
	paths, whole = deps(p.AddDeps)
	require.Equal(t, []string{"_id", "a", "b.c", "x.y"}, paths)
	require.False(t, whole)
	require.True(t, p.IsInclusion())

	p, err = CompileProjectStage(mongotest.Doc(`{"a": 0}`), nil)
	require.NoError(t, err)
	_, whole = deps(p.AddDeps)
	require.True(t, whole)
}

func TestWhatIsNotThereNamesItself(t *testing.T) {
	for filter, name := range map[string]string{
		`{"$where": "1"}`: "$where", `{"$text": {"$search": "x"}}`: "$text", `{"a": {"$near": [1, 1]}}`: "$near", `{"a": {"$geoWithin": {}}}`: "$geoWithin",
		`{"a": {"$geoIntersects": {}}}`: "$geoIntersects", `{"a": {"$nearSphere": []}}`: "$nearSphere", `{"$jsonSchema": {"encrypt": {}}}`: "encrypt",
	} {
		_, err := Compile(mongotest.Doc(filter), nil)
		require.True(t, errs.Is(err, errs.NotSupported), filter)
		require.Contains(t, err.Error(), name)
	}
}

func TestNestingIsBounded(t *testing.T) {
	deep := mongotest.Doc(`{"a": 1}`)
	for range 2 * MaxDepth {
		b := bsonraw.NewBuilder(nil)
		b.Array("$and", bsonraw.ArrayOf(deep.Value()))
		deep = b.Finish().Clone()
	}
	_, err := Compile(deep, nil)
	require.True(t, errs.Is(err, errs.BadValue))

	spec := mongotest.Doc(`{"a": 1}`)
	for range 2 * maxPathParts {
		b := bsonraw.NewBuilder(nil)
		b.Doc("a", spec)
		spec = b.Finish().Clone()
	}
	_, err = CompileProjection(spec, nil, nil)
	require.True(t, errs.Is(err, errs.Overflow))
	_, err = CompileAddFields(spec, nil)
	require.True(t, errs.Is(err, errs.Overflow))
}
