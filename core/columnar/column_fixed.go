package columnar

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// fixed holds values of one width.
type fixed[T any] struct {
	base
	values []T
}

func newFixed[T any](b base) fixed[T] { return fixed[T]{base: b} }

// push adds a value.
func (c *fixed[T]) push(x T) {
	c.values = append(c.values, x)
	c.present()
}

func (c *fixed[T]) pad(n int) {
	if n > c.n {
		c.values = append(c.values, make([]T, n-c.n)...)
		c.padBase(n)
	}
}

func (c *fixed[T]) finish() arrow.ArrayData {
	values := rawBytes(c.values)
	c.values = c.values[:0]
	return c.data(nil, values)
}

func (c *fixed[T]) reset() {
	c.values = c.values[:0]
	c.base.reset()
}

// rawBytes returns numbers as the machine has them, which is what Arrow wants.
func rawBytes[T any](values []T) []byte {
	var x T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(x)))
}

type int32Column struct{ fixed[int32] }

func (c *int32Column) take(t bsonraw.Type, body []byte) int {
	if t != bsonraw.Int32 || len(body) < 4 {
		return -1
	}
	c.push(int32(binary.LittleEndian.Uint32(body)))
	return 4
}

type int64Column struct{ fixed[int64] }

func (c *int64Column) take(t bsonraw.Type, body []byte) int {
	switch {
	case t == bsonraw.Int64 && len(body) >= 8:
		c.push(int64(binary.LittleEndian.Uint64(body)))
		return 8
	case t == bsonraw.Int32 && len(body) >= 4:
		c.push(int64(int32(binary.LittleEndian.Uint32(body))))
		return 4
	}
	return -1
}

// doubleColumn takes doubles, and integers that are exact as a double.
type doubleColumn struct{ fixed[float64] }

func (c *doubleColumn) take(t bsonraw.Type, body []byte) int {
	switch {
	case t == bsonraw.Double && len(body) >= 8:
		c.push(math.Float64frombits(binary.LittleEndian.Uint64(body)))
		return 8
	case t == bsonraw.Int32 && len(body) >= 4:
		c.push(float64(int32(binary.LittleEndian.Uint32(body))))
		return 4
	case t == bsonraw.Int64 && len(body) >= 8:
		if n := int64(binary.LittleEndian.Uint64(body)); exactAsDouble(n) {
			c.push(float64(n))
			return 8
		}
	}
	return -1
}

type dateColumn struct{ fixed[int64] }

func (c *dateColumn) take(t bsonraw.Type, body []byte) int {
	if t != bsonraw.DateTime || len(body) < 8 {
		return -1
	}
	c.push(int64(binary.LittleEndian.Uint64(body)))
	return 8
}

// decimalColumn takes decimals, and integers, that its digits hold exactly.
// A value is 128 bits in two's complement, low half first.
type decimalColumn struct {
	fixed[[2]uint64]
	scale  int32
	digits int32
}

func (c *decimalColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

func (c *decimalColumn) append(v bsonraw.Value) bool {
	x, ok := decimalAt(v, c.scale, c.digits)
	if ok {
		c.push(x)
	}
	return ok
}

// decimalAt returns a number as an integer of units of 10^-scale; false unless
// that is exact and has no more than so many digits. The room that an integer
// takes is counted as in the profile, from its type.
func decimalAt(v bsonraw.Value, scale, digits int32) ([2]uint64, bool) {
	switch v.Type {
	case bsonraw.Int32:
		return scaled(0, uint64(abs64(int64(v.Int32()))), int(scale), v.Int32() < 0), maxInt32Digits+scale <= digits
	case bsonraw.Int64:
		return scaled(0, uint64(abs64(v.Int64())), int(scale), v.Int64() < 0), maxInt64Digits+scale <= digits
	case bsonraw.Decimal128:
		d := v.Decimal()
		if d.IsNaN() || d.IsInf() || d.Negative() && d.IsZero() {
			return [2]uint64{}, false
		}
		if whole, s := decimalSize(d); s > scale || whole+scale > digits {
			return [2]uint64{}, false
		}
		hi, lo, exponent := ejson.DecimalParts(d)
		return scaled(hi, lo, exponent+int(scale), d.Negative()), true
	}
	return [2]uint64{}, false
}

func abs64(n int64) int64 {
	if n < 0 {
		return -n // -2^63 stays, and is right as an unsigned number
	}
	return n
}

// scaled returns ±coefficient × 10^power. The caller knows that it fits, or
// ignores it.
func scaled(hi, lo uint64, power int, negative bool) [2]uint64 {
	if hi|lo == 0 {
		return [2]uint64{}
	}
	p := powers[min(power, len(powers)-1)]
	h, l := bits.Mul64(lo, p[0])
	h += hi*p[0] + lo*p[1]
	if negative {
		var borrow uint64
		l, borrow = bits.Sub64(0, l, 0)
		h, _ = bits.Sub64(0, h, borrow)
	}
	return [2]uint64{l, h}
}

// boolColumn holds one bit per value.
type boolColumn struct {
	base
	bits []byte
}

func (c *boolColumn) take(t bsonraw.Type, body []byte) int {
	if t != bsonraw.Boolean || len(body) < 1 {
		return -1
	}
	c.bits = appendBit(c.bits, c.n, body[0] != 0)
	c.present()
	return 1
}

func (c *boolColumn) pad(n int) {
	if n <= c.n {
		return
	}
	if more := (n+7)/8 - len(c.bits); more > 0 {
		c.bits = append(c.bits, make([]byte, more)...)
	}
	c.padBase(n)
}

func (c *boolColumn) finish() arrow.ArrayData {
	bits := c.bits
	c.bits = c.bits[:0]
	return c.data(nil, bits)
}

func (c *boolColumn) reset() {
	c.bits = c.bits[:0]
	c.base.reset()
}
