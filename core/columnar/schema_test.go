package columnar_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
)

func TestParseSchema(t *testing.T) {
	spec := lines(t, `{"_id":"objectId","n":"long","p":"decimal(10,2)","d":"decimal","t":"timestamp[ns]",
		"tags":["string"],"at":{"x":"double","y":["date"]},"any":"mixed","u":"uuid","b":"binData","ts":"timestamp","i":"int8"}`)[0]
	schema, err := columnar.ParseSchema(spec)
	require.NoError(t, err)
	require.Equal(t, "_id:utf8{bson=objectId} n:int64 p:decimal(10, 2) d:utf8{bson=decimal} t:timestamp[ns, tz=UTC] "+
		"tags:[item:utf8] at:(x:float64 y:[item:timestamp[ms, tz=UTC]]) any:utf8{bson=mixed} u:utf8{bson=uuid} "+
		"b:binary{bson=binData} ts:(t:uint32 i:uint32){bson=timestamp} i:int8", describe(schema.Fields()))

	for text, message := range map[string]string{
		`{"a":1}`:                     `"a" is 1`,
		`{"a":"strange"}`:             `unknown type "strange"`,
		`{"a":"object"}`:              "name the fields",
		`{"a":["int","long"]}`:        "2 types",
		`{"a":{"b":"decimal(40,2)"}}`: `"a.b"`,
		`{"a":"int","a":"long"}`:      "twice",
	} {
		_, err := columnar.ParseSchema(lines(t, text)[0])
		require.ErrorContains(t, err, message)
		require.Equal(t, errs.BadValue, errs.CodeOf(err))
	}
}

// TestSchema reads one value with each type that may be asked for.
func TestSchema(t *testing.T) {
	for _, c := range []struct{ typ, doc, want string }{
		{"int8", `-5.0`, "-5"},
		{"int8", `128`, "!int8"},
		{"uint8", `255`, "255"},
		{"uint8", `-1`, "!uint8"},
		{"uint64", `-1`, "!uint64"},
		{"int32", `{"$numberDecimal":"7.0"}`, "7"},
		{"long", `1.5`, "!int64"},
		{"long", `"1"`, "!int64"},
		{"double", `{"$numberDecimal":"0.1"}`, "0.1"},
		{"float32", `0.1`, "0.1"},
		{"float32", `1e300`, "!float32"},
		{"float16", `1.5`, "1.5"},
		{"double", `{"$numberDouble":"Infinity"}`, "+Inf"},
		{"string", `"x"`, `"x"`},
		{"string", `{"$oid":"57e193d7a9cc81b4027498b5"}`, `"57e193d7a9cc81b4027498b5"`},
		{"string", `5`, "!utf8"},
		{"large_string", `"x"`, `"x"`},
		{"string_view", `{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}`, `"c8edabc3-f738-4ca3-b68d-ab92a91478a3"`},
		{"objectId", `"57e193d7a9cc81b4027498b5"`, "!objectId (utf8)"},
		{"mixed", `[1,{"a":2}]`, `"[1,{\"a\":2}]"`},
		{"binData", `{"$binary":{"base64":"AQ==","subType":"80"}}`, `"\x01"`},
		{"binary", `{"$oid":"57e193d7a9cc81b4027498b5"}`, `!binary`},
		{"large_binary", `{"$oid":"000000000000000000000000"}`, `"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"`},
		{"date", `{"$date":{"$numberLong":"9223372036854775807"}}`, "9223372036854775807"},
		{"timestamp[ns]", `{"$date":{"$numberLong":"1"}}`, "1000000"},
		{"timestamp[ns]", `{"$date":{"$numberLong":"9223372036855"}}`, "!timestamp[ns, tz=UTC]"},
		{"timestamp[s]", `{"$date":{"$numberLong":"2000"}}`, "2"},
		{"timestamp[s]", `{"$date":{"$numberLong":"2001"}}`, "!timestamp[s, tz=UTC]"},
		{"date32", `{"$date":"2024-05-01T00:00:00Z"}`, "2024-05-01"},
		{"date32", `{"$date":"2024-05-01T00:00:01Z"}`, "!date32"},
		{"date64", `{"$date":"1970-01-02T00:00:00Z"}`, "1970-01-02"},
		{"decimal(10,2)", `{"$numberDecimal":"1.25"}`, "1.25"},
		{"decimal(10,2)", `{"$numberDecimal":"1.255"}`, "!decimal(10, 2)"},
		{"decimal(4,2)", `{"$numberDecimal":"125.5"}`, "!decimal(4, 2)"},
		{"null", `1`, "!null"},
		{"bool", `1`, "!bool"},
		{"timestamp", `{"$timestamp":{"t":1,"i":2}}`, ""},
	} {
		schema, err := columnar.ParseSchema(lines(t, `{"a":"`+c.typ+`"}`)[0])
		require.NoError(t, err)
		docs := join(lines(t, `{"_id":1}`, `{"_id":2,"b":0,"a":`+c.doc+`}`, `{"_id":3,"a":null}`)...)
		r, err := columnar.NewReader(t.Context(), opener(docs), columnar.Options{Schema: schema})
		if c.want != "" && c.want[0] == '!' {
			require.Error(t, err, "%s %s", c.typ, c.doc)
			require.Equal(t, errs.SchemaMismatch, errs.CodeOf(err))
			require.ErrorContains(t, err, `field "a" of the document with _id 2`)
			require.ErrorContains(t, err, "does not fit "+c.want[1:])
			continue
		}
		require.NoError(t, err, "%s %s", c.typ, c.doc)
		require.True(t, r.Next())
		col := r.RecordBatch().Column(0)
		require.Equal(t, 2, col.NullN())
		if c.want != "" {
			require.Equal(t, "[(null) "+c.want+" (null)]", fmt.Sprint(col))
		}
		r.Release()
	}
}

// TestSchemaNested checks paths in messages, fields left out, and arrays.
func TestSchemaNested(t *testing.T) {
	schema, err := columnar.ParseSchema(lines(t, `{"a":{"b":[{"c":"int"}]}}`)[0])
	require.NoError(t, err)
	good := join(lines(t, `{"x":1,"a":{"y":2,"b":[{"c":1,"z":3},null,{}]}}`)...)
	_, batches := table(t, good, columnar.Options{Schema: schema})
	require.Equal(t, "{[{[1 (null) (null)]}]}", fmt.Sprint(batches[0].Column(0)))

	for _, o := range []columnar.Options{{Schema: schema}, {Schema: schema, BatchRows: 1}} {
		bad := join(lines(t, `{"_id":{"k":1}}`, `{"_id":{"k":2},"a":{"b":[{"c":1},{"c":"x"}]}}`)...)
		r, err := columnar.NewReader(t.Context(), opener(bad), o)
		if err == nil {
			for r.Next() {
			}
			err = r.Err()
			r.Release()
		}
		require.ErrorContains(t, err, `field "a.b.1.c" of the document with _id {"k":2}: "x" (string) does not fit int32`)
	}
}

// TestArrowSchema checks the types that a schema has only in Arrow's own form.
func TestArrowSchema(t *testing.T) {
	field := func(t arrow.DataType) *arrow.Schema {
		return arrow.NewSchema([]arrow.Field{{Name: "v", Type: t, Nullable: true}}, nil)
	}
	docs := join(lines(t, `{"v":[1.5,2,3]}`, `{}`, `{"v":[4,5,6.25]}`)...)
	for _, typ := range []arrow.DataType{
		arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32),
		arrow.LargeListOf(arrow.PrimitiveTypes.Float64),
		arrow.ListOf(arrow.PrimitiveTypes.Float64),
	} {
		_, batches := table(t, docs, columnar.Options{Schema: field(typ)})
		require.NoError(t, validate(batches[0]))
		require.Equal(t, "[[1.5 2 3] (null) [4 5 6.25]]", fmt.Sprint(batches[0].Column(0)), typ)
	}
	_, err := columnar.NewReader(t.Context(), opener(docs), columnar.Options{Schema: field(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32))})
	require.Equal(t, errs.SchemaMismatch, errs.CodeOf(err))

	decimal := join(lines(t, `{"v":{"$numberDecimal":"1.5"}}`, `{"v":-7}`)...)
	_, batches := table(t, decimal, columnar.Options{Schema: field(&arrow.Decimal256Type{Precision: 50, Scale: 3})})
	require.Equal(t, "[1.5 -7]", fmt.Sprint(batches[0].Column(0)))

	oid := join(lines(t, `{"v":{"$oid":"57e193d7a9cc81b4027498b5"}}`)...)
	_, batches = table(t, oid, columnar.Options{Schema: field(&arrow.FixedSizeBinaryType{ByteWidth: 12})})
	require.Equal(t, `["W\xe1\x93ש́\xb4\x02t\x98\xb5"]`, fmt.Sprint(batches[0].Column(0)))

	_, err = columnar.NewReader(t.Context(), opener(docs), columnar.Options{Schema: field(arrow.FixedWidthTypes.Duration_s)})
	require.Equal(t, errs.NotSupported, errs.CodeOf(err))
	require.ErrorContains(t, err, `"v"`)
}

// TestSchemaOfAFrame reads with the schema that a first reading gave.
func TestSchemaOfAFrame(t *testing.T) {
	docs := join(lines(t, `{"_id":{"$oid":"57e193d7a9cc81b4027498b5"},"a":1,"a":"x","m":{"$minKey":1},"t":{"$timestamp":{"t":1,"i":2}},
		"b":{"$binary":{"base64":"AQ==","subType":"05"}},"n":{"x":{"$numberDecimal":"NaN"}},"l":[{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}]}`)...)
	schema, first := table(t, docs, columnar.Options{})
	again, second := table(t, docs, columnar.Options{Schema: schema})
	require.True(t, schema.Equal(again))
	require.Equal(t, fmt.Sprint(first[0]), fmt.Sprint(second[0]))
}
