package columnar_test

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// one makes a batch of one column "v" from arrow-go's JSON.
func one(t testing.TB, typ arrow.DataType, values string, metadata ...string) arrow.RecordBatch {
	a, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(values))
	require.NoError(t, err, "%s %s", typ, values)
	return batchOf(a, metadata...)
}

func batchOf(a arrow.Array, metadata ...string) arrow.RecordBatch {
	m := map[string]string{}
	for i := 0; i < len(metadata); i += 2 {
		m[metadata[i]] = metadata[i+1]
	}
	f := arrow.Field{Name: "v", Type: a.DataType(), Nullable: true, Metadata: arrow.MetadataFrom(m)}
	return array.NewRecordBatch(arrow.NewSchema([]arrow.Field{f}, nil), []arrow.Array{a}, int64(a.Len()))
}

// texts encodes a batch and returns each document as canonical Extended JSON.
func encoded(rec arrow.RecordBatch, o columnar.EncodeOptions) (string, error) {
	it, err := columnar.Encode(rec, o)
	if err != nil {
		return "", err
	}
	defer it.Close()
	var out []string
	for {
		doc, ok, err := it.Next(context.Background())
		if err != nil {
			return "", err
		}
		if !ok {
			return strings.Join(out, " "), nil
		}
		out = append(out, string(ejson.Append(nil, doc, ejson.Typed)))
	}
}

var (
	int32s   = arrow.PrimitiveTypes.Int32
	utf8s    = arrow.BinaryTypes.String
	uint8s   = arrow.PrimitiveTypes.Uint8
	extended = []arrow.Field{{Name: "x", Type: int32s, Nullable: true}, {Name: "y", Type: utf8s, Nullable: true}}
)

func TestEncodeEveryType(t *testing.T) {
	for _, c := range []struct {
		typ    arrow.DataType
		values string
		want   string
	}{
		{arrow.FixedWidthTypes.Boolean, `[true,null,false]`, `{"v":true} {} {"v":false}`},
		{arrow.PrimitiveTypes.Int8, `[-128]`, `{"v":-128}`},
		{arrow.PrimitiveTypes.Int16, `[1]`, `{"v":1}`},
		{int32s, `[1,null]`, `{"v":1} {}`},
		{arrow.PrimitiveTypes.Int64, `[1,5000000000]`, `{"v":{"$numberLong":"1"}} {"v":5000000000}`},
		{uint8s, `[255]`, `{"v":255}`},
		{arrow.PrimitiveTypes.Uint16, `[65535]`, `{"v":65535}`},
		{arrow.PrimitiveTypes.Uint32, `[4294967295]`, `{"v":4294967295}`},
		{arrow.PrimitiveTypes.Uint64, `[7]`, `{"v":{"$numberLong":"7"}}`},
		{arrow.FixedWidthTypes.Float16, `[1.5]`, `{"v":1.5}`},
		{arrow.PrimitiveTypes.Float32, `[1.5,"NaN"]`, `{"v":1.5} {"v":{"$numberDouble":"NaN"}}`},
		{arrow.PrimitiveTypes.Float64, `[0.1,"-Inf"]`, `{"v":0.1} {"v":{"$numberDouble":"-Infinity"}}`},
		{&arrow.Decimal128Type{Precision: 10, Scale: 2}, `["1.50"]`, `{"v":{"$numberDecimal":"1.50"}}`},
		{&arrow.Decimal256Type{Precision: 60, Scale: 2}, `["-1.50"]`, `{"v":{"$numberDecimal":"-1.50"}}`},
		{&arrow.Decimal32Type{Precision: 5, Scale: 1}, `["7.5"]`, `{"v":{"$numberDecimal":"7.5"}}`},
		{&arrow.Decimal64Type{Precision: 15, Scale: 3}, `["7.5"]`, `{"v":{"$numberDecimal":"7.500"}}`},
		{utf8s, `["é",""]`, `{"v":"é"} {"v":""}`},
		{arrow.BinaryTypes.LargeString, `["x"]`, `{"v":"x"}`},
		{arrow.BinaryTypes.StringView, `["x","a string longer than twelve"]`, `{"v":"x"} {"v":"a string longer than twelve"}`},
		{arrow.BinaryTypes.Binary, `["AQID"]`, `{"v":{"$binary":{"base64":"AQID","subType":"00"}}}`},
		{arrow.BinaryTypes.LargeBinary, `["AQID"]`, `{"v":{"$binary":{"base64":"AQID","subType":"00"}}}`},
		{arrow.BinaryTypes.BinaryView, `["AQID"]`, `{"v":{"$binary":{"base64":"AQID","subType":"00"}}}`},
		{&arrow.FixedSizeBinaryType{ByteWidth: 3}, `["AQID"]`, `{"v":{"$binary":{"base64":"AQID","subType":"00"}}}`},
		{arrow.FixedWidthTypes.Date32, `["2024-05-01"]`, `{"v":{"$date":"2024-05-01T00:00:00Z"}}`},
		{arrow.FixedWidthTypes.Date64, `["2024-05-01"]`, `{"v":{"$date":"2024-05-01T00:00:00Z"}}`},
		{&arrow.TimestampType{Unit: arrow.Second}, `[1]`, `{"v":{"$date":"1970-01-01T00:00:01Z"}}`},
		{&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "Europe/Berlin"}, `[1]`, `{"v":{"$date":"1970-01-01T00:00:00.001Z"}}`},
		{&arrow.TimestampType{Unit: arrow.Microsecond}, `[1999,-1]`, `{"v":{"$date":"1970-01-01T00:00:00.001Z"}} {"v":{"$date":{"$numberLong":"-1"}}}`},
		{&arrow.TimestampType{Unit: arrow.Nanosecond}, `[1000000]`, `{"v":{"$date":"1970-01-01T00:00:00.001Z"}}`},
		{arrow.ListOf(int32s), `[[1,null],[],null]`, `{"v":[1,null]} {"v":[]} {}`},
		{arrow.LargeListOf(utf8s), `[["a"]]`, `{"v":["a"]}`},
		{arrow.FixedSizeListOf(2, int32s), `[[1,2],null]`, `{"v":[1,2]} {}`},
		{arrow.ListViewOf(int32s), `[[1,2],[3]]`, `{"v":[1,2]} {"v":[3]}`},
		{arrow.StructOf(extended...), `[{"x":1,"y":"a"},{"x":null,"y":"b"},null]`, `{"v":{"x":1,"y":"a"}} {"v":{"y":"b"}} {}`},
		{arrow.MapOf(utf8s, int32s), `[[{"key":"a","value":1},{"key":"b","value":null}]]`, `{"v":{"a":1,"b":null}}`},
		{&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: utf8s}, `["x","y","x",null]`, `{"v":"x"} {"v":"y"} {"v":"x"} {}`},
		{arrow.RunEndEncodedOf(int32s, utf8s), `["x","x","y",null]`, `{"v":"x"} {"v":"x"} {"v":"y"} {}`},
		{arrow.SparseUnionOf(extended, []arrow.UnionTypeCode{0, 1}), `[[0,1],[1,"b"],[0,null]]`, `{"v":1} {"v":"b"} {}`},
		{arrow.DenseUnionOf(extended, []arrow.UnionTypeCode{0, 1}), `[[0,1],[1,"b"],[0,2]]`, `{"v":1} {"v":"b"} {"v":2}`},
		{arrow.Null, `[null]`, `{}`},
	} {
		rec := one(t, c.typ, c.values)
		got, err := encoded(rec, columnar.EncodeOptions{})
		require.NoError(t, err, c.typ)
		require.Equal(t, c.want, got, c.typ)

		// A slice of a batch keeps the buffers and moves the offset.
		if words := strings.Split(c.want, " {"); len(words) > 1 {
			cut := rec.NewSlice(1, rec.NumRows())
			got, err := encoded(cut, columnar.EncodeOptions{})
			require.NoError(t, err)
			require.Equal(t, "{"+strings.Join(words[1:], " {"), got, "slice of %s", c.typ)
		}
	}
}

func TestEncodeNulls(t *testing.T) {
	rec := one(t, arrow.StructOf(extended...), `[{"x":null,"y":"b"},null]`)
	got, err := encoded(rec, columnar.EncodeOptions{Nulls: true})
	require.NoError(t, err)
	require.Equal(t, `{"v":{"x":null,"y":"b"}} {"v":null}`, got)

	ids, _, err := array.FromJSON(memory.DefaultAllocator, int32s, strings.NewReader(`[null,2]`))
	require.NoError(t, err)
	schema := arrow.NewSchema([]arrow.Field{{Name: "_id", Type: int32s, Nullable: true}}, nil)
	got, err = encoded(array.NewRecordBatch(schema, []arrow.Array{ids}, 2), columnar.EncodeOptions{Nulls: true})
	require.NoError(t, err)
	require.Equal(t, `{} {"_id":2}`, got)
}

func TestEncodeNamedTypes(t *testing.T) {
	uuid := "c8edabc3-f738-4ca3-b68d-ab92a91478a3"
	for _, c := range []struct {
		typ          arrow.DataType
		values, name string
		want         string
	}{
		{utf8s, `["57e193d7a9cc81b4027498b5"]`, "objectId", `{"v":{"$oid":"57e193d7a9cc81b4027498b5"}}`},
		{utf8s, `["57e193d7a9cc81b4027498b"]`, "objectId", `!"57e193d7a9cc81b4027498b" is not an ObjectId`},
		{&arrow.FixedSizeBinaryType{ByteWidth: 12}, `["AAAAAAAAAAAAAAAA"]`, "objectId", `{"v":{"$oid":"000000000000000000000000"}}`},
		{utf8s, `["` + uuid + `"]`, "uuid", `{"v":{"$binary":{"base64":"yO2rw/c4TKO2jauSqRR4ow==","subType":"04"}}}`},
		{&arrow.FixedSizeBinaryType{ByteWidth: 16}, `["AAAAAAAAAAAAAAAAAAAAAA=="]`, "uuid", `{"v":{"$binary":{"base64":"AAAAAAAAAAAAAAAAAAAAAA==","subType":"04"}}}`},
		{utf8s, `["1.50"]`, "decimal", `{"v":{"$numberDecimal":"1.50"}}`},
		{arrow.PrimitiveTypes.Int64, `[5]`, "decimal", `{"v":{"$numberDecimal":"5"}}`},
		{arrow.PrimitiveTypes.Float64, `[5]`, "decimal", `!cannot become`},
		{utf8s, `["[1,{\"$minKey\":1}]"]`, "mixed", `{"v":[1,{"$minKey":1}]}`},
		{utf8s, `["oops"]`, "mixed", `!"oops" is not Extended JSON`},
		{utf8s, `["2024-05-01T12:30:00Z"]`, "date", `{"v":{"$date":"2024-05-01T12:30:00Z"}}`},
		{arrow.PrimitiveTypes.Int64, `[1]`, "date", `{"v":{"$date":"1970-01-01T00:00:00.001Z"}}`},
		{utf8s, `["x"]`, "symbol", `{"v":{"$symbol":"x"}}`},
		{utf8s, `["x"]`, "javascript", `{"v":{"$code":"x"}}`},
		{arrow.PrimitiveTypes.Int64, `[5]`, "int", `{"v":5}`},
		{arrow.PrimitiveTypes.Int64, `[5000000000]`, "int", `!does not fit a BSON int`},
		{arrow.PrimitiveTypes.Float64, `[5]`, "long", `{"v":{"$numberLong":"5"}}`},
		{arrow.PrimitiveTypes.Float64, `[5.5]`, "long", `!does not fit`},
		{int32s, `[5]`, "double", `{"v":5.0}`},
		{arrow.ListOf(utf8s), `[["57e193d7a9cc81b4027498b5"]]`, "objectId", `{"v":[{"$oid":"57e193d7a9cc81b4027498b5"}]}`},
		{&arrow.DictionaryType{IndexType: int32s, ValueType: utf8s}, `["57e193d7a9cc81b4027498b5"]`, "objectId", `{"v":{"$oid":"57e193d7a9cc81b4027498b5"}}`},
		{utf8s, `["x"]`, "strange", `!unknown BSON type "strange"`},
	} {
		got, err := encoded(one(t, c.typ, c.values), columnar.EncodeOptions{Types: map[string]string{"v": c.name}})
		if c.want[0] == '!' {
			require.ErrorContains(t, err, c.want[1:], "%s %s", c.typ, c.name)
			require.Equal(t, errs.BadValue, errs.CodeOf(err))
			continue
		}
		require.NoError(t, err, "%s %s", c.typ, c.name)
		require.Equal(t, c.want, got)
	}
	got, err := encoded(one(t, &arrow.FixedSizeBinaryType{ByteWidth: 16}, `["AAAAAAAAAAAAAAAAAAAAAA=="]`, "ARROW:extension:name", "arrow.uuid"), columnar.EncodeOptions{})
	require.NoError(t, err)
	require.Contains(t, got, `"subType":"04"`)
}

func TestEncodeRefuses(t *testing.T) {
	for _, c := range []struct {
		rec     arrow.RecordBatch
		o       columnar.EncodeOptions
		message string
	}{
		{one(t, arrow.FixedWidthTypes.Duration_s, `[]`), columnar.EncodeOptions{}, `"v" has the Arrow type duration`},
		{one(t, arrow.FixedWidthTypes.Time32s, `[]`), columnar.EncodeOptions{}, "time32"},
		{one(t, arrow.FixedWidthTypes.MonthInterval, `[]`), columnar.EncodeOptions{}, "interval"},
		{one(t, arrow.MapOf(int32s, int32s), `[]`), columnar.EncodeOptions{}, "map"},
		{one(t, arrow.PrimitiveTypes.Uint64, `[1,18446744073709551615]`), columnar.EncodeOptions{}, "row 1: 18446744073709551615 does not fit"},
		{one(t, &arrow.Decimal128Type{Precision: 38, Scale: 0}, `["12345678901234567890123456789012345678"]`), columnar.EncodeOptions{}, "34 digits"},
		{one(t, &arrow.TimestampType{Unit: arrow.Second}, `[9223372036854775807]`), columnar.EncodeOptions{}, "does not fit"},
		{one(t, &arrow.TimestampType{Unit: arrow.Microsecond}, `[1]`), columnar.EncodeOptions{Exact: true}, "milliseconds"},
		{one(t, arrow.ListOf(arrow.FixedWidthTypes.Duration_s), `[]`), columnar.EncodeOptions{}, "duration"},
	} {
		_, err := encoded(c.rec, c.o)
		require.ErrorContains(t, err, c.message)
		require.Equal(t, errs.BadValue, errs.CodeOf(err))
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Append("\xff")
	_, err := encoded(batchOf(b.NewArray()), columnar.EncodeOptions{})
	require.ErrorContains(t, err, "UTF-8")
}

// TestEncodeBrokenArrays checks that a dictionary index outside the dictionary
// is an error and not a crash.
func TestEncodeBrokenArrays(t *testing.T) {
	dict, _, err := array.FromJSON(memory.DefaultAllocator, utf8s, strings.NewReader(`["a"]`))
	require.NoError(t, err)
	indexes, _, err := array.FromJSON(memory.DefaultAllocator, int32s, strings.NewReader(`[0,0]`))
	require.NoError(t, err)
	a := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: int32s, ValueType: utf8s}, indexes, dict)
	indexes.Data().Buffers()[1].Bytes()[4] = 77
	_, err = encoded(batchOf(a), columnar.EncodeOptions{})
	require.ErrorContains(t, err, "row 1")
}

// TestEncodeReader goes through several batches and releases them.
func TestEncodeReader(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	r, err := columnar.NewReader(t.Context(), opener(numbered(100, nil)), columnar.Options{Allocator: mem, BatchRows: 7})
	require.NoError(t, err)
	it, err := columnar.EncodeReader(r, columnar.EncodeOptions{})
	require.NoError(t, err)
	for i := range 100 {
		doc, ok, err := it.Next(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, i, doc.Get("i").Int32())
	}
	_, ok, err := it.Next(t.Context())
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, it.Close())
	require.NoError(t, it.Close())
}

func BenchmarkEncode(b *testing.B) {
	const n = 50_000
	_, batches := tableUnchecked(b, benchDocs(n, false), columnar.Options{})
	b.ReportAllocs()
	for b.Loop() {
		for _, rec := range batches {
			it, err := columnar.Encode(rec, columnar.EncodeOptions{})
			require.NoError(b, err)
			for {
				_, ok, err := it.Next(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if !ok {
					break
				}
			}
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mdocs/s")
}
