package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

func TestShellJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{age: {$gt: 30}}`:                                                `{"age":{"$gt":30}}`,
		`{'a.b': 'it\'s "x"', c: "é\n",}`:                                 `{"a.b":"it's \"x\"","c":"é\n"}`,
		`{address.city: 1, $or: [{a: 1,}, {b: 2}]}`:                       `{"address.city":1,"$or":[{"a":1},{"b":2}]}`,
		`{a: true, b: null, c: -1.5e-3}`:                                  `{"a":true,"b":null,"c":-0.0015}`,
		`{_id: ObjectId("5f8f8c44b54764421b7156c1")}`:                     `{"_id":{"$oid":"5f8f8c44b54764421b7156c1"}}`,
		`{d: ISODate('2026-11-24T06:00:00Z'), e: new Date("2026-11-24")}`: `{"d":{"$date":"2026-11-24T06:00:00Z"},"e":{"$date":"2026-11-24T00:00:00Z"}}`,
		`{n: NumberLong("9007199254740993"), m: NumberLong(5), i: NumberInt(1), x: NumberDecimal("1.10")}`: `{"n":9007199254740993,"m":5,"i":1,"x":{"$numberDecimal":"1.10"}}`,
		`{r: /^a\/b"\d/i}`: `{"r":{"$regularExpression":{"pattern":"^a/b\"\\d","options":"i"}}}`,
		`{t: Timestamp(1, 2), u: UUID("2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"), b: BinData(0, "AQI=")}`: `{"t":{"$timestamp":{"t":1,"i":2}},"u":{"$binary":{"base64":"L0wasAo8Tw6dnl1sHB56AQ==","subType":"04"}},"b":{"$binary":{"base64":"AQI=","subType":"00"}}}`,
		`{a: MinKey, b: MaxKey(), c: NaN, d: undefined}`:                                               `{"a":{"$minKey":1},"b":{"$maxKey":1},"c":{"$numberDouble":"NaN"},"d":{"$undefined":true}}`,
		`{"a": {"$numberLong": "1"}}`:                                                                  `{"a":1}`,
		`{}`:                                                                                           `{}`,
	} {
		doc, err := parseDoc(text)
		require.NoError(t, err, text)
		require.Equal(t, want, string(ejson.Append(nil, doc, ejson.Relaxed)), text)
	}
	for _, text := range []string{
		``, `{`, `{a}`, `{a: b}`, `{a: 'x}`, `{a: ObjectId()}`, `{a: ObjectId("zz")}`, `{a: Nope(1)}`, `{a: /x}`, `{a: 1,, b: 2}`,
		`{a: ISODate("soon")}`, `{a: 1},`, `[1]`, `{a: ObjectId("5f8f8c44b54764421b7156c1"`, `{a: BinData(999, "")}`,
	} {
		_, err := parseDoc(text)
		require.Error(t, err, text)
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]bsonraw.Type{
		`7`: bsonraw.Int32, `"7"`: bsonraw.String, `abc`: bsonraw.String, `{a: 1}`: bsonraw.Object,
		`ObjectId("5f8f8c44b54764421b7156c1")`: bsonraw.ObjectID, `5f8f8c44b54764421b7156c1`: bsonraw.String, `-1.5`: bsonraw.Double,
	} {
		v, note := parseID(text)
		require.Equal(t, want, v.Raw().Type, text)
		require.Equal(t, text == `5f8f8c44b54764421b7156c1`, note != "", text)
	}
}

// Extended JSON passes through unchanged, and any text is read or refused.
func FuzzShellJSON(f *testing.F) {
	for _, text := range []string{`{a: ObjectId("5f8f8c44b54764421b7156c1"), b: /x/i}`, `{"a": {"$date": "2026-11-24T06:00:00Z"}}`, `{'a': 1,}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		strict, strictErr := ejson.ParseDoc(text)
		doc, err := parseDoc(text)
		if strictErr == nil {
			require.NoError(t, err)
			require.Equal(t, strict, doc)
		}
		if err == nil {
			require.NoError(t, bsonraw.Validate(doc))
		}
	})
}
