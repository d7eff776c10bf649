package columnar

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// offsets are where values begin and where the last one ends: Arrow's offsets,
// of 32 bits.
type offsets []int32

func newOffsets() offsets { return make(offsets, 1) }

func (o *offsets) push(end int) { *o = append(*o, int32(end)) }

// repeat adds values of nothing.
func (o *offsets) repeat(n int) {
	end := (*o)[len(*o)-1]
	for range n {
		*o = append(*o, end)
	}
}

func (o *offsets) reset() { *o = (*o)[:1] }

// variable holds values of any length, as Arrow's utf8 and binary do: offsets,
// and the bytes.
type variable struct {
	base
	offsets offsets
	text    []byte
}

func newVariable(b base) variable { return variable{base: b, offsets: newOffsets()} }

// push adds a value, unless the column would pass the 2 GiB that its offsets
// can say.
func (c *variable) push(b []byte) bool {
	if len(c.text)+len(b) > math.MaxInt32 {
		return false
	}
	c.text = append(c.text, b...)
	c.offsets.push(len(c.text))
	c.present()
	return true
}

func (c *variable) pad(n int) {
	if n > c.n {
		c.offsets.repeat(n - c.n)
		c.padBase(n)
	}
}

func (c *variable) finish() arrow.ArrayData {
	o, text := rawBytes(c.offsets), c.text
	c.forget()
	return c.data(nil, o, text)
}

func (c *variable) forget() {
	c.offsets.reset()
	c.text = c.text[:0]
}

func (c *variable) reset() {
	c.forget()
	c.base.reset()
}

func newTextColumn(b base, s *shape) column {
	v := newVariable(b)
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

func (c *stringColumn) take(t bsonraw.Type, body []byte) int {
	if t != c.want || len(body) < 5 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(body))) + 4
	if n < 5 || n > len(body) || !c.push(body[4:n-1]) {
		return -1
	}
	return n
}

// objectIDColumn holds ObjectIds as 24 hexadecimal digits.
type objectIDColumn struct{ variable }

func (c *objectIDColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

func (c *objectIDColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.ObjectID {
		return false
	}
	var to [24]byte
	for i, b := range v.Data[:12] {
		pair := hexPairs[b]
		to[2*i], to[2*i+1] = byte(pair), byte(pair>>8)
	}
	return c.push(to[:])
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

func (c *uuidColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

func (c *uuidColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.Binary {
		return false
	}
	subtype, data := v.Binary()
	if subtype != subtypeUUID || len(data) != 16 {
		return false
	}
	var to [36]byte
	return c.push(ejson.AppendUUID(to[:0], data))
}

// binaryColumn holds binaries of one subtype, or of any.
type binaryColumn struct {
	variable
	subtype byte
	any     bool
}

func (c *binaryColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

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
	value []byte
}

func (c *mixedColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

func (c *mixedColumn) append(v bsonraw.Value) bool {
	c.value = ejson.AppendValue(c.value[:0], v, ejson.Typed)
	return c.push(c.value)
}

// decimalTextColumn holds decimals and integers that no decimal column holds.
type decimalTextColumn struct {
	variable
	value []byte
}

func (c *decimalTextColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

func (c *decimalTextColumn) append(v bsonraw.Value) bool {
	switch v.Type {
	case bsonraw.Decimal128:
		c.value = ejson.AppendDecimal(c.value[:0], v.Decimal())
	case bsonraw.Int32:
		c.value = strconv.AppendInt(c.value[:0], int64(v.Int32()), 10)
	case bsonraw.Int64:
		c.value = strconv.AppendInt(c.value[:0], v.Int64(), 10)
	default:
		return false
	}
	return c.push(c.value)
}
