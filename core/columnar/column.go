package columnar

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/bsonraw"
)

// column takes the values of one column, row by row, and becomes an array. It
// gathers them in memory of its own, which it uses again for every batch and
// which stays in the processor's caches, and copies them once to where the
// batch has them: memory is asked for when its size is known. arrow-go's
// builders would do, and take several times as long.
type column interface {
	// take adds the value of type t at the start of body, which is neither
	// missing nor null, and returns how many bytes of body it is; -1 where it
	// does not fit the column, or body is too short for it. After that the
	// column is only good for reset.
	take(t bsonraw.Type, body []byte) int
	// pad adds nulls until there are n rows.
	pad(n int)
	// rows counts the rows so far.
	rows() *int
	// finish returns the rows as the data of an array, which the caller
	// releases, and leaves the column empty.
	finish() arrow.ArrayData
	// reset drops what was taken and leaves the column empty.
	reset()
}

// takeWhole is take for a column that looks at values as a whole.
func takeWhole(c interface{ append(v bsonraw.Value) bool }, t bsonraw.Type, body []byte) int {
	n, ok := bsonraw.ValueSize(t, body)
	if !ok || !c.append(bsonraw.Value{Type: t, Data: body[:n:n]}) {
		return -1
	}
	return n
}

// base is what all columns have: their rows and which of them are null.
type base struct {
	mem    memory.Allocator
	typ    arrow.DataType
	n      int
	nulls  int
	bitmap []byte // in use while there is a null
}

func (c *base) rows() *int { return &c.n }

// padBase marks the rows from c.n to n as null.
func (c *base) padBase(n int) {
	if c.nulls == 0 {
		c.startBitmap()
	}
	if more := (n+7)/8 - len(c.bitmap); more > 0 {
		c.bitmap = append(c.bitmap, make([]byte, more)...)
	}
	c.nulls += n - c.n
	c.n = n
}

// startBitmap marks all rows so far as valid.
func (c *base) startBitmap() {
	c.bitmap = c.bitmap[:0]
	for range c.n / 8 {
		c.bitmap = append(c.bitmap, 0xFF)
	}
	if c.n%8 != 0 {
		c.bitmap = append(c.bitmap, 1<<(c.n%8)-1)
	}
}

// present counts a row with a value.
func (c *base) present() {
	if c.nulls > 0 {
		c.bitmap = appendBit(c.bitmap, c.n, true)
	}
	c.n++
}

// appendBit sets bit n, which is the next one.
func appendBit(bits []byte, n int, set bool) []byte {
	if n&7 == 0 {
		bits = append(bits, 0)
	}
	if set {
		bits[n>>3] |= 1 << (n & 7)
	}
	return bits
}

// data makes array data of the rows and copies of these buffers behind the
// bitmap, and leaves the base empty. It takes over the children.
func (c *base) data(children []arrow.ArrayData, buffers ...[]byte) arrow.ArrayData {
	all := make([]*memory.Buffer, 1, 3)
	if c.nulls > 0 {
		all[0] = copied(c.mem, c.bitmap)
	}
	for _, b := range buffers {
		all = append(all, copied(c.mem, b))
	}
	d := array.NewData(c.typ, c.n, all, children, c.nulls, 0)
	for _, b := range all {
		if b != nil {
			b.Release()
		}
	}
	for _, child := range children {
		child.Release()
	}
	c.reset()
	return d
}

func copied(mem memory.Allocator, b []byte) *memory.Buffer {
	buf := memory.NewResizableBuffer(mem)
	buf.Resize(len(b))
	copy(buf.Bytes(), b)
	return buf
}

func (c *base) reset() { c.n, c.nulls = 0, 0 }

// newColumn makes the column of a shape.
func newColumn(mem memory.Allocator, s *shape) column {
	b := base{mem: mem, typ: s.field.Type}
	switch s.kind {
	case kindNull:
		return &nullColumn{base: b}
	case kindInt32:
		return &int32Column{fixed: newFixed[int32](b)}
	case kindInt64:
		return &int64Column{fixed: newFixed[int64](b)}
	case kindDouble:
		return &doubleColumn{fixed: newFixed[float64](b)}
	case kindDate:
		return &dateColumn{fixed: newFixed[int64](b)}
	case kindBool:
		return &boolColumn{base: b}
	case kindDecimal:
		return &decimalColumn{fixed: newFixed[[2]uint64](b), scale: s.scale, digits: s.digits}
	case kindTimestamp:
		return newTimestampColumn(b)
	case kindStruct:
		return newStructColumn(b, s)
	case kindList:
		return newListColumn(b, s)
	case kindCast:
		return newCastColumn(b, s)
	}
	return newTextColumn(b, s)
}

// nullColumn takes no value at all.
type nullColumn struct{ base }

func (c *nullColumn) take(bsonraw.Type, []byte) int { return -1 }
func (c *nullColumn) pad(n int)                     { c.n = n }

func (c *nullColumn) finish() arrow.ArrayData {
	d := array.NewData(c.typ, c.n, []*memory.Buffer{nil}, nil, c.n, 0)
	c.reset()
	return d
}

// countDigits returns the number of decimal digits of a coefficient; 1 for 0.
func countDigits(hi, lo uint64) int {
	n := 1
	for n < len(powers) && !less128(hi, lo, powers[n][1], powers[n][0]) {
		n++
	}
	return n
}

func less128(ahi, alo, bhi, blo uint64) bool {
	return ahi < bhi || ahi == bhi && alo < blo
}

// powers are the powers of ten that fit 128 bits, low half first.
var powers = func() (p [39][2]uint64) {
	p[0][0] = 1
	for i := 1; i < len(p); i++ {
		hi, lo := bits.Mul64(p[i-1][0], 10)
		p[i] = [2]uint64{lo, p[i-1][1]*10 + hi}
	}
	return p
}()
