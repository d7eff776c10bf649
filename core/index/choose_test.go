package index_test

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/query"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// collection is a naive collection with indexes: sorted slices of keys.
type collection struct {
	docs    []bsonraw.Doc // by _id
	indexes []index.Index
	entries [][]entry // by index, sorted by key and then _id
}

type entry struct {
	key []byte
	id  int // place in docs
}

// newCollection indexes the documents; those that an index refuses are left out.
func newCollection(t require.TestingT, defs []*index.Definition, docs []bsonraw.Doc) *collection {
	c := &collection{}
	for _, def := range defs {
		c.indexes = append(c.indexes, index.Index{Definition: def})
	}
	c.entries = make([][]entry, len(defs))
	sort.SliceStable(docs, func(i, j int) bool { return bsonraw.Compare(docs[i].Get("_id"), docs[j].Get("_id")) < 0 })
next:
	for _, doc := range docs {
		added := make([][]entry, len(defs))
		for i, def := range defs {
			m, err := def.KeysOf(doc, func(key []byte) { added[i] = append(added[i], entry{bytes.Clone(key), len(c.docs)}) })
			if err != nil {
				continue next
			}
			c.indexes[i].Multikey |= m
		}
		for i := range defs {
			c.entries[i] = append(c.entries[i], added[i]...)
		}
		c.docs = append(c.docs, doc)
	}
	for _, list := range c.entries {
		slices.SortStableFunc(list, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	}
	return c
}

// run executes a plan as the engine does.
func (c *collection) run(t require.TestingT, p *index.Plan, filter bsonraw.Doc) []bsonraw.Doc {
	f, err := query.Compile(filter, nil)
	require.NoError(t, err)
	var out []bsonraw.Doc
	seen := map[int]bool{}
	for _, i := range c.find(t, p) {
		if p.Dedup && seen[i] {
			continue
		}
		require.False(t, seen[i], "document %d twice without Dedup", i)
		seen[i] = true
		ok, err := f.Match(c.docs[i])
		require.NoError(t, err)
		if p.Exact {
			require.True(t, ok, "exact plan found %s", mongotest.JSON(c.docs[i]))
		}
		if ok {
			out = append(out, c.docs[i])
		}
	}
	return out
}

func (c *collection) find(t require.TestingT, p *index.Plan) []int {
	var out []int
	switch p.Kind {
	case index.CollScan:
		for i := range c.docs {
			out = append(out, i)
		}
	case index.IDLookup:
		for _, id := range p.IDs {
			for i, d := range c.docs {
				if bsonraw.Equal(d.Get("_id"), id) {
					out = append(out, i)
				}
			}
		}
		return out // in order already
	case index.IDRange:
		for _, r := range p.Ranges {
			for i, d := range c.docs {
				if inRange(r, bsonraw.AppendKey(nil, d.Get("_id"))) {
					out = append(out, i)
				}
			}
		}
	case index.IndexScan:
		for _, r := range p.Ranges {
			out = append(out, c.scan(p, r)...)
		}
	case index.Union:
		for _, child := range p.Children {
			found := c.find(t, child)
			if child.Exact && child.Kind == index.IndexScan && child.Dedup {
				slices.Sort(found)
				found = slices.Compact(found)
			}
			out = append(out, found...)
		}
	}
	if p.Reverse {
		slices.Reverse(out)
	}
	return out
}

func (c *collection) scan(p *index.Plan, r index.Range) []int {
	var out []int
	for i := range c.indexes {
		if c.indexes[i].Definition != p.Index {
			continue
		}
		for _, e := range c.entries[i] {
			if inRange(r, e.key) && p.Accepts(e.key) {
				out = append(out, e.id)
			}
		}
	}
	return out
}

func inRange(r index.Range, key []byte) bool {
	return bytes.Compare(r.Lo, key) <= 0 && (r.Hi == nil || bytes.Compare(key, r.Hi) < 0)
}

// check compares a plan's answer with that of looking at every document.
func (c *collection) check(t require.TestingT, filter, order bsonraw.Doc, limit int64) *index.Plan {
	p, err := index.Choose(&index.Request{Filter: filter, Sort: order, Indexes: c.indexes, Limit: limit})
	require.NoError(t, err)
	got := c.run(t, p, filter)
	want := c.run(t, &index.Plan{}, filter)
	if p.SortProvided && !order.IsEmpty() {
		s, err := query.CompileSort(order)
		require.NoError(t, err)
		for i := 1; i < len(got); i++ {
			require.LessOrEqual(t, s.Compare(got[i-1], got[i]), 0, "filter %s sort %s\n%s\n%s", mongotest.JSON(filter), mongotest.JSON(order), mongotest.JSON(got[i-1]), mongotest.JSON(got[i]))
		}
	}
	require.Equal(t, ids(want), ids(got), "filter %s sort %s: %s", mongotest.JSON(filter), mongotest.JSON(order), explained(p, filter))
	return p
}

func ids(docs []bsonraw.Doc) []string {
	var out []string
	for _, d := range docs {
		out = append(out, mongotest.JSON(d))
	}
	slices.Sort(out)
	return out
}

func explained(p *index.Plan, filter bsonraw.Doc) string {
	b := bsonraw.NewBuilder(nil)
	index.Explain(b, &index.Explanation{Plan: p, Filter: filter})
	return mongotest.JSON(b.Finish())
}

var propertyIndexes = []string{
	`{"key": {"a": 1}, "name": "a"}`, `{"key": {"a": -1, "b": 1}, "name": "ab"}`,
	`{"key": {"a.b": 1}, "name": "a.b"}`, `{"key": {"a.b": 1, "a.c": -1}, "name": "a.b,a.c"}`,
	`{"key": {"b": 1, "a.c": 1}, "name": "b,a.c"}`, `{"key": {"a.0": 1}, "name": "a.0"}`,
	`{"key": {"a": 1, "_id": -1}, "name": "a,_id"}`, `{"key": {"b": 1}, "name": "b", "hidden": true}`,
	`{"key": {"a": 1}, "name": "sparse", "sparse": true}`, `{"key": {"a.b": 1, "a.c": 1}, "name": "sparse2", "sparse": true}`,
	`{"key": {"b": 1}, "name": "p1", "partialFilterExpression": {"a": {"$gt": 1}}}`,
	`{"key": {"b": 1}, "name": "p2", "partialFilterExpression": {"a.b": {"$exists": true}}}`,
	`{"key": {"a": 1}, "name": "p3", "partialFilterExpression": {"$or": [{"b": 1}, {"b": {"$gte": 3}}]}}`,
}

// genScalar makes values that meet each other often.
func genScalar() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"1", "2", "3", "1.0", "2.5", `"x"`, `"xy"`, `"y"`, "null", "true", `{"b": 1}`, `{"b": 2, "c": 1}`, "{}",
		`{"$numberDouble": "NaN"}`, `{"$numberDecimal": "2.50"}`, `{"$date": "2020-01-01T00:00:00Z"}`, `{"$minKey": 1}`, `{"$maxKey": 1}`,
		`{"$undefined": true}`,
		`{"$regularExpression": {"pattern": "^x", "options": ""}}`,
	})
}

func genValue() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 9).Draw(t, "shape") {
		case 0, 1, 2:
			list := rapid.SliceOfN(genScalar(), 0, 3).Draw(t, "array")
			return jsonArray(list)
		case 3:
			return "[" + jsonArray(rapid.SliceOfN(genScalar(), 0, 2).Draw(t, "nested")) + "]"
		case 4:
			return fmt.Sprintf(`[{"b": %s, "c": %s}, {"b": %s}]`, genScalar().Draw(t, "b"), genScalar().Draw(t, "c"), genScalar().Draw(t, "b2"))
		case 5:
			return fmt.Sprintf(`{"b": %s, "c": %s}`, jsonArray(rapid.SliceOfN(genScalar(), 0, 2).Draw(t, "b")), genScalar().Draw(t, "c"))
		case 6:
			return fmt.Sprintf(`[{"c": %s}, {"b": %s}, 5]`, genScalar().Draw(t, "c"), jsonArray(rapid.SliceOfN(genScalar(), 0, 2).Draw(t, "b")))
		}
		return genScalar().Draw(t, "scalar")
	})
}

func jsonArray(list []string) string {
	s := "["
	for i, v := range list {
		if i > 0 {
			s += ", "
		}
		s += v
	}
	return s + "]"
}

func genDoc() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := fmt.Sprintf(`"_id": %d`, rapid.IntRange(0, 1000).Draw(t, "_id"))
		for _, name := range []string{"a", "b"} {
			if rapid.IntRange(0, 5).Draw(t, "has") > 0 {
				s += fmt.Sprintf(`, %q: %s`, name, genValue().Draw(t, name))
			}
		}
		return "{" + s + "}"
	})
}

func genCondition() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		v := func() string { return genValue().Filter(allowed).Draw(t, "value") }
		switch rapid.IntRange(0, 14).Draw(t, "op") {
		case 0, 1:
			return v()
		case 2, 3:
			op := rapid.SampledFrom([]string{"$lt", "$lte", "$gt", "$gte"}).Draw(t, "cmp")
			return fmt.Sprintf(`{%q: %s}`, op, v())
		case 4:
			return fmt.Sprintf(`{"$gte": %s, "$lt": %s}`, v(), v())
		case 5:
			return fmt.Sprintf(`{"$in": %s}`, jsonArray(rapid.SliceOfN(genValue().Filter(allowed), 0, 3).Draw(t, "in")))
		case 6:
			return fmt.Sprintf(`{"$nin": %s}`, jsonArray(rapid.SliceOfN(genValue().Filter(allowed), 0, 3).Draw(t, "nin")))
		case 7:
			return fmt.Sprintf(`{"$ne": %s}`, v())
		case 8:
			return fmt.Sprintf(`{"$exists": %t}`, rapid.Bool().Draw(t, "exists"))
		case 9:
			return fmt.Sprintf(`{"$not": {%q: %s}}`, rapid.SampledFrom([]string{"$lt", "$gte", "$eq", "$ne"}).Draw(t, "not"), v())
		case 10:
			return fmt.Sprintf(`{"$type": %q}`, rapid.SampledFrom([]string{"number", "string", "array", "null", "object", "undefined"}).Draw(t, "type"))
		case 11:
			return fmt.Sprintf(`{"$elemMatch": {"$gte": %s, "$ne": %s}}`, v(), v())
		case 13:
			pattern := rapid.SampledFrom([]string{"^x", "x", "^xy", "^x.*", "^xy?"}).Draw(t, "regex")
			return fmt.Sprintf(`{"$regularExpression": {"pattern": %q, "options": %q}}`, pattern, rapid.SampledFrom([]string{"", "i"}).Draw(t, "options"))
		case 12:
			return fmt.Sprintf(`{"$elemMatch": {"b": %s, "c": %s}}`, v(), v())
		}
		return fmt.Sprintf(`{"$all": %s}`, jsonArray(rapid.SliceOfN(genScalar().Filter(allowed), 0, 2).Draw(t, "all")))
	})
}

// allowed leaves out what a filter may not compare with.
func allowed(s string) bool { return !bytes.Contains([]byte(s), []byte("$undefined")) }

func genFilter(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n := rapid.IntRange(0, 3).Draw(t, "clauses")
		s := ""
		for range n {
			if s != "" {
				s += ", "
			}
			if depth > 0 && rapid.IntRange(0, 4).Draw(t, "logic") == 0 {
				op := rapid.SampledFrom([]string{"$and", "$or", "$or", "$nor"}).Draw(t, "logical")
				s += fmt.Sprintf(`%q: %s`, op, jsonArray(rapid.SliceOfN(genFilter(depth-1), 1, 3).Draw(t, "branches")))
				continue
			}
			path := rapid.SampledFrom([]string{"a", "a", "b", "a.b", "a.c", "a.0", "_id"}).Draw(t, "path")
			s += fmt.Sprintf(`%q: %s`, path, genCondition().Draw(t, "condition"))
		}
		return "{" + s + "}"
	})
}

func genSort() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		`{}`, `{}`, `{"a": 1}`, `{"a": -1}`, `{"a.b": 1}`, `{"a": 1, "b": -1}`, `{"_id": -1}`, `{"a": 1, "_id": 1}`, `{"a": 1, "_id": -1}`,
		`{"b": 1, "a.c": 1}`, `{"b": -1}`, `{"a.b": -1, "a.c": 1}`, `{"a.c": 1}`, `{"b": 1, "_id": 1}`,
	})
}

// TestPlansAreSound: whatever documents, indexes, filter and sort, the plan's
// ranges with the filter find what reading all documents finds, in the order
// that the plan promises, each once; with Exact even without the filter.
func TestPlansAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs := rapid.SliceOfNDistinct(rapid.SampledFrom(propertyIndexes), 0, 4, rapid.ID[string]).Draw(t, "indexes")
		var defs []*index.Definition
		for _, s := range specs {
			def, err := index.ParseDefinition(mongotest.Docf("%s", s))
			require.NoError(t, err)
			defs = append(defs, def)
		}
		var docs []bsonraw.Doc
		used := map[string]bool{}
		for _, s := range rapid.SliceOfN(genDoc(), 0, 12).Draw(t, "docs") {
			d := mongotest.Docf("%s", s)
			if id := mongotest.ValueJSON(d.Get("_id")); !used[id] {
				used[id] = true
				docs = append(docs, d)
			}
		}
		c := newCollection(t, defs, docs)
		for range 4 {
			filter := mongotest.Docf("%s", genFilter(2).Draw(t, "filter"))
			if _, err := query.Compile(filter, nil); err != nil {
				continue // an empty $or and the like
			}
			c.check(t, filter, mongotest.Docf("%s", genSort().Draw(t, "sort")), rapid.Int64Range(0, 1).Draw(t, "limit"))
		}
	})
}

// FuzzChoose takes filters of any bytes: what compiles is planned, and the plan
// finds what reading all documents finds.
func FuzzChoose(f *testing.F) {
	for _, s := range []string{
		`{"a": {"$gt": 1, "$lt": 5}, "b": null}`, `{"a": {"$elemMatch": {"b": 1, "c": {"$ne": 2}}}}`, `{"$or": [{"a": 1}, {"b": {"$in": [1, null]}}], "a.b": {"$exists": true}}`,
		`{"_id": {"$gte": 3}, "a": {"$not": {"$lt": 2}}}`, `{"a": {"$all": [1, [2]]}, "$and": [{"a.b": {"$type": "string"}}]}`, `{"a": {"$regularExpression": {"pattern": "^x", "options": ""}}}`,
	} {
		f.Add([]byte(mongotest.Doc(s)))
	}
	var defs []*index.Definition
	for _, s := range propertyIndexes {
		defs = append(defs, define(f, s))
	}
	var docs []bsonraw.Doc
	for i, v := range []string{"1", "null", `"x"`, "[]", "[1, 5]", "[[1], 2]", `{"b": 1}`, `[{"b": 1, "c": 2}, {"b": [3, null]}]`, `{"b": [], "c": 1}`, `{"0": 1}`, "true", `[{"c": 1}, 4]`} {
		docs = append(docs, mongotest.Docf(`{"_id": %d, "a": %s, "b": %s}`, i, v, []string{"1", "3", "null", "[2, 4]"}[i%4]), mongotest.Docf(`{"_id": %d, "b": %s}`, 100+i, v))
	}
	f.Fuzz(func(t *testing.T, filter []byte) {
		if bsonraw.Validate(filter) != nil || len(filter) > 2048 {
			return
		}
		compiled, err := query.Compile(filter, nil)
		if err != nil {
			return
		}
		for _, d := range docs {
			if _, err := compiled.Match(d); err != nil {
				return
			}
		}
		c := newCollection(t, defs[:4], slices.Clone(docs))
		c.check(t, filter, bsonraw.EmptyDoc, 0)
		c = newCollection(t, defs[4:], slices.Clone(docs))
		c.check(t, filter, bsonraw.EmptyDoc, 1)
	})
}
