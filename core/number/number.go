package number

import (
	"encoding/binary"
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Number is a number of one of BSON's four types, decoded. The zero Number is
// not a number of any type.
type Number struct {
	Type bsonraw.Type    // Int32, Int64, Double or Decimal128
	Int  int64           // when Int32 or Int64
	Flt  float64         // when Double
	Dec  bsonraw.Decimal // when Decimal128
}

// Of decodes a number; the zero Number, and false, for any other value.
func Of(v bsonraw.Value) (Number, bool) {
	switch v.Type {
	case bsonraw.Int32:
		return Number{Type: bsonraw.Int32, Int: int64(v.Int32())}, true
	case bsonraw.Int64:
		return Number{Type: bsonraw.Int64, Int: v.Int64()}, true
	case bsonraw.Double:
		return Number{Type: bsonraw.Double, Flt: v.Double()}, true
	case bsonraw.Decimal128:
		return Number{Type: bsonraw.Decimal128, Dec: v.Decimal()}, true
	}
	return Number{}, false
}

// Int32 makes an int32.
func Int32(n int32) Number { return Number{Type: bsonraw.Int32, Int: int64(n)} }

// Int64 makes an int64.
func Int64(n int64) Number { return Number{Type: bsonraw.Int64, Int: n} }

// Double makes a double.
func Double(f float64) Number { return Number{Type: bsonraw.Double, Flt: f} }

// Decimal makes a decimal128.
func Decimal(d bsonraw.Decimal) Number { return Number{Type: bsonraw.Decimal128, Dec: d} }

// Append appends the number's BSON bytes, without type and name, to dst.
func (n Number) Append(dst []byte) []byte {
	switch n.Type {
	case bsonraw.Int32:
		return binary.LittleEndian.AppendUint32(dst, uint32(n.Int))
	case bsonraw.Int64:
		return binary.LittleEndian.AppendUint64(dst, uint64(n.Int))
	case bsonraw.Double:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(n.Flt))
	case bsonraw.Decimal128:
		hi, lo := n.Dec.Halves()
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, lo), hi)
	}
	return dst
}

// Value returns the number as a BSON value. It allocates the bytes.
func (n Number) Value() bsonraw.Value { return bsonraw.Value{Type: n.Type, Data: n.Append(nil)} }
