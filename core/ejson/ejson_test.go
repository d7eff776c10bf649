package ejson_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// texts are documents that both readers must read to the same bytes.
var texts = []string{
	`{}`,
	` { "a" : 1 , "b":-2147483648,"c":2147483648,"d":-9223372036854775808 } `,
	`{"a":1.5,"b":-0.0,"c":1e3,"d":1E-7,"e":0.1,"f":1.7976931348623157e308,"g":5e-324}`,
	`{"a":"x","b":"","c":"\u00e9\ud83d\ude00\n\t\\\/\"","d":"日本語 text longer than eight"}`,
	`{"a":true,"b":false,"c":null,"":[],"d":[1,"x",[2,{}],null]}`,
	`{"a":{"$oid":"57e193d7a9cc81b4027498b5"},"b":{"$numberInt":"5"},"c":{"$numberLong":"5"}}`,
	`{"a":{"$numberDouble":"NaN"},"b":{"$numberDouble":"-Infinity"},"c":{"$numberDouble":"1.5"}}`,
	`{"a":{"$numberDecimal":"1.10"},"b":{"$numberDecimal":"-1E+6111"},"c":{"$numberDecimal":"NaN"},"d":{"$numberDecimal":"Infinity"}}`,
	`{"a":{"$numberDecimal":"0.000001234"},"b":{"$numberDecimal":"-0E-6176"},"c":{"$numberDecimal":"1234567890123456789012345678901234"}}`,
	`{"a":{"$date":"2012-12-24T12:15:30.501Z"},"b":{"$date":"1970-01-01T00:00:00Z"},"c":{"$date":{"$numberLong":"-1"}}}`,
	`{"a":{"$date":"2012-12-24T12:15:30.501+01:00"},"b":{"$date":"2012-12-24T12:15:30-0530"},"c":{"$date":"0001-01-01T00:00:00Z"},"d":{"$date":1234567}}`,
	`{"a":{"$binary":{"base64":"AQID","subType":"80"}},"b":{"$binary":"AQID","$type":"0"},"c":{"$binary":{"subType":"02","base64":""}}}`,
	`{"a":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}}`,
	`{"a":{"$timestamp":{"t":42,"i":4294967295}},"b":{"$timestamp":{"i":1,"t":0}}}`,
	`{"a":{"$regularExpression":{"pattern":"^a/b","options":"im"}},"b":{"$regex":"a","$options":"i"}}`,
	`{"a":{"$code":"function(){}"},"b":{"$code":"f()","$scope":{"x":{"$numberInt":"1"},"$y":2}}}`,
	`{"a":{"$symbol":"s"},"b":{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"57e193d7a9cc81b4027498b5"}}}}`,
	`{"a":{"$minKey":1},"b":{"$maxKey":1},"c":{"$undefined":true}}`,
	`{"$oid":"not a wrapper at the top","$set":{"a":1}}`,
	`{"a":{"$ref":"c","$id":{"$oid":"57e193d7a9cc81b4027498b5"},"$db":"d"},"b":{"$gt":5}}`,
	`{"a":1,"a":2}`,
}

// driverReads is what the driver makes of a text, but that its NaN is Go's.
func driverReads(t *testing.T, text string) []byte {
	var doc bson.Raw
	require.NoError(t, bson.UnmarshalExtJSON([]byte(text), false, &doc), text)
	return bytes.ReplaceAll(doc, []byte{1, 0, 0, 0, 0, 0, 0xF8, 0x7F}, []byte{0, 0, 0, 0, 0, 0, 0xF8, 0x7F})
}

func TestReadsAsTheDriver(t *testing.T) {
	for _, text := range texts {
		got, err := ejson.ParseDoc(text)
		require.NoError(t, err, text)
		require.NoError(t, bsonraw.Validate(got), text)
		want := driverReads(t, text)
		require.Equal(t, want, []byte(got), "%s\nwant %s\ngot  %s", text, want, bson.Raw(got))
	}
}

func TestWrittenTextReadsBack(t *testing.T) {
	for _, text := range texts {
		doc, err := ejson.ParseDoc(text)
		require.NoError(t, err)
		for _, mode := range []ejson.Mode{ejson.Canonical, ejson.Typed} {
			line := string(ejson.Append(nil, doc, mode))
			again, err := ejson.ParseDoc(line)
			require.NoError(t, err, line)
			require.Equal(t, []byte(doc), []byte(again), line)
			require.Equal(t, driverReads(t, line), []byte(doc), line)
		}
	}
}

func TestGoldenText(t *testing.T) {
	doc, err := ejson.ParseDoc(`{"i":1,"l":{"$numberLong":"1"},"L":3000000000,"d":1.0,"e":1e20,"n":{"$numberDouble":"NaN"},
		"t":{"$date":"2024-02-29T23:59:59.050Z"},"old":{"$date":{"$numberLong":"-1"}},"s":"a\"\u0001é","x":[1,{"y":null}]}`)
	require.NoError(t, err)
	for mode, want := range map[ejson.Mode]string{
		ejson.Canonical: `{"i":{"$numberInt":"1"},"l":{"$numberLong":"1"},"L":{"$numberLong":"3000000000"},"d":{"$numberDouble":"1.0"},"e":{"$numberDouble":"1e+20"},"n":{"$numberDouble":"NaN"},"t":{"$date":{"$numberLong":"1709251199050"}},"old":{"$date":{"$numberLong":"-1"}},"s":"a\"\u0001é","x":[{"$numberInt":"1"},{"y":null}]}`,
		ejson.Relaxed:   `{"i":1,"l":1,"L":3000000000,"d":1.0,"e":1e+20,"n":{"$numberDouble":"NaN"},"t":{"$date":"2024-02-29T23:59:59.050Z"},"old":{"$date":{"$numberLong":"-1"}},"s":"a\"\u0001é","x":[1,{"y":null}]}`,
		ejson.Typed:     `{"i":1,"l":{"$numberLong":"1"},"L":3000000000,"d":1.0,"e":1e+20,"n":{"$numberDouble":"NaN"},"t":{"$date":"2024-02-29T23:59:59.050Z"},"old":{"$date":{"$numberLong":"-1"}},"s":"a\"\u0001é","x":[1,{"y":null}]}`,
	} {
		require.Equal(t, want, string(ejson.Append(nil, doc, mode)))
	}
}

func TestBadText(t *testing.T) {
	for text, message := range map[string]string{
		``:                          "the end",
		`[]`:                        `"[]"`,
		`{`:                         "is missing",
		`{"a"}`:                     "colon",
		`{"a":}`:                    "is no value",
		`{"a":1 "b":2}`:             "comma",
		`{"a":1}x`:                  `"x" after the document`,
		`{a:1}`:                     "field name",
		`{"a":tru}`:                 `"tru}"`,
		`{"a":01}`:                  "is no number",
		`{"a":-}`:                   "is no number",
		`{"a":1.}`:                  "is no number",
		`{"a":1e999}`:               "range of a double",
		`{"a":9223372036854775809}`: "64 bits",
		`{"a":"x`:                   "closing quote",
		"{\"a\":\"\x01\"}":          "control character",
		"{\"a\":\"\xff\"}":          "not UTF-8",
		`{"a":"\x"}`:                "escape",
		`{"a":"\ud800"}`:            "surrogate",
		`{"a":"\ud800\u0041"}`:      "surrogate",
		`{"a":"\u12g4"}`:            "hexadecimal",
		`{"a\u0000b":1}`:            "zero byte",
		`{"a":{"$oid":"xyz"}}`:      `{"$oid":"xyz"}`,
		`{"a":{"$oid":"57e193d7a9cc81b4027498b5","b":1}}`: "$oid",
		`{"a":{"$numberInt":"2147483648"}}`:               "$numberInt",
		`{"a":{"$numberDecimal":"1.2.3"}}`:                "$numberDecimal",
		`{"a":{"$numberDouble":"0x10"}}`:                  "$numberDouble",
		`{"a":{"$date":"2012-13-01T00:00:00Z"}}`:          "$date",
		`{"a":{"$date":"2011-02-29T00:00:00Z"}}`:          "$date",
		`{"a":{"$scope":{},"$code":""}}`:                  "$scope",
		`{"a":{"$timestamp":{"t":-1,"i":1}}}`:             "$timestamp",
		`{"a":{"$binary":{"base64":"*","subType":"00"}}}`: "$binary",
		`{"a":{"$code":"x","$scope":1}}`:                  "$code",
		`{"a":{"$code":}}`:                                "missing",
		strings.Repeat(`{"a":`, 200):                      "deeper than 100",
	} {
		_, err := ejson.ParseDoc(text)
		require.Error(t, err, text)
		require.ErrorContains(t, err, message, text)
		require.Contains(t, []errs.Code{errs.FailedToParse, errs.Overflow}, errs.CodeOf(err))
	}
}

func TestHugeIntegers(t *testing.T) {
	v, err := ejson.ParseValue("18446744073709551616")
	require.NoError(t, err)
	require.Equal(t, bsonraw.Double, v.Type)
	require.Equal(t, math.Pow(2, 64), v.Double())
}

// TestDoubles checks the bits of every double that rapid makes.
func TestDoubles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if math.IsNaN(f) {
			return
		}
		for _, mode := range []ejson.Mode{ejson.Canonical, ejson.Relaxed} {
			v, err := ejson.ParseValue(string(ejson.AppendValue(nil, bsonraw.DoubleValue(f), mode)))
			if err != nil || v.Type != bsonraw.Double || math.Float64bits(v.Double()) != math.Float64bits(f) {
				t.Fatal(f, v, err)
			}
		}
	})
}

// TestDecimals compares both directions of the text with the driver's.
func TestDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hi, lo := rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")
		if rapid.Bool().Draw(t, "common") { // a small exponent
			hi = hi&(1<<48-1) | uint64(6176-20+int(hi>>60))<<49
		}
		want := bson.NewDecimal128(hi, lo).String()
		got := string(ejson.AppendDecimal(nil, bsonraw.NewDecimal(hi, lo)))
		if got != want {
			t.Fatalf("%x %x: %s, driver %s", hi, lo, got, want)
		}
		d, ok := ejson.ParseDecimal([]byte(got))
		w, err := bson.ParseDecimal128(got)
		wh, wl := w.GetBytes()
		gh, gl := d.Halves()
		if !ok || err != nil || wh != gh || wl != gl {
			t.Fatalf("%s: %x %x, driver %x %x %v", got, gh, gl, wh, wl, err)
		}
	})
}

func TestDates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 253402300799999).Draw(t, "ms")
		text := ejson.AppendDate(nil, ms)
		if got, ok := ejson.ParseDate(text); !ok || got != ms {
			t.Fatal(ms, string(text), got)
		}
		var raw bson.Raw
		if err := bson.UnmarshalExtJSON([]byte(`{"d":{"$date":"`+string(text)+`"}}`), false, &raw); err != nil {
			t.Fatal(err)
		}
		if got := int64(binary.LittleEndian.Uint64(raw[7:])); got != ms {
			t.Fatal(ms, string(text), got)
		}
	})
}

// FuzzParse feeds any text: no panic, valid BSON out, and text that both
// readers take gives the same bytes.
func FuzzParse(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var p ejson.Parser
		doc, err := p.Document(nil, src)
		if err != nil {
			return
		}
		require.NoError(t, bsonraw.Validate(doc))
		line := ejson.Append(nil, doc, ejson.Canonical)
		again, err := p.Document(nil, line)
		if err == nil && !hasNaN(line) {
			require.Equal(t, doc, again)
		}
		var driver bson.Raw
		if bson.UnmarshalExtJSON(src, false, &driver) == nil && !hasNaN(line) {
			require.Equal(t, []byte(driver), doc, "%s", src)
		}
	})
}

func hasNaN(line []byte) bool { return strings.Contains(string(line), "NaN") }

var flight = []byte(`{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"name":"Ada Lovelace","age":36,"score":12.25,"active":true,"created":{"$date":"2024-05-01T12:30:00.123Z"},"address":{"street":"12 Main Street","city":"Springfield","zip":"12345","geo":{"lat":40.5,"lon":-73.25}},"tags":["alpha","beta","gamma"],"count":123456789012,"note":"some text of forty characters or so, here"}`)

func BenchmarkParse(b *testing.B) {
	var p ejson.Parser
	var out []byte
	b.SetBytes(int64(len(flight)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = p.Document(out[:0], flight); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseDriver(b *testing.B) {
	b.SetBytes(int64(len(flight)))
	for b.Loop() {
		var raw bson.Raw
		if err := bson.UnmarshalExtJSON(flight, false, &raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	doc, err := ejson.ParseDoc(string(flight))
	require.NoError(b, err)
	var out []byte
	b.SetBytes(int64(len(flight)))
	b.ReportAllocs()
	for b.Loop() {
		out = ejson.Append(out[:0], doc, ejson.Relaxed)
	}
}

// TestNaN: what is not a number keeps its bits, on its way through a file, too.
func TestNaN(t *testing.T) {
	b := bsonraw.NewBuilder(nil)
	b.Double("a", math.Float64frombits(0x7FF8000000000000))
	want := b.Finish()
	got, err := ejson.ParseDoc(string(ejson.Append(nil, want, ejson.Canonical)))
	require.NoError(t, err)
	require.Equal(t, want, got)
}
