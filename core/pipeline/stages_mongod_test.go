package pipeline_test

import (
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// shop is a small database: orders, customers, parts of parts, and odd values.
func shop() memory {
	docs := func(texts ...string) []bsonraw.Doc {
		var out []bsonraw.Doc
		for _, s := range texts {
			out = append(out, mongotest.Docf("%s", s))
		}
		return out
	}
	return memory{
		"c": docs(
			`{"_id": 1, "cust": 1, "status": "A", "total": 10, "qty": 5, "tags": ["x", "y"], "at": {"$date": "2020-01-01T00:00:00Z"}, "items": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}]}`,
			`{"_id": 2, "cust": 2, "status": "A", "total": 20.5, "qty": {"$numberLong": "7"}, "tags": [], "items": [{"sku": "a", "n": 5}]}`,
			`{"_id": 3, "cust": 1.0, "status": "B", "total": {"$numberDecimal": "7.50"}, "qty": null, "tags": "x", "items": []}`,
			`{"_id": 4, "cust": null, "status": "B", "total": 10, "tags": [["x"], "z"], "items": {"sku": "c", "n": 3}}`,
			`{"_id": 5, "status": null, "total": "many", "qty": 1, "a": {"b": [1, 2, {"c": 3}]}}`,
			`{"_id": 6, "cust": [1, 2], "status": "C", "total": -3, "qty": 2, "tags": ["y", "y", 5], "a": {"b": {"c": 4}}}`,
			`{"_id": 7, "cust": "x", "status": "A", "total": {"$numberDouble": "NaN"}, "qty": 2.5, "a": [{"b": 1}, {"b": [2, 3]}, 7]}`,
			`{"_id": 8, "cust": {"k": 1}, "status": "A", "total": 100, "qty": 10, "a": {"b": null}}`,
		),
		"customers": docs(
			`{"_id": 1, "name": "Ada", "vip": true, "refs": [1, 2]}`,
			`{"_id": 2, "name": "Bob", "vip": false}`,
			`{"_id": 3, "name": "Cy", "refs": null, "links": [{"to": 1}, {"to": "x"}]}`,
			`{"_id": "x", "name": "Di", "refs": []}`,
			`{"_id": {"k": 1}, "name": "Ed", "refs": [[1], 3], "links": {"to": 2}}`,
		),
		"parts": docs(
			`{"_id": "a", "needs": ["b", "c"]}`, `{"_id": "b", "needs": ["d"]}`, `{"_id": "c", "needs": "d", "old": true}`,
			`{"_id": "d"}`, `{"_id": "e", "needs": ["a", "e"]}`, `{"_id": "f", "needs": [{"p": "a"}, null]}`,
		),
	}
}

// correct are pipelines that work.
var correct = []string{
	`[]`,
	`[{"$match": {"status": "A", "total": {"$gt": 15}}}]`,
	`[{"$match": {"$expr": {"$gt": ["$qty", "$total"]}}}]`,
	`[{"$match": {}}, {"$match": {"status": "A"}}, {"$match": {"qty": {"$gte": 5}}}]`,
	`[{"$project": {"total": 1, "double": {"$multiply": ["$qty", 2]}, "items.n": 1}}, {"$match": {"total": 10}}]`,
	`[{"$project": {"items.sku": 1, "_id": 0}}, {"$match": {"items.sku": "a"}}]`,
	`[{"$project": {"items": 0, "a": 0}}, {"$match": {"items": null, "_id": {"$lt": 4}}}]`,
	`[{"$addFields": {"x.y": "$qty", "status": "S"}}, {"$match": {"status": "S", "_id": {"$gt": 6}}}]`,
	`[{"$set": {"t": {"$type": "$total"}}}, {"$unset": ["items", "a.b"]}, {"$match": {"t": "int", "status": "A"}}]`,
	`[{"$unset": "tags"}]`,
	`[{"$sort": {"status": 1, "_id": -1}}]`, `[{"$sort": {"total": -1, "_id": 1}}, {"$limit": 3}]`,
	`[{"$sort": {"tags": 1, "_id": 1}}, {"$project": {"tags": 1}}, {"$skip": 1}, {"$limit": 4}]`,
	`[{"$sort": {"tags": -1, "_id": 1}}, {"$limit": 5}, {"$skip": 2}]`,
	`[{"$sort": {"a.b": 1, "_id": 1}}]`, `[{"$skip": 6}]`, `[{"$skip": 2}, {"$skip": 1}, {"$limit": 4}, {"$limit": 2}]`, `[{"$limit": 1}, {"$match": {"_id": 2}}]`,
	`[{"$sort": {"total": -1.9, "_id": 1.5}}]`, `[{"$project": {"_id": "$tags", "i": "$_id"}}, {"$sort": {"i": 1}}, {"$sort": {"_id": 1}}]`,
	`[{"$project": {"_id": "$tags", "i": "$_id"}}, {"$sort": {"i": 1}}, {"$sort": {"_id": -1}}, {"$limit": 4}]`, `[{"$project": {"_id": "$tags", "i": "$_id"}}, {"$sort": {"_id": 1, "i": 1}}]`,
	`[{"$limit": 3}, {"$sort": {"_id": -1}}, {"$match": {"_id": {"$ne": 2}}}]`,
	`[{"$group": {"_id": "$status", "n": {"$sum": 1}, "total": {"$sum": "$total"}, "avg": {"$avg": "$qty"}, "max": {"$max": "$total"}, "min": {"$min": "$qty"}}}]`,
	`[{"$group": {"_id": "$cust", "n": {"$count": {}}, "ids": {"$push": "$_id"}, "first": {"$first": "$qty"}, "last": {"$last": "$nope"}}}]`,
	`[{"$group": {"_id": null, "tags": {"$addToSet": "$status"}, "all": {"$push": {"s": "$status", "q": "$qty"}}}}]`,
	`[{"$group": {"_id": {"s": "$status", "x": "$nope"}, "n": {"$sum": "$qty"}}}]`,
	`[{"$group": {"_id": {"s": {"t": "$status", "u": "$nope"}}}}]`, `[{"$group": {"_id": {}}}]`, `[{"$group": {"_id": ["$status", "$nope"]}}]`,
	`[{"$addFields": {"x": {"$cond": [{"$gt": ["$_id", 4]}, null, "$$REMOVE"]}}}, {"$group": {"_id": {"s": "$nope", "x": "$x"}, "n": {"$sum": 1}}}]`,
	`[{"$match": {"_id": {"$ne": 7}}}, {"$group": {"_id": {"$gt": ["$qty", 3]}, "d": {"$stdDevPop": "$qty"}, "m": {"$mergeObjects": "$a"}}}]`,
	`[{"$group": {"_id": "$status", "top": {"$topN": {"n": 2, "sortBy": {"_id": -1}, "output": "$_id"}}, "low": {"$bottom": {"sortBy": {"_id": 1}, "output": ["$_id"]}}, "f": {"$firstN": {"n": 2, "input": "$_id"}}, "mx": {"$maxN": {"n": 2, "input": "$qty"}}}}]`,
	`[{"$match": {"_id": 99}}, {"$group": {"_id": null, "n": {"$sum": 1}}}]`,
	`[{"$unwind": "$tags"}]`, `[{"$unwind": {"path": "$tags", "preserveNullAndEmptyArrays": true, "includeArrayIndex": "i"}}]`,
	`[{"$unwind": {"path": "$items", "includeArrayIndex": "items.i"}}]`, `[{"$unwind": {"path": "$a.b", "includeArrayIndex": "x.y"}}]`,
	`[{"$unwind": {"path": "$a.b.c", "preserveNullAndEmptyArrays": true}}]`, `[{"$unwind": "$items"}, {"$match": {"items.n": {"$gt": 1}, "status": "A"}}]`,
	`[{"$unwind": {"path": "$tags", "includeArrayIndex": "tags"}}]`, `[{"$unwind": {"path": "$a", "preserveNullAndEmptyArrays": true}}, {"$unwind": "$a.b"}]`,
	`[{"$unwind": "$items"}, {"$group": {"_id": "$items.sku", "n": {"$sum": "$items.n"}}}, {"$sort": {"n": -1, "_id": 1}}]`,
	`[{"$count": "n"}]`, `[{"$match": {"_id": 99}}, {"$count": "n"}]`,
	`[{"$match": {"a.b.c": 4}}, {"$replaceRoot": {"newRoot": "$a"}}]`, `[{"$replaceWith": {"x": "$_id", "y": "$nope"}}, {"$limit": 2}]`,
	`[{"$replaceRoot": {"newRoot": {"$mergeObjects": [{"z": 1}, "$$ROOT"]}}}]`,
	`[{"$sortByCount": "$status"}]`, `[{"$sortByCount": {"$size": {"$ifNull": [{"$cond": [{"$isArray": "$tags"}, "$tags", []]}, []]}}}]`,
	`[{"$facet": {"a": [{"$match": {"status": "A"}}, {"$count": "n"}], "b": [{"$sort": {"_id": -1}}, {"$limit": 2}, {"$project": {"_id": 1}}], "c": []}}]`,
	`[{"$facet": {"only": [{"$group": {"_id": null, "n": {"$sum": 1}}}]}}]`, `[{"$match": {"_id": 99}}, {"$facet": {"a": [], "b": [{"$count": "n"}]}}]`,
	`[{"$bucket": {"groupBy": "$qty", "boundaries": [0, 3, 6], "default": "other"}}]`,
	`[{"$bucket": {"groupBy": "$qty", "boundaries": [0, 3, 6, 100], "default": -1, "output": {"ids": {"$push": "$_id"}, "n": {"$sum": 1}}}}]`,
	`[{"$match": {"qty": {"$type": "number"}}}, {"$bucket": {"groupBy": {"$add": ["$qty", 0]}, "boundaries": [0, {"$add": [2, 1]}, 100]}}]`,
	`[{"$bucketAuto": {"groupBy": "$_id", "buckets": 3}}]`, `[{"$bucketAuto": {"groupBy": "$qty", "buckets": 4, "output": {"ids": {"$push": "$_id"}}}}]`,
	`[{"$bucketAuto": {"groupBy": "$status", "buckets": 2}}]`, `[{"$bucketAuto": {"groupBy": "$_id", "buckets": 20}}]`, `[{"$match": {"_id": 99}}, {"$bucketAuto": {"groupBy": "$_id", "buckets": 2}}]`,
	`[{"$unionWith": "customers"}]`, `[{"$project": {"_id": 1}}, {"$unionWith": {"coll": "customers", "pipeline": [{"$match": {"vip": true}}, {"$project": {"name": 1}}]}}, {"$limit": 20}]`,
	`[{"$unionWith": {"pipeline": [{"$documents": [{"z": 1}]}]}}]`, `[{"$unionWith": "nothing"}]`,
	`[{"$lookup": {"from": "customers", "localField": "cust", "foreignField": "_id", "as": "who"}}]`,
	`[{"$lookup": {"from": "customers", "localField": "cust", "foreignField": "refs", "as": "who"}}]`,
	`[{"$lookup": {"from": "customers", "localField": "cust", "foreignField": "links.to", "as": "who"}}, {"$match": {"status": "A"}}]`,
	`[{"$lookup": {"from": "customers", "localField": "a.b", "foreignField": "_id", "as": "a.found"}}]`,
	`[{"$lookup": {"from": "parts", "localField": "items.sku", "foreignField": "_id", "as": "items"}}]`,
	`[{"$lookup": {"from": "parts", "localField": "items.0.sku", "foreignField": "needs", "as": "p"}}]`,
	`[{"$lookup": {"from": "nothing", "localField": "cust", "foreignField": "_id", "as": "who"}}]`,
	`[{"$lookup": {"from": "customers", "pipeline": [{"$match": {"vip": true}}, {"$project": {"name": 1}}], "as": "vips"}}]`,
	`[{"$lookup": {"from": "customers", "let": {"who": "$cust"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$_id", "$$who"]}}}, {"$project": {"name": 1}}], "as": "who"}}]`,
	`[{"$lookup": {"from": "customers", "let": {"who": "$cust", "q": "$qty"}, "pipeline": [{"$match": {"vip": {"$exists": true}, "$expr": {"$and": [{"$eq": ["$$who", "$_id"]}, {"$gt": ["$$q", 2]}]}}}, {"$addFields": {"q": "$$q"}}], "as": "who"}}]`,
	`[{"$lookup": {"from": "customers", "let": {"q": "$qty"}, "pipeline": [{"$sort": {"name": -1}}, {"$limit": 2}, {"$project": {"_id": 0, "n": "$name", "q": "$$q"}}], "as": "two"}}, {"$limit": 3}]`,
	`[{"$lookup": {"from": "customers", "localField": "cust", "foreignField": "_id", "let": {"s": "$status"}, "pipeline": [{"$project": {"name": 1, "s": "$$s"}}], "as": "who"}}]`,
	`[{"$lookup": {"pipeline": [{"$documents": [{"q": 1}, {"q": 2}]}, {"$match": {"q": 2}}], "as": "z"}}, {"$limit": 1}]`,
	`[{"$lookup": {"from": "customers", "localField": "cust", "foreignField": "_id", "as": "who"}}, {"$unwind": "$who"}, {"$project": {"who.name": 1}}]`,
	`[{"$lookup": {"from": "c", "localField": "cust", "foreignField": "cust", "as": "same"}}, {"$project": {"ids": "$same._id"}}]`,
	`[{"$lookup": {"from": "customers", "let": {"a": 1}, "pipeline": [{"$lookup": {"from": "parts", "let": {"n": "$name"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$_id", "a"]}}}, {"$project": {"x": "$$n", "y": "$$a"}}], "as": "p"}}, {"$limit": 2}], "as": "deep"}}, {"$limit": 2}]`,
	`[{"$graphLookup": {"from": "parts", "startWith": "$items.sku", "connectFromField": "needs", "connectToField": "_id", "as": "all"}}]`,
	`[{"$graphLookup": {"from": "parts", "startWith": "$items.sku", "connectFromField": "needs", "connectToField": "_id", "as": "all", "maxDepth": 1, "depthField": "d"}}]`,
	`[{"$graphLookup": {"from": "parts", "startWith": "e", "connectFromField": "needs", "connectToField": "_id", "as": "x.all", "restrictSearchWithMatch": {"old": {"$ne": true}}, "depthField": "n.d"}}, {"$limit": 1}]`,
	`[{"$graphLookup": {"from": "parts", "startWith": "d", "connectFromField": "_id", "connectToField": "needs", "as": "up"}}, {"$limit": 1}]`,
	`[{"$graphLookup": {"from": "parts", "startWith": "a", "connectFromField": "needs.p", "connectToField": "needs.p", "as": "up"}}, {"$limit": 1}]`,
	`[{"$graphLookup": {"from": "parts", "startWith": "$nope", "connectFromField": "needs", "connectToField": "old", "as": "up"}}, {"$limit": 1}]`,
	`[{"$graphLookup": {"from": "customers", "startWith": "$nope", "connectFromField": "refs", "connectToField": "_id", "as": "up"}}, {"$limit": 1}]`,
	`[{"$redact": {"$cond": [{"$eq": ["$status", "A"]}, "$$KEEP", "$$PRUNE"]}}]`,
	`[{"$redact": {"$cond": [{"$or": [{"$eq": [{"$type": "$sku"}, "missing"]}, {"$eq": ["$sku", "a"]}]}, "$$DESCEND", "$$PRUNE"]}}]`,
	`[{"$redact": {"$cond": [{"$eq": ["$$ROOT._id", 1]}, "$$DESCEND", "$$PRUNE"]}}]`,
	`[{"$sample": {"size": 0}}]`, `[{"$sample": {"size": 100}}, {"$sort": {"_id": 1}}]`, `[{"$sample": {"size": 3}}, {"$count": "n"}]`,
	`[{"$project": {"x": {"$literal": "$a"}, "y": "$$NOW"}}, {"$project": {"y": 0}}]`,
}

// wrong are pipelines that fail, when compiled or when run.
var wrong = []string{
	`[{"$foo": 1}]`, `[{}]`, `[{"$match": {}, "$limit": 1}]`, `[{"$search": {}}]`, `[{"$limit": 5}, {"$out": "y"}, {"$limit": 1}]`, `[{"$limit": 1}, {"$collStats": {}}]`,
	`[{"$limit": 1}, {"$documents": []}]`, `[{"$indexStats": {"a": 1}}]`,
	`[{"$match": 1}]`, `[{"$match": []}]`, `[{"$match": {"a": {"$foo": 1}}}]`,
	`[{"$project": 1}]`, `[{"$project": {}}]`, `[{"$project": {"a": 1, "b": 0}}]`, `[{"$project": {"a.b": 1, "a": 1}}]`, `[{"$project": {"": 1}}]`,
	`[{"$addFields": 1}]`, `[{"$set": 1}]`, `[{"$unset": 1}]`, `[{"$unset": []}]`, `[{"$unset": ""}]`, `[{"$unset": ["a", 1]}]`, `[{"$unset": "$a"}]`, `[{"$unset": ["a", "a.b"]}]`,
	`[{"$group": 1}]`, `[{"$group": {}}]`, `[{"$group": {"_id": null, "a": 1}}]`, `[{"$group": {"a": {"$sum": 1}}}]`, `[{"$group": {"_id": 1, "a.b": {"$sum": 1}}}]`,
	`[{"$group": {"_id": 1, "$a": {"$sum": 1}}}]`, `[{"$group": {"_id": 1, "a": {"$foo": 1}}}]`, `[{"$group": {"_id": 1, "a": {"$sum": 1, "$avg": 1}}}]`, `[{"$group": {"_id": 1, "a": {}}}]`,
	`[{"$group": {"_id": {"$foo": 1}}}]`, `[{"$group": {"_id": 1, "a": {"$sum": [1, 2]}}}]`, `[{"$group": {"_id": {"a.b": 1}}}]`, `[{"$group": {"_id": {"a": 1}}}]`, `[{"$group": {"_id": 1, "a": {"$count": 1}}}]`,
	`[{"$group": {"_id": {"a.b": "$x"}}}]`, `[{"$group": {"_id": {"": "$x"}}}]`,
	`[{"$sort": 1}]`, `[{"$sort": {}}]`, `[{"$sort": {"a": 0}}]`, `[{"$sort": {"a": 2}}]`, `[{"$sort": {"a": "x"}}]`, `[{"$sort": {"$natural": 1}}]`, `[{"$sort": {"a": true}}]`,
	`[{"$sort": {"": 1}}]`, `[{"$sort": {"$a": 1}}]`, `[{"$sort": {"a.": 1}}]`, `[{"$sort": {"a": {"$meta": "foo"}}}]`, `[{"$sort": {"a": []}}]`, `[{"$sort": {"a": {"b": 1}}}]`,
	`[{"$sort": {"tags": 1, "items": 1}}]`,
	`[{"$limit": 0}]`, `[{"$limit": -1}]`, `[{"$limit": 1.5}]`, `[{"$limit": "x"}]`, `[{"$limit": null}]`, `[{"$limit": {"$numberDecimal": "2.5"}}]`, `[{"$limit": {"$numberDouble": "NaN"}}]`, `[{"$limit": 1e300}]`,
	`[{"$skip": -1}]`, `[{"$skip": 1.5}]`, `[{"$skip": "x"}]`, `[{"$skip": {}}]`,
	`[{"$unwind": 1}]`, `[{"$unwind": "a"}]`, `[{"$unwind": "$"}]`, `[{"$unwind": ""}]`, `[{"$unwind": {}}]`, `[{"$unwind": {"path": "b"}}]`, `[{"$unwind": {"path": 1}}]`, `[{"$unwind": {"path": "$b", "foo": 1}}]`,
	`[{"$unwind": {"path": "$b", "includeArrayIndex": 1}}]`, `[{"$unwind": {"path": "$b", "includeArrayIndex": "$i"}}]`, `[{"$unwind": {"path": "$b", "includeArrayIndex": ""}}]`, `[{"$unwind": {"path": "$b", "preserveNullAndEmptyArrays": 1}}]`,
	`[{"$unwind": "$b."}]`, `[{"$unwind": "$$ROOT"}]`, `[{"$unwind": "$a..b"}]`, `[{"$unwind": {"path": "$b", "includeArrayIndex": "i."}}]`,
	`[{"$count": 1}]`, `[{"$count": ""}]`, `[{"$count": "$a"}]`, `[{"$count": "a.b"}]`, `[{"$count": "a\u0000b"}]`,
	`[{"$replaceRoot": 1}]`, `[{"$replaceRoot": {}}]`, `[{"$replaceRoot": {"newRoot": 1}}]`, `[{"$replaceRoot": {"newRoot": "$nope"}}]`, `[{"$replaceRoot": {"newRoot": {}, "foo": 1}}]`, `[{"$replaceWith": "$_id"}]`, `[{"$replaceWith": null}]`,
	`[{"$facet": 1}]`, `[{"$facet": {}}]`, `[{"$facet": {"a": 1}}]`, `[{"$facet": {"a": [1]}}]`, `[{"$facet": {"a": [{}]}}]`, `[{"$facet": {"$a": []}}]`, `[{"$facet": {"a.b": []}}]`, `[{"$facet": {"": []}}]`,
	`[{"$facet": {"a": [{"$facet": {"x": []}}]}}]`, `[{"$facet": {"a": [{"$out": "x"}]}}]`, `[{"$facet": {"a": [{"$merge": "x"}]}}]`, `[{"$facet": {"a": [{"$collStats": {}}]}}]`, `[{"$facet": {"a": [{"$documents": []}]}}]`, `[{"$facet": {"a": [{"$foo": 1}]}}]`,
	`[{"$sortByCount": 1}]`, `[{"$sortByCount": "a"}]`, `[{"$sortByCount": {}}]`, `[{"$sortByCount": {"a": 1}}]`, `[{"$sortByCount": {"$foo": 1}}]`, `[{"$sortByCount": null}]`,
	`[{"$lookup": 1}]`, `[{"$lookup": {}}]`, `[{"$lookup": {"from": "y"}}]`, `[{"$lookup": {"from": 1, "as": "z"}}]`, `[{"$lookup": {"from": "y", "as": 1}}]`, `[{"$lookup": {"from": "y", "as": "z"}}]`,
	`[{"$lookup": {"from": "y", "as": "z", "localField": "a"}}]`, `[{"$lookup": {"from": "y", "as": "z", "localField": "a", "foreignField": 1}}]`, `[{"$lookup": {"from": "y", "as": "z", "localField": "a", "foreignField": "b", "let": {}}}]`,
	`[{"$lookup": {"from": "y", "as": "z", "pipeline": [], "let": 1}}]`, `[{"$lookup": {"from": "y", "as": "z", "pipeline": 1}}]`, `[{"$lookup": {"from": "y", "as": "z", "pipeline": [], "foo": 1}}]`, `[{"$lookup": {"as": "z", "pipeline": []}}]`,
	`[{"$lookup": {"from": "y", "as": "", "pipeline": []}}]`, `[{"$lookup": {"from": "y", "as": "$z", "pipeline": []}}]`, `[{"$lookup": {"from": "y", "as": "z", "localField": "$a", "foreignField": "b"}}]`, `[{"$lookup": {"from": "y", "as": "z", "localField": "a", "foreignField": "$b"}}]`,
	`[{"$lookup": {"from": "y", "as": "z", "pipeline": [], "let": {"A": 1}}}]`, `[{"$lookup": {"from": "y", "as": "z", "pipeline": [], "let": {"a": "$a", "b": "$$a"}}}]`, `[{"$lookup": {"from": "y", "as": "z", "pipeline": [{"$out": "q"}]}}]`,
	`[{"$lookup": {"from": "y", "as": "z", "pipeline": [{"$foo": "q"}]}}]`, `[{"$lookup": {"from": {"db": "t", "coll": "y"}, "as": "z", "pipeline": []}}]`, `[{"$lookup": {"from": "y", "as": "z", "pipeline": [{"$match": {"$expr": {"$eq": ["$a", "$$nope"]}}}]}}]`,
	`[{"$lookup": {"from": "", "as": "z", "pipeline": []}}]`,
	`[{"$bucket": 1}]`, `[{"$bucket": {}}]`, `[{"$bucket": {"groupBy": 1}}]`, `[{"$bucket": {"groupBy": "a", "boundaries": [1, 2]}}]`, `[{"$bucket": {"groupBy": "$a", "boundaries": [1]}}]`, `[{"$bucket": {"groupBy": "$a", "boundaries": [2, 1]}}]`,
	`[{"$bucket": {"groupBy": "$a", "boundaries": [1, "a"]}}]`, `[{"$bucket": {"groupBy": "$a", "boundaries": ["$a", 2]}}]`, `[{"$bucket": {"groupBy": "$qty", "boundaries": [5, 6]}}]`, `[{"$bucket": {"groupBy": "$a", "boundaries": [5, 6], "default": 5}}]`,
	`[{"$bucket": {"groupBy": "$a", "boundaries": [5, 6], "default": "$a"}}]`, `[{"$bucket": {"groupBy": "$a", "boundaries": [0, 6], "output": 1}}]`, `[{"$bucket": {"groupBy": "$a", "boundaries": [0, 6], "foo": 1}}]`, `[{"$bucket": {"groupBy": "$a"}}]`,
	`[{"$bucket": {"groupBy": "$a", "boundaries": 1}}]`, `[{"$bucket": {"groupBy": {"$foo": 1}, "boundaries": [0, 6]}}]`, `[{"$bucket": {"groupBy": {"a": 1}, "boundaries": [0, 6]}}]`, `[{"$bucket": {"groupBy": "$a", "boundaries": [0, 6], "output": {"_id": {"$sum": 1}}}}]`,
	`[{"$bucketAuto": 1}]`, `[{"$bucketAuto": {}}]`, `[{"$bucketAuto": {"groupBy": 1, "buckets": 1}}]`, `[{"$bucketAuto": {"groupBy": "$a"}}]`, `[{"$bucketAuto": {"groupBy": "$a", "buckets": 0}}]`, `[{"$bucketAuto": {"groupBy": "$a", "buckets": "x"}}]`,
	`[{"$bucketAuto": {"groupBy": "$a", "buckets": 1.5}}]`, `[{"$bucketAuto": {"groupBy": "$a", "buckets": 2, "granularity": 1}}]`, `[{"$bucketAuto": {"groupBy": "$a", "buckets": 2, "granularity": "X"}}]`, `[{"$bucketAuto": {"groupBy": "$a", "buckets": 2, "output": 1}}]`,
	`[{"$bucketAuto": {"groupBy": "$a", "buckets": 2, "foo": 1}}]`, `[{"$bucketAuto": {"groupBy": "$status", "buckets": 2, "granularity": "R5"}}]`, `[{"$bucketAuto": {"groupBy": "$total", "buckets": 2, "granularity": "E6"}}]`,
	`[{"$unionWith": 1}]`, `[{"$unionWith": {}}]`, `[{"$unionWith": {"coll": 1}}]`, `[{"$unionWith": {"coll": "x", "pipeline": 1}}]`, `[{"$unionWith": {"coll": "x", "pipeline": [{"$foo": 1}]}}]`, `[{"$unionWith": {"coll": "x", "foo": 1}}]`,
	`[{"$unionWith": {"pipeline": []}}]`, `[{"$unionWith": {"coll": "x", "pipeline": [{"$out": "q"}]}}]`,
	`[{"$graphLookup": 1}]`, `[{"$graphLookup": {}}]`, `[{"$graphLookup": {"from": "x", "startWith": "$a", "connectToField": "_id", "as": "z"}}]`, `[{"$graphLookup": {"from": 1}}]`, `[{"$graphLookup": {"from": "x", "connectFromField": 1}}]`,
	`[{"$graphLookup": {"from": "x", "connectToField": "$a"}}]`, `[{"$graphLookup": {"from": "x", "maxDepth": -1}}]`, `[{"$graphLookup": {"from": "x", "maxDepth": 1.5}}]`, `[{"$graphLookup": {"from": "x", "maxDepth": "x"}}]`, `[{"$graphLookup": {"from": "x", "restrictSearchWithMatch": 1}}]`,
	`[{"$graphLookup": {"from": "x", "foo": 1}}]`,
	`[{"$sample": 1}]`, `[{"$sample": {}}]`, `[{"$sample": {"size": "x"}}]`, `[{"$sample": {"size": -1}}]`, `[{"$sample": {"foo": 1}}]`,
	`[{"$redact": 1}]`, `[{"$redact": "$_id"}]`, `[{"$redact": "x"}]`,
	`[{"$out": 1}]`, `[{"$out": ""}]`, `[{"$out": {}}]`, `[{"$out": {"db": "t"}}]`, `[{"$out": {"db": 1, "coll": "y"}}]`,
	`[{"$merge": 1}]`, `[{"$merge": ""}]`, `[{"$merge": {}}]`, `[{"$merge": {"into": 1}}]`, `[{"$merge": {"into": "y", "on": 1}}]`, `[{"$merge": {"into": "y", "on": []}}]`, `[{"$merge": {"into": "y", "on": ["_id", "_id"]}}]`,
	`[{"$merge": {"into": "y", "whenMatched": "foo"}}]`, `[{"$merge": {"into": "y", "whenNotMatched": "foo"}}]`, `[{"$merge": {"into": "y", "whenMatched": "merge", "let": {}}}]`, `[{"$merge": {"into": "y", "whenMatched": [{"$set": {"q": 1}}], "let": {"new": 1}}}]`,
	`[{"$merge": {"into": "y", "foo": 1}}]`, `[{"$merge": {"into": "y", "whenMatched": "fail", "whenNotMatched": "discard"}}]`, `[{"$merge": {"into": "y", "whenMatched": "fail", "whenNotMatched": "fail"}}]`, `[{"$merge": {"into": {"db": "t"}}}]`,
	`[{"$merge": {"into": "y", "whenMatched": "keepExisting", "whenNotMatched": "fail"}}]`, `[{"$merge": {"into": "y", "whenMatched": [{"$group": {"_id": 1}}]}}]`,
}

func TestStagesAreMongods(t *testing.T) {
	s := newServer(t, shop())
	for _, text := range correct {
		t.Run(text, func(t *testing.T) { s.check(t, text) })
	}
}

func TestErrorsAreMongods(t *testing.T) {
	s := newServer(t, shop())
	for _, text := range wrong {
		t.Run(text, func(t *testing.T) { s.check(t, text) })
	}
}
