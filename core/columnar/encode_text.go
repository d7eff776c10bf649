package columnar

import (
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// stringWriter writes text as a type that has text, checked for UTF-8: it comes
// from outside.
func stringWriter(path string, t bsonraw.Type, text func(int) string) writer {
	return func(b *bsonraw.Builder, key string, i int) error {
		s := text(i)
		if !utf8.ValidString(s) {
			return badText(path, i, s, "UTF-8 text")
		}
		if t == bsonraw.String {
			b.String(key, s)
			return nil
		}
		v := bsonraw.StringValue(s)
		v.Type = t
		b.Value(key, v)
		return nil
	}
}

func badText(path string, row int, s, want string) error {
	if len(s) > 100 {
		s = s[:100]
	}
	return errs.New(errs.BadValue, "column %q, row %d: %q is not %s", path, row, s, want)
}

// checkKey checks that text from outside can be a field name.
func checkKey(path string, row int, k string) error {
	if !utf8.ValidString(k) || strings.IndexByte(k, 0) >= 0 {
		return badText(path, row, k, "a field name")
	}
	return nil
}

func binaryWriter(subtype byte, data func(int) []byte) writer {
	return func(b *bsonraw.Builder, key string, i int) error {
		d := data(i)
		if subtype == 2 { // the old form has its length inside once more
			d = append([]byte{byte(len(d)), byte(len(d) >> 8), byte(len(d) >> 16), byte(len(d) >> 24)}, d...)
		}
		b.Value(key, bsonraw.BinaryValue(subtype, d))
		return nil
	}
}

// named returns the writer of a column whose BSON type is given by name. It
// returns nil where the Arrow type says as much by itself.
func (e *encoder) named(path, name string, f arrow.Field, a arrow.Array) (writer, error) {
	switch a.(type) {
	case *array.Dictionary, *array.RunEndEncoded, *array.Null:
		return nil, nil // their values are asked again, with the same metadata
	}
	text, data := textOf(a), bytesOf(a)
	var w writer
	switch name {
	case "objectId":
		w = objectIDWriter(path, text, data)
	case "uuid":
		w = uuidWriter(path, text, data)
	case "binData":
		w = e.binDataWriter(f, data)
	case "decimal":
		w = namedDecimal(path, text, a)
	case "timestamp":
		w = timestampWriter(path, a)
	case "mixed":
		w = parsedWriter(path, text, "Extended JSON", func(p *ejson.Parser, s string) (bsonraw.Value, bool) {
			v, _, err := p.Value(nil, []byte(s))
			return v, err == nil
		})
	case "date":
		w = e.namedDate(path, text, a)
	case "symbol", "javascript", "string":
		t, _ := bsonraw.TypeByName(name)
		if text != nil {
			w = stringWriter(path, t, text)
		}
	case "int", "long", "double":
		t, _ := bsonraw.TypeByName(name)
		w = namedNumber(path, t, a)
	default:
		return nil, errs.New(errs.BadValue, "column %q: unknown BSON type %q", path, name)
	}
	if w == nil {
		return nil, errs.New(errs.BadValue, "column %q: the Arrow type %s cannot become the BSON type %s", path, a.DataType(), name)
	}
	return w, nil
}

// parsedWriter reads a value out of text.
func parsedWriter(path string, text func(int) string, want string, parse func(*ejson.Parser, string) (bsonraw.Value, bool)) writer {
	if text == nil {
		return nil
	}
	p := &ejson.Parser{}
	return func(b *bsonraw.Builder, key string, i int) error {
		v, ok := parse(p, text(i))
		if !ok {
			return badText(path, i, text(i), want)
		}
		b.Value(key, v)
		return nil
	}
}

func objectIDWriter(path string, text func(int) string, data func(int) []byte) writer {
	if data != nil {
		return func(b *bsonraw.Builder, key string, i int) error {
			d := data(i)
			if len(d) != 12 {
				return badText(path, i, string(d), "an ObjectId of 12 bytes")
			}
			b.Value(key, bsonraw.Value{Type: bsonraw.ObjectID, Data: d})
			return nil
		}
	}
	return parsedWriter(path, text, "an ObjectId of 24 hexadecimal digits", func(_ *ejson.Parser, s string) (bsonraw.Value, bool) {
		id, err := hex.DecodeString(s)
		return bsonraw.Value{Type: bsonraw.ObjectID, Data: id}, err == nil && len(id) == 12
	})
}

func uuidWriter(path string, text func(int) string, data func(int) []byte) writer {
	if data != nil {
		return func(b *bsonraw.Builder, key string, i int) error {
			d := data(i)
			if len(d) != 16 {
				return badText(path, i, string(d), "a UUID of 16 bytes")
			}
			b.Value(key, bsonraw.BinaryValue(subtypeUUID, d))
			return nil
		}
	}
	return parsedWriter(path, text, "a UUID", func(_ *ejson.Parser, s string) (bsonraw.Value, bool) {
		id, ok := ejson.ParseUUID([]byte(s))
		return bsonraw.BinaryValue(subtypeUUID, id[:]), ok
	})
}

func (e *encoder) binDataWriter(f arrow.Field, data func(int) []byte) writer {
	if data == nil {
		return nil
	}
	subtype := uint64(0)
	if s, ok := f.Metadata.GetValue(metaSubtype); ok {
		subtype, _ = strconv.ParseUint(s, 10, 8)
	}
	return binaryWriter(byte(subtype), data)
}

// decimalWriter writes Arrow's decimals, or returns nil.
func decimalWriter(path string, a arrow.Array) writer {
	var unscaled func(int) *big.Int
	switch a := a.(type) {
	case *array.Decimal32:
		unscaled = func(i int) *big.Int { return big.NewInt(int64(a.Value(i))) }
	case *array.Decimal64:
		unscaled = func(i int) *big.Int { return big.NewInt(int64(a.Value(i))) }
	case *array.Decimal128:
		unscaled = func(i int) *big.Int { return a.Value(i).BigInt() }
	case *array.Decimal256:
		unscaled = func(i int) *big.Int { return a.Value(i).BigInt() }
	default:
		return nil
	}
	scale := int(a.DataType().(arrow.DecimalType).GetScale())
	var text []byte
	return func(b *bsonraw.Builder, key string, i int) error {
		text = unscaled(i).Append(text[:0], 10)
		text = append(text, 'E')
		text = strconv.AppendInt(text, int64(-scale), 10)
		d, ok := ejson.ParseDecimal(text)
		if !ok {
			return tooLarge(path, i, a.ValueStr(i), "decimal of 34 digits")
		}
		b.Value(key, d.Value())
		return nil
	}
}

// namedDecimal makes decimals of text and of integers.
func namedDecimal(path string, text func(int) string, a arrow.Array) writer {
	if text == nil {
		if w := decimalWriter(path, a); w != nil {
			return w
		}
		if a.DataType().ID() == arrow.FLOAT64 || a.DataType().ID() == arrow.FLOAT32 {
			return nil // a double has no exact decimal that anybody meant
		}
		if numberWriter(path, a) == nil {
			return nil
		}
		text = a.ValueStr
	}
	return parsedWriter(path, text, "a decimal", func(_ *ejson.Parser, s string) (bsonraw.Value, bool) {
		d, ok := ejson.ParseDecimal([]byte(s))
		return d.Value(), ok
	})
}

// timestampWriter reads struct{t, i} of 32 bits each.
func timestampWriter(path string, a arrow.Array) writer {
	s, ok := a.(*array.Struct)
	if !ok || s.NumField() != 2 {
		return nil
	}
	t, ok1 := s.Field(0).(*array.Uint32)
	n, ok2 := s.Field(1).(*array.Uint32)
	if !ok1 || !ok2 {
		return nil
	}
	return func(b *bsonraw.Builder, key string, i int) error {
		b.Value(key, bsonraw.TimestampValue(t.Value(i), n.Value(i)))
		return nil
	}
}

// namedNumber writes numbers as one BSON type, where that is exact.
func namedNumber(path string, t bsonraw.Type, a arrow.Array) writer {
	plain := numberWriter(path, a)
	if plain == nil {
		return nil
	}
	scratch := bsonraw.NewBuilder(nil)
	return func(b *bsonraw.Builder, key string, i int) error {
		scratch.Reset()
		if err := plain(scratch, "", i); err != nil {
			return err
		}
		v := scratch.Finish().Get("")
		n, whole := v.AsInt64()
		switch f, _ := v.AsFloat64(); {
		case t == bsonraw.Int32 && whole && n == int64(int32(n)):
			b.Int32(key, int32(n))
		case t == bsonraw.Int64 && whole:
			b.Int64(key, n)
		case t == bsonraw.Double && bsonraw.CompareNumbers(bsonraw.DoubleValue(f), v) == 0:
			b.Double(key, f)
		default:
			return tooLarge(path, i, a.ValueStr(i), t.Name())
		}
		return nil
	}
}

// dateWriter writes days and timestamps as milliseconds.
func (e *encoder) dateWriter(path string, a arrow.Array) writer {
	switch a := a.(type) {
	case *array.Date32:
		return func(b *bsonraw.Builder, key string, i int) error {
			b.Value(key, bsonraw.DateValue(int64(a.Value(i))*millisPerDay))
			return nil
		}
	case *array.Date64:
		return func(b *bsonraw.Builder, key string, i int) error {
			b.Value(key, bsonraw.DateValue(int64(a.Value(i))))
			return nil
		}
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		told := e.o.Cut == nil
		return func(b *bsonraw.Builder, key string, i int) error {
			ms, exact := toMillis(int64(a.Value(i)), unit)
			if !exact && (e.o.Exact || unit == arrow.Second) {
				return tooLarge(path, i, a.ValueStr(i), "date of milliseconds")
			}
			if !exact && !told {
				told = true
				e.o.Cut(path)
			}
			b.Value(key, bsonraw.DateValue(ms))
			return nil
		}
	}
	return nil
}

// toMillis rounds down; exact is false where that lost something, or where
// seconds overflow.
func toMillis(n int64, unit arrow.TimeUnit) (ms int64, exact bool) {
	per := int64(1)
	switch unit {
	case arrow.Second:
		return n * 1000, n <= math.MaxInt64/1000 && n >= math.MinInt64/1000
	case arrow.Microsecond:
		per = 1000
	case arrow.Nanosecond:
		per = 1000 * 1000
	}
	ms = n / per
	if n%per < 0 {
		ms--
	}
	return ms, n%per == 0
}

// namedDate reads dates out of Arrow's dates, ISO 8601 text, or milliseconds.
func (e *encoder) namedDate(path string, text func(int) string, a arrow.Array) writer {
	if w := e.dateWriter(path, a); w != nil {
		return w
	}
	if ms, ok := a.(*array.Int64); ok {
		return func(b *bsonraw.Builder, key string, i int) error {
			b.Value(key, bsonraw.DateValue(ms.Value(i)))
			return nil
		}
	}
	return parsedWriter(path, text, "a date like 2024-05-01T12:30:00Z", func(_ *ejson.Parser, s string) (bsonraw.Value, bool) {
		ms, ok := ejson.ParseDate([]byte(s))
		return bsonraw.DateValue(ms), ok
	})
}
