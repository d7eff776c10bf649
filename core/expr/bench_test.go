package expr

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// benchDoc has ten fields of about 280 bytes, the operands not first.
var benchDoc = mongotest.Doc(`{"_id": {"$oid": "5f5f5f5f5f5f5f5f5f5f5f5f"}, "name": "some name of a person", "a": 5, "b": 7.5, "n": {"$numberLong": "12345678901"},
	"at": {"$date": {"$numberLong": "1604212200500"}}, "tags": ["x", "y", "z"], "addr": {"city": "Amsterdam", "zip": "1012AB", "geo": {"lat": 52.37, "lon": 4.89}},
	"items": [{"p": 3, "q": 2}, {"p": 10, "q": 1}, {"p": 7, "q": 4}], "note": "a longer text that nobody looks at in this benchmark"}`)

func BenchmarkEval(b *testing.B) {
	for _, row := range []struct{ name, expr string }{
		{"path", `"$a"`},
		{"path2", `"$addr.geo.lat"`},
		{"add", `{"$add": ["$a", "$b"]}`},
		{"addInts", `{"$add": ["$a", 1]}`},
		{"multiply", `{"$multiply": ["$a", "$b", 2]}`},
		{"compare", `{"$gt": ["$a", 3]}`},
		{"cond", `{"$cond": [{"$gt": ["$a", 3]}, "$b", 0]}`},
		{"and", `{"$and": [{"$gt": ["$a", 3]}, {"$lt": ["$b", 100]}]}`},
		{"concat", `{"$concat": ["$name", " of ", "$addr.city"]}`},
		{"object", `{"x": "$a", "y": {"$add": ["$a", "$b"]}}`},
		{"arrayPath", `"$items.p"`},
		{"map", `{"$map": {"input": "$items", "in": {"$multiply": ["$$this.p", "$$this.q"]}}}`},
		{"reduce", `{"$reduce": {"input": "$items", "initialValue": 0, "in": {"$add": ["$$value", "$$this.p"]}}}`},
		{"sumOfMap", `{"$sum": {"$map": {"input": "$items", "in": {"$multiply": ["$$this.p", "$$this.q"]}}}}`},
		{"year", `{"$year": "$at"}`},
		{"dateToString", `{"$dateToString": {"date": "$at", "format": "%Y-%m-%d"}}`},
		{"dateTrunc", `{"$dateTrunc": {"date": "$at", "unit": "day"}}`},
		{"toString", `{"$toString": "$a"}`},
		{"regexMatch", `{"$regexMatch": {"input": "$name", "regex": "name.*pers"}}`},
		{"decimal", `{"$add": ["$b", {"$numberDecimal": "1.10"}]}`},
	} {
		b.Run(row.name, func(b *testing.B) {
			x, err := Compile(mongotest.Value(row.expr), nil)
			require.NoError(b, err)
			env := NewEnv(testNow)
			b.ReportAllocs()
			for range b.N {
				env.Reset(benchDoc)
				if _, err := x.Eval(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAccumulate(b *testing.B) {
	for _, spec := range []string{
		`{"$sum": "$a"}`, `{"$sum": 1}`, `{"$avg": "$b"}`, `{"$min": "$a"}`, `{"$max": "$name"}`, `{"$count": {}}`,
		`{"$first": "$a"}`, `{"$last": "$a"}`, `{"$addToSet": "$name"}`, `{"$topN": {"n": 5, "sortBy": {"a": 1}, "output": "$name"}}`, `{"$stdDevPop": "$b"}`,
	} {
		b.Run(spec, func(b *testing.B) {
			it := mongotest.Value(spec).Doc().Iter()
			it.Next()
			factory, err := CompileAccumulator(string(it.Key()), it.Value(), nil)
			require.NoError(b, err)
			env := NewEnv(testNow)
			env.Reset(bsonraw.EmptyDoc)
			acc, err := factory.New(env)
			require.NoError(b, err)
			b.ReportAllocs()
			for range b.N {
				env.Reset(benchDoc)
				if err := acc.Add(env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
