package columnar_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/ejson"
)

// sliceIter gives documents from memory, one behind the other.
type sliceIter struct {
	rest   []byte
	closed func()
}

func (s *sliceIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if len(s.rest) == 0 {
		return nil, false, nil
	}
	n := binary.LittleEndian.Uint32(s.rest)
	doc := bsonraw.Doc(s.rest[:n])
	s.rest = s.rest[n:]
	return doc, true, nil
}

func (s *sliceIter) Close() error {
	if s.closed != nil {
		s.closed()
	}
	return nil
}

// stream counts how often it is opened and closed.
type stream struct {
	docs           []byte
	opened, closed int
}

func (s *stream) open(context.Context) (columnar.Iter, error) {
	s.opened++
	return &sliceIter{rest: s.docs, closed: func() { s.closed++ }}, nil
}

func opener(docs []byte) columnar.OpenFunc {
	return func(context.Context) (columnar.Iter, error) { return &sliceIter{rest: docs}, nil }
}

// join puts documents behind each other.
func join(docs ...bsonraw.Doc) []byte {
	var out []byte
	for _, d := range docs {
		out = append(out, d...)
	}
	return out
}

// lines reads one document of Extended JSON per argument.
func lines(t testing.TB, texts ...string) []bsonraw.Doc {
	docs := make([]bsonraw.Doc, len(texts))
	for i, s := range texts {
		var err error
		docs[i], err = ejson.ParseDoc(s)
		require.NoError(t, err, s)
	}
	return docs
}

// table reads everything with a checked allocator, which fails the test if a
// byte is not given back once the batches are released.
func table(t testing.TB, docs []byte, o columnar.Options) (*arrow.Schema, []arrow.RecordBatch) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	o.Allocator = mem
	s := &stream{docs: docs}
	r, err := columnar.NewReader(context.Background(), s.open, o)
	require.NoError(t, err)
	var batches []arrow.RecordBatch
	for r.Next() {
		b := r.RecordBatch()
		b.Retain()
		batches = append(batches, b)
	}
	require.NoError(t, r.Err())
	schema := r.Schema()
	r.Release()
	require.Equal(t, s.opened, s.closed)
	if c, ok := t.(*testing.T); ok {
		c.Cleanup(func() {
			for _, b := range batches {
				b.Release()
			}
			mem.AssertSize(c, 0)
		})
	}
	return schema, batches
}

// back turns batches into documents again.
func back(t testing.TB, batches []arrow.RecordBatch, o columnar.EncodeOptions) []bsonraw.Doc {
	var docs []bsonraw.Doc
	for _, b := range batches {
		it, err := columnar.Encode(b, o)
		require.NoError(t, err)
		for {
			doc, ok, err := it.Next(context.Background())
			require.NoError(t, err)
			if !ok {
				break
			}
			docs = append(docs, bytes.Clone(doc))
		}
		require.NoError(t, it.Close())
	}
	return docs
}

// same is what package columnar promises of a document that went to Arrow and
// back: all fields but nulls, in any order, each with an equal value.
func same(want, got bsonraw.Doc) error {
	w, g := fieldsOf(want), fieldsOf(got)
	for k, v := range w {
		x, ok := g[k]
		if !ok {
			return fmt.Errorf("%s is lost", k)
		}
		if err := sameValue(v, x); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		delete(g, k)
	}
	for k := range g {
		return fmt.Errorf("%s is new", k)
	}
	return nil
}

// fieldsOf gives each occurrence of a name that is not null a key of its own.
func fieldsOf(d bsonraw.Doc) map[string]bsonraw.Value {
	m, seen := map[string]bsonraw.Value{}, map[string]int{}
	it := d.Iter()
	for it.Next() {
		k := string(it.Key())
		if it.Value().Type == bsonraw.Null {
			continue
		}
		m[fmt.Sprintf("%q %d", k, seen[k])] = it.Value()
		seen[k]++
	}
	return m
}

func sameValue(want, got bsonraw.Value) error {
	switch {
	case want.Type == bsonraw.Object && got.Type == bsonraw.Object:
		return same(want.Doc(), got.Doc())
	case want.Type == bsonraw.Array && got.Type == bsonraw.Array:
		w, g := want.Doc().Values(), got.Doc().Values()
		if len(w) != len(g) {
			return fmt.Errorf("%d elements became %d", len(w), len(g))
		}
		for i := range w {
			if err := sameValue(w[i], g[i]); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	case want.IsNumber() && got.IsNumber():
		if bsonraw.CompareNumbers(want, got) == 0 && (want.Type != bsonraw.Double || got.Type == bsonraw.Double) {
			return nil
		}
	case bsonraw.Identical(want, got):
		return nil
	}
	return fmt.Errorf("%s became %s", ejson.AppendValue(nil, want, ejson.Canonical), ejson.AppendValue(nil, got, ejson.Canonical))
}

// genValue makes values of every BSON type, nested up to a depth. Types repeat
// often enough that columns of one type come up.
func genValue(t *rapid.T, depth int) bsonraw.Value {
	kinds := 22
	if depth == 0 {
		kinds = 20
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "type") {
	case 0:
		return bsonraw.NullValue
	case 1, 2:
		return bsonraw.Int32Value(rapid.Int32().Draw(t, "int"))
	case 3:
		return bsonraw.Int64Value(rapid.Int64().Draw(t, "long"))
	case 4:
		f := rapid.Float64().Draw(t, "double")
		if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
			f = rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1 << 53}).Draw(t, "odd double")
		}
		return bsonraw.DoubleValue(f)
	case 5, 6:
		return bsonraw.StringValue(rapid.String().Draw(t, "string"))
	case 7:
		return bsonraw.BoolValue(rapid.Bool().Draw(t, "bool"))
	case 8:
		return bsonraw.DateValue(rapid.Int64().Draw(t, "date"))
	case 9:
		return bsonraw.ObjectIDValue([12]byte(rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "oid")))
	case 10:
		return bsonraw.BinaryValue(4, rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
	case 11:
		subtype := rapid.SampledFrom([]byte{0, 0, 0, 5, 0x80, 4, 2}).Draw(t, "subtype")
		data := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "binary")
		if subtype == 2 {
			data = append(binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data...)
		}
		return bsonraw.BinaryValue(subtype, data)
	case 12:
		return genDecimal(t).Value()
	case 13:
		return bsonraw.TimestampValue(rapid.Uint32().Draw(t, "t"), rapid.Uint32().Draw(t, "i"))
	case 14:
		v := bsonraw.StringValue(rapid.String().Draw(t, "text"))
		v.Type = rapid.SampledFrom([]bsonraw.Type{bsonraw.Symbol, bsonraw.JavaScript}).Draw(t, "texttype")
		return v
	case 15:
		return bsonraw.Value{Type: bsonraw.Regex, Data: []byte("^a\x00i\x00")}
	case 16:
		return bsonraw.Value{Type: rapid.SampledFrom([]bsonraw.Type{bsonraw.MinKey, bsonraw.MaxKey, bsonraw.Undefined}).Draw(t, "key")}
	case 17:
		scope := genDoc(t, 0)
		data := binary.LittleEndian.AppendUint32(nil, uint32(4+4+2+len(scope)))
		data = append(data, 2, 0, 0, 0, 'f', 0)
		return bsonraw.Value{Type: bsonraw.CodeWithScope, Data: append(data, scope...)}
	case 18:
		return bsonraw.Value{Type: bsonraw.DBPointer, Data: append([]byte{2, 0, 0, 0, 'c', 0}, make([]byte, 12)...)}
	case 19:
		return bsonraw.Int32Value(int32(rapid.IntRange(-5, 5).Draw(t, "small")))
	case 20:
		return genDoc(t, depth-1).Value()
	}
	n := rapid.IntRange(0, 4).Draw(t, "n")
	values := make([]bsonraw.Value, n)
	for i := range values {
		values[i] = genValue(t, depth-1)
	}
	return bsonraw.ArrayValue(values...)
}

func genDecimal(t *rapid.T) bsonraw.Decimal {
	if rapid.IntRange(0, 5).Draw(t, "odd") == 0 {
		text := rapid.SampledFrom([]string{"NaN", "-Infinity", "-0", "0E+6000", "1E-6176", "9999999999999999999999999999999999"}).Draw(t, "odd decimal")
		d, _ := ejson.ParseDecimal([]byte(text))
		return d
	}
	n := rapid.Uint64Range(0, 1e15).Draw(t, "coefficient")
	return ejson.MakeDecimal(n > 0 && rapid.Bool().Draw(t, "negative"), 0, n, rapid.IntRange(-4, 2).Draw(t, "exponent"))
}

// genDoc makes documents of few names, some twice, so that columns meet.
func genDoc(t *rapid.T, depth int) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for range rapid.IntRange(0, 5).Draw(t, "fields") {
		name := rapid.SampledFrom([]string{"a", "b", "c", "a#2", "", "größe", "a.b"}).Draw(t, "name")
		b.Value(name, genValue(t, depth))
	}
	return b.Finish()
}

// genDocs makes documents whose fields mostly keep one type each.
func genDocs(t *rapid.T) []bsonraw.Doc {
	docs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) bsonraw.Doc {
		return genDoc(t, rapid.IntRange(0, 3).Draw(t, "depth"))
	}), 0, 12).Draw(t, "docs")
	if len(docs) == 0 || rapid.Bool().Draw(t, "wild") {
		return docs
	}
	for range rapid.IntRange(1, 10).Draw(t, "copies") { // the same again
		docs = append(docs, docs[0])
	}
	return docs[rapid.IntRange(0, len(docs)-1).Draw(t, "from"):]
}

// checkRoundTrip sends documents through Arrow and back, in the smallest pieces
// and in one, and compares.
func checkRoundTrip(t testing.TB, docs []bsonraw.Doc) error {
	var schema *arrow.Schema
	for _, o := range []columnar.Options{
		{}, {BatchRows: 1, Workers: 2}, {BatchRows: 2, Workers: 1, Buffer: 1}, {BatchRows: 3, Once: true},
	} {
		s, batches := tableUnchecked(t, join(docs...), o)
		if schema != nil && !schema.Equal(s) {
			return fmt.Errorf("options %+v: schema\n%s\nnot\n%s", o, s, schema)
		}
		schema = s
		got := back(t, batches, columnar.EncodeOptions{})
		if len(got) != len(docs) {
			return fmt.Errorf("%d documents became %d", len(docs), len(got))
		}
		for i := range docs {
			if err := bsonraw.Validate(got[i]); err != nil {
				return err
			}
			if err := same(docs[i], got[i]); err != nil {
				return fmt.Errorf("options %+v: document %s\nbecame %s\n%w\nschema %s", o,
					ejson.Append(nil, docs[i], ejson.Canonical), ejson.Append(nil, got[i], ejson.Canonical), err, schema)
			}
		}
		for _, b := range batches {
			b.Release()
		}
	}
	return nil
}

func tableUnchecked(t testing.TB, docs []byte, o columnar.Options) (*arrow.Schema, []arrow.RecordBatch) {
	r, err := columnar.NewReader(context.Background(), opener(docs), o)
	require.NoError(t, err)
	defer r.Release()
	var batches []arrow.RecordBatch
	for r.Next() {
		require.NoError(t, validate(r.RecordBatch()))
		r.RecordBatch().Retain()
		batches = append(batches, r.RecordBatch())
	}
	require.NoError(t, r.Err())
	return r.Schema(), batches
}

// validate lets arrow-go look through the offsets and lengths of a batch.
func validate(b arrow.RecordBatch) error {
	for _, c := range b.Columns() {
		if v, ok := c.(interface{ ValidateFull() error }); ok {
			if err := v.ValidateFull(); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		if err := checkRoundTrip(t, genDocs(r)); err != nil {
			r.Fatal(err)
		}
	})
}

// FuzzRoundTrip takes any bytes that are BSON documents.
func FuzzRoundTrip(f *testing.F) {
	f.Add(join(lines(f, `{"a":1}`, `{"a":"x","b":[1,{"c":null}]}`)...))
	f.Add(join(lines(f, `{"a":{"$numberDecimal":"1.5"},"a":2}`, `{"a":{"$oid":"57e193d7a9cc81b4027498b5"}}`)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		var docs []bsonraw.Doc
		for len(data) >= 5 {
			n := int(int32(binary.LittleEndian.Uint32(data)))
			if n < 5 || n > len(data) || bsonraw.Validate(data[:n]) != nil {
				break
			}
			docs = append(docs, data[:n])
			data = data[n:]
		}
		for _, d := range docs {
			if hasNaN(d) {
				return
			}
		}
		require.NoError(t, checkRoundTrip(t, docs))
	})
}

// hasNaN looks for what a text of Extended JSON cannot carry: the payload of a
// NaN, and a first field named like a type wrapper.
func hasNaN(d bsonraw.Doc) bool {
	line := ejson.Append(nil, d, ejson.Canonical)
	return bytes.Contains(line, []byte("NaN")) || bytes.Contains(line, []byte(`"$`)) && bytes.Contains(line, []byte(`\u0024`)) ||
		bytes.ContainsRune(bytes.ReplaceAll(line, []byte(`{"$`), nil), '$')
}
