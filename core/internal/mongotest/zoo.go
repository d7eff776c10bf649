package mongotest

import (
	"fmt"
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Sample is a value of the zoo with a name for messages.
type Sample struct {
	Name  string
	Value bsonraw.Value
}

// Values returns the zoo: values of every BSON type with their edge cases, each
// of its own name. Values that are equal in MongoDB's order but not in their
// bits (1, 1.0, 1L, "1.00") are there on purpose. A timestamp of zero is not,
// since the server replaces it.
func Values() []Sample {
	var zoo []Sample
	add := func(v any) {
		value := marshal(v)
		zoo = append(zoo, Sample{fmt.Sprintf("%s %s", value.Type.Name(), ValueJSON(value)), value})
	}
	for _, group := range [][]any{numbers(), texts(), objects(), arrays(), others()} {
		for _, v := range group {
			add(v)
		}
	}
	return zoo
}

func marshal(v any) bsonraw.Value {
	raw, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	if err != nil {
		panic(fmt.Sprintf("mongotest: %#v: %v", v, err))
	}
	return bsonraw.Doc(raw).Get("v")
}

func decimal(s string) bson.Decimal128 {
	d, err := bson.ParseDecimal128(s)
	if err != nil {
		panic(fmt.Sprintf("mongotest: decimal %q: %v", s, err))
	}
	return d
}

func numbers() []any {
	vs := []any{
		int32(0), int32(1), int32(-1), int32(2), int32(5), int32(math.MaxInt32), int32(math.MinInt32),
		int64(0), int64(1), int64(-3), int64(math.MaxInt32 + 1), int64(1<<53 + 1), int64(math.MaxInt64), int64(math.MinInt64),
		0.0, math.Copysign(0, -1), 1.0, 1.5, -1.5, 0.1, 4.5, float64(1 << 53), 0x1p63, -0x1p63, 1e308,
		math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN(),
	}
	for _, s := range []string{
		"0", "-0", "0E+10", "1", "1.00", "0.1", "1.5", "-2.5", "4.50", "9007199254740993",
		"9223372036854775807", "9223372036854775808", "1E-6176", "9.999999999999999999999999999999999E+6144",
		"NaN", "Infinity", "-Infinity",
	} {
		vs = append(vs, decimal(s))
	}
	return vs
}

func texts() []any {
	return []any{
		"", "a", "A", "ab", "abc", "b", "a\x00b", "é", "e\u0301", "日本", "1", "10", "$a", "a.b", "line\nbreak",
		bson.Symbol("a"), bson.Symbol(""), bson.Symbol("zz"),
	}
}

func objects() []any {
	type d = bson.D
	return []any{
		d{},
		d{{Key: "a", Value: int32(1)}},
		d{{Key: "a", Value: 1.0}},
		d{{Key: "a", Value: nil}},
		d{{Key: "b", Value: int32(1)}},
		d{{Key: "a", Value: int32(1)}, {Key: "b", Value: int32(2)}},
		d{{Key: "b", Value: int32(2)}, {Key: "a", Value: int32(1)}},
		d{{Key: "b", Value: d{{Key: "c", Value: bson.A{int32(1), int32(5)}}}}},
		d{{Key: "0", Value: int32(5)}},
		d{{Key: "b", Value: "x"}, {Key: "b", Value: "y"}},
		d{{Key: "", Value: int32(1)}},
		d{{Key: "b", Value: bson.A{}}},
	}
}

func arrays() []any {
	type a = bson.A
	type d = bson.D
	b := func(v any) d { return d{{Key: "b", Value: v}} }
	return []any{
		a{},
		a{int32(1)},
		a{1.0},
		a{int32(1), int32(2)},
		a{int32(2), int32(1)},
		a{int32(5), int32(3)},
		a{a{int32(1), int32(2)}},
		a{a{}},
		a{d{}},
		a{nil},
		a{"a"},
		a{"a", "b"},
		a{math.NaN()},
		a{bson.Undefined{}},
		a{b(int32(1))},
		a{b(int32(1)), b(int32(5))},
		a{b(nil)},
		a{b(a{int32(1), int32(5)})},
		a{a{b(int32(1))}},
		a{int32(1), "a", nil, b(int32(1)), a{int32(5)}},
		a{d{{Key: "0", Value: int32(5)}}},
		a{b(int32(3)), d{{Key: "c", Value: int32(7)}}, int32(4)},
		a{bson.MinKey{}, bson.MaxKey{}},
		a{bson.Regex{Pattern: "a"}},
	}
}

func others() []any {
	id := func(last byte) bson.ObjectID { return bson.ObjectID{0x65, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, last} }
	return []any{
		bson.Binary{},
		bson.Binary{Data: []byte{1, 2, 3}},
		bson.Binary{Data: []byte{1, 2, 4}},
		bson.Binary{Data: []byte{0xFF}},
		bson.Binary{Subtype: 2, Data: []byte{7, 7}},
		bson.Binary{Subtype: 4, Data: []byte("0123456789abcdef")},
		bson.Binary{Subtype: 0x80, Data: []byte{1, 2, 3}},
		bson.Undefined{},
		nil, id(1), id(2), false, true,
		bson.DateTime(0), bson.DateTime(-1), bson.DateTime(1_700_000_000_123), bson.DateTime(math.MaxInt64),
		bson.Timestamp{T: 0, I: 1},
		bson.Timestamp{T: 1, I: 1},
		bson.Timestamp{T: math.MaxUint32, I: 1},
		bson.Regex{Pattern: "a"},
		bson.Regex{Pattern: "a", Options: "i"},
		bson.Regex{Pattern: "^ab"},
		bson.DBPointer{DB: "db.c", Pointer: id(1)},
		bson.JavaScript("x"), bson.JavaScript("y"),
		bson.CodeWithScope{Code: "x", Scope: bson.D{}},
		bson.CodeWithScope{Code: "x", Scope: bson.D{{Key: "a", Value: int32(1)}}},
		bson.MinKey{},
		bson.MaxKey{},
	}
}

// Shapes returns ways to put a value into a document's field "a", with "b"
// below it. A missing value leaves the place empty.
func Shapes() []Shape {
	return []Shape{
		{"a", func(b *bsonraw.Builder, v bsonraw.Value) { b.Value("a", v) }},
		{"a.b", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a{", "b") }},
		{"a.b.c", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a{", "b{", "c") }},
		{"a.0", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a{", "0") }},
		{"a[]", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a[", "0") }},
		{"a[].b", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a[", "0{", "b") }},
		{"a[][]", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a[", "0[", "0") }},
		{"a[][].b", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a[", "0[", "0{", "b") }},
		{"a.b[]", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a{", "b[", "0") }},
		{"a.b[].c", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a{", "b[", "0{", "c") }},
		{"a[].0", func(b *bsonraw.Builder, v bsonraw.Value) { nest(b, v, "a[", "0{", "0") }},
		{"a[1,].b", secondElement},
	}
}

// Shape builds a field around a value.
type Shape struct {
	Name  string
	Build func(b *bsonraw.Builder, v bsonraw.Value)
}

// nest opens the named documents and arrays and puts the value in the last one.
func nest(b *bsonraw.Builder, v bsonraw.Value, path ...string) {
	for _, p := range path[:len(path)-1] {
		if name := p[:len(p)-1]; p[len(p)-1] == '[' {
			b.BeginArray(name)
		} else {
			b.BeginDoc(name)
		}
	}
	b.Value(path[len(path)-1], v)
	for range path[1:] {
		b.End()
	}
}

func secondElement(b *bsonraw.Builder, v bsonraw.Value) {
	b.BeginArray("a")
	b.Int32("0", 1)
	b.BeginDoc("1")
	b.Value("b", v)
	b.End()
	b.End()
}

// Documents returns every value of the zoo in every shape, and the shapes with
// nothing in them. Each has an int32 _id that counts up from 0.
func Documents() []bsonraw.Doc {
	var docs []bsonraw.Doc
	samples := append([]Sample{{Name: "missing"}}, Values()...)
	for _, shape := range Shapes() {
		for _, s := range samples {
			b := bsonraw.NewBuilder(nil)
			b.Int32("_id", int32(len(docs)))
			shape.Build(b, s.Value)
			docs = append(docs, b.Finish())
		}
	}
	return docs
}
