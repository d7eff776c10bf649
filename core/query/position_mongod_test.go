package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// positionDocs have arrays of several lengths, so that the position that $
// stands for shows.
var positionDocs = []string{
	`{"_id": 0, "a": [1, 5, 7, 5], "b": [9, 8, 5]}`,
	`{"_id": 1, "a": [{"b": 1}, {"b": 5}, {"b": 7}], "b": [5, 6, 7]}`,
	`{"_id": 2, "a": [{"b": [1, 2]}, {"b": [5, 1, 7]}], "b": 5}`,
	`{"_id": 3, "a": [[1, 5], [5, 7]], "b": [[5]]}`,
	`{"_id": 4, "a": [[{"b": 1}], [{"b": 5}]], "b": []}`,
	`{"_id": 5, "a": {"b": [1, 5, 7], "c": [7, 5, 1]}}`,
	`{"_id": 6, "a": {"b": [{"c": 1}, {"c": 5}]}}`,
	`{"_id": 7, "a": 5, "b": [1, 5]}`,
	`{"_id": 8, "a": [null, 5, "x"], "b": [null, null, 5]}`,
	`{"_id": 9, "a": [{"0": 5}, {"1": 5}, 5], "b": [5]}`,
	`{"_id": 10, "a": [{"b": 1, "c": 2}, {"b": 5, "c": 7}, {"b": 1, "c": 7}], "b": [7, 1, 5]}`,
	`{"_id": 11}`,
}

var positionFilters = []string{
	`{}`, `{"a": 5}`, `{"a": 7, "b": 5}`, `{"b": 5, "a": 7}`, `{"a.b": 5}`, `{"a.b": 7, "b": {"$gte": 5}}`, `{"a": {"$elemMatch": {"b": 5}}}`,
	`{"a": {"$elemMatch": {"b": 1, "c": 7}}}`, `{"a": {"$elemMatch": {"$gt": 4}}}`, `{"a": {"$gt": 4, "$lt": 6}}`, `{"a": {"$gt": 4}, "b": {"$lt": 6}}`,
	`{"a": {"$in": [5, 7]}}`, `{"a": {"$in": [5, 7]}, "b": 5}`, `{"a": {"$all": [5, 7]}}`, `{"a": {"$all": [7, 5]}}`, `{"a.0.b": 1}`, `{"a.1.b": 5}`, `{"a.1": 5}`, `{"a.0.0": 1}`,
	`{"a.1.b": {"$gte": 1}}`, `{"a.b.c": 5}`, `{"a.b.1": 5}`, `{"a.0": 5}`, `{"a": {"$ne": 99}}`, `{"a": {"$not": {"$gt": 99}}, "b": 5}`, `{"a": {"$exists": true}}`,
	`{"a": {"$type": "number"}}`, `{"a": null}`, `{"a": {"$mod": [5, 0]}, "b": {"$exists": true}}`, `{"a": {"$size": 2}}`, `{"a": {"$size": 4}, "b": 5}`, `{"a": {"$regex": "x"}}`,
	`{"$or": [{"a": 99}, {"a": 5}]}`, `{"$or": [{"a": 7}, {"a": 5}]}`, `{"$or": [{"a": 7, "b": 99}, {"b": 5}]}`, `{"$and": [{"a": 5}, {"b": 5}]}`, `{"$and": [{"b": 5}, {"a": 5}]}`,
	`{"$and": [{"$or": [{"b": 5}]}, {"a": 7}]}`, `{"$and": [{"$or": [{"b": 5}, {"b": 6}]}, {"a": {"$gte": 5}}]}`, `{"$nor": [{"a": 99}]}`, `{"a": {"$bitsAllSet": 1}, "b": {"$gte": 5}}`,
	`{"a.b": {"$elemMatch": {"$gte": 5}}}`, `{"a.b": 1, "a.c": 7}`, `{"a.c": 7, "a.b": 1}`, `{"a": [1, 5]}`, `{"a": {"$elemMatch": {"$elemMatch": {"$gte": 7}}}}`,
	`{"$or": [{"a": 7}, {"b": 5}, {"a": 5}]}`, `{"$or": [{"b": 5}, {"a": 7}, {"a": 5}]}`, `{"$or": [{"a": 5}, {"a": {"$gt": 6}}, {"a": 1}]}`,
	`{"$or": [{"$and": [{"a": 7}, {"b": 99}]}, {"a": 5}]}`, `{"$or": [{"a": 7}, {"a": {"$in": [5, 8]}}]}`, `{"$or": [{"a": null}, {"a": 5}, {"a": [1, 5]}]}`,
	`{"$nor": [{"a": 77, "b": 5}], "b": 5}`, `{"$or": [{"a": 7}, {"b": 5}, {"a": 5}, {"b": 7}]}`,
	`{"a": {"$gte": 5}, "b": {"$lte": 6}, "_id": {"$gte": 0}}`, `{"a": {"$type": "int"}, "b": {"$in": [5, 6]}}`, `{"b": {"$exists": true}, "a": {"$in": [5, null]}}`,
}

func TestPositionsAgreeWithMongod(t *testing.T) {
	c := mongotest.Collection(t)
	var docs []bsonraw.Doc
	for _, d := range positionDocs {
		docs = append(docs, mongotest.Doc(d))
	}
	c.Insert(docs...)
	for _, filter := range positionFilters {
		for _, spec := range []string{`{"a.$": 1}`, `{"b.$": 1}`, `{"a.b.$": 1}`} {
			for i, d := range docs {
				// The _id is one more clause for mongod, and goes through no array.
				full := mongotest.Docf(`{"$and": [%s, {"_id": %d}]}`, filter, i)
				want, theirs := c.Find(full, mongotest.Docf(`{"projection": %s}`, spec))
				f, err := Compile(full, nil)
				require.NoError(t, err)
				p, err := CompileProjection(mongotest.Doc(spec), f, nil)
				require.NoError(t, err)
				matched, err := f.Match(d)
				require.NoError(t, err)
				require.Equal(t, theirs != nil || len(want) == 1, matched, "%s on %s", filter, positionDocs[i])
				if !matched {
					continue
				}
				var dst bsonraw.Builder
				got, err := p.Apply(d, &dst)
				if theirs != nil {
					if int32(errs.CodeOf(err)) != theirs.Code {
						t.Errorf("%s %s on %s: %s %v, want %v", filter, spec, positionDocs[i], mongotest.JSON(got), err, theirs)
					}
					continue
				}
				if err != nil || string(got) != string(want[0]) {
					t.Errorf("%s %s on %s: %s %v, want %s", filter, spec, positionDocs[i], mongotest.JSON(got), err, mongotest.JSON(want[0]))
				}
			}
		}
	}
}

// What an update's $ stands for shows where nothing is: {hit: {<position>: 1}}.
func TestPositionsOfUpdatesAgreeWithMongod(t *testing.T) {
	c := mongotest.Collection(t)
	filters := append([]string{
		`{"a": {"$gt": 4, "$lt": 6}, "b": {"$lt": 7}}`, `{"b": {"$lt": 9, "$gt": 4}}`, `{"b": {"$gt": 4, "$lte": 6, "$gte": 1}}`,
		`{"b": {"$in": [5, 6]}, "a": {"$gte": 1}}`, `{"b": {"$mod": [5, 0]}, "a": {"$exists": true}}`, `{"b": {"$in": [5]}, "a": {"$gte": 1}}`,
		`{"a": {"$elemMatch": {"b": 5}}, "b": {"$gte": 5}}`, `{"b": {"$type": "int"}, "a": {"$bitsAllSet": 1}}`,
	}, positionFilters...)
	for _, filter := range filters {
		for i, text := range positionDocs {
			d := mongotest.Doc(text)
			c.Clear()
			c.Insert(d)
			full := mongotest.Docf(`{"$and": [%s, {"_id": %d}]}`, filter, i)
			_, theirs := c.Run(mongotest.Docf(`{"update": %q, "updates": [{"q": %s, "u": {"$set": {"hit.$": 1}}}]}`, c.Name(), mongotest.JSON(full)))
			after, err := c.Find(mongotest.Doc(`{}`), mongotest.Doc(`{}`))
			require.Nil(t, err)
			f, problem := Compile(full, nil)
			require.NoError(t, problem)
			matched, at, problem := f.MatchPosition(d)
			require.NoError(t, problem)
			if theirs != nil {
				require.True(t, matched && at < 0, "%s on %s: %d, want %v", filter, text, at, theirs)
				continue
			}
			want := -1
			for n := range 5 {
				if after[0].Get("hit").Type == bsonraw.Object && after[0].Get("hit").Doc().Get(bsonraw.Index(n)).Type != bsonraw.Missing {
					want = n
				}
			}
			require.Equal(t, want >= 0, matched, "%s on %s", filter, text)
			if matched {
				require.Equal(t, want, at, "%s on %s", filter, text)
			}
		}
	}
}
