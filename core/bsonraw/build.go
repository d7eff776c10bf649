package bsonraw

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// Builder appends one document, or a nest of them, to a byte slice. The zero
// Builder is ready; Reset lets it be used again without allocating.
//
//	var b bsonraw.Builder
//	b.Begin()
//	b.String("name", "Ada")
//	b.BeginArray("tags")
//	b.String("0", "x")
//	b.End()
//	doc := b.Finish()
type Builder struct {
	buf   []byte
	stack []int // offsets of the lengths of the documents that are open
}

// NewBuilder returns a builder with its outermost document begun, which
// appends to buf (may be nil).
func NewBuilder(buf []byte) *Builder {
	b := &Builder{buf: buf}
	b.Begin()
	return b
}

// Reset forgets everything, keeps the memory, and begins a document.
func (b *Builder) Reset() {
	b.buf, b.stack = b.buf[:0], b.stack[:0]
	b.Begin()
}

// ResetTo forgets everything and begins a document that is appended to buf. The
// memory for nesting is kept.
func (b *Builder) ResetTo(buf []byte) {
	b.buf, b.stack = buf, b.stack[:0]
	b.Begin()
}

// Detach gives up the bytes, which may live on elsewhere, and keeps the memory
// for nesting.
func (b *Builder) Detach() { b.buf, b.stack = nil, b.stack[:0] }

// Begin opens the outermost document.
func (b *Builder) Begin() {
	b.stack = append(b.stack, len(b.buf))
	b.buf = append(b.buf, 0, 0, 0, 0)
}

// BeginDoc opens an embedded document.
func (b *Builder) BeginDoc(key string) { b.header(Object, key); b.Begin() }

// BeginArray opens an embedded array; its keys are up to the caller (Index).
func (b *Builder) BeginArray(key string) { b.header(Array, key); b.Begin() }

// End closes the innermost open document or array.
func (b *Builder) End() {
	at := b.stack[len(b.stack)-1]
	b.stack = b.stack[:len(b.stack)-1]
	b.buf = append(b.buf, 0)
	binary.LittleEndian.PutUint32(b.buf[at:], uint32(len(b.buf)-at))
}

// Finish closes the outermost document and returns it. The bytes belong to the
// builder until Reset; Clone what has to outlive that.
func (b *Builder) Finish() Doc {
	at := b.stack[len(b.stack)-1]
	b.End()
	return Doc(b.buf[at:])
}

// Bytes returns everything that the builder holds, with what ResetTo was given.
func (b *Builder) Bytes() []byte { return b.buf }

// Size returns how many bytes the builder holds.
func (b *Builder) Size() int { return len(b.buf) }

func (b *Builder) header(t Type, key string) {
	b.buf = append(b.buf, byte(t))
	b.buf = append(b.buf, key...)
	b.buf = append(b.buf, 0)
}

// Value appends any value; a missing one appends nothing.
func (b *Builder) Value(key string, v Value) {
	if v.Type == Missing {
		return
	}
	b.header(v.Type, key)
	b.buf = append(b.buf, v.Data...)
}

// ValueBytes is Value with a key that is not a string.
func (b *Builder) ValueBytes(key []byte, v Value) {
	if v.Type == Missing {
		return
	}
	b.buf = append(b.buf, byte(v.Type))
	b.buf = append(b.buf, key...)
	b.buf = append(b.buf, 0)
	b.buf = append(b.buf, v.Data...)
}

// Elements appends whole elements as they stand in a document: type, name and
// value, any number of them.
func (b *Builder) Elements(raw []byte) { b.buf = append(b.buf, raw...) }

// Doc appends an embedded document.
func (b *Builder) Doc(key string, d Doc) { b.Value(key, Value{Object, d}) }

// Array appends an embedded array.
func (b *Builder) Array(key string, d Doc) { b.Value(key, Value{Array, d}) }

// String appends a string.
func (b *Builder) String(key, s string) {
	b.header(String, key)
	b.buf = binary.LittleEndian.AppendUint32(b.buf, uint32(len(s)+1))
	b.buf = append(b.buf, s...)
	b.buf = append(b.buf, 0)
}

// Int32 appends an int32.
func (b *Builder) Int32(key string, n int32) {
	b.header(Int32, key)
	b.buf = binary.LittleEndian.AppendUint32(b.buf, uint32(n))
}

// Int64 appends an int64.
func (b *Builder) Int64(key string, n int64) {
	b.header(Int64, key)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(n))
}

// Double appends a double.
func (b *Builder) Double(key string, f float64) {
	b.header(Double, key)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, math.Float64bits(f))
}

// Bool appends a boolean.
func (b *Builder) Bool(key string, t bool) { b.Value(key, BoolValue(t)) }

// Null appends a null.
func (b *Builder) Null(key string) { b.header(Null, key) }

// Time appends a date, cut to milliseconds.
func (b *Builder) Time(key string, t time.Time) {
	b.header(DateTime, key)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(t.UnixMilli()))
}

// Index returns the key of the i-th element of an array.
func Index(i int) string {
	if i < len(smallIndexes) {
		return smallIndexes[i]
	}
	return strconv.Itoa(i)
}

var smallIndexes = func() (keys [1000]string) {
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	return keys
}()

// ArrayOf returns an array of these values, missing ones as null.
func ArrayOf(values ...Value) Doc {
	b := NewBuilder(nil)
	for i, v := range values {
		if v.Type == Missing {
			v.Type = Null
		}
		b.Value(Index(i), v)
	}
	return b.Finish()
}

// Constructors of single values. Each allocates its bytes.

// StringValue makes a string.
func StringValue(s string) Value {
	data := make([]byte, 0, len(s)+5)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(s)+1))
	data = append(data, s...)
	return Value{String, append(data, 0)}
}

// Int32Value makes an int32.
func Int32Value(n int32) Value {
	return Value{Int32, binary.LittleEndian.AppendUint32(nil, uint32(n))}
}

// Int64Value makes an int64.
func Int64Value(n int64) Value {
	return Value{Int64, binary.LittleEndian.AppendUint64(nil, uint64(n))}
}

// DoubleValue makes a double.
func DoubleValue(f float64) Value {
	return Value{Double, binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))}
}

// BoolValue makes a boolean. It does not allocate.
func BoolValue(t bool) Value {
	if t {
		return Value{Boolean, trueByte}
	}
	return Value{Boolean, falseByte}
}

var (
	trueByte  = []byte{1}
	falseByte = []byte{0}
)

// NullValue is null.
var NullValue = Value{Type: Null}

// TimeValue makes a date, cut to milliseconds.
func TimeValue(t time.Time) Value { return DateValue(t.UnixMilli()) }

// DateValue makes a date from milliseconds since 1970.
func DateValue(ms int64) Value {
	return Value{DateTime, binary.LittleEndian.AppendUint64(nil, uint64(ms))}
}

// TimestampValue makes a timestamp.
func TimestampValue(seconds, increment uint32) Value {
	return Value{Timestamp, binary.LittleEndian.AppendUint64(nil, uint64(seconds)<<32|uint64(increment))}
}

// ObjectIDValue makes an ObjectId.
func ObjectIDValue(id [12]byte) Value { return Value{ObjectID, append([]byte(nil), id[:]...)} }

// BinaryValue makes a binary value.
func BinaryValue(subtype byte, b []byte) Value {
	data := binary.LittleEndian.AppendUint32(nil, uint32(len(b)))
	data = append(data, subtype)
	return Value{Binary, append(data, b...)}
}

// ArrayValue makes an array of these values, missing ones as null.
func ArrayValue(values ...Value) Value { return Value{Array, ArrayOf(values...)} }
