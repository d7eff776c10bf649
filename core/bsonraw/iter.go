package bsonraw

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/argon-lab/argon/core/errs"
)

// Iter walks the elements of a document in order. It allocates nothing; make
// one with Doc.Iter and keep it on the stack.
//
//	it := doc.Iter()
//	for it.Next() {
//		use(it.Key(), it.Value())
//	}
type Iter struct {
	rest []byte
	key  []byte
	val  Value
	bad  bool
}

// Iter returns an iterator before the first element.
func (d Doc) Iter() Iter {
	if len(d) < 5 {
		return Iter{bad: true}
	}
	n := int(binary.LittleEndian.Uint32(d))
	if n < 5 || n > len(d) {
		return Iter{bad: true}
	}
	return Iter{rest: d[4:n]}
}

// Next moves to the next element and reports whether there is one. Every scan
// spends most of its time here.
func (it *Iter) Next() bool {
	rest := it.rest
	if len(rest) <= 1 || rest[0] == 0 {
		return false
	}
	t := Type(rest[0])
	end := nameEnd(rest[1:]) + 1
	if end == 0 {
		return it.fail()
	}
	body := rest[end+1:]
	n := int(fixedSizes[t])
	if n < 0 {
		if n = valueSize(t, body); n < 0 {
			return it.fail()
		}
	}
	if n > len(body) {
		return it.fail()
	}
	it.key = rest[1:end]
	it.val = Value{t, body[:n:n]}
	it.rest = body[n:]
	return true
}

// nameEnd returns the index of the first zero byte of b, or -1. Names are
// short: most end within eight bytes, which are looked at as one word.
func nameEnd(b []byte) int {
	if len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		// The lowest high bit that this leaves set is that of the first zero.
		if zeros := (w - 0x0101010101010101) &^ w & 0x8080808080808080; zeros != 0 {
			return bits.TrailingZeros64(zeros) >> 3
		}
	}
	return bytes.IndexByte(b, 0)
}

// fixedSizes are the sizes of the types that have one, and -1 for the others.
var fixedSizes = func() (sizes [256]int8) {
	for t := range sizes {
		switch Type(t) {
		case String, JavaScript, Symbol, Object, Array, CodeWithScope, Binary, DBPointer, Regex:
			sizes[t] = -1
		default:
			sizes[t] = int8(valueSize(Type(t), nil))
		}
	}
	return sizes
}()

// NextGuess is Next for a caller who expects the next field to have this name:
// where it has, which it reports as hit, its end need not be searched.
func (it *Iter) NextGuess(name string) (ok, hit bool) {
	n := len(name)
	if len(it.rest) < n+3 || it.rest[1+n] != 0 || it.rest[0] == 0 || string(it.rest[1:1+n]) != name {
		return it.Next(), false
	}
	t, body := Type(it.rest[0]), it.rest[2+n:]
	size := valueSize(t, body)
	if size < 0 || size > len(body) {
		return it.fail(), false
	}
	it.key = it.rest[1 : 1+n]
	it.val = Value{t, body[:size:size]}
	it.rest = body[size:]
	return true, true
}

func (it *Iter) fail() bool {
	it.bad = true
	it.rest = nil
	return false
}

// Key returns the current field name. It points into the document.
func (it *Iter) Key() []byte { return it.key }

// Value returns the current value. It points into the document.
func (it *Iter) Value() Value { return it.val }

// Remaining returns how many bytes of the document follow the current element,
// its closing zero included. It is for callers that need an element's place.
func (it *Iter) Remaining() int { return len(it.rest) }

// Err returns an error if the walk ended at bytes that are not BSON.
func (it *Iter) Err() error {
	if it.bad {
		return errs.New(errs.InvalidBSON, "document ends in the middle of an element")
	}
	return nil
}

// valueSize returns how many bytes of body a value of type t takes, or -1.
// Lengths read from body are checked for sign here and for room by the caller.
func valueSize(t Type, body []byte) int {
	switch t {
	case Double, DateTime, Int64, Timestamp:
		return 8
	case Int32:
		return 4
	case Boolean:
		return 1
	case ObjectID:
		return 12
	case Decimal128:
		return 16
	case Null, Undefined, MinKey, MaxKey:
		return 0
	case String, JavaScript, Symbol:
		return prefixed(body, 4, 1)
	case Object, Array:
		return prefixed(body, 0, 5)
	case CodeWithScope:
		return prefixed(body, 0, 14)
	case Binary:
		return prefixed(body, 5, 0)
	case DBPointer:
		if n := prefixed(body, 4, 1); n >= 0 {
			return n + 12
		}
	case Regex:
		if p := bytes.IndexByte(body, 0); p >= 0 {
			if o := bytes.IndexByte(body[p+1:], 0); o >= 0 {
				return p + o + 2
			}
		}
	}
	return -1
}

// ValueSize returns how many bytes the value of type t at the start of body
// takes; false if body cannot begin with one. What is inside of objects, arrays
// and texts is not looked at: Validate does that.
func ValueSize(t Type, body []byte) (n int, ok bool) {
	n = valueSize(t, body)
	return n, n >= 0 && n <= len(body)
}

// prefixed reads a length of at least least from body and adds extra to it.
func prefixed(body []byte, extra, least int) int {
	if len(body) < 4 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(body)))
	if n < least {
		return -1
	}
	return n + extra
}

// Lookup returns the value of the first field of this name (not a path).
func (d Doc) Lookup(name string) (Value, bool) {
	it := d.Iter()
	for it.Next() {
		if string(it.key) == name {
			return it.val, true
		}
	}
	return Value{}, false
}

// Get is Lookup that returns a missing value when there is none.
func (d Doc) Get(name string) Value {
	v, _ := d.Lookup(name)
	return v
}

// Value returns the document as a value of type object.
func (d Doc) Value() Value { return Value{Object, d} }

// Len returns the number of elements.
func (d Doc) Len() int {
	n := 0
	it := d.Iter()
	for it.Next() {
		n++
	}
	return n
}

// IsEmpty reports whether the document has no elements.
func (d Doc) IsEmpty() bool { return len(d) <= 5 }

// Values returns the values of an array, or of a document's fields. They point
// into d.
func (d Doc) Values() []Value {
	var vs []Value
	it := d.Iter()
	for it.Next() {
		vs = append(vs, it.val)
	}
	return vs
}

// Clone returns a copy with bytes of its own.
func (d Doc) Clone() Doc { return append(Doc(nil), d...) }

// Clone returns a copy with bytes of its own.
func (v Value) Clone() Value { return Value{v.Type, append([]byte(nil), v.Data...)} }
