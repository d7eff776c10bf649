package bsonraw

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func decimalValue(t testing.TB, text string) Value {
	t.Helper()
	mantissa, exponent, _ := strings.Cut(text, "E")
	e := 0
	if exponent != "" {
		n, ok := new(big.Int).SetString(exponent, 10)
		require.True(t, ok)
		e = int(n.Int64())
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	c, ok := new(big.Int).SetString(whole+fraction, 10)
	require.True(t, ok)
	return makeDecimal(c, e-len(fraction))
}

func makeDecimal(c *big.Int, exponent int) Value {
	var sign uint64
	if c.Sign() < 0 {
		sign, c = 1<<63, new(big.Int).Neg(c)
	}
	hi := new(big.Int).Rsh(c, 64).Uint64()
	lo := new(big.Int).And(c, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return NewDecimal(sign|uint64(exponent+6176)<<49|hi, lo).Value()
}

// TestKeyGolden freezes the encoding. A change here is a change of the format
// on disk.
func TestKeyGolden(t *testing.T) {
	doc := NewBuilder(nil)
	doc.Int32("a", 1)
	doc.String("b", "x")
	object := Value{Object, doc.Finish()}
	code := Value{CodeWithScope, append([]byte{20, 0, 0, 0, 2, 0, 0, 0, 'f', 0}, 5, 0, 0, 0, 0)}
	code.Data[0] = byte(len(code.Data))
	for _, c := range []struct {
		name string
		v    Value
		want string
	}{
		{"missing", Value{}, "0a"},
		{"null", NullValue, "0a"},
		{"undefined", Value{Type: Undefined}, "08"},
		{"minKey", Value{Type: MinKey}, "05"},
		{"maxKey", Value{Type: MaxKey}, "78"},
		{"int 0", Int32Value(0), "10800000000000000000"},
		{"int 1", Int32Value(1), "10bff000000000000000"},
		{"long 1", Int64Value(1), "10bff000000000000000"},
		{"double 1", DoubleValue(1), "10bff000000000000000"},
		{"decimal 1.00", decimalValue(t, "1.00"), "10bff000000000000000"},
		{"double -0", DoubleValue(math.Copysign(0, -1)), "10800000000000000000"},
		{"int -1", Int32Value(-1), "10400fffffffffffff00"},
		{"NaN", DoubleValue(math.NaN()), "10000000000000000000"},
		{"-Inf", DoubleValue(math.Inf(-1)), "10000fffffffffffff00"},
		{"Inf", DoubleValue(math.Inf(1)), "10fff000000000000000"},
		{"2^53+1", Int64Value(1<<53 + 1), "10c340000000000000" + "01" + "200f" + "9007199254740993000000000000000000"},
		{"-(2^53+1)", Int64Value(-(1<<53 + 1)), "103cbffffffffffffe" + "01" + "dff0" + "6ff8e66dab8bf66cffffffffffffffffff"},
		{"decimal 0.1", decimalValue(t, "0.1"), "10bfb9999999999999" + "01" + "1fff" + "1000000000000000000000000000000000"},
		{"decimal 1E400", decimalValue(t, "1E400"), "10ffefffffffffffff" + "01" + "2190" + "1000000000000000000000000000000000"},
		{"string", StringValue("a\x00b"), "206100ff620001"},
		{"empty string", StringValue(""), "200001"},
		{"object", object, "28" + "106100bff000000000000000" + "2062007800" + "01" + "00"},
		{"array", ArrayValue(Int32Value(1), NullValue), "30" + "10bff000000000000000" + "0a" + "00"},
		{"empty array", ArrayValue(), "3000"},
		{"binary", BinaryValue(4, []byte{1, 2}), "3800000002040102"},
		{"oid", ObjectIDValue([12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), "400102030405060708090a0b0c"},
		{"true", BoolValue(true), "4801"},
		{"date", DateValue(1), "508000000000000001"},
		{"timestamp", TimestampValue(1, 2), "580000000100000002"},
		{"regex", Value{Regex, []byte("a\x00i\x00")}, "6061006900"},
		{"javascript", Value{JavaScript, StringValue("f").Data}, "70660001"},
		{"code with scope", code, "7466000100"},
	} {
		got := AppendKey(nil, c.v)
		require.Equal(t, c.want, hex.EncodeToString(got), c.name)
		n, ok := KeySize(append(got, 0x42))
		require.True(t, ok, c.name)
		require.Equal(t, len(got), n, c.name)
		n, ok = KeySizeDesc(append(AppendKeyDesc(nil, c.v), 0x42))
		require.True(t, ok, c.name)
		require.Equal(t, len(got), n, c.name)
	}
}

func TestKeyEmptyArrayStandsBetweenMinKeyAndNull(t *testing.T) {
	empty := AppendKey(nil, Value{Type: Undefined})
	require.Negative(t, bytes.Compare(AppendKey(nil, Value{Type: MinKey}), empty))
	require.Negative(t, bytes.Compare(empty, AppendKey(nil, NullValue)))
	n, ok := KeySize(empty)
	require.True(t, ok)
	require.Equal(t, 1, n)
	require.Positive(t, bytes.Compare(AppendKeyDesc(nil, Value{Type: Undefined}), AppendKeyDesc(nil, NullValue)))
}

// TestKeyOrderOfHardNumbers compares numbers that lie close together: around
// the powers of two where doubles get coarse, between doubles, at the ends.
func TestKeyOrderOfHardNumbers(t *testing.T) {
	var numbers []Value
	for _, base := range []int64{0, 1, 1 << 31, 1 << 52, 1 << 53, 1 << 54, 1 << 62, math.MaxInt64, math.MinInt64} {
		for d := int64(-3); d <= 3; d++ {
			n := base + d // wraps at the ends, on purpose
			numbers = append(numbers, Int64Value(n), Int64Value(-n), DoubleValue(float64(n)), DoubleValue(-float64(n)),
				DoubleValue(float64(n)+0.5), makeDecimal(big.NewInt(n), 0), makeDecimal(big.NewInt(n), -1), makeDecimal(big.NewInt(n), 5))
		}
	}
	for _, text := range []string{"0.1", "0.1000000000000000055511151231257827", "0.10000000000000001", "1E-6176", "-1E-6176", "9E6110", "-9E6110", "4.9E-324", "2E-324", "-2E-324", "1.7976931348623157E308", "1.8E308", "-1.8E308", "9999999999999999999999999999999999"} {
		numbers = append(numbers, decimalValue(t, text))
	}
	for _, f := range []float64{0.1, -0.1, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
		numbers = append(numbers, DoubleValue(f))
	}
	numbers = append(numbers, NewDecimal(0x7C<<56, 0).Value(), NewDecimal(0x78<<56, 0).Value(), NewDecimal(0xF8<<56, 0).Value())
	for _, a := range numbers {
		for _, b := range numbers {
			requireSameOrder(t, a, b)
		}
	}
}

func requireSameOrder(t require.TestingT, a, b Value) {
	ka, kb := AppendKey(nil, a), AppendKey(nil, b)
	want := Compare(a, b)
	if got := bytes.Compare(ka, kb); got != want {
		require.Equal(t, want, got, "%v and %v: keys %x and %x", a, b, ka, kb)
	}
	if want != 0 && (bytes.HasPrefix(ka, kb) || bytes.HasPrefix(kb, ka)) {
		require.Fail(t, "one key begins with another", "%x and %x", ka, kb)
	}
	da, db := AppendKeyDesc(nil, a), AppendKeyDesc(nil, b)
	require.Equal(t, -want, bytes.Compare(da, db))
}

// genValue draws values of every type, with few distinct leaves so that equal
// and nearly equal ones meet.
func genValue(depth int) *rapid.Generator[Value] {
	leaves := []*rapid.Generator[Value]{
		rapid.Custom(func(t *rapid.T) Value { return Int32Value(rapid.Int32Range(-3, 3).Draw(t, "int")) }),
		rapid.Custom(func(t *rapid.T) Value { return Int64Value(rapid.Int64().Draw(t, "long")) }),
		rapid.Custom(func(t *rapid.T) Value { return Int64Value(rapid.Int64Range(-3, 3).Draw(t, "long")) }),
		rapid.Custom(func(t *rapid.T) Value { return DoubleValue(rapid.Float64().Draw(t, "double")) }),
		rapid.Custom(func(t *rapid.T) Value { return DoubleValue(float64(rapid.IntRange(-6, 6).Draw(t, "half")) / 2) }),
		rapid.Custom(func(t *rapid.T) Value {
			return makeDecimal(big.NewInt(rapid.Int64Range(-30, 30).Draw(t, "coefficient")), rapid.IntRange(-2, 2).Draw(t, "exponent"))
		}),
		rapid.Custom(func(t *rapid.T) Value {
			return makeDecimal(big.NewInt(rapid.Int64().Draw(t, "coefficient")), rapid.IntRange(-6176, 6111).Draw(t, "exponent"))
		}),
		rapid.Custom(func(t *rapid.T) Value {
			return StringValue(rapid.StringOf(rapid.SampledFrom([]rune("\x00\x01ab\u00ff"))).Draw(t, "string"))
		}),
		rapid.Custom(func(t *rapid.T) Value {
			return BinaryValue(byte(rapid.IntRange(0, 1).Draw(t, "subtype")), rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "bytes"))
		}),
		rapid.Custom(func(t *rapid.T) Value {
			var id [12]byte
			copy(id[:], rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "id"))
			return ObjectIDValue(id)
		}),
		rapid.Custom(func(t *rapid.T) Value { return BoolValue(rapid.Bool().Draw(t, "bool")) }),
		rapid.Custom(func(t *rapid.T) Value { return DateValue(rapid.Int64().Draw(t, "date")) }),
		rapid.Custom(func(t *rapid.T) Value {
			return TimestampValue(rapid.Uint32().Draw(t, "s"), rapid.Uint32().Draw(t, "i"))
		}),
		rapid.Custom(func(t *rapid.T) Value {
			return rapid.SampledFrom([]Value{
				{},
				{Type: Null},
				{Type: Undefined},
				{Type: MinKey},
				{Type: MaxKey},
				{Regex, []byte("a\x00i\x00")},
				{Regex, []byte("a\x00\x00")},
				{Regex, []byte("\x00i\x00")},
				{JavaScript, StringValue("f()").Data},
				{Symbol, StringValue("a").Data},
				{DBPointer, append(StringValue("a").Data, make([]byte, 12)...)},
				{DBPointer, append(StringValue("ab").Data, make([]byte, 12)...)},
				{CodeWithScope, []byte{15, 0, 0, 0, 2, 0, 0, 0, 'f', 0, 5, 0, 0, 0, 0}},
			}).Draw(t, "special")
		}),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	nested := rapid.Custom(func(t *rapid.T) Value {
		b := NewBuilder(nil)
		array := rapid.Bool().Draw(t, "array")
		for i := range rapid.IntRange(0, 3).Draw(t, "fields") {
			name := rapid.SampledFrom([]string{"", "a", "ab", "b"}).Draw(t, "name")
			if array {
				name = Index(i)
			}
			v := genValue(depth-1).Draw(t, "value")
			if v.IsMissing() {
				v = NullValue
			}
			b.Value(name, v)
		}
		if array {
			return Value{Array, b.Finish()}
		}
		return Value{Object, b.Finish()}
	})
	return rapid.OneOf(append(leaves, nested, nested, nested)...)
}

func TestKeyOrderIsCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genValue(2).Draw(t, "a"), genValue(2).Draw(t, "b")
		requireSameOrder(t, a, b)
	})
}

// TestKeySequences checks that compound keys, of both directions, are ordered
// field by field and can be taken apart again.
func TestKeySequences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(t, "fields")
		var ka, kb []byte
		var sizes []int
		var desc []bool
		want := 0
		for range n {
			d := rapid.Bool().Draw(t, "descending")
			a, b := genValue(1).Draw(t, "a"), genValue(1).Draw(t, "b")
			if rapid.Bool().Draw(t, "same") {
				b = a
			}
			before := len(ka)
			c := Compare(a, b)
			if d {
				ka, kb, c = AppendKeyDesc(ka, a), AppendKeyDesc(kb, b), -c
			} else {
				ka, kb = AppendKey(ka, a), AppendKey(kb, b)
			}
			if want == 0 {
				want = c
			}
			desc, sizes = append(desc, d), append(sizes, len(ka)-before)
		}
		require.Equal(t, want, bytes.Compare(ka, kb))
		for i, size := range sizes {
			got, ok := KeySize(ka)
			if desc[i] {
				got, ok = KeySizeDesc(ka)
			}
			require.True(t, ok)
			require.Equal(t, size, got)
			ka = ka[size:]
		}
	})
}

func FuzzKey(f *testing.F) {
	doc := NewBuilder(nil)
	doc.Int32("a", 1)
	doc.BeginArray("b")
	doc.String("0", "x\x00y")
	doc.End()
	f.Add([]byte(doc.Finish()), AppendKey(nil, StringValue("a")))
	f.Add([]byte(EmptyDoc), []byte{keyObject, keyNumber, 'a', 0})
	f.Fuzz(func(t *testing.T, docBytes, key []byte) {
		// Any bytes may be measured; a size lies within them.
		for _, size := range []func([]byte) (int, bool){KeySize, KeySizeDesc} {
			if n, ok := size(key); ok && (n < 1 || n > len(key)) {
				t.Fatalf("size %d of %x", n, key)
			}
		}
		// Any bytes may be encoded as a document; valid ones measure up.
		v := Value{Object, docBytes}
		enc := AppendKey(nil, v)
		if Validate(docBytes) != nil {
			return
		}
		if n, ok := KeySize(enc); !ok || n != len(enc) {
			t.Fatalf("size %d, %v of %x", n, ok, enc)
		}
		it := Doc(docBytes).Iter()
		var last Value
		for it.Next() {
			requireSameOrder(t, last, it.Value())
			last = it.Value()
		}
	})
}

func BenchmarkAppendKey(b *testing.B) {
	for _, c := range []struct {
		name string
		v    Value
	}{
		{"ObjectID", ObjectIDValue([12]byte{1})},
		{"int", Int32Value(7)},
		{"string", StringValue("customer-000123")},
		{"long", Int64Value(math.MaxInt64)},
		{"decimal", makeDecimal(big.NewInt(1999), -2)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var key []byte
			for range b.N {
				key = AppendKey(key[:0], c.v)
			}
		})
	}
}
