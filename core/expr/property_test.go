package expr

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// evalWith evaluates an expression on a document of these fields.
func evalWith(t *rapid.T, e Expr, doc bsonraw.Doc) bsonraw.Value {
	env := NewEnv(testNow)
	env.Reset(doc)
	v, err := e.Eval(env)
	require.NoError(t, err)
	return v.Clone()
}

var drawZone = rapid.SampledFrom([]string{"UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Apia", "+05:45", "-03"})

// drawDate draws a moment of the years 1 to 9999.
func drawDate(t *rapid.T, name string) int64 {
	return rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, name)
}

// TestDatesComeBack: parts and texts of a date hold all of it, apart from the
// hour that clocks show twice.
func TestDatesComeBack(t *testing.T) {
	parts := mustCompile(t, `{"$dateToParts": {"date": "$d", "timezone": "$z"}}`, nil)
	back := mustCompile(t, `{"$dateFromParts": {"year": "$p.year", "month": "$p.month", "day": "$p.day", "hour": "$p.hour", "minute": "$p.minute", "second": "$p.second", "millisecond": "$p.millisecond", "timezone": "$z"}}`, nil)
	iso := mustCompile(t, `{"$dateToParts": {"date": "$d", "iso8601": true}}`, nil)
	isoBack := mustCompile(t, `{"$dateFromParts": {"isoWeekYear": "$p.isoWeekYear", "isoWeek": "$p.isoWeek", "isoDayOfWeek": "$p.isoDayOfWeek", "hour": "$p.hour", "minute": "$p.minute", "second": "$p.second", "millisecond": "$p.millisecond"}}`, nil)
	text := mustCompile(t, `{"$dateFromString": {"dateString": {"$dateToString": {"date": "$d"}}}}`, nil)
	zoned := mustCompile(t, `{"$dateFromString": {"dateString": {"$dateToString": {"date": "$d", "timezone": "$z", "format": "%Y-%m-%dT%H:%M:%S.%L%z"}}, "format": "%Y-%m-%dT%H:%M:%S.%L%z"}}`, nil)
	rapid.Check(t, func(t *rapid.T) {
		ms := drawDate(t, "date")
		zone := drawZone.Draw(t, "zone")
		d, z := bsonraw.DateValue(ms), bsonraw.StringValue(zone)
		doc := docOf("dz", d, z)
		if ms > -62135596800000+86400000 && ms < 253402300799999-86400000 {
			p := evalWith(t, parts, doc)
			got := evalWith(t, back, docOf("pz", p, z)).Int64()
			if again := evalWith(t, parts, docOf("dz", bsonraw.DateValue(got), z)); !bsonraw.Identical(again, p) {
				t.Fatalf("%d in %s shows %s and comes back as %d", ms, zone, mongotest.ValueJSON(p), got)
			}
			// Offsets of a whole number of minutes are written whole.
			if ms > 0 {
				require.Equal(t, ms, evalWith(t, zoned, doc).Int64())
			}
		}
		if p := evalWith(t, iso, doc); p.Doc().Get("isoWeekYear").Int32() >= 1 && p.Doc().Get("isoWeekYear").Int32() <= 9999 {
			require.Equal(t, ms, evalWith(t, isoBack, docOf("p", p)).Int64())
		}
		require.Equal(t, ms, evalWith(t, text, doc).Int64())
	})
}

// TestDateUnits: a bin begins at or before a date, truncation is stable, and
// adding what $dateDiff counts gets from one start of a unit to the other.
func TestDateUnits(t *testing.T) {
	trunc := mustCompile(t, `{"$dateTrunc": {"date": "$d", "unit": "$u", "timezone": "$z"}}`, nil)
	bins := mustCompile(t, `{"$dateTrunc": {"date": "$d", "unit": "$u", "binSize": "$n"}}`, nil)
	diff := mustCompile(t, `{"$dateDiff": {"startDate": "$d", "endDate": "$e", "unit": "$u"}}`, nil)
	add := mustCompile(t, `{"$dateAdd": {"startDate": "$d", "unit": "$u", "amount": "$n"}}`, nil)
	units := rapid.SampledFrom([]string{"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"})
	rapid.Check(t, func(t *rapid.T) {
		u := bsonraw.StringValue(units.Draw(t, "unit"))
		d, e := bsonraw.DateValue(drawDate(t, "d")), bsonraw.DateValue(drawDate(t, "e"))
		n := bsonraw.Int64Value(rapid.Int64Range(1, 1000).Draw(t, "n"))
		z := bsonraw.StringValue(drawZone.Draw(t, "zone"))

		start := evalWith(t, trunc, docOf("duz", d, u, z))
		require.LessOrEqual(t, start.Int64(), d.Int64())
		require.Equal(t, start, evalWith(t, trunc, docOf("duz", start, u, z)))
		bin := evalWith(t, bins, docOf("dun", d, u, n))
		require.LessOrEqual(t, bin.Int64(), d.Int64())
		require.Greater(t, evalWith(t, add, docOf("dun", bin, u, n)).Int64(), d.Int64())

		utc := bsonraw.StringValue("UTC")
		from, to := evalWith(t, trunc, docOf("duz", d, u, utc)), evalWith(t, trunc, docOf("duz", e, u, utc))
		count := evalWith(t, diff, docOf("deu", d, e, u))
		require.Equal(t, to, evalWith(t, add, docOf("dun", from, u, count)))
	})
}

// TestTextsComeBack: what is cut apart can be put together.
func TestTextsComeBack(t *testing.T) {
	join := mustCompile(t, `{"$reduce": {"input": {"$split": ["$s", ","]}, "initialValue": null, "in": {"$cond": [{"$eq": ["$$value", null]}, "$$this", {"$concat": ["$$value", ",", "$$this"]}]}}}`, nil)
	halves := mustCompile(t, `{"$concat": [{"$substrCP": ["$s", 0, "$n"]}, {"$substrCP": ["$s", "$n", {"$strLenCP": "$s"}]}]}`, nil)
	arrays := mustCompile(t, `{"$concatArrays": [{"$slice": ["$a", "$n"]}, {"$slice": ["$a", "$n", 1000]}]}`, nil)
	reversed := mustCompile(t, `{"$reverseArray": {"$reverseArray": "$a"}}`, nil)
	objects := mustCompile(t, `{"$arrayToObject": {"$objectToArray": "$o"}}`, nil)
	rapid.Check(t, func(t *rapid.T) {
		s := bsonraw.StringValue(rapid.StringN(0, 30, -1).Draw(t, "s"))
		n := bsonraw.Int32Value(rapid.Int32Range(1, 20).Draw(t, "n"))
		require.Equal(t, s, evalWith(t, join, docOf("s", s)))
		require.Equal(t, s, evalWith(t, halves, docOf("sn", s, n)))

		var vs []bsonraw.Value
		for _, i := range rapid.SliceOfN(rapid.Int32(), 0, 20).Draw(t, "a") {
			vs = append(vs, bsonraw.Int32Value(i))
		}
		a := bsonraw.ArrayValue(vs...)
		require.Equal(t, a, evalWith(t, arrays, docOf("an", a, n)))
		require.Equal(t, a, evalWith(t, reversed, docOf("a", a)))

		b := bsonraw.NewBuilder(nil)
		for i, name := range rapid.SliceOfDistinct(rapid.StringMatching(`[a-z.$é]{0,4}`), rapid.ID[string]).Draw(t, "names") {
			b.Int32(name, int32(i))
		}
		o := b.Finish().Value()
		require.Equal(t, o, evalWith(t, objects, docOf("o", o)))
	})
}

// TestComparisonsAgree: the comparison operators are of one order.
func TestComparisonsAgree(t *testing.T) {
	all := mustCompile(t, `[{"$cmp": ["$a", "$b"]}, {"$lt": ["$a", "$b"]}, {"$eq": ["$a", "$b"]}, {"$gt": ["$a", "$b"]}, {"$lte": ["$a", "$b"]}, {"$gte": ["$a", "$b"]}, {"$ne": ["$a", "$b"]}, {"$cmp": ["$b", "$a"]}]`, nil)
	values := zoo()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SampledFrom(values).Draw(t, "a"), rapid.SampledFrom(values).Draw(t, "b")
		r := evalWith(t, all, docOf("ab", a, b)).Doc().Values()
		c := r[0].Int32()
		require.Equal(t, []bool{c < 0, c == 0, c > 0, c <= 0, c >= 0, c != 0},
			[]bool{r[1].Bool(), r[2].Bool(), r[3].Bool(), r[4].Bool(), r[5].Bool(), r[6].Bool()})
		require.Equal(t, -c, r[7].Int32())
	})
}
