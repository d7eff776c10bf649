package expr

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

var seed = flag.Uint64("seed", 1, "seed of random expressions")

// growing makes random expressions, mostly of the types that operators want.
type growing struct {
	*rand.Rand
	vars []string
}

type kind int

const (
	aNumber kind = iota
	aText
	aBool
	aDate
	anArray
	anObject
	anything
	kinds
)

// rule is an operator with the kinds of its arguments.
type rule struct {
	op   string
	args []kind
}

func rules(text string, args ...kind) []rule {
	var all []rule
	for _, op := range splitFields(text) {
		all = append(all, rule{op, args})
	}
	return all
}

func splitFields(s string) (fields []string) {
	var word []byte
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != ' ' && s[i] != '\n' && s[i] != '\t' {
			word = append(word, s[i])
		} else if len(word) > 0 {
			fields, word = append(fields, string(word)), nil
		}
	}
	return fields
}

func concatRules(groups ...[]rule) (all []rule) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

var grammar = map[kind][]rule{
	aNumber: concatRules(
		rules("$add $multiply $sum $avg $min $max $stdDevPop", aNumber, aNumber, aNumber),
		rules("$add $subtract $multiply $divide $mod $round $trunc $max $min $sum $avg", aNumber, aNumber),
		rules("$abs $ceil $floor $toInt $toLong $toDouble $toDecimal $round $trunc", aNumber),
		rules("$sum $avg $max $min $size", anArray), rules("$strLenCP $strLenBytes $toInt $toDouble", aText),
		rules("$year $month $dayOfMonth $hour $dayOfWeek $isoWeek $week $toLong", aDate),
		rules("$cmp", anything, anything), rules("$strcasecmp $indexOfCP $indexOfBytes", aText, aText),
		rules("$arrayElemAt", anArray, aNumber), rules("$first $last", anArray), rules("$bsonSize", anObject),
		rules("$indexOfArray", anArray, anything), rules("$subtract", aDate, aDate), rules("$ifNull", anything, aNumber),
		rules("$cond", aBool, aNumber, aNumber)),
	aText: concatRules(
		rules("$concat", aText, aText), rules("$concat", aText, aText, aText), rules("$toUpper $toLower $toString", aText), rules("$toString $toUpper", aNumber),
		rules("$substrCP $substrBytes $substr", aText, aNumber, aNumber), rules("$type", anything), rules("$toString", aDate), rules("$toString", aBool),
		rules("$cond", aBool, aText, aText), rules("$ifNull", anything, aText), rules("$arrayElemAt", anArray, aNumber)),
	aBool: concatRules(
		rules("$eq $ne $lt $lte $gt $gte", anything, anything), rules("$eq $gt $lte", aNumber, aNumber), rules("$and $or", aBool, aBool), rules("$and $or", aBool, anything, aBool),
		rules("$not", aBool), rules("$not $isArray $isNumber $toBool", anything), rules("$in", anything, anArray), rules("$anyElementTrue $allElementsTrue", anArray),
		rules("$setEquals $setIsSubset", anArray, anArray), rules("$cond", aBool, aBool, aBool)),
	aDate: concatRules(
		rules("$add", aDate, aNumber), rules("$subtract", aDate, aNumber), rules("$toDate", aNumber), rules("$toDate", aDate), rules("$cond", aBool, aDate, aDate), rules("$max $min", aDate, aDate)),
	anArray: concatRules(
		rules("$concatArrays $setUnion $setIntersection $setDifference", anArray, anArray), rules("$slice", anArray, aNumber), rules("$slice", anArray, aNumber, aNumber),
		rules("$reverseArray", anArray), rules("$objectToArray", anObject), rules("$split", aText, aText), rules("$range", aNumber, aNumber), rules("$cond", aBool, anArray, anArray), rules("$ifNull", anything, anArray)),
	anObject: concatRules(
		rules("$mergeObjects", anObject, anObject), rules("$arrayElemAt", anArray, aNumber), rules("$cond", aBool, anObject, anObject), rules("$arrayToObject", anArray)),
}

// literals and fields of each kind.
var leaves = map[kind][]string{
	aNumber:  {`1`, `0`, `-1`, `2`, `3`, `10`, `2147483647`, `{"$numberLong": "5"}`, `{"$numberLong": "9223372036854775807"}`, `1.5`, `-2.5`, `0.1`, `1e10`, `{"$numberDecimal": "1.50"}`, `{"$numberDecimal": "-3"}`, `"$i"`, `"$l"`, `"$d"`, `"$m"`, `"$n"`, `"$o.x"`},
	aText:    {`""`, `"a"`, `"abc"`, `"B"`, `"é日"`, `"12"`, `" x "`, `"$s"`, `"$t"`, `"$o.y"`},
	aBool:    {`true`, `false`, `null`, `"$b"`, `"$none"`, `"$i"`},
	aDate:    {`{"$date": {"$numberLong": "1600000000123"}}`, `{"$date": {"$numberLong": "0"}}`, `"$at"`, `{"$oid": "5f5f5f5f5f5f5f5f5f5f5f5f"}`},
	anArray:  {`[]`, `[1, 2, 3]`, `["a", "b"]`, `[[1], [2, 1]]`, `[null, 1]`, `"$r"`, `"$os"`, `"$os.x"`, `"$o.z"`, `[{"k": "p", "v": 1}]`},
	anObject: {`{}`, `{"x": 1}`, `{"y": "$s", "x": "$none"}`, `"$o"`, `"$$ROOT"`, `"$$CURRENT.o"`},
	anything: {`null`, `"$none"`, `"$r.x"`, `"$os.x.y"`, `{"$literal": "$a"}`, `{"$literal": {"$a": 1}}`},
}

func (g *growing) grow(k kind, depth int) bson.RawValue {
	if k == anything || g.IntN(40) == 0 {
		k = kind(g.IntN(int(kinds)))
	}
	if k == anything || depth == 0 || g.IntN(5) == 0 {
		return g.leaf(k)
	}
	if g.IntN(7) == 0 {
		return g.special(k, depth)
	}
	rs := grammar[k]
	r := rs[g.IntN(len(rs))]
	args := bson.A{}
	for _, a := range r.args {
		args = append(args, g.grow(a, depth-1))
	}
	if len(args) == 1 && g.IntN(2) == 0 && args[0].(bson.RawValue).Type != bson.TypeArray {
		return rawOf(bson.D{{Key: r.op, Value: args[0]}})
	}
	return rawOf(bson.D{{Key: r.op, Value: args}})
}

func (g *growing) leaf(k kind) bson.RawValue {
	if len(g.vars) > 0 && g.IntN(3) == 0 {
		return rawOf("$$" + g.vars[g.IntN(len(g.vars))])
	}
	ls := leaves[k]
	return raw(mongotest.Value(ls[g.IntN(len(ls))]))
}

func rawOf(v any) bson.RawValue {
	b, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	if err != nil {
		panic(err)
	}
	return bson.Raw(b).Lookup("v")
}

// special makes the operators with named arguments and variables.
func (g *growing) special(k kind, depth int) bson.RawValue {
	with := func(names []string, k kind) bson.RawValue {
		outer := g.vars
		g.vars = append(g.vars[:len(g.vars):len(g.vars)], names...)
		v := g.grow(k, depth-1)
		g.vars = outer
		return v
	}
	d := depth - 1
	name := string(rune('p' + g.IntN(3)))
	switch {
	case k == anArray:
		return rawOf([]bson.D{
			{{Key: "$map", Value: bson.D{{Key: "input", Value: g.grow(anArray, d)}, {Key: "as", Value: name}, {Key: "in", Value: with([]string{name}, anything)}}}},
			{{Key: "$filter", Value: bson.D{{Key: "input", Value: g.grow(anArray, d)}, {Key: "cond", Value: with([]string{"this"}, aBool)}}}},
			{{Key: "$sortArray", Value: bson.D{{Key: "input", Value: g.grow(anArray, d)}, {Key: "sortBy", Value: 1 - 2*g.IntN(2)}}}},
			// By a field only where few are equal: mongod's sort is not stable.
			{{Key: "$sortArray", Value: bson.D{{Key: "input", Value: "$os"}, {Key: "sortBy", Value: bson.D{{Key: "x", Value: 1}}}}}},
			{{Key: "$zip", Value: bson.D{{Key: "inputs", Value: bson.A{g.grow(anArray, d), g.grow(anArray, d)}}, {Key: "useLongestLength", Value: g.IntN(2) == 0}}}},
			{{Key: "$reduce", Value: bson.D{{Key: "input", Value: g.grow(anArray, d)}, {Key: "initialValue", Value: bson.A{}}, {Key: "in", Value: bson.D{{Key: "$concatArrays", Value: bson.A{"$$value", bson.A{with([]string{"this"}, anything)}}}}}}}},
			{{Key: "$lastN", Value: bson.D{{Key: "n", Value: 2}, {Key: "input", Value: g.grow(anArray, d)}}}},
			{{Key: "$maxN", Value: bson.D{{Key: "n", Value: 3}, {Key: "input", Value: g.grow(anArray, d)}}}},
			{{Key: "$regexFindAll", Value: bson.D{{Key: "input", Value: g.grow(aText, d)}, {Key: "regex", Value: "[a-c]"}}}},
		}[g.IntN(9)])
	case k == aNumber:
		return rawOf([]bson.D{
			{{Key: "$reduce", Value: bson.D{{Key: "input", Value: g.grow(anArray, d)}, {Key: "initialValue", Value: 0}, {Key: "in", Value: with([]string{"this", "value"}, aNumber)}}}},
			{{Key: "$convert", Value: bson.D{{Key: "input", Value: g.grow(anything, d)}, {Key: "to", Value: []string{"int", "long", "double", "decimal"}[g.IntN(4)]}, {Key: "onError", Value: -7}, {Key: "onNull", Value: g.grow(aNumber, 0)}}}},
			{{Key: "$dateDiff", Value: bson.D{{Key: "startDate", Value: g.grow(aDate, d)}, {Key: "endDate", Value: g.grow(aDate, d)}, {Key: "unit", Value: g.unit()}}}},
			{{Key: "$switch", Value: bson.D{{Key: "branches", Value: bson.A{bson.D{{Key: "case", Value: g.grow(aBool, d)}, {Key: "then", Value: g.grow(aNumber, d)}}}}, {Key: "default", Value: g.grow(aNumber, d)}}}},
		}[g.IntN(4)])
	case k == aDate:
		return rawOf([]bson.D{
			// Leaves only: mongod loses a second of dates before 1970.
			{{Key: "$dateAdd", Value: bson.D{{Key: "startDate", Value: raw(mongotest.Value(leaves[aDate][g.IntN(4)]))}, {Key: "unit", Value: g.unit()}, {Key: "amount", Value: g.IntN(40)}, {Key: "timezone", Value: g.zone()}}}},
			{{Key: "$dateTrunc", Value: bson.D{{Key: "date", Value: g.grow(aDate, d)}, {Key: "unit", Value: g.unit()}, {Key: "binSize", Value: 1 + g.IntN(9)}, {Key: "timezone", Value: g.zone()}}}},
		}[g.IntN(2)])
	case k == aText:
		return rawOf([]bson.D{
			{{Key: "$dateToString", Value: bson.D{{Key: "date", Value: g.grow(aDate, d)}, {Key: "format", Value: "%Y-%m-%dT%H:%M:%S.%L %z %V %U %j"}, {Key: "timezone", Value: g.zone()}}}},
			{{Key: "$trim", Value: bson.D{{Key: "input", Value: g.grow(aText, d)}}}},
			{{Key: "$replaceAll", Value: bson.D{{Key: "input", Value: g.grow(aText, d)}, {Key: "find", Value: "a"}, {Key: "replacement", Value: g.grow(aText, d)}}}},
		}[g.IntN(3)])
	case k == anObject:
		return rawOf([]bson.D{
			{{Key: "x", Value: g.grow(anything, d)}, {Key: "q", Value: g.grow(anything, d)}},
			// Not "x": in mongod a field that was removed keeps its place.
			{{Key: "$setField", Value: bson.D{{Key: "field", Value: "w"}, {Key: "input", Value: g.grow(anObject, d)}, {Key: "value", Value: g.grow(anything, d)}}}},
			{{Key: "$regexFind", Value: bson.D{{Key: "input", Value: g.grow(aText, d)}, {Key: "regex", Value: "(b)|(.)"}}}},
			{{Key: "$dateToParts", Value: bson.D{{Key: "date", Value: g.grow(aDate, d)}, {Key: "timezone", Value: g.zone()}}}},
		}[g.IntN(4)])
	}
	return rawOf(bson.D{{Key: "$let", Value: bson.D{{Key: "vars", Value: bson.D{{Key: name, Value: g.grow(anything, d)}}}, {Key: "in", Value: with([]string{name}, k)}}}})
}

func (g *growing) unit() string {
	return []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"}[g.IntN(9)]
}

func (g *growing) zone() string {
	return []string{"UTC", "America/New_York", "Europe/Berlin", "+05:30", "Australia/Lord_Howe"}[g.IntN(5)]
}

var randomDocs = []bsonraw.Doc{
	mongotest.Doc(`{"i": 3, "l": {"$numberLong": "10"}, "d": 2.5, "m": {"$numberDecimal": "1.10"}, "n": -7, "s": "abc", "t": "xay", "b": true, "at": {"$date": {"$numberLong": "1604212200500"}}, "r": [3, 1, 2], "o": {"x": 5, "y": "b", "z": [1, "a"]}, "os": [{"x": 1}, {"x": 3, "y": 1}]}`),
	mongotest.Doc(`{"i": 0, "l": {"$numberLong": "-9223372036854775808"}, "d": -0.0, "m": {"$numberDecimal": "1E+20"}, "n": 1e300, "s": "", "t": "日本aé", "b": false, "at": {"$date": {"$numberLong": "951782400000"}}, "r": [], "o": {}, "os": []}`),
	mongotest.Doc(`{"i": null, "d": {"$numberDouble": "NaN"}, "m": {"$numberDecimal": "-0.5"}, "n": 2147483647, "s": "B", "t": "12", "at": {"$date": {"$numberLong": "1585443600000"}}, "r": [[1, 2], null, {"x": 1}, "a"], "o": {"x": null, "y": 1, "z": []}, "os": [{"x": [{"y": 1}]}, 5, {"x": {"y": 2}}]}`),
	mongotest.Doc(`{}`),
}

// TestRandomExpressions compares random expressions with mongod, in batches.
func TestRandomExpressions(t *testing.T) {
	db := mongotest.Database(t)
	g := &growing{Rand: rand.New(rand.NewPCG(*seed, 5))}
	count := 1500
	if *long {
		count = 40_000
	}
	type pending struct{ e bsonraw.Value }
	batches := make([][]pending, len(randomDocs))
	flush := func(i int) {
		var es []bsonraw.Value
		for _, p := range batches[i] {
			es = append(es, p.e)
		}
		batches[i] = nil
		results, failed := theirs(t, db, es, randomDocs[i:i+1])
		for j, e := range es {
			if failed != nil {
				compareOne(t, db, e, randomDocs[i])
			} else {
				checkRandom(t, e, randomDocs[i], ours(e, randomDocs[i]), results[j][0])
			}
		}
	}
	for range count {
		v := g.grow(kind(g.IntN(int(kinds))), 4)
		e := bsonraw.Value{Type: bsonraw.Type(v.Type), Data: v.Value}
		for i, doc := range randomDocs {
			if ours(e, doc).code != 0 {
				if i == g.IntN(len(randomDocs)) { // errors are many: a quarter of them
					compareOne(t, db, e, doc)
				}
				continue
			}
			if batches[i] = append(batches[i], pending{e}); len(batches[i]) == 20 {
				flush(i)
			}
		}
	}
	for i := range batches {
		if len(batches[i]) > 0 {
			flush(i)
		}
	}
}

func compareOne(t *testing.T, db string, e bsonraw.Value, doc bsonraw.Doc) {
	checkRandom(t, e, doc, ours(e, doc), theirsOne(t, db, e, doc))
}

func checkRandom(t *testing.T, e bsonraw.Value, doc bsonraw.Doc, got, want outcome) {
	if got.same(want) || want.code == errs.BSONObjectTooLarge {
		return
	}
	if s := mongotest.ValueJSON(want.value); strings.Contains(s, "-NAN") || strings.Contains(s, "-nan") {
		return // the sign of NaN is the processor's
	}
	t.Errorf("%s on %s:\n  got  %v\n  want %v", mongotest.ValueJSON(e), mongotest.JSON(doc), got, want)
}
