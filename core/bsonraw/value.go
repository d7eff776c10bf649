package bsonraw

import (
	"encoding/binary"
	"math"
	"time"
)

// Type is a BSON type byte, as in bsonspec.org version 1.1.
type Type byte

// The BSON types. Missing is not BSON's: it is the type of the zero Value,
// which stands for a field that is not there.
const (
	Missing       Type = 0x00
	Double        Type = 0x01
	String        Type = 0x02
	Object        Type = 0x03
	Array         Type = 0x04
	Binary        Type = 0x05
	Undefined     Type = 0x06
	ObjectID      Type = 0x07
	Boolean       Type = 0x08
	DateTime      Type = 0x09
	Null          Type = 0x0A
	Regex         Type = 0x0B
	DBPointer     Type = 0x0C
	JavaScript    Type = 0x0D
	Symbol        Type = 0x0E
	CodeWithScope Type = 0x0F
	Int32         Type = 0x10
	Timestamp     Type = 0x11
	Int64         Type = 0x12
	Decimal128    Type = 0x13
	MinKey        Type = 0xFF
	MaxKey        Type = 0x7F
)

// Doc is the bytes of one BSON document: an int32 length, the elements, a zero
// byte. An array is a Doc whose field names are "0", "1" and so on.
type Doc []byte

// Value is one BSON value: its type and its bytes, without the field name. The
// zero Value means "missing".
type Value struct {
	Type Type
	Data []byte
}

// EmptyDoc is the document {}. Do not write to it.
var EmptyDoc = Doc{5, 0, 0, 0, 0}

// IsMissing reports whether there is no value.
func (v Value) IsMissing() bool { return v.Type == Missing }

// IsNumber reports whether the value is a double, int32, int64 or decimal128.
func (v Value) IsNumber() bool {
	return v.Type == Int32 || v.Type == Double || v.Type == Int64 || v.Type == Decimal128
}

// IsNullish reports whether the value is missing, null or undefined.
func (v Value) IsNullish() bool {
	return v.Type == Missing || v.Type == Null || v.Type == Undefined
}

// Doc returns the bytes of an object or array as a document. Nil otherwise.
func (v Value) Doc() Doc {
	if v.Type == Object || v.Type == Array {
		return Doc(v.Data)
	}
	return nil
}

// Int32 returns the number of an int32 value.
func (v Value) Int32() int32 { return int32(binary.LittleEndian.Uint32(v.Data)) }

// Int64 returns the number of an int64 value, or the milliseconds of a date.
func (v Value) Int64() int64 { return int64(binary.LittleEndian.Uint64(v.Data)) }

// Double returns the number of a double value.
func (v Value) Double() float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(v.Data))
}

// Bool returns the truth of a boolean value.
func (v Value) Bool() bool { return v.Data[0] != 0 }

// Time returns the moment of a date value, in UTC.
func (v Value) Time() time.Time { return time.UnixMilli(v.Int64()).UTC() }

// Timestamp returns the seconds and the increment of a timestamp value.
func (v Value) Timestamp() (seconds, increment uint32) {
	u := binary.LittleEndian.Uint64(v.Data)
	return uint32(u >> 32), uint32(u)
}

// StringBytes returns the text of a string, symbol or JavaScript value, without
// its length and closing zero. It points into the value.
func (v Value) StringBytes() []byte { return v.Data[4 : len(v.Data)-1] }

// Str returns the text of a string, symbol or JavaScript value as a copy.
func (v Value) Str() string { return string(v.StringBytes()) }

// Binary returns the subtype and the bytes of a binary value. For the old
// subtype 2 the inner length is left out.
func (v Value) Binary() (subtype byte, data []byte) {
	subtype, data = v.Data[4], v.Data[5:]
	if subtype == 0x02 && len(data) >= 4 {
		data = data[4:]
	}
	return subtype, data
}

// Regex returns the pattern and the options of a regular expression.
func (v Value) Regex() (pattern, options string) {
	for i, b := range v.Data {
		if b == 0 {
			return string(v.Data[:i]), string(v.Data[i+1 : len(v.Data)-1])
		}
	}
	return string(v.Data), ""
}

// AsInt64 returns a number as an integer where that is exact: an integer of
// either width, or a double or decimal with no fraction that fits.
func (v Value) AsInt64() (int64, bool) {
	switch v.Type {
	case Int32:
		return int64(v.Int32()), true
	case Int64:
		return v.Int64(), true
	case Double:
		f := v.Double()
		if f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
			return int64(f), true
		}
	case Decimal128:
		return v.Decimal().Int64()
	}
	return 0, false
}

// AsFloat64 returns a number as a double, rounded to the nearest. False if the
// value is not a number.
func (v Value) AsFloat64() (float64, bool) {
	switch v.Type {
	case Int32:
		return float64(v.Int32()), true
	case Int64:
		return float64(v.Int64()), true
	case Double:
		return v.Double(), true
	case Decimal128:
		return v.Decimal().Float64(), true
	}
	return 0, false
}

// Truthy reports whether a value counts as true in an expression: everything
// but missing, null, undefined, false and a zero of any type; NaN is true.
func (v Value) Truthy() bool {
	switch v.Type {
	case Missing, Null, Undefined:
		return false
	case Boolean:
		return v.Bool()
	case Int32:
		return v.Int32() != 0
	case Int64:
		return v.Int64() != 0
	case Double:
		return v.Double() != 0
	case Decimal128:
		return !v.Decimal().IsZero()
	}
	return true
}

// Name returns MongoDB's alias of the type, as $type knows it: "double",
// "string", "object" and so on, and "missing".
func (t Type) Name() string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return "unknown"
}

var typeNames = map[Type]string{
	Missing: "missing", Double: "double", String: "string", Object: "object",
	Array: "array", Binary: "binData", Undefined: "undefined",
	ObjectID: "objectId", Boolean: "bool", DateTime: "date", Null: "null",
	Regex: "regex", DBPointer: "dbPointer", JavaScript: "javascript",
	Symbol: "symbol", CodeWithScope: "javascriptWithScope", Int32: "int",
	Timestamp: "timestamp", Int64: "long", Decimal128: "decimal",
	MinKey: "minKey", MaxKey: "maxKey",
}

// TypeByName returns the type of one of MongoDB's aliases.
func TypeByName(name string) (Type, bool) {
	for t, n := range typeNames {
		if n == name && t != Missing {
			return t, true
		}
	}
	return 0, false
}
