package columnar

import (
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// variable holds values of any length, as Arrow's utf8 and binary do: n+1
// offsets of 32 bits, and the bytes.
type variable struct {
	base
	offsetBuf *memory.Buffer
	offsets   []int32 // all of offsetBuf, as int32
	dataBuf   *memory.Buffer
	data      []byte // all of dataBuf
	size      int    // bytes in use
	perRow    int    // bytes per row of the last batch, to ask for enough at once
}

// room returns where the next n bytes go, or nil where the column would pass
// the 2 GiB that its offsets can say.
func (c *variable) room(n int) []byte {
	if c.n+1 >= len(c.offsets) {
		c.growOffsets(c.n + 2)
	}
	if c.size+n > len(c.data) {
		if c.size+n > math.MaxInt32 {
			return nil
		}
		c.growData(c.size + n)
	}
	return c.data[c.size : c.size+n : c.size+n]
}

// took ends a row whose bytes were written to room.
func (c *variable) took(n int) {
	c.size += n
	c.offsets[c.n+1] = int32(c.size)
	c.present()
}

func (c *variable) push(b []byte) bool {
	to := c.room(len(b))
	if to == nil && len(b) > 0 {
		return false
	}
	copy(to, b)
	c.took(len(b))
	return true
}

func (c *variable) growOffsets(n int) {
	first := c.offsetBuf == nil
	if first {
		c.offsetBuf = memory.NewResizableBuffer(c.mem)
	}
	c.offsetBuf.Reserve(max(n, 2*len(c.offsets), c.expect+1, 16) * arrow.Int32SizeBytes)
	c.offsets = arrow.Int32Traits.CastFromBytes(c.offsetBuf.Buf())
	if first {
		c.offsets[0] = 0
	}
}

// growData asks for a twentieth more than the last batch took for as many rows.
func (c *variable) growData(n int) {
	if c.dataBuf == nil {
		c.dataBuf = memory.NewResizableBuffer(c.mem)
		n = max(n, c.expect*c.perRow+c.expect*c.perRow/20, 64)
	}
	c.dataBuf.Reserve(max(n, 2*len(c.data)))
	c.data = c.dataBuf.Buf()
}

func (c *variable) pad(n int) {
	if n <= c.n {
		return
	}
	if n+1 > len(c.offsets) {
		c.growOffsets(n + 1)
	}
	for i := c.n + 1; i <= n; i++ {
		c.offsets[i] = int32(c.size)
	}
	c.padBase(n)
}

func (c *variable) finish() arrow.ArrayData {
	if c.offsetBuf == nil {
		c.growOffsets(1)
	}
	if c.dataBuf == nil {
		c.dataBuf = memory.NewResizableBuffer(c.mem)
	}
	if c.n > 0 {
		c.perRow = (c.size + c.n - 1) / c.n
	}
	c.offsetBuf.ResizeNoShrink((c.n + 1) * arrow.Int32SizeBytes)
	c.trim()
	offsets, data := c.offsetBuf, c.dataBuf
	c.forget()
	return c.base.data(nil, offsets, data)
}

// trim gives memory back where more than a quarter was not needed.
func (c *variable) trim() {
	if len(c.data)-c.size > max(c.size/4, 4096) {
		c.dataBuf.ResizeNoShrink(len(c.data))
		c.dataBuf.Resize(c.size)
		return
	}
	c.dataBuf.ResizeNoShrink(c.size)
}

func (c *variable) forget() {
	c.offsetBuf, c.offsets, c.dataBuf, c.data, c.size = nil, nil, nil, nil, 0
}

func (c *variable) reset(expect int) {
	if c.offsetBuf != nil {
		c.offsetBuf.Release()
	}
	if c.dataBuf != nil {
		c.dataBuf.Release()
	}
	c.forget()
	c.resetBase(expect)
}

func newTextColumn(b base, s *shape) column {
	v := variable{base: b}
	switch s.kind {
	case kindObjectID:
		return &objectIDColumn{v}
	case kindUUID:
		return &uuidColumn{v}
	case kindBinary:
		return &binaryColumn{v, s.subtype, s.anySub}
	case kindMixed:
		return &mixedColumn{variable: v}
	case kindDecimalText:
		return &decimalTextColumn{variable: v}
	case kindSymbol:
		return &stringColumn{v, bsonraw.Symbol}
	case kindJavaScript:
		return &stringColumn{v, bsonraw.JavaScript}
	}
	return &stringColumn{v, bsonraw.String}
}

// stringColumn takes the text of one BSON type.
type stringColumn struct {
	variable
	want bsonraw.Type
}

func (c *stringColumn) append(v bsonraw.Value) bool {
	return v.Type == c.want && c.push(v.StringBytes())
}

// objectIDColumn holds ObjectIds as 24 hexadecimal digits.
type objectIDColumn struct{ variable }

func (c *objectIDColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.ObjectID {
		return false
	}
	to := c.room(24)
	if to == nil {
		return false
	}
	for i, b := range v.Data[:12] {
		pair := hexPairs[b]
		to[2*i], to[2*i+1] = byte(pair), byte(pair>>8)
	}
	c.took(24)
	return true
}

// hexPairs holds the two digits of each byte, the first in the low half.
var hexPairs = func() (t [256]uint16) {
	const digits = "0123456789abcdef"
	for i := range t {
		t[i] = uint16(digits[i>>4]) | uint16(digits[i&15])<<8
	}
	return t
}()

// uuidColumn holds UUIDs as text with dashes.
type uuidColumn struct{ variable }

func (c *uuidColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.Binary {
		return false
	}
	subtype, data := v.Binary()
	if subtype != subtypeUUID || len(data) != 16 {
		return false
	}
	to := c.room(36)
	if to == nil {
		return false
	}
	ejson.AppendUUID(to[:0], data)
	c.took(36)
	return true
}

// binaryColumn holds binaries of one subtype, or of any.
type binaryColumn struct {
	variable
	subtype byte
	any     bool
}

func (c *binaryColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.Binary {
		return false
	}
	subtype, data := v.Binary()
	if !c.any && (subtype != c.subtype || subtype == subtypeUUID && len(data) == 16) {
		return false
	}
	return c.push(data)
}

// mixedColumn holds values of any type as Extended JSON.
type mixedColumn struct {
	variable
	text []byte
}

func (c *mixedColumn) append(v bsonraw.Value) bool {
	c.text = ejson.AppendValue(c.text[:0], v, ejson.Typed)
	return c.push(c.text)
}

// decimalTextColumn holds decimals and integers that no decimal column holds.
type decimalTextColumn struct {
	variable
	text []byte
}

func (c *decimalTextColumn) append(v bsonraw.Value) bool {
	switch v.Type {
	case bsonraw.Decimal128:
		c.text = ejson.AppendDecimal(c.text[:0], v.Decimal())
	case bsonraw.Int32:
		c.text = strconv.AppendInt(c.text[:0], int64(v.Int32()), 10)
	case bsonraw.Int64:
		c.text = strconv.AppendInt(c.text[:0], v.Int64(), 10)
	default:
		return false
	}
	return c.push(c.text)
}
