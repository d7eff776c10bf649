package bsonraw

import (
	"bytes"
	"encoding/binary"
	"math"
)

// The order-preserving key encoding. FROZEN: it is on disk in every _id and
// every index entry; key_test.go holds golden bytes.
//
// A value is a rank byte and a payload. Comparing encodings byte by byte gives
// the order of Compare, values that are equal there (1, 1.0, Decimal 1.00)
// have one encoding, and no encoding is a prefix of another.
//
//	rank  type            payload
//	0x05  MinKey          -
//	0x08  undefined       -                 and of an empty array in an index or a sort
//	0x0A  null, missing   -
//	0x10  numbers         floor double (8), 0x00
//	                    | floor double (8), 0x01, exponent (2), digits (17)
//	0x20  string, symbol  bytes with 00 as 00 FF, then 00 01
//	0x28  object          { rank, name, 00, payload } ..., 00
//	0x30  array           { rank, payload } ..., 00
//	0x38  binary          length (4), subtype (1), bytes
//	0x40  ObjectId        12 bytes
//	0x48  boolean         00 or 01
//	0x50  date            milliseconds with the sign bit flipped (8)
//	0x58  timestamp       8 bytes
//	0x60  regex           pattern, 00, options, 00
//	0x68  DBPointer       length (4), bytes
//	0x70  JavaScript      as string
//	0x74  code with scope as string, then as object
//	0x78  MaxKey          -
//
// All integers are big-endian. Ranks lie in 0x01..0x7F, so that an inverted
// (descending) encoding begins in 0x80..0xFE, and 0x00 and 0xFF begin neither.
//
// The floor double is the largest double that is not above the number, with
// its bits turned so that they sort (NaN as eight zeros). Where that is the
// number itself, 0x00 ends it. An int64 above 2^53 or a decimal may lie between
// two doubles: then 0x01 and the number's own decimal digits follow, which
// order it among those with the same floor. An encoding by digits alone was
// rejected: doubles are by far the most common case, and have up to 767 digits.
const (
	keyMinKey    = 0x05
	keyEmpty     = 0x08
	keyNull      = 0x0A
	keyNumber    = 0x10
	keyString    = 0x20
	keyObject    = 0x28
	keyArray     = 0x30
	keyBinary    = 0x38
	keyObjectID  = 0x40
	keyBoolean   = 0x48
	keyDate      = 0x50
	keyTimestamp = 0x58
	keyRegex     = 0x60
	keyDBPointer = 0x68
	keyCode      = 0x70
	keyCodeScope = 0x74
	keyMaxKey    = 0x78
	keyUnknown   = 0x7F // a type byte that Iter never yields

	keyEnd     = 0x00 // ends objects and arrays, below every rank
	keyEscape  = 0xFF // after 00 in a string: the 00 is part of it
	keyStop    = 0x01 // after 00 in a string: the string ends
	keyExact   = 0x00 // the number is its floor double
	keyBetween = 0x01 // the number lies above its floor double
	betweenLen = 19   // exponent and digits
)

var keyRanks = [256]byte{
	MinKey: keyMinKey, Missing: keyNull, Undefined: keyEmpty, Null: keyNull,
	Int32: keyNumber, Int64: keyNumber, Double: keyNumber, Decimal128: keyNumber,
	String: keyString, Symbol: keyString, Object: keyObject, Array: keyArray,
	Binary: keyBinary, ObjectID: keyObjectID, Boolean: keyBoolean,
	DateTime: keyDate, Timestamp: keyTimestamp, Regex: keyRegex,
	DBPointer: keyDBPointer, JavaScript: keyCode, CodeWithScope: keyCodeScope,
	MaxKey: keyMaxKey,
}

func keyRank(t Type) byte {
	if r := keyRanks[t]; r != 0 {
		return r
	}
	return keyUnknown
}

// AppendKey appends the order-preserving encoding of v to dst. Missing encodes
// as null.
func AppendKey(dst []byte, v Value) []byte {
	return appendPayload(append(dst, keyRank(v.Type)), v)
}

// AppendKeyDesc appends the encoding of v for descending order: AppendKey with
// every byte inverted.
func AppendKeyDesc(dst []byte, v Value) []byte {
	start := len(dst)
	dst = AppendKey(dst, v)
	invert(dst[start:])
	return dst
}

func invert(b []byte) {
	for i := range b {
		b[i] ^= 0xFF
	}
}

func appendPayload(dst []byte, v Value) []byte {
	switch v.Type {
	case Int32:
		return append(appendFloat(dst, float64(v.Int32())), keyExact)
	case Int64:
		return appendInt64(dst, v.Int64())
	case Double:
		return append(appendFloat(dst, v.Double()), keyExact)
	case Decimal128:
		return appendDecimal(dst, v.Decimal())
	case String, Symbol, JavaScript:
		return appendText(dst, v.StringBytes())
	case Object:
		return appendFields(dst, Doc(v.Data))
	case Array:
		it := Doc(v.Data).Iter()
		for it.Next() {
			dst = AppendKey(dst, it.val)
		}
		return append(dst, keyEnd)
	case Binary:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Data)-5))
		return append(dst, v.Data[4:]...)
	case DBPointer:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Data)-4))
		return append(dst, v.Data[4:]...)
	case DateTime:
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int64())^(1<<63))
	case Timestamp:
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int64()))
	case CodeWithScope:
		code, scope := v.CodeWithScope()
		return appendFields(appendText(dst, code), scope)
	case ObjectID, Boolean, Regex:
		return append(dst, v.Data...)
	}
	return dst
}

// appendFields appends the payload of a document.
func appendFields(dst []byte, d Doc) []byte {
	it := d.Iter()
	for it.Next() {
		dst = append(dst, keyRank(it.val.Type))
		dst = append(dst, it.key...)
		dst = append(dst, 0)
		dst = appendPayload(dst, it.val)
	}
	return append(dst, keyEnd)
}

// appendText appends text with its zeros escaped and its end marked.
func appendText(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, 0)
		if i < 0 {
			break
		}
		dst = append(dst, text[:i]...)
		dst = append(dst, 0, keyEscape)
		text = text[i+1:]
	}
	dst = append(dst, text...)
	return append(dst, 0, keyStop)
}

// appendFloat appends the eight bytes of a double. Negative zero becomes zero,
// and every NaN the same.
func appendFloat(dst []byte, f float64) []byte {
	if f != f {
		return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	bits := math.Float64bits(f)
	if f == 0 {
		bits = 0
	}
	if bits>>63 != 0 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(dst, bits)
}

func appendInt64(dst []byte, n int64) []byte {
	f := float64(n)
	c := compareFloatInt(f, n)
	if c == 0 {
		return append(appendFloat(dst, f), keyExact)
	}
	if c > 0 {
		f = math.Nextafter(f, math.Inf(-1))
	}
	magnitude := uint64(n)
	if n < 0 {
		magnitude = -magnitude
	}
	var digits [34]byte
	return appendBetween(dst, f, n < 0, digitsOf(digits[:0], magnitude), 0)
}

func digitsOf(dst []byte, u uint64) []byte {
	var tmp [20]byte
	i := len(tmp)
	for ; u > 0; u /= 10 {
		i--
		tmp[i] = byte(u % 10)
	}
	return append(dst, tmp[i:]...)
}

func appendDecimal(dst []byte, d Decimal) []byte {
	if d.IsNaN() || d.IsInf() || d.IsZero() {
		return append(appendFloat(dst, d.Float64()), keyExact)
	}
	if dst, ok := appendShortDecimal(dst, d); ok {
		return dst
	}
	f := d.Float64()
	switch c := CompareNumbers(DoubleValue(f), d.Value()); {
	case c == 0:
		return append(appendFloat(dst, f), keyExact)
	case c > 0:
		f = math.Nextafter(f, math.Inf(-1))
	}
	negative, coefficient, exponent := d.Parts()
	text := coefficient.Append(nil, 10)
	for i := range text {
		text[i] -= '0'
	}
	return appendBetween(dst, f, negative, text, exponent)
}

// appendShortDecimal appends a decimal such as a price, without arithmetic of
// any length: where the coefficient and the power of ten are doubles, one
// division or multiplication rounds to the nearest double, and one fused
// multiply-add tells the sign of what the rounding lost.
func appendShortDecimal(dst []byte, d Decimal) ([]byte, bool) {
	hi, lo, exponent := d.parts()
	if hi != 0 || lo >= 1<<53 || exponent < -maxExactPower || exponent > maxExactPower {
		return dst, false
	}
	c := float64(lo)
	var f, lost float64 // lost has the sign of the number minus f
	if exponent < 0 {
		p := exactPowers[-exponent]
		f = c / p
		lost = -math.FMA(f, p, -c)
	} else {
		p := exactPowers[exponent]
		f = c * p
		lost = math.FMA(c, p, -f)
	}
	negative := d.Negative()
	if negative {
		f, lost = -f, -lost
	}
	if lost == 0 {
		return append(appendFloat(dst, f), keyExact), true
	}
	if lost < 0 {
		f = math.Nextafter(f, math.Inf(-1))
	}
	var digits [34]byte
	return appendBetween(dst, f, negative, digitsOf(digits[:0], lo), exponent), true
}

// maxExactPower is the highest power of ten that is a double.
const maxExactPower = 22

var exactPowers = [maxExactPower + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// appendBetween appends a number that is not a double: its floor, and digits ×
// 10^exponent in an order-preserving form: the exponent of the first digit, and
// 34 digits, two to a byte; inverted for a negative number.
func appendBetween(dst []byte, floor float64, negative bool, digits []byte, exponent int) []byte {
	dst = append(appendFloat(dst, floor), keyBetween)
	start := len(dst)
	first := exponent + len(digits) - 1
	dst = binary.BigEndian.AppendUint16(dst, uint16(first+0x2000))
	for i := 0; i < 34; i += 2 {
		var b byte
		if i < len(digits) {
			b = digits[i] << 4
		}
		if i+1 < len(digits) {
			b |= digits[i+1]
		}
		dst = append(dst, b)
	}
	if negative {
		invert(dst[start:])
	}
	return dst
}
