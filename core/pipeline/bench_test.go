package pipeline_test

import (
	"context"
	"strings"
	"testing"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/pipeline"
)

// again hands out the same documents without copying.
type again struct {
	docs []bsonraw.Doc
	at   int
}

func (a *again) Next(context.Context) (bsonraw.Doc, bool, error) {
	if a.at == len(a.docs) {
		return nil, false, nil
	}
	a.at++
	return a.docs[a.at-1], true, nil
}

func (a *again) Close() error { return nil }

// BenchmarkStage runs one pipeline over 100,000 documents of about 280 bytes;
// ns/doc is what counts.
func BenchmarkStage(b *testing.B) {
	const n = 100_000
	docs := make([]bsonraw.Doc, n)
	for i := range docs {
		docs[i] = mongotest.Docf(`{"_id": %d, "n": %d, "k": %d, "name": "name %d", "price": %d.5, "active": true, "at": {"$date": {"$numberLong": "%d"}}, "address": {"city": "City %d", "zip": "12345"}, "tags": ["a%d", "b", "c"], "text": %q}`,
			i, i*7919%n, i%1000, i, i%500, 1_600_000_000_000+int64(i)*1000, i%97, i%7, strings.Repeat("x", 80))
	}
	m := memory{"c": docs[:1000], "other": docs[:1000]}
	for _, c := range []struct{ name, text string }{
		{"match", `[{"$match": {"k": {"$lt": 500}, "address.city": "City 5"}}]`},
		{"project", `[{"$project": {"n": 1, "address.city": 1}}]`},
		{"addFields", `[{"$addFields": {"total": {"$multiply": ["$price", "$n"]}}}]`},
		{"groupFew", `[{"$group": {"_id": "$k", "n": {"$sum": 1}, "total": {"$sum": "$price"}, "max": {"$max": "$n"}}}]`},
		{"groupMany", `[{"$group": {"_id": "$n", "total": {"$sum": "$price"}}}]`},
		{"groupObject", `[{"$group": {"_id": {"c": "$address.city", "k": "$k"}, "n": {"$sum": 1}}}]`},
		{"sort", `[{"$sort": {"n": 1}}]`},
		{"sortLimit", `[{"$sort": {"n": -1}}, {"$limit": 10}]`},
		{"sortString", `[{"$sort": {"address.city": 1, "n": 1}}]`},
		{"unwind", `[{"$unwind": "$tags"}]`},
		{"lookup", `[{"$limit": 1000}, {"$lookup": {"from": "other", "localField": "k", "foreignField": "_id", "as": "o"}}]`},
		{"window", `[{"$setWindowFields": {"partitionBy": "$k", "sortBy": {"n": 1}, "output": {"sum": {"$sum": "$price", "window": {"documents": ["unbounded", "current"]}}}}}]`},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := pipeline.Compile(stagesOf(c.text), testOptions())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				it, err := p.Run(b.Context(), &again{docs: docs}, m)
				for ok := true; ok && err == nil; {
					_, ok, err = it.Next(b.Context())
				}
				if err != nil {
					b.Fatal(err)
				}
				if err := it.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/doc")
		})
	}
}
