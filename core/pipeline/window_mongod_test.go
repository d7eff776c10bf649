package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/stretchr/testify/require"
)

// series is a collection with gaps: numbers, dates and partitions.
func seriesData() memory {
	m := memory{}
	for _, s := range []string{
		`{"_id": 0, "p": 0, "q": 5, "n": 1, "d": {"$date": "2020-01-01T00:00:00Z"}}`,
		`{"_id": 1, "p": 1, "q": 3, "n": 2.5, "d": {"$date": "2020-01-02T00:00:00Z"}}`,
		`{"_id": 2, "p": 0, "q": null, "n": 2.5, "d": {"$date": "2020-01-03T00:00:00Z"}}`,
		`{"_id": 3, "p": 1, "n": {"$numberLong": "4"}, "s": "x", "d": {"$date": "2020-01-06T00:00:00Z"}}`,
		`{"_id": 4, "p": 0, "q": 9, "n": {"$numberDecimal": "7.5"}, "s": "x", "d": {"$date": "2020-01-07T12:00:00Z"}}`,
		`{"_id": 5, "p": 1, "q": 2.5, "n": 10, "d": {"$date": "2020-01-31T00:00:00Z"}}`,
	} {
		m["c"] = append(m["c"], mongotest.Docf("%s", s))
	}
	return m
}

// windowFields are functions of $setWindowFields that are run with and without
// partitions, by _id, by n and by d.
var windowFields = []string{
	`{"$sum": "$q"}`, `{"$avg": "$q"}`, `{"$count": {}}`, `{"$push": "$q"}`, `{"$addToSet": "$p"}`, `{"$first": "$q"}`, `{"$last": "$q"}`, `{"$min": "$q"}`, `{"$max": "$q"}`, `{"$stdDevPop": "$_id"}`,
	`{"$sum": "$q", "window": {"documents": ["unbounded", "current"]}}`, `{"$sum": "$_id", "window": {"documents": [-1, 1]}}`, `{"$push": "$q", "window": {"documents": [-1, 1]}}`,
	`{"$push": "$_id", "window": {"documents": ["current", "unbounded"]}}`, `{"$push": "$_id", "window": {"documents": [1, 2]}}`, `{"$push": "$_id", "window": {"documents": [-3, -2]}}`, `{"$max": "$q", "window": {"documents": [5, 6]}}`,
	`{"$sum": "$_id", "window": {"documents": [5, 6]}}`, `{"$first": "$q", "window": {"documents": [5, 6]}}`, `{"$avg": "$_id", "window": {"documents": ["current", "current"]}}`,
	`{"$topN": {"n": 2, "sortBy": {"_id": -1}, "output": "$_id"}, "window": {"documents": [-1, 1]}}`, `{"$firstN": {"n": 2, "input": "$q"}, "window": {"documents": [-1, 1]}}`, `{"$maxN": {"n": 2, "input": "$q"}, "window": {"documents": [-1, 1]}}`,
	`{"$rank": {}}`, `{"$denseRank": {}}`, `{"$documentNumber": {}}`,
	`{"$shift": {"output": "$q", "by": 1}}`, `{"$shift": {"output": "$q", "by": -2, "default": "none"}}`, `{"$shift": {"output": "$nope", "by": 0}}`,
	`{"$expMovingAvg": {"input": "$_id", "N": 2}}`, `{"$expMovingAvg": {"input": "$q", "alpha": 0.5}}`,
	`{"$derivative": {"input": "$_id"}, "window": {"documents": [-1, 0]}}`, `{"$derivative": {"input": "$_id", "unit": "day"}, "window": {"documents": ["unbounded", 0]}}`,
	`{"$integral": {"input": "$_id"}, "window": {"documents": [-1, 0]}}`, `{"$integral": {"input": "$_id"}}`, `{"$integral": {"input": "$_id", "unit": "hour"}, "window": {"documents": ["unbounded", "current"]}}`,
	`{"$covariancePop": ["$_id", "$p"]}`, `{"$covarianceSamp": ["$_id", "$p"]}`, `{"$covariancePop": "$q"}`,
	`{"$locf": "$q"}`, `{"$linearFill": "$q"}`,
	`{"$push": "$_id", "window": {"range": [-1, 1]}}`, `{"$push": "$_id", "window": {"range": ["unbounded", 1.5]}}`, `{"$push": "$_id", "window": {"range": ["current", "current"]}}`, `{"$sum": "$_id", "window": {"range": [-1, "unbounded"]}}`,
	`{"$push": "$_id", "window": {"range": [-1, 1], "unit": "day"}}`, `{"$push": "$_id", "window": {"range": [-1, 0], "unit": "month"}}`, `{"$push": "$_id", "window": {"range": [-30, 0], "unit": "hour"}}`,
}

func TestWindowFieldsAreMongods(t *testing.T) {
	s := newServer(t, seriesData())
	for _, field := range windowFields {
		t.Run(field, func(t *testing.T) {
			for _, sortBy := range []string{`"_id": 1`, `"n": 1`, `"d": -1`, `"p": 1, "_id": 1`} {
				if sortBy == `"n": 1` && !strings.Contains(field, `"range"`) && !strings.Contains(field, "ank") {
					continue // two documents have the same n, in no settled order
				}
				for _, partition := range []string{``, `"partitionBy": {"s": "$s"}, `} {
					s.check(t, fmt.Sprintf(`[{"$setWindowFields": {%s"sortBy": {%s}, "output": {"r": %s}}}, {"$sort": {"_id": 1}}, {"$project": {"r": 1}}]`, partition, sortBy, field))
				}
			}
			s.check(t, fmt.Sprintf(`[{"$setWindowFields": {"output": {"r": %s}}}, {"$project": {"r": 1}}]`, field))
		})
	}
}

// otherWindows are whole pipelines, right and wrong.
var otherWindows = []string{
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a.b": {"$sum": "$_id"}, "c": {"$rank": {}}, "p": {"$push": "$p", "window": {"documents": [0, 1]}}}}}, {"$project": {"c": "$c", "b": "$a.b", "p": "$p"}}]`,
	`[{"$setWindowFields": {"partitionBy": "$nope", "output": {"a": {"$sum": 1}}}}]`, `[{"$setWindowFields": {"output": {}}}]`, `[{"$setWindowFields": {"sortBy": {}, "output": {"a": {"$sum": 1}}}}]`,
	`[{"$setWindowFields": 1}]`, `[{"$setWindowFields": {}}]`, `[{"$setWindowFields": {"output": 1}}]`, `[{"$setWindowFields": {"output": {"a": 1}}}]`, `[{"$setWindowFields": {"output": {"a": {"$foo": 1}}}}]`,
	`[{"$setWindowFields": {"output": {"a": {"$sum": "$q", "window": 1}}}}]`, `[{"$setWindowFields": {"output": {"a": {"$sum": "$q", "window": {}}}}}]`, `[{"$setWindowFields": {"output": {"a": {"$sum": "$q", "window": {"documents": 1}}}}}]`,
	`[{"$setWindowFields": {"output": {"a": {"$sum": "$q", "window": {"documents": [1]}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$sum": "$q", "window": {"documents": ["x", "current"]}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$sum": "$q", "window": {"documents": [1, 0]}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$sum": "$q", "window": {"documents": [1.5, 2]}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$sum": "$q", "window": {"foo": [0, 1]}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$sum": "$q", "window": {"documents": [0, 1], "range": [0, 1]}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$sum": "$q", "window": {"documents": [0, 1], "unit": "day"}}}}}]`, `[{"$setWindowFields": {"sortBy": {"q": 1}, "output": {"a": {"$sum": "$q", "window": {"range": [0, 1]}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"d": 1}, "output": {"a": {"$sum": "$_id", "window": {"range": [-1, 1], "unit": "foo"}}}}}]`, `[{"$setWindowFields": {"sortBy": {"d": 1}, "output": {"a": {"$sum": "$_id", "window": {"range": [-1.5, 1], "unit": "day"}}}}}]`,
	`[{"$setWindowFields": {"partitionBy": [1], "output": {"a": {"$sum": "$_id"}}}}]`, `[{"$setWindowFields": {"partitionBy": ["$p"], "output": {"a": {"$sum": "$_id"}}}}]`, `[{"$setWindowFields": {"foo": 1, "output": {}}}]`,
	`[{"$setWindowFields": {"sortBy": 1, "output": {}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 2}, "output": {"a": {"$sum": 1}}}}]`, `[{"$setWindowFields": {"output": {"a": {"$sum": 1}, "a.b": {"$sum": 1}}}}]`,
	`[{"$setWindowFields": {"output": {"$a": {"$sum": 1}}}}]`, `[{"$setWindowFields": {"output": {"a": {"$sum": 1, "foo": 1}}}}]`, `[{"$setWindowFields": {"output": {"a": {"window": {"documents": [0, 1]}}}}}]`,
	`[{"$setWindowFields": {"output": {"a": {"$sum": 1, "$avg": 1}}}}]`, `[{"$setWindowFields": {"output": {"a": {"$mergeObjects": "$x"}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$rank": 1}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$rank": {}, "window": {"documents": [0, 1]}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$shift": {"by": 1}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$shift": {"output": "$q", "by": 1.5}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$shift": {"output": "$q", "by": 1, "default": "$q"}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$expMovingAvg": {"input": "$q"}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$expMovingAvg": {"input": "$q", "alpha": 1}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$expMovingAvg": {"input": "$q", "N": 1.5}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$derivative": {"input": "$_id"}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$derivative": {"input": "$q"}, "window": {"documents": [-1, 0]}}}}}]`, `[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$locf": "$q", "window": {"documents": [0, 1]}}}}}]`,
	`[{"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"a": {"$linearFill": "$s"}}}}]`,

	`[{"$fill": 1}]`, `[{"$fill": {}}]`, `[{"$fill": {"output": {}}}]`, `[{"$fill": {"output": {"q": 1}}}]`, `[{"$fill": {"output": {"q": {"value": 0}}}}]`, `[{"$fill": {"output": {"q": {"value": "$p"}}}}]`, `[{"$fill": {"output": {"q": {"method": "locf"}}}}]`,
	`[{"$fill": {"sortBy": {"_id": 1}, "output": {"q": {"method": "linear"}}}}]`, `[{"$fill": {"output": {"q": {"method": "linear"}}}}]`, `[{"$fill": {"sortBy": {"_id": 1}, "output": {"q": {"method": "foo"}}}}]`, `[{"$fill": {"sortBy": {"_id": 1}, "output": {"q": {"method": "locf", "value": 1}}}}]`,
	`[{"$fill": {"sortBy": {"_id": 1}, "output": {"q": {}}}}]`, `[{"$fill": {"sortBy": {"_id": 1}, "output": {"q": {"foo": 1}}}}]`, `[{"$fill": {"partitionBy": {"p": "$p"}, "sortBy": {"_id": 1}, "output": {"q": {"method": "locf"}}}}]`,
	`[{"$fill": {"partitionByFields": ["p"], "sortBy": {"_id": 1}, "output": {"q": {"method": "locf"}, "z": {"value": 7}}}}]`, `[{"$fill": {"partitionByFields": ["p"], "sortBy": {"d": 1}, "output": {"q": {"method": "linear"}}}}]`, `[{"$fill": {"partitionBy": 1, "output": {"q": {"value": 1}}}}]`,
	`[{"$fill": {"partitionByFields": [1], "output": {"q": {"value": 1}}}}]`, `[{"$fill": {"foo": 1, "output": {"q": {"value": 1}}}}]`, `[{"$fill": {"output": {"q.r": {"value": 1}}}}]`, `[{"$fill": {"output": {"$q": {"value": 1}}}}]`, `[{"$fill": {"partitionByFields": ["$p"], "sortBy": {"_id": 1}, "output": {"q": {"method": "locf"}}}}]`,
	`[{"$fill": {"partitionByFields": ["p"], "partitionBy": {"p": "$p"}, "output": {"q": {"value": 1}}}}]`,
}

func TestOtherWindowsAreMongods(t *testing.T) {
	s := newServer(t, seriesData())
	for _, text := range otherWindows {
		t.Run(text, func(t *testing.T) { s.check(t, text) })
	}
}

var densifies = []string{
	`1`, `{}`, `{"field": "_id"}`, `{"field": "_id", "range": 1}`, `{"field": "_id", "range": {}}`, `{"field": "_id", "range": {"step": 2}}`, `{"field": "_id", "range": {"step": 2, "bounds": "full"}}`,
	`{"field": "_id", "range": {"step": 0.5, "bounds": [0, 1]}}`, `{"field": "_id", "range": {"step": 2, "bounds": [-3, 9]}}`, `{"field": "_id", "range": {"step": 2, "bounds": "partition"}}`, `{"field": "_id", "partitionByFields": ["p"], "range": {"step": 1, "bounds": "partition"}}`,
	`{"field": "_id", "partitionByFields": ["p"], "range": {"step": 1, "bounds": "full"}}`, `{"field": "_id", "partitionByFields": ["p"], "range": {"step": 2, "bounds": [-1, 7]}}`, `{"field": "_id", "partitionByFields": ["p", "s"], "range": {"step": 2, "bounds": "full"}}`,
	`{"field": "d", "range": {"step": 1, "unit": "day", "bounds": "full"}}`, `{"field": "d", "range": {"step": 1, "bounds": "full"}}`, `{"field": "_id", "range": {"step": 1, "unit": "day", "bounds": "full"}}`,
	`{"field": "d", "range": {"step": 36, "unit": "hour", "bounds": [{"$date": "2020-01-01T00:00:00Z"}, {"$date": "2020-01-05T00:00:00Z"}]}}`, `{"field": "d", "range": {"step": 2, "unit": "week", "bounds": [{"$date": "2019-12-01T00:00:00Z"}, {"$date": "2020-03-05T00:00:00Z"}]}}`,
	`{"field": "q", "range": {"step": 1, "bounds": "full"}}`, `{"field": "n", "range": {"step": 1.5, "bounds": "full"}}`, `{"field": "d", "range": {"step": 1, "unit": "foo", "bounds": "full"}}`, `{"field": "d", "range": {"step": 0, "unit": "day", "bounds": "full"}}`,
	`{"field": "_id", "range": {"step": -1, "bounds": "full"}}`, `{"field": "_id", "range": {"step": 1, "bounds": [3, 1]}}`, `{"field": "_id", "range": {"step": 1, "bounds": [1]}}`, `{"field": "_id", "range": {"step": 1, "bounds": ["a", 1]}}`, `{"field": "_id", "range": {"step": 1, "bounds": "foo"}}`,
	`{"field": "_id", "range": {"step": "x", "bounds": "full"}}`, `{"field": "d", "range": {"step": 1.5, "unit": "day", "bounds": "full"}}`, `{"field": "_id", "range": {"step": 1, "bounds": [1, {"$date": "2020-01-05T00:00:00Z"}]}}`, `{"field": "$a", "range": {"step": 1, "bounds": "full"}}`,
	`{"field": "", "range": {"step": 1, "bounds": "full"}}`, `{"field": "a.b", "range": {"step": 1, "bounds": [0, 2]}}`, `{"field": "_id", "partitionByFields": ["_id"], "range": {"step": 1, "bounds": "full"}}`, `{"field": "_id", "partitionByFields": ["$p"], "range": {"step": 1, "bounds": "full"}}`,
	`{"field": "_id", "foo": 1, "range": {"step": 1, "bounds": "full"}}`, `{"field": "_id", "range": {"step": 1, "bounds": "full", "foo": 1}}`, `{"field": 1, "range": {"step": 1, "bounds": "full"}}`, `{"field": "p", "range": {"step": 1, "bounds": [0, 3]}}`, `{"field": "q", "range": {"step": 1, "bounds": [0, 3]}}`,
	`{"field": "p", "range": {"step": {"$numberLong": "1"}, "bounds": [0, 3]}}`, `{"field": "s", "range": {"step": 1, "bounds": "full"}}`, `{"field": "d", "range": {"step": 1, "bounds": [{"$date": "2020-01-01T00:00:00Z"}, {"$date": "2020-01-05T00:00:00Z"}]}}`, `{"field": "_id", "range": {"step": 1, "unit": "day", "bounds": [1, 2]}}`,
	`{"field": "_id", "range": {"step": 1, "bounds": [0, 1000000]}}`,
}

func TestDensifyIsMongods(t *testing.T) {
	s := newServer(t, seriesData())
	for _, spec := range densifies {
		t.Run(spec, func(t *testing.T) {
			text := fmt.Sprintf(`[{"$densify": %s}]`, spec)
			if strings.Contains(spec, "partitionByFields") {
				text = fmt.Sprintf(`[{"$densify": %s}, {"$sortByCount": "$$ROOT"}]`, spec) // partitions come in no settled order
			}
			s.check(t, text)
		})
	}
	empty := newServer(t, memory{"c": nil})
	for _, bounds := range []string{`"full"`, `[0, 3]`} {
		empty.check(t, fmt.Sprintf(`[{"$densify": {"field": "x", "range": {"step": 1, "bounds": %s}}}]`, bounds))
	}
}

// TestGranularityIsMongods compares $bucketAuto with each series over numbers of
// all sizes.
func TestGranularityIsMongods(t *testing.T) {
	m := memory{}
	for i, f := range []string{"0", "0.0", "0.13", "0.5", "1", "1.0", "2", "3.3", "7", "9.9", "10", "12", "55", "64", "91.5", "100", "128", "777", "1000", "1024.0", "123456", "9999999", `{"$numberLong": "4294967296"}`} {
		m["c"] = append(m["c"], mongotest.Docf(`{"_id": %d, "n": %s}`, i, f))
	}
	s := newServer(t, m)
	for _, g := range []string{"R5", "R10", "R20", "R40", "R80", "1-2-5", "E6", "E12", "E24", "E48", "E96", "E192", "POWERSOF2"} {
		for _, buckets := range []int{1, 3, 5, 30} {
			text := fmt.Sprintf(`[{"$bucketAuto": {"groupBy": "$n", "buckets": %d, "granularity": %q}}]`, buckets, g)
			t.Run(text, func(t *testing.T) { s.check(t, text) })
		}
	}
}

// TestLargePartition has a partition beyond the memory limit.
func TestLargePartition(t *testing.T) {
	m := many(500)
	text := `[{"$setWindowFields": {"sortBy": {"_id": -1}, "output": {"sum": {"$sum": "$k", "window": {"documents": ["unbounded", "current"]}}, "near": {"$push": "$_id", "window": {"documents": [-2, 3]}}, "far": {"$shift": {"output": "$s", "by": 400}}}}}]`
	var files tempFiles
	o := testOptions()
	want, err := m.aggregate(t.Context(), stagesOf(text), o)
	require.NoError(t, err)
	o.Spill, o.MemoryLimit = files.spill, 5_000
	got, err := m.aggregate(t.Context(), stagesOf(text), o)
	require.NoError(t, err)
	require.Equal(t, lines(want, text), lines(got, text))
	require.Equal(t, 2, files.made)
	require.Zero(t, files.open)
}
