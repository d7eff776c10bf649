package ejson

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Append appends a document as one line of Extended JSON.
func Append(dst []byte, d bsonraw.Doc, m Mode) []byte {
	dst = append(dst, '{')
	it := d.Iter()
	for first := true; it.Next(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, it.Key()), ':')
		dst = AppendValue(dst, it.Value(), m)
	}
	return append(dst, '}')
}

// AppendValue appends one value. A missing value is written as null.
func AppendValue(dst []byte, v bsonraw.Value, m Mode) []byte {
	switch v.Type {
	case bsonraw.String:
		return AppendString(dst, v.StringBytes())
	case bsonraw.Object:
		return Append(dst, v.Doc(), m)
	case bsonraw.Array:
		return appendArray(dst, v.Doc(), m)
	case bsonraw.Boolean:
		return strconv.AppendBool(dst, v.Bool())
	case bsonraw.Null, bsonraw.Missing:
		return append(dst, "null"...)
	case bsonraw.Int32, bsonraw.Int64, bsonraw.Double:
		return appendNumber(dst, v, m)
	case bsonraw.DateTime:
		return appendDateValue(dst, v.Int64(), m)
	case bsonraw.ObjectID:
		dst = append(dst, `{"$oid":"`...)
		dst = hex.AppendEncode(dst, v.Data)
		return append(dst, `"}`...)
	}
	return appendRare(dst, v, m)
}

func appendArray(dst []byte, d bsonraw.Doc, m Mode) []byte {
	dst = append(dst, '[')
	it := d.Iter()
	for first := true; it.Next(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		dst = AppendValue(dst, it.Value(), m)
	}
	return append(dst, ']')
}

// appendNumber writes ints and doubles plainly where the mode allows.
func appendNumber(dst []byte, v bsonraw.Value, m Mode) []byte {
	switch v.Type {
	case bsonraw.Int32:
		if m != Canonical {
			return strconv.AppendInt(dst, int64(v.Int32()), 10)
		}
		dst = strconv.AppendInt(append(dst, `{"$numberInt":"`...), int64(v.Int32()), 10)
	case bsonraw.Int64:
		n := v.Int64()
		if m == Relaxed || m == Typed && n != int64(int32(n)) {
			return strconv.AppendInt(dst, n, 10)
		}
		dst = strconv.AppendInt(append(dst, `{"$numberLong":"`...), n, 10)
	default:
		f := v.Double()
		if m != Canonical && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return AppendDouble(dst, f)
		}
		dst = AppendDouble(append(dst, `{"$numberDouble":"`...), f)
	}
	return append(dst, `"}`...)
}

// AppendDouble appends the shortest text that reads back to the same double
// and is not an integer's.
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-5 || a >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	at := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[at:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, '.', '0')
}

func appendDateValue(dst []byte, ms int64, m Mode) []byte {
	if m != Canonical && DateHasISO(ms) {
		dst = AppendDate(append(dst, `{"$date":"`...), ms)
		return append(dst, `"}`...)
	}
	dst = strconv.AppendInt(append(dst, `{"$date":{"$numberLong":"`...), ms, 10)
	return append(dst, `"}}`...)
}

// appendRare writes the types that most documents do not have.
func appendRare(dst []byte, v bsonraw.Value, m Mode) []byte {
	switch v.Type {
	case bsonraw.Decimal128:
		dst = AppendDecimal(append(dst, `{"$numberDecimal":"`...), v.Decimal())
		return append(dst, `"}`...)
	case bsonraw.Binary:
		return appendBinary(dst, v)
	case bsonraw.Timestamp:
		t, i := v.Timestamp()
		dst = strconv.AppendUint(append(dst, `{"$timestamp":{"t":`...), uint64(t), 10)
		dst = strconv.AppendUint(append(dst, `,"i":`...), uint64(i), 10)
		return append(dst, "}}"...)
	case bsonraw.Regex:
		pattern, options := v.Regex()
		dst = AppendString(append(dst, `{"$regularExpression":{"pattern":`...), []byte(pattern))
		dst = AppendString(append(dst, `,"options":`...), []byte(options))
		return append(dst, "}}"...)
	case bsonraw.JavaScript:
		return append(AppendString(append(dst, `{"$code":`...), v.StringBytes()), '}')
	case bsonraw.Symbol:
		return append(AppendString(append(dst, `{"$symbol":`...), v.StringBytes()), '}')
	case bsonraw.CodeWithScope:
		code, scope := v.CodeWithScope()
		dst = AppendString(append(dst, `{"$code":`...), code)
		return append(Append(append(dst, `,"$scope":`...), scope, m), '}')
	case bsonraw.DBPointer:
		n := len(v.Data) - 12
		dst = AppendString(append(dst, `{"$dbPointer":{"$ref":`...), v.Data[4:n-1])
		dst = hex.AppendEncode(append(dst, `,"$id":{"$oid":"`...), v.Data[n:])
		return append(dst, `"}}}`...)
	case bsonraw.MinKey:
		return append(dst, `{"$minKey":1}`...)
	case bsonraw.MaxKey:
		return append(dst, `{"$maxKey":1}`...)
	case bsonraw.Undefined:
		return append(dst, `{"$undefined":true}`...)
	}
	return append(dst, "null"...)
}

func appendBinary(dst []byte, v bsonraw.Value) []byte {
	subtype, data := v.Binary()
	dst = append(dst, `{"$binary":{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, data)
	dst = append(dst, `","subType":"`...)
	dst = append(dst, hexDigits[subtype>>4], hexDigits[subtype&15])
	return append(dst, `"}}`...)
}

const hexDigits = "0123456789abcdef"

// AppendString appends a JSON string. Bytes that are not UTF-8, which no
// validated document has, become U+FFFD.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRune(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, c)
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	if c >= utf8.RuneSelf {
		return append(dst, `\ufffd`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// plain holds the bytes that stand for themselves inside a JSON string: ASCII
// without controls, the quote and the backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// putInt32 writes a length at an offset.
func putInt32(b []byte, at, n int) { binary.LittleEndian.PutUint32(b[at:], uint32(n)) }
