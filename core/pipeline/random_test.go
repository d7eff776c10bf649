package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/pipeline"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// genStage makes a stage that cannot fail on the documents of shop, with names
// that meet those of other stages often. Where documents are put in an order it
// is a total one.
func genStage(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		path := func() string {
			return rapid.SampledFrom([]string{"_id", "cust", "status", "qty", "tags", "items", "items.n", "items.sku", "a", "a.b", "x", "n"}).Draw(t, "path")
		}
		pick := func(texts ...string) string { return rapid.SampledFrom(texts).Draw(t, "form") }
		n := rapid.IntRange(1, 6).Draw(t, "n")
		switch rapid.IntRange(0, 13).Draw(t, "stage") {
		case 0, 1:
			return fmt.Sprintf(`{"$match": {%q: %s}}`, path(), pick(`{"$gt": 2}`, `"A"`, `null`, `{"$ne": 1}`, `{"$exists": true}`, `{"$in": [1, "x", "a"]}`, `{"$type": "array"}`))
		case 2:
			return pick(`{"$match": {"$expr": {"$lt": ["$qty", "$n"]}}}`, `{"$match": {"$or": [{"x": 1}, {"status": "A"}]}}`, `{"$match": {}}`)
		case 3:
			p := path()
			return fmt.Sprintf(`{"$project": {%q: %s, "y": %s}}`, p, pick("1", "true"), pick(`"$qty"`, `{"$type": "$cust"}`, `1`, `{"y": "$a.b"}`))
		case 4:
			return fmt.Sprintf(`{"$project": {%q: 0}}`, path())
		case 5:
			return fmt.Sprintf(`{"$addFields": {%q: %s}}`, pick("x", "n", "a.b", "items.n", "status", "qty"), pick(`"$_id"`, `{"$size": {"$ifNull": [[1, 2], []]}}`, `"$$REMOVE"`, `[1, "$qty"]`, `"$tags"`))
		case 6:
			return fmt.Sprintf(`{"$unset": %q}`, path())
		case 7:
			return fmt.Sprintf(`{"$unwind": {"path": "$%s", "preserveNullAndEmptyArrays": %t}}`, path(), rapid.Bool().Draw(t, "preserve"))
		case 8:
			return fmt.Sprintf(`{"$limit": %d}`, n)
		case 9:
			return fmt.Sprintf(`{"$skip": %d}`, n-1)
		case 10:
			return fmt.Sprintf(`{"$lookup": {"from": "customers", "localField": %q, "foreignField": %q, "as": %q}}`, path(), pick("_id", "refs", "name", "links.to"), pick("x", "items", "a.b"))
		case 11:
			return `{"$lookup": {"from": "customers", "let": {"v": "$cust"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$_id", "$$v"]}}}, {"$project": {"name": 1}}], "as": "x"}}`
		case 12:
			if depth > 0 {
				return fmt.Sprintf(`{"$facet": {"n": [%s], "x": [%s]}}`, genStage(0).Filter(facetStage).Draw(t, "first"), genStage(0).Filter(facetStage).Draw(t, "second"))
			}
		}
		return fmt.Sprintf(`{"$replaceRoot": {"newRoot": {"$mergeObjects": [%s, %s]}}}`, pick(`"$$ROOT"`, `{"n": "$qty"}`), pick(`{"x": 1}`, `{"status": "$_id"}`, `"$$ROOT"`))
	})
}

func facetStage(s string) bool { return !strings.Contains(s, "$lookup") }

func genPipeline() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return "[" + strings.Join(rapid.SliceOfN(genStage(1), 1, 6).Draw(t, "stages"), ", ") + "]"
	})
}

// TestRewritingKeepsResults runs random pipelines as a whole and stage by stage.
func TestRewritingKeepsResults(t *testing.T) {
	m := shop()
	rapid.Check(t, func(t *rapid.T) {
		text := genPipeline().Draw(t, "pipeline")
		got, err := m.aggregate(t.Context(), stagesOf(text), testOptions())
		require.NoError(t, err)
		docs := m["c"]
		for _, s := range stagesOf(text) {
			p, err := pipeline.Compile([]bsonraw.Doc{s}, testOptions())
			require.NoError(t, err)
			it, err := p.Run(t.Context(), &slice{docs: docs}, m)
			require.NoError(t, err)
			docs, err = all(t.Context(), it)
			require.NoError(t, err)
		}
		require.Equal(t, lines(docs, text), lines(got, text))
	})
}

// TestRandomPipelinesAreMongods runs random pipelines on both.
func TestRandomPipelinesAreMongods(t *testing.T) {
	s := newServer(t, shop())
	rapid.Check(t, func(rt *rapid.T) {
		text := genPipeline().Draw(rt, "pipeline")
		stages := stagesOf(text)
		if meetsGaps(stages) {
			return
		}
		want, failed := s.coll.Aggregate(unhurried(stages)...)
		got, err := s.mem.aggregate(rt.Context(), stages, testOptions())
		require.Nil(rt, failed, text)
		require.NoError(rt, err, text)
		if reusesPlace(stages) {
			require.Equal(rt, byName(want), byName(got), text)
			return
		}
		require.Equal(rt, lines(want, text), lines(got, text), text)
	})
}

// unhurried keeps mongod from two things that it makes of a pipeline. Its second
// engine, which it may take for the first stages, moves the field that a $lookup
// replaces to the end, which the same stage behind an $addFields does not. And it
// moves a $match on a before an $addFields of a.b, which changes a.
func unhurried(stages []bsonraw.Doc) (out []bsonraw.Doc) {
	barrier := stagesOf(`[{"$_internalInhibitOptimization": {}}]`)[0]
	added := false
	for _, st := range stages {
		join := st.Get("$lookup")
		if !join.IsMissing() && join.Doc().Get("pipeline").IsMissing() {
			out = append([]bsonraw.Doc{barrier}, out...)
		}
		if added && !st.Get("$match").IsMissing() {
			out = append(out, barrier)
		}
		added = added || !st.Get("$addFields").IsMissing()
		out = append(out, st)
	}
	return out
}

// reusesPlace reports whether a stage sets a field that one before it removed. In
// mongod it gets its old place back, as long as no stage has made a new document;
// here a new field is the last one, always.
func reusesPlace(stages []bsonraw.Doc) bool {
	removed, found := map[string]bool{}, false
	set := func(path string) {
		for gone := range removed {
			found = found || path == gone || strings.HasPrefix(path, gone+".")
		}
	}
	for _, st := range withFacets(stages) {
		it := st.Iter()
		it.Next()
		v := it.Value()
		switch string(it.Key()) {
		case "$unset":
			removed[v.Str()] = true
		case "$lookup":
			set(v.Doc().Get("as").Str())
		case "$unwind":
			removed[v.Doc().Get("path").Str()[1:]] = true // where there is nothing to unwind
		case "$project", "$addFields":
			for it := v.Doc().Iter(); it.Next(); {
				name := string(it.Key())
				set(name)
				if !it.Value().Truthy() || it.Value().Type == bsonraw.String {
					// "$$REMOVE", or the path of what may not be there
					removed[name] = true
				}
				if top, _, dotted := strings.Cut(name, "."); dotted {
					removed[top] = true // that it was looked for is enough
				}
			}
		}
	}
	return found
}

// meetsGaps reports whether a stage looks at an array of which a $project took parts
// of the elements. In mongod an element that has none is gone from the result, but
// $unwind makes a document of it, and a field that is set in it brings it back.
func meetsGaps(stages []bsonraw.Doc) bool {
	gaps, met := map[string]bool{}, false
	meet := func(path string) {
		top, _, _ := strings.Cut(path, ".")
		met = met || gaps[top]
	}
	for _, st := range withFacets(stages) {
		if path := st.Get("$unwind").Doc().Get("path"); !path.IsMissing() {
			meet(path.Str()[1:])
		}
		if path := st.Get("$lookup").Doc().Get("as"); !path.IsMissing() {
			meet(path.Str())
		}
		for it := st.Get("$addFields").Doc().Iter(); it.Next(); {
			meet(string(it.Key()))
		}
		for it := st.Get("$project").Doc().Iter(); it.Next(); {
			if top, _, dotted := strings.Cut(string(it.Key()), "."); dotted {
				gaps[top] = true
			}
		}
	}
	return met
}

// withFacets returns stages with those of $facets among them.
func withFacets(stages []bsonraw.Doc) (all []bsonraw.Doc) {
	for _, st := range stages {
		all = append(all, st)
		for it := st.Get("$facet").Doc().Iter(); it.Next(); {
			for _, inner := range it.Value().Doc().Values() {
				all = append(all, inner.Doc())
			}
		}
	}
	return all
}

func byName(docs []bsonraw.Doc) (out []string) {
	for _, d := range docs {
		out = append(out, mongotest.ByName(d.Value()))
	}
	return out
}

// FuzzStage compiles stages of any bytes and runs what compiles: no panic, and
// every error is one of ours.
func FuzzStage(f *testing.F) {
	for _, list := range [][]string{correct, wrong} {
		for _, text := range list {
			for _, s := range stagesOf(text) {
				f.Add([]byte(s))
			}
		}
	}
	m := shop()
	f.Fuzz(func(t *testing.T, data []byte) {
		if bsonraw.Validate(data) != nil || len(data) > 4096 {
			return
		}
		o := testOptions()
		o.MemoryLimit = 1 << 20
		p, err := pipeline.Compile([]bsonraw.Doc{data}, o)
		if err != nil {
			return
		}
		it, err := p.Run(t.Context(), &slice{docs: m["c"]}, m)
		if err != nil {
			return
		}
		_, _ = all(t.Context(), it)
		require.NoError(t, it.Close())
		_ = mongotest.JSON(data)
	})
}
