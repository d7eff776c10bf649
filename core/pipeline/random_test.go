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
		want, failed := s.coll.Aggregate(stages...)
		got, err := s.mem.aggregate(rt.Context(), stages, testOptions())
		require.Nil(rt, failed, text)
		require.NoError(rt, err, text)
		require.Equal(rt, lines(want, text), lines(got, text), text)
	})
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
