package columnar

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// castColumn fills an array through an arrow-go builder.
type castColumn struct {
	n       int
	typ     arrow.DataType
	builder array.Builder
	add     func(bsonraw.Value) bool
}

func newCastColumn(b base, s *shape) *castColumn {
	storage := s.field.Type
	if ext, ok := storage.(arrow.ExtensionType); ok {
		storage = ext.StorageType()
	}
	c := &castColumn{typ: s.field.Type, builder: array.NewBuilder(b.mem, storage)}
	c.add = caster(c.builder, storage)
	return c
}

func (c *castColumn) rows() *int { return &c.n }

func (c *castColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

func (c *castColumn) append(v bsonraw.Value) bool {
	if !c.add(v) {
		return false
	}
	c.n++
	return true
}

func (c *castColumn) pad(n int) {
	if n > c.n {
		c.builder.AppendNulls(n - c.n)
		c.n = n
	}
}

func (c *castColumn) finish() arrow.ArrayData {
	a := c.builder.NewArray()
	defer a.Release()
	c.n = 0
	d := a.Data()
	return array.NewData(c.typ, d.Len(), d.Buffers(), d.Children(), d.NullN(), d.Offset())
}

func (c *castColumn) reset() {
	c.builder.NewArray().Release()
	c.n = 0
}

// caster returns the function that appends a value to a builder, if it fits.
func caster(b array.Builder, t arrow.DataType) func(bsonraw.Value) bool {
	switch b := b.(type) {
	case *array.Int8Builder:
		return castInt(b.Append)
	case *array.Int16Builder:
		return castInt(b.Append)
	case *array.Int32Builder:
		return castInt(b.Append)
	case *array.Int64Builder:
		return castInt(b.Append)
	case *array.Uint8Builder:
		return castInt(b.Append)
	case *array.Uint16Builder:
		return castInt(b.Append)
	case *array.Uint32Builder:
		return castInt(b.Append)
	case *array.Uint64Builder:
		return castInt(b.Append)
	case *array.Float16Builder:
		return castFloat(65504, func(f float64) { b.Append(float16.New(float32(f))) })
	case *array.Float32Builder:
		return castFloat(math.MaxFloat32, func(f float64) { b.Append(float32(f)) })
	case *array.Float64Builder:
		return castFloat(math.MaxFloat64, b.Append)
	case *array.TimestampBuilder:
		return castTimestamp(b, t.(*arrow.TimestampType).Unit)
	case *array.Date32Builder:
		return castDay(func(days int64) { b.Append(arrow.Date32(days)) }, math.MaxInt32)
	case *array.Date64Builder:
		return castDay(func(days int64) { b.Append(arrow.Date64(days * millisPerDay)) }, math.MaxInt64/millisPerDay)
	case *array.Decimal256Builder:
		return castDecimal256(b, t.(*arrow.Decimal256Type))
	case *array.FixedSizeBinaryBuilder:
		return castBytes(b.Append, t.(*arrow.FixedSizeBinaryType).ByteWidth)
	case *array.BinaryViewBuilder:
		return castBytes(b.Append, -1)
	case *array.BinaryBuilder:
		if id := t.ID(); id == arrow.LARGE_BINARY {
			return castBytes(b.Append, -1)
		}
	}
	return castText(b.(textBuilder).Append)
}

type textBuilder interface{ Append(string) }

// castInt takes any number that is exactly an integer of the width of T.
func castInt[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](push func(T)) func(bsonraw.Value) bool {
	return func(v bsonraw.Value) bool {
		n, ok := v.AsInt64()
		if !ok || int64(T(n)) != n || n < 0 && T(n) > 0 {
			return false
		}
		push(T(n))
		return true
	}
}

// castFloat takes any number, rounded to the nearest: a schema that asks for a
// float asks for that. A finite number that would become infinite does not fit.
func castFloat(limit float64, push func(float64)) func(bsonraw.Value) bool {
	return func(v bsonraw.Value) bool {
		f, ok := v.AsFloat64()
		if !ok || math.Abs(f) > limit && !isInfinite(v) {
			return false
		}
		push(f)
		return true
	}
}

func isInfinite(v bsonraw.Value) bool {
	return v.Type == bsonraw.Double && math.IsInf(v.Double(), 0) || v.Type == bsonraw.Decimal128 && v.Decimal().IsInf()
}

const millisPerDay = 24 * 60 * 60 * 1000

// castTimestamp takes dates that the unit holds exactly.
func castTimestamp(b *array.TimestampBuilder, unit arrow.TimeUnit) func(bsonraw.Value) bool {
	return func(v bsonraw.Value) bool {
		if v.Type != bsonraw.DateTime {
			return false
		}
		ms := v.Int64()
		switch unit {
		case arrow.Second:
			if ms%1000 != 0 {
				return false
			}
			ms /= 1000
		case arrow.Microsecond, arrow.Nanosecond:
			factor := int64(1000)
			if unit == arrow.Nanosecond {
				factor = 1000 * 1000
			}
			if ms > math.MaxInt64/factor || ms < math.MinInt64/factor {
				return false
			}
			ms *= factor
		}
		b.Append(arrow.Timestamp(ms))
		return true
	}
}

// castDay takes dates at midnight UTC.
func castDay(push func(int64), limit int64) func(bsonraw.Value) bool {
	return func(v bsonraw.Value) bool {
		if v.Type != bsonraw.DateTime || v.Int64()%millisPerDay != 0 {
			return false
		}
		days := v.Int64() / millisPerDay
		if days > limit || days < -limit {
			return false
		}
		push(days)
		return true
	}
}

func castDecimal256(b *array.Decimal256Builder, t *arrow.Decimal256Type) func(bsonraw.Value) bool {
	return func(v bsonraw.Value) bool {
		if v.Type != bsonraw.Decimal128 && v.Type != bsonraw.Int32 && v.Type != bsonraw.Int64 {
			return false
		}
		text := ejson.AppendValue(nil, v, ejson.Relaxed)
		if v.Type == bsonraw.Decimal128 {
			text = ejson.AppendDecimal(nil, v.Decimal())
			if d := v.Decimal(); d.IsNaN() || d.IsInf() {
				return false
			}
			if whole, scale := decimalSize(v.Decimal()); scale > t.Scale || whole > t.Precision-t.Scale {
				return false
			}
		}
		n, err := decimal256.FromString(string(text), t.Precision, t.Scale)
		if err != nil || !n.FitsInPrecision(t.Precision) {
			return false
		}
		b.Append(n)
		return true
	}
}

// castBytes takes binaries and ObjectIds of the right length; -1 is any.
func castBytes(push func([]byte), width int) func(bsonraw.Value) bool {
	return func(v bsonraw.Value) bool {
		var data []byte
		switch v.Type {
		case bsonraw.Binary:
			_, data = v.Binary()
		case bsonraw.ObjectID:
			data = v.Data
		default:
			return false
		}
		if width >= 0 && len(data) != width {
			return false
		}
		push(data)
		return true
	}
}

// castText takes what is text in a column that was not asked for.
func castText(push func(string)) func(bsonraw.Value) bool {
	var text []byte
	return func(v bsonraw.Value) bool {
		switch v.Type {
		case bsonraw.String, bsonraw.Symbol, bsonraw.JavaScript:
			text = v.StringBytes()
		case bsonraw.ObjectID:
			text = appendHex(text[:0:0], v.Data)
		case bsonraw.Binary:
			subtype, data := v.Binary()
			if subtype != subtypeUUID || len(data) != 16 {
				return false
			}
			text = ejson.AppendUUID(text[:0:0], data)
		case bsonraw.Decimal128:
			text = ejson.AppendDecimal(text[:0:0], v.Decimal())
		default:
			return false
		}
		push(string(text))
		return true
	}
}

func appendHex(dst, data []byte) []byte {
	for _, b := range data {
		dst = append(dst, byte(hexPairs[b]), byte(hexPairs[b]>>8))
	}
	return dst
}
