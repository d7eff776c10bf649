package columnar

import (
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// fixed holds values of one width.
type fixed[T any] struct {
	base
	buf    *memory.Buffer
	values []T // all of buf
}

func newFixed[T any](b base) fixed[T] { return fixed[T]{base: b} }

// push adds a value.
func (c *fixed[T]) push(x T) {
	if c.n == len(c.values) {
		c.grow(c.n + 1)
	}
	c.values[c.n] = x
	c.present()
}

// grow makes room for at least n values.
func (c *fixed[T]) grow(n int) {
	if c.buf == nil {
		c.buf = memory.NewResizableBuffer(c.mem)
	}
	var x T
	size := int(unsafe.Sizeof(x))
	c.buf.Reserve(max(n, 2*len(c.values), c.expect, 16) * size)
	b := c.buf.Buf()
	c.values = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/size)
}

func (c *fixed[T]) pad(n int) {
	if n <= c.n {
		return
	}
	if n > len(c.values) {
		c.grow(n)
	}
	clear(c.values[c.n:n])
	c.padBase(n)
}

func (c *fixed[T]) finish() arrow.ArrayData {
	var x T
	if c.buf == nil {
		c.buf = memory.NewResizableBuffer(c.mem)
	}
	c.buf.ResizeNoShrink(c.n * int(unsafe.Sizeof(x)))
	buf := c.buf
	c.buf, c.values = nil, nil
	return c.data(nil, buf)
}

func (c *fixed[T]) reset(expect int) {
	if c.buf != nil {
		c.buf.Release()
	}
	c.buf, c.values = nil, nil
	c.resetBase(expect)
}

type int32Column struct{ fixed[int32] }

func (c *int32Column) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.Int32 {
		return false
	}
	c.push(v.Int32())
	return true
}

type int64Column struct{ fixed[int64] }

func (c *int64Column) append(v bsonraw.Value) bool {
	switch v.Type {
	case bsonraw.Int64:
		c.push(v.Int64())
	case bsonraw.Int32:
		c.push(int64(v.Int32()))
	default:
		return false
	}
	return true
}

// doubleColumn takes doubles, and integers that are exact as a double.
type doubleColumn struct{ fixed[float64] }

func (c *doubleColumn) append(v bsonraw.Value) bool {
	switch v.Type {
	case bsonraw.Double:
		c.push(v.Double())
	case bsonraw.Int32:
		c.push(float64(v.Int32()))
	case bsonraw.Int64:
		n := v.Int64()
		if !exactAsDouble(n) {
			return false
		}
		c.push(float64(n))
	default:
		return false
	}
	return true
}

type dateColumn struct{ fixed[int64] }

func (c *dateColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.DateTime {
		return false
	}
	c.push(v.Int64())
	return true
}

// decimalColumn takes decimals, and integers, that its digits hold exactly.
// A value is 128 bits in two's complement, low half first.
type decimalColumn struct {
	fixed[[2]uint64]
	scale  int32
	digits int32
}

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
	buf  *memory.Buffer
	bits []byte
}

func (c *boolColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.Boolean {
		return false
	}
	c.push(v.Bool())
	return true
}

func (c *boolColumn) push(t bool) {
	c.grow(c.n + 1)
	if t {
		c.bits[c.n>>3] |= 1 << (c.n & 7)
	}
	c.present()
}

func (c *boolColumn) grow(n int) {
	need := (n + 7) / 8
	if need <= len(c.bits) {
		return
	}
	if c.buf == nil {
		c.buf = memory.NewResizableBuffer(c.mem)
	}
	old := len(c.bits)
	c.buf.Reserve(max(need, 2*old, (c.expect+7)/8))
	c.bits = c.buf.Buf()
	clear(c.bits[old:])
}

func (c *boolColumn) pad(n int) {
	if n > c.n {
		c.grow(n)
		c.padBase(n)
	}
}

func (c *boolColumn) finish() arrow.ArrayData {
	c.grow(1)
	c.buf.ResizeNoShrink((c.n + 7) / 8)
	buf := c.buf
	c.buf, c.bits = nil, nil
	return c.data(nil, buf)
}

func (c *boolColumn) reset(expect int) {
	if c.buf != nil {
		c.buf.Release()
	}
	c.buf, c.bits = nil, nil
	c.resetBase(expect)
}
