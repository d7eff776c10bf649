package query

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// TestEqualitiesAgreeWithUpserts compares with the document that mongod makes
// of the filter.
func TestEqualitiesAgreeWithUpserts(t *testing.T) {
	c := mongotest.Collection(t)
	for _, filter := range []string{
		`{}`, `{"a": 1}`, `{"a": 1, "b": "x"}`, `{"a.b": 1, "a.c": 2}`, `{"a": {"$eq": 1}}`, `{"a": {"$gt": 1}}`, `{"a": {"$gt": 1, "$eq": 5}}`, `{"a": null}`, `{"a": [1, 2]}`, `{"a": {"b": 1}}`,
		`{"a": {"$in": [1]}}`, `{"a": {"$in": [1, 2]}}`, `{"a": {"$in": [1, 1]}}`, `{"a": {"$in": []}}`, `{"a": {"$all": [1]}}`, `{"a": {"$all": [1, 2]}}`, `{"a": {"$all": [[1]]}}`, `{"a": {"$all": []}}`, `{"a": {"$ne": 1}}`, `{"a": {"$nin": [1]}}`, `{"a": {"$not": {"$eq": 1}}}`,
		`{"$and": [{"a": 1}, {"b": 2}]}`, `{"$and": [{"a": 1}, {"a": 1}]}`, `{"$and": [{"a": 1}, {"a": 2}]}`, `{"a": 1, "a.b": 2}`, `{"a.b": 2, "a": 1}`, `{"$or": [{"a": 1}]}`, `{"$or": [{"a": 1}, {"b": 2}]}`, `{"$or": [{"a": 1}, {"a": 2}]}`, `{"$or": [{"a": 1}, {"a": 1}]}`, `{"$or": [{"$and": [{"a": 1}, {"b": 2}]}]}`,
		`{"$nor": [{"a": 1}]}`, `{"a": {"$regularExpression": {"pattern": "x", "options": ""}}}`, `{"a": {"$elemMatch": {"b": 1}}}`, `{"a": {"$exists": true}, "b": 1}`, `{"a": {"$size": 1}, "b": 3}`, `{"a": {"$minKey": 1}}`, `{"a": {"$in": [{"$regularExpression": {"pattern": "x", "options": ""}}]}}`,
		`{"a": 1, "$comment": "x"}`, `{"_id": 77, "a": 1}`, `{"_id": {"$in": [78]}}`, `{"$and": [{"$and": [{"a.b.c": 1}]}, {"a.b.d": {"$in": [2]}}]}`, `{"a": {"$eq": 1, "$in": [1]}}`, `{"a": {"$in": [null]}}`, `{"a": {"$eq": {"$gt": 1}}}`,
		`{"$and": [{"a": 1}], "$or": [{"b": 1}]}`, `{"$or": [{"a": 1, "b": 2}]}`, `{"a.0": 5}`,
	} {
		c.Clear()
		_, theirs := c.Run(mongotest.Docf(`{"update": %q, "updates": [{"q": %s, "u": {"$setOnInsert": {"zz": 1}}, "upsert": true}]}`, c.Name(), filter))
		f, err := Compile(mongotest.Doc(filter), nil)
		require.NoError(t, err)
		found, err := f.Equalities()
		if theirs != nil || err != nil {
			require.NotNil(t, theirs, "%s: %v", filter, err)
			require.Error(t, err, "%s: %v", filter, theirs)
			require.Equal(t, theirs.Code, int32(errs.CodeOf(err)), filter)
			require.Equal(t, theirs.Message, errs.As(err).Message, filter)
			continue
		}
		docs, _ := c.Find(bsonraw.EmptyDoc, nil)
		require.Len(t, docs, 1)
		roots := map[string]bool{"_id": true, "zz": true}
		for _, e := range found {
			var got bsonraw.Value
			NewPath(e.Path).WalkMatch(docs[0], func(v bsonraw.Value, _ int) bool { got = v; return false })
			require.True(t, bsonraw.Identical(e.Value, got), "%s: %s", filter, mongotest.JSON(docs[0]))
			root, _, _ := strings.Cut(e.Path, ".")
			roots[root] = true
		}
		require.Equal(t, docs[0].Len(), len(roots), "%s: %s has %v", filter, mongotest.JSON(docs[0]), found)
	}
}

// TestElementsAgreeWithPull compares CompileElement with what $pull takes out.
func TestElementsAgreeWithPull(t *testing.T) {
	var elements []bsonraw.Value
	for _, s := range mongotest.Values() {
		elements = append(elements, s.Value)
	}
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", 1)
	b.Array("a", bsonraw.ArrayOf(elements...))
	doc := b.Finish()

	conditions := []bsonraw.Value{}
	for _, s := range mongotest.Values() {
		conditions = append(conditions, s.Value)
	}
	for _, v := range []string{
		`{"$gt": 1}`, `{"$in": [1, "a", null]}`, `{"$in": [[1, 2]]}`, `{"b": 1}`, `{"b": {"$gt": 1}}`, `{"a": null}`, `{"$or": [{"b": 1}, {"a": 1}]}`, `{"$not": {"$gt": 1}}`,
		`{"$elemMatch": {"$gt": 1}}`, `{"$elemMatch": {"b": 1}}`, `{"$size": 1}`, `{"$exists": true}`, `{"$foo": 1}`, `{"$gt": 1, "b": 1}`, `{"b": 1, "$gt": 1}`, `{"$eq": {"a": 1}}`, `{"$ne": 1}`,
		`{"$all": [1, 2]}`, `{"$type": "array"}`, `{"$regex": "a"}`, `{"0": 5}`, `{"b.c": 5}`, `{"$and": [{"b": 1}]}`, `{"$expr": {"$eq": [1, 1]}}`, `{"$where": "1"}`, `{"$comment": 1}`, `{"$ref": 1}`,
	} {
		conditions = append(conditions, mongotest.Value(v))
	}
	c := mongotest.Collection(t)
	for _, condition := range conditions {
		c.Clear()
		c.Insert(doc)
		b := bsonraw.NewBuilder(nil)
		b.BeginDoc("$pull")
		b.Value("a", condition)
		b.End()
		_, theirs := c.Run(mongotest.Docf(`{"update": %q, "updates": [{"q": {}, "u": %s}]}`, c.Name(), mongotest.JSON(b.Finish())))
		m, err := CompileElement(condition, nil)
		if theirs != nil || err != nil {
			require.NotNil(t, theirs, "%s: %v", mongotest.ValueJSON(condition), err)
			require.Error(t, err, "%s: %v", mongotest.ValueJSON(condition), theirs)
			require.Equal(t, theirs.Code, int32(errs.CodeOf(err)), "%s: %v, want %v", mongotest.ValueJSON(condition), err, theirs)
			continue
		}
		docs, _ := c.Find(bsonraw.EmptyDoc, nil)
		var kept []bsonraw.Value
		for _, e := range elements {
			matched, err := m.Match(e)
			require.NoError(t, err)
			if !matched {
				kept = append(kept, e)
			}
		}
		require.Equal(t, mongotest.ValueJSON(docs[0].Get("a")), mongotest.ValueJSON(bsonraw.ArrayValue(kept...)), mongotest.ValueJSON(condition))
	}
}
