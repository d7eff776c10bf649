package transfer

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
)

// cellType is the type of a column.
type cellType uint8

const (
	typeUnknown cellType = iota // no cell had a value: each is typed by itself
	typeString
	typeInt
	typeLong
	typeDouble
	typeDecimal
	typeBool
	typeDate
	typeObjectID
	typeUUID
	typeBinary
	typeJSON
)

var typesByName = map[string]cellType{
	"string": typeString, "int": typeInt, "long": typeLong, "double": typeDouble, "decimal": typeDecimal,
	"bool": typeBool, "date": typeDate, "objectId": typeObjectID, "uuid": typeUUID, "binData": typeBinary, "json": typeJSON,
}

// String names the type as CSVOptions.Types has it.
func (t cellType) String() string {
	for name, other := range typesByName {
		if t == other {
			return name
		}
	}
	return "auto"
}

// cellTraits is a set of what the cells of a column looked like.
type cellTraits uint16

const (
	looksInt  cellTraits = 1 << iota // an integer of 32 bits
	looksLong                        // one of 64 bits
	looksHuge                        // one of 64 bits that no double holds
	looksDouble
	looksNaN
	looksBool
	looksDate
	looksText
)

// traitsOf says what one cell looks like. Only what reads back as the same text
// in all that matters counts as a number: 007, 1e999 and a number of twenty
// digits are text.
func traitsOf(c cell) cellTraits {
	s := c.text
	if len(s) == 0 {
		return looksText
	}
	switch first := s[0]; {
	case first >= '0' && first <= '9' || first == '-':
		return numberTraits(s)
	case first == 't' || first == 'f' || first == 'T' || first == 'F':
		if _, ok := parseBool(s); ok {
			return looksBool
		}
	case isNaNText(s):
		return looksNaN
	}
	return looksText
}

func numberTraits(s []byte) cellTraits {
	if n, ok := parseInteger(s); ok {
		switch {
		case n == int64(int32(n)):
			return looksInt
		case float64(n) < 1<<63 && int64(float64(n)) == n:
			return looksLong
		}
		return looksLong | looksHuge
	}
	if isDoubleText(s) {
		return looksDouble
	}
	if _, exact, ok := parseDateCell(s); ok && exact {
		return looksDate
	}
	if isNaNText(s) {
		return looksNaN
	}
	return looksText
}

// resolveType picks the type of a column.
func resolveType(seen cellTraits) cellType {
	const numbers = looksInt | looksLong | looksHuge | looksDouble | looksNaN
	switch {
	case seen == 0:
		return typeUnknown
	case seen == looksInt:
		return typeInt
	case seen&^(looksInt|looksLong|looksHuge) == 0:
		return typeLong
	case seen&^numbers == 0 && seen&looksHuge == 0 && seen != looksNaN:
		return typeDouble
	case seen == looksBool:
		return typeBool
	case seen == looksDate:
		return typeDate
	}
	return typeString
}

// parseInteger reads an integer of 64 bits in its only usual form.
func parseInteger(s []byte) (int64, bool) {
	digits := bytes.TrimPrefix(s, []byte{'-'})
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if len(digits) < len(s) {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}

// text is a string over bytes that nobody changes while it lives.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// isDoubleText reports whether a text is a decimal fraction, of so few digits
// that a double keeps them all.
func isDoubleText(s []byte) bool {
	digits, point, exponent := 0, false, false
	for i, c := range s {
		switch {
		case c >= '0' && c <= '9':
			if !exponent && (digits > 0 || c != '0') {
				digits++
			}
		case c == '-' && (i == 0 || exponent && s[i-1]|0x20 == 'e'), c == '+' && exponent && s[i-1]|0x20 == 'e':
		case c == '.' && !point && !exponent && i > 0 && s[i-1] != '-':
			point = true
		case c|0x20 == 'e' && !exponent && i > 0:
			exponent = true
		default:
			return false
		}
	}
	whole := bytes.TrimPrefix(s, []byte{'-'})
	if digits > 17 || len(whole) > 1 && whole[0] == '0' && whole[1] != '.' && whole[1]|0x20 != 'e' {
		return false
	}
	f, err := strconv.ParseFloat(text(s), 64)
	return err == nil && (f != 0 || digits == 0)
}

func isNaNText(s []byte) bool {
	switch string(s) {
	case "NaN", "nan", "Infinity", "-Infinity", "Inf", "-Inf", "inf", "-inf":
		return true
	}
	return false
}

func parseBool(s []byte) (value, ok bool) {
	switch string(s) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// parseDateCell reads an ISO 8601 date with or without a time, and a time with
// or without a zone; without one it is UTC. exact is false where a time has
// more digits than milliseconds.
func parseDateCell(s []byte) (ms int64, exact, ok bool) {
	switch {
	case len(s) == 10:
		ms, ok = ejson.ParseDate(append(append(make([]byte, 0, 24), s...), "T00:00:00Z"...))
		return ms, true, ok
	case len(s) < 16 || len(s) > 40:
		return 0, false, false
	}
	if ms, ok = ejson.ParseDate(s); !ok {
		ms, ok = ejson.ParseDate(append(append(make([]byte, 0, 48), s...), 'Z'))
	}
	exact = true
	if len(s) > 19 && s[19] == '.' {
		for i := 20; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			exact = exact && (i < 23 || s[i] == '0')
		}
	}
	return ms, exact, ok
}

// appendCell appends a cell as a value of a type, or reports that it is none.
// Where the type was inferred it takes only what that loses nothing of, and a
// number may be of a wider type than its column.
func appendCell(dst []byte, c cell, t cellType, inferred bool) ([]byte, bsonraw.Type, bool) {
	s := c.text
	switch t {
	case typeUnknown:
		return appendCell(dst, c, resolveType(traitsOf(c)), true)
	case typeString:
		if !utf8.Valid(s) {
			return dst, 0, false
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)+1))
		return append(append(dst, s...), 0), bsonraw.String, true
	case typeInt, typeLong:
		return appendInteger(dst, s, t, inferred)
	case typeDouble:
		return appendDouble(dst, s, inferred)
	case typeBool:
		b, ok := parseBool(s)
		if b {
			return append(dst, 1), bsonraw.Boolean, ok
		}
		return append(dst, 0), bsonraw.Boolean, ok
	case typeDate:
		ms, exact, ok := parseDateCell(s)
		return binary.LittleEndian.AppendUint64(dst, uint64(ms)), bsonraw.DateTime, ok && (exact || !inferred)
	}
	return appendRareCell(dst, s, t)
}

func appendInteger(dst, s []byte, t cellType, inferred bool) ([]byte, bsonraw.Type, bool) {
	n, ok := parseInteger(s)
	fits := n == int64(int32(n))
	switch {
	case !ok && inferred && isDoubleText(s):
		return appendDouble(dst, s, true)
	case !ok, t == typeInt && !fits && !inferred:
		return dst, 0, false
	case t == typeInt && fits:
		return binary.LittleEndian.AppendUint32(dst, uint32(n)), bsonraw.Int32, true
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(n)), bsonraw.Int64, true
}

func appendDouble(dst, s []byte, inferred bool) ([]byte, bsonraw.Type, bool) {
	traits := numberTraits(s)
	if inferred && traits&looksHuge != 0 {
		return appendInteger(dst, s, typeLong, true)
	}
	f, err := strconv.ParseFloat(text(s), 64)
	if err != nil || bytes.ContainsAny(s, "_xXpP") || inferred && traits&(looksText|looksDate|looksBool) != 0 {
		return dst, 0, false
	}
	if math.IsNaN(f) {
		f = bsonraw.NaN()
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), bsonraw.Double, true
}

// appendRareCell appends a cell of a type that is only ever asked for.
func appendRareCell(dst, s []byte, t cellType) ([]byte, bsonraw.Type, bool) {
	switch t {
	case typeDecimal:
		d, ok := ejson.ParseDecimal(s)
		return append(dst, d.Value().Data...), bsonraw.Decimal128, ok
	case typeObjectID:
		id, err := hex.DecodeString(text(s))
		return append(dst, id...), bsonraw.ObjectID, err == nil && len(id) == 12
	case typeUUID:
		id, ok := ejson.ParseUUID(s)
		return append(append(dst, 16, 0, 0, 0, 4), id[:]...), bsonraw.Binary, ok
	case typeBinary:
		data, err := base64.StdEncoding.DecodeString(text(s))
		return append(dst, bsonraw.BinaryValue(0, data).Data...), bsonraw.Binary, err == nil
	case typeJSON:
		var p ejson.Parser
		v, out, err := p.Value(dst, s)
		return out, v.Type, err == nil
	}
	return dst, 0, false
}
