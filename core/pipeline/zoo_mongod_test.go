package pipeline_test

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// TestZooIsMongods runs the stages that compare, hash and walk values over
// values of every type in every place.
func TestZooIsMongods(t *testing.T) {
	var docs []bsonraw.Doc
	for _, d := range mongotest.Documents() {
		if !hasTwins(d) {
			docs = append(docs, d)
		}
	}
	s := newServer(t, memory{"c": docs})
	for _, text := range []string{
		`[{"$group": {"_id": "$a", "ids": {"$push": "$_id"}}}]`,
		`[{"$group": {"_id": "$a.b", "ids": {"$push": "$_id"}}}]`,
		`[{"$group": {"_id": {"x": "$a", "y": "$a.b"}, "n": {"$sum": 1}}}]`,
		`[{"$group": {"_id": ["$a", "$a.b.c"], "first": {"$first": "$_id"}}}]`,
		`[{"$sort": {"a": 1, "_id": 1}}, {"$project": {"_id": 1}}]`, `[{"$sort": {"a": -1, "_id": 1}}, {"$project": {"_id": 1}}]`,
		`[{"$sort": {"a.b": 1, "_id": -1}}, {"$project": {"_id": 1}}]`, `[{"$sort": {"a.b": -1, "_id": -1}}, {"$limit": 300}, {"$project": {"_id": 1}}]`,
		`[{"$sort": {"a.0": 1, "_id": 1}}, {"$project": {"_id": 1}}]`,
		`[{"$unwind": "$a"}]`, `[{"$unwind": {"path": "$a", "includeArrayIndex": "i", "preserveNullAndEmptyArrays": true}}]`, `[{"$unwind": "$a.b"}]`,
		`[{"$unwind": {"path": "$a.b", "includeArrayIndex": "a.i", "preserveNullAndEmptyArrays": true}}]`,
		`[{"$bucketAuto": {"groupBy": "$a", "buckets": 9}}]`, `[{"$bucketAuto": {"groupBy": "$a.b", "buckets": 40, "output": {"ids": {"$sum": "$_id"}}}}]`,
		`[{"$match": {"_id": {"$mod": [5, 0]}}}, {"$lookup": {"from": "c", "localField": "a", "foreignField": "a", "as": "o"}}, {"$project": {"localField": "$o._id"}}]`,
		`[{"$match": {"_id": {"$mod": [5, 1]}}}, {"$lookup": {"from": "c", "localField": "a.b", "foreignField": "a.b", "as": "o"}}, {"$project": {"localField": "$o._id"}}]`,
		`[{"$match": {"_id": {"$mod": [5, 2]}}}, {"$lookup": {"from": "c", "localField": "a", "foreignField": "a.b", "as": "o"}}, {"$project": {"localField": "$o._id"}}]`,
		`[{"$match": {"_id": {"$mod": [5, 3]}, "a.b": {"$exists": true, "$ne": null}}}, {"$lookup": {"from": "c", "localField": "a.b", "foreignField": "a", "pipeline": [{"$project": {"a": 0}}], "as": "o"}}]`,
		`[{"$match": {"_id": {"$mod": [50, 0]}}}, {"$lookup": {"from": "c", "let": {"v": "$a"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$a", "$$v"]}}}, {"$project": {"a": 0}}], "as": "o"}}]`,
		`[{"$match": {"_id": {"$mod": [50, 1]}}}, {"$lookup": {"from": "c", "let": {"v": "$a"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$a.b", "$$v"]}}}, {"$project": {"a": 0}}], "as": "o"}}]`,
		`[{"$match": {"_id": {"$mod": [50, 2]}}}, {"$lookup": {"from": "c", "let": {"v": "$a.b"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$$v", "$a.b"]}}}, {"$project": {"a": 0}}], "as": "o"}}]`,
		`[{"$match": {"_id": {"$mod": [100, 0]}}}, {"$graphLookup": {"from": "c", "startWith": "$a", "connectFromField": "a.b", "connectToField": "a.b", "as": "o", "maxDepth": 1}}, {"$project": {"$graphLookup": "$o._id"}}]`,
		`[{"$redact": {"$cond": [{"$eq": [{"$type": "$b"}, "int"]}, "$$PRUNE", "$$DESCEND"]}}]`,
		`[{"$project": {"a.b": 1}}, {"$match": {"a.b": null}}]`, `[{"$project": {"a.b": 0}}, {"$match": {"a": null}}]`, `[{"$addFields": {"a.c": 1}}, {"$match": {"a.b": {"$exists": false}}}]`,
		`[{"$replaceRoot": {"newRoot": {"$cond": [{"$eq": [{"$type": "$a"}, "object"]}, "$a", {"none": "$_id"}]}}}]`,
		`[{"$setWindowFields": {"partitionBy": {"$type": "$a"}, "sortBy": {"_id": 1}, "output": {"n": {"$documentNumber": {}}}}}, {"$sort": {"_id": 1}}, {"$project": {"a": 0}}]`,
	} {
		t.Run(text, func(t *testing.T) { s.check(t, text) })
	}
}

// hasTwins reports whether a document, or one in it, has two fields of one name:
// mongod's aggregation gives both the first one's value.
func hasTwins(d bsonraw.Doc) bool {
	seen := map[string]bool{}
	it := d.Iter()
	for it.Next() {
		if seen[string(it.Key())] || it.Value().Doc() != nil && hasTwins(it.Value().Doc()) {
			return true
		}
		seen[string(it.Key())] = true
	}
	return false
}
