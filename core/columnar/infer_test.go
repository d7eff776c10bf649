package columnar_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
)

// describe writes a schema on one line: name:type{metadata}.
func describe(fields []arrow.Field) string {
	var parts []string
	for _, f := range fields {
		s := f.Name + ":" + describeType(f.Type)
		for i, k := range f.Metadata.Keys() {
			s += "{" + strings.TrimPrefix(k, "argon.") + "=" + f.Metadata.Values()[i] + "}"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

func describeType(t arrow.DataType) string {
	switch t := t.(type) {
	case *arrow.StructType:
		return "(" + describe(t.Fields()) + ")"
	case *arrow.ListType:
		return "[" + describe([]arrow.Field{t.ElemField()}) + "]"
	}
	return t.String()
}

func TestInferredSchema(t *testing.T) {
	for _, c := range []struct {
		docs []string
		want string
		rows string // what the first column prints
	}{
		{[]string{}, "", ""},
		{[]string{`{}`}, "", ""},
		{[]string{`{"a":1}`, `{"a":2}`}, "a:int32", "[1 2]"},
		{[]string{`{"a":1}`, `{"a":5000000000}`}, "a:int64", "[1 5000000000]"},
		{[]string{`{"a":1}`, `{"a":1.5}`, `{}`, `{"a":null}`}, "a:float64", "[1 1.5 (null) (null)]"},
		{[]string{`{"a":9007199254740993}`, `{"a":1.5}`}, "a:utf8{bson=mixed}", `["9007199254740993" "1.5"]`},
		{[]string{`{"a":9007199254740992}`, `{"a":1.5}`}, "a:float64", "[9.007199254740992e+15 1.5]"},
		{[]string{`{"a":1}`, `{"a":"x"}`, `{"a":{"$numberLong":"2"}}`}, "a:utf8{bson=mixed}", `["1" "\"x\"" "{\"$numberLong\":\"2\"}"]`},
		{[]string{`{"a":{"$numberDecimal":"1.50"}}`, `{"a":{"$numberDecimal":"-20"}}`, `{"a":3}`}, "a:decimal(38, 2)", "[1.5 -20 3]"},
		{[]string{`{"a":{"$numberDecimal":"1E+5"}}`}, "a:decimal(38, 0)", "[100000]"},
		{[]string{`{"a":{"$numberDecimal":"NaN"}}`, `{"a":7}`}, "a:utf8{bson=decimal}", `["NaN" "7"]`},
		{[]string{`{"a":{"$numberDecimal":"1E+30"}}`, `{"a":{"$numberDecimal":"1E-20"}}`}, "a:utf8{bson=decimal}", `["1E+30" "1E-20"]`},
		{[]string{`{"a":{"$numberDecimal":"1.5"}}`, `{"a":1.5}`}, "a:utf8{bson=mixed}", `["{\"$numberDecimal\":\"1.5\"}" "1.5"]`},
		{[]string{`{"a":"x"}`, `{"a":""}`}, "a:utf8", `["x" ""]`},
		{[]string{`{"a":true}`, `{}`, `{"a":false}`}, "a:bool", "[true (null) false]"},
		{[]string{`{"a":{"$date":"2024-05-01T12:30:00.123Z"}}`, `{"a":{"$date":{"$numberLong":"-62135596800000"}}}`}, "a:timestamp[ms, tz=UTC]", "[1714566600123 -62135596800000]"},
		{[]string{`{"a":{"$oid":"57e193d7a9cc81b4027498b5"}}`}, "a:utf8{bson=objectId}", `["57e193d7a9cc81b4027498b5"]`},
		{[]string{`{"a":{"$oid":"57e193d7a9cc81b4027498b5"}}`, `{"a":"57e193d7a9cc81b4027498b5"}`}, "a:utf8{bson=mixed}", `["{\"$oid\":\"57e193d7a9cc81b4027498b5\"}" "\"57e193d7a9cc81b4027498b5\""]`},
		{[]string{`{"a":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}}`}, "a:utf8{bson=uuid}", `["c8edabc3-f738-4ca3-b68d-ab92a91478a3"]`},
		{[]string{`{"a":{"$binary":{"base64":"AQID","subType":"00"}}}`}, "a:binary{bson=binData}", `["\x01\x02\x03"]`},
		{[]string{`{"a":{"$binary":{"base64":"AQID","subType":"80"}}}`}, "a:binary{bson=binData}{subtype=128}", `["\x01\x02\x03"]`},
		{[]string{`{"a":{"$binary":{"base64":"AQ==","subType":"80"}}}`, `{"a":{"$binary":{"base64":"AQ==","subType":"00"}}}`}, "a:utf8{bson=mixed}", ""},
		{[]string{`{"a":{"b":1,"c":"x"}}`, `{"a":{"d":true}}`, `{}`}, "a:(b:int32 c:utf8 d:bool)", ""},
		{[]string{`{"a":{}}`}, "a:()", ""},
		{[]string{`{"a":{}}`, `{"a":1}`}, "a:utf8{bson=mixed}", `["{}" "1"]`},
		{[]string{`{"a":[]}`}, "a:[item:null]", "[[]]"},
		{[]string{`{"a":[1,null,2]}`, `{"a":[]}`, `{"a":[5000000000]}`}, "a:[item:int64]", "[[1 (null) 2] [] [5000000000]]"},
		{[]string{`{"a":[{"b":[1]},{"b":[]}]}`}, "a:[item:(b:[item:int32])]", ""},
		{[]string{`{"a":[1,"x"]}`}, "a:[item:utf8{bson=mixed}]", `[["1" "\"x\""]]`},
		{[]string{`{"a":{"$timestamp":{"t":1,"i":2}}}`, `{}`}, "a:(t:uint32 i:uint32){bson=timestamp}", "{[1 (null)] [2 (null)]}"},
		{[]string{`{"a":{"$code":"f"}}`}, "a:utf8{bson=javascript}", `["f"]`},
		{[]string{`{"a":{"$symbol":"f"}}`}, "a:utf8{bson=symbol}", `["f"]`},
		{[]string{`{"a":{"$minKey":1}}`}, "a:utf8{bson=mixed}", `["{\"$minKey\":1}"]`},
		{[]string{`{"a":{"$undefined":true}}`, `{}`}, "a:utf8{bson=mixed}", `["{\"$undefined\":true}" (null)]`},
		{[]string{`{"a":null}`, `{}`}, "a:null", "[(null) (null)]"},
		{[]string{`{"b":1,"a":2}`, `{"a":1,"c":3,"b":4}`}, "b:int32 a:int32 c:int32", "[1 4]"},
		{[]string{`{"a":1,"a":"x"}`, `{"a":2}`}, "a:int32 a#2:utf8{name=a}", "[1 2]"},
		{[]string{`{"a":1,"a":"x","a#2":true}`}, "a:int32 a#3:utf8{name=a} a#2:bool", "[1]"},
		{[]string{`{"":1}`}, ":int32", "[1]"},
	} {
		for _, o := range []columnar.Options{{}, {BatchRows: 1, Workers: 2}} {
			schema, batches := table(t, join(lines(t, c.docs...)...), o)
			require.Equal(t, c.want, describe(schema.Fields()), "%v", c.docs)
			if o.BatchRows == 0 && c.rows != "" {
				require.Equal(t, c.rows, fmt.Sprint(batches[0].Column(0)), "%v", c.docs)
			}
		}
	}
}

// TestDictionaryLikeObjects checks that documents used as maps stay readable.
func TestDictionaryLikeObjects(t *testing.T) {
	var docs []bsonraw.Doc
	for i := range 60 {
		b := bsonraw.NewBuilder(nil)
		b.BeginDoc("byUser")
		for k := range 20 {
			b.Int32(fmt.Sprintf("user%d", i*20+k), int32(k))
		}
		b.End()
		docs = append(docs, b.Finish())
	}
	for _, o := range []columnar.Options{{}, {BatchRows: 7}} {
		schema, batches := table(t, join(docs...), o)
		require.Equal(t, "byUser:utf8{bson=mixed}", describe(schema.Fields()))
		for i, got := range back(t, batches, columnar.EncodeOptions{}) {
			require.NoError(t, same(docs[i], got))
		}
	}
}

func TestTooManyColumns(t *testing.T) {
	b := bsonraw.NewBuilder(nil)
	for k := range 20001 {
		b.Int32(fmt.Sprint(k), 1)
	}
	_, err := columnar.NewReader(t.Context(), opener(b.Finish()), columnar.Options{})
	require.ErrorContains(t, err, "20000")
	require.ErrorContains(t, err, "project")
}
