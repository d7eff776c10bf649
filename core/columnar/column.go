package columnar

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/bsonraw"
)

// column takes the values of one column, row by row, and becomes an array.
// arrow-go's builders would do; these are twice as fast, since a row without a
// null costs them no bitmap and a value no second call, and they can be used
// again for the next batch with the memory that it will need in one piece.
type column interface {
	// append adds a value, which is neither missing nor null, and reports
	// whether it fits. After a value that does not, the column is only good for
	// reset.
	append(v bsonraw.Value) bool
	// pad adds nulls until there are n rows.
	pad(n int)
	// rows counts the rows so far.
	rows() *int
	// finish returns the rows as the data of an array, which the caller
	// releases, and leaves the column empty.
	finish() arrow.ArrayData
	// reset releases everything and leaves the column empty. expect is how many
	// rows will come, where that is known, and 0 otherwise.
	reset(expect int)
}

// base is what all columns have: their rows and which of them are null.
type base struct {
	mem    memory.Allocator
	typ    arrow.DataType
	n      int
	nulls  int
	expect int
	valid  *memory.Buffer // nil while there is no null
	bitmap []byte         // of valid
}

func (c *base) rows() *int { return &c.n }

// pad marks the rows from c.n to n as null and reports whether there are any.
func (c *base) padBase(n int) {
	if c.bitmap == nil {
		c.startBitmap()
	}
	c.growBitmap(n)
	c.nulls += n - c.n
	c.n = n
}

// startBitmap marks all rows so far as valid.
func (c *base) startBitmap() {
	c.valid = memory.NewResizableBuffer(c.mem)
	c.growBitmap(max(c.expect, c.n, 64))
	for i := range c.n / 8 {
		c.bitmap[i] = 0xFF
	}
	if c.n%8 != 0 {
		c.bitmap[c.n/8] = 1<<(c.n%8) - 1
	}
}

// growBitmap makes room for n bits. Bits that were not set are zero, which
// Allocate and Reallocate of arrow's allocators promise only for new memory.
func (c *base) growBitmap(n int) {
	if need := (n + 7) / 8; need > len(c.bitmap) {
		old := len(c.bitmap)
		c.valid.Reserve(max(need, 2*old))
		c.bitmap = c.valid.Buf()
		clear(c.bitmap[old:])
	}
}

// present counts a row with a value.
func (c *base) present() {
	if c.bitmap != nil {
		c.setValid()
	}
	c.n++
}

func (c *base) setValid() {
	c.growBitmap(c.n + 1)
	c.bitmap[c.n>>3] |= 1 << (c.n & 7)
}

// data makes array data of the rows and these buffers behind the bitmap, and
// leaves the base empty. It takes over the buffers.
func (c *base) data(children []arrow.ArrayData, buffers ...*memory.Buffer) arrow.ArrayData {
	all := make([]*memory.Buffer, 0, 3)
	if c.valid != nil {
		c.valid.ResizeNoShrink((c.n + 7) / 8)
	}
	all = append(append(all, c.valid), buffers...)
	d := array.NewData(c.typ, c.n, all, children, c.nulls, 0)
	for _, b := range all {
		if b != nil {
			b.Release()
		}
	}
	for _, child := range children {
		child.Release()
	}
	c.clear()
	return d
}

func (c *base) clear() {
	c.n, c.nulls, c.valid, c.bitmap = 0, 0, nil, nil
}

func (c *base) resetBase(expect int) {
	if c.valid != nil {
		c.valid.Release()
	}
	c.clear()
	c.expect = expect
}

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

func (c *nullColumn) append(bsonraw.Value) bool { return false }
func (c *nullColumn) pad(n int)                 { c.n = n }
func (c *nullColumn) reset(expect int)          { c.resetBase(expect) }

func (c *nullColumn) finish() arrow.ArrayData {
	d := array.NewData(c.typ, c.n, []*memory.Buffer{nil}, nil, c.n, 0)
	c.clear()
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
