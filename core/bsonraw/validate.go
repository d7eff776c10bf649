package bsonraw

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/errs"
)

// Limits of MongoDB (manual: reference/limits).
const (
	MaxDocSize = 16 << 20 // bytes of a stored document
	MaxDepth   = 100      // levels of nesting of a stored document
)

// Validate checks bytes from outside: one whole document, well-formed to its
// last level, text in UTF-8, no deeper than MaxDepth. It does not limit the
// size. Iteration over a document that passed cannot fail.
func Validate(d Doc) error { return ValidateDepth(d, MaxDepth) }

// ValidateDepth is Validate with another limit of nesting: a command may be
// deeper than the documents that it carries.
func ValidateDepth(d Doc, most int) error {
	if len(d) < 5 {
		return invalid("a document of %d bytes, the least is 5", len(d))
	}
	if n := int32(binary.LittleEndian.Uint32(d)); int(n) != len(d) {
		return invalid("a document that says it has %d bytes has %d", n, len(d))
	}
	return validateElements(d, most)
}

func invalid(format string, args ...any) error {
	return errs.New(errs.InvalidBSON, "invalid BSON: "+format, args...)
}

// validateElements checks the elements of d, whose length is right. left is how
// many levels of nesting it may have.
func validateElements(d Doc, left int) error {
	rest, err := elements(d, left)
	for err == nil && len(rest) > 0 {
		_, rest, err = skipValid(rest, left)
	}
	return err
}

// skipValid is validateElement for what most elements are, in the least time: a
// short name in ASCII, and a number, a text or a document. What is anything else,
// or wrong, goes to validateElement. It returns the length of the name.
func skipValid(b []byte, left int) (n int, rest []byte, err error) {
	if len(b) < 9 {
		return skipOther(b, left)
	}
	w := binary.LittleEndian.Uint64(b[1:])
	zeros := (w - lowBits) &^ w & highBits // the lowest is that of the first zero byte
	if below := zeros&-zeros - 1; zeros == 0 || w&below&highBits != 0 {
		return skipOther(b, left)
	}
	n = bits.TrailingZeros64(zeros) >> 3
	t, rest := Type(b[0]), b[2+n:]
	size := int(plainSizes[t])
	if size < 0 && len(rest) >= 4 {
		size = int(int32(binary.LittleEndian.Uint32(rest)))
		switch t {
		case Object, Array:
			if size >= 5 && size <= len(rest) {
				return n, rest[size:], validateElements(Doc(rest[:size]), left-1)
			}
		case String:
			size += 4
			if size < 5 || size > len(rest) || rest[size-1] != 0 || !utf8.Valid(rest[4:size]) {
				return skipOther(b, left)
			}
		default:
			return skipOther(b, left)
		}
	}
	if size < 0 || size > len(rest) {
		return skipOther(b, left)
	}
	return n, rest[size:], nil
}

func skipOther(b []byte, left int) (n int, rest []byte, err error) {
	key, _, rest, err := validateElement(b, left)
	return len(key), rest, err
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// plainSizes are the sizes of the types whose values are right whatever is in them,
// and -1 for the others.
var plainSizes = func() (sizes [256]int8) {
	for t := range sizes {
		sizes[t] = fixedSizes[t]
		if Type(t) == Boolean {
			sizes[t] = -1
		}
	}
	return sizes
}()

// elements returns what stands between a document's length and its end.
func elements(d Doc, left int) ([]byte, error) {
	if left == 0 {
		return nil, errs.New(errs.Overflow, "document is nested deeper than %d levels", MaxDepth)
	}
	if d[len(d)-1] != 0 {
		return nil, invalid("no zero byte at the end of a document")
	}
	return d[4 : len(d)-1], nil
}

// validateElement checks the element at the start of b and returns what follows it.
func validateElement(b []byte, left int) (key []byte, v Value, rest []byte, err error) {
	n := nameEnd(b[1:])
	if n < 0 {
		return nil, v, nil, invalid("an element whose name has no end: %.40q", b[1:])
	}
	key, rest = b[1:1+n], b[2+n:]
	if !utf8.Valid(key) {
		return nil, v, nil, invalid("a field name that is not UTF-8: %q", key)
	}
	t := Type(b[0])
	size := int(fixedSizes[t])
	if size < 0 {
		size = valueSize(t, rest)
	}
	if size < 0 || size > len(rest) {
		return nil, v, nil, invalid("an element cut off or of an unknown type: %q", key)
	}
	v = Value{t, rest[:size:size]}
	return key, v, rest[size:], validateValue(key, v, left)
}

func validateValue(key []byte, v Value, left int) error {
	switch v.Type {
	case Object, Array:
		return validateElements(Doc(v.Data), left-1)
	case String, Symbol, JavaScript:
		return validateText(key, v.Data)
	case Boolean:
		if v.Data[0] > 1 {
			return invalid("boolean byte %d in %q", v.Data[0], key)
		}
	case Regex:
		if !utf8.Valid(v.Data) {
			return invalid("regular expression %q is not UTF-8", key)
		}
	case Binary:
		if v.Data[4] == 2 && (len(v.Data) < 9 || int(binary.LittleEndian.Uint32(v.Data[5:])) != len(v.Data)-9) {
			return invalid("binary of subtype 2 with a wrong inner length in %q", key)
		}
	case DBPointer:
		return validateText(key, v.Data[:len(v.Data)-12])
	case CodeWithScope:
		return validateCodeWithScope(key, v, left)
	}
	return nil
}

// validateText checks a length-prefixed, zero-terminated text.
func validateText(key, data []byte) error {
	text := data[4:]
	if len(text) == 0 || text[len(text)-1] != 0 {
		return invalid("text without a zero byte at its end in %q", key)
	}
	if !utf8.Valid(text) {
		return invalid("text that is not UTF-8 in %q", key)
	}
	return nil
}

func validateCodeWithScope(key []byte, v Value, left int) error {
	data := v.Data
	n := int(int32(binary.LittleEndian.Uint32(data[4:])))
	if n < 1 || 8+n+5 > len(data) {
		return invalid("code with scope cut off in %q", key)
	}
	if err := validateText(key, data[4:8+n]); err != nil {
		return err
	}
	scope := data[8+n:]
	if int(binary.LittleEndian.Uint32(scope)) != len(scope) {
		return invalid("scope of a wrong length in %q", key)
	}
	return validateElements(Doc(scope), left-1)
}

// ValidateStored checks what a document must satisfy to be stored, beyond
// Validate: its size and its top-level field names. Since MongoDB 5.0 names may
// begin with $ or hold dots, except $-names at the top level that would read
// as operators; _id may not be an array, a regex or undefined.
func ValidateStored(d Doc) error {
	if len(d) > MaxDocSize {
		return errs.New(errs.BSONObjectTooLarge, "object to insert too large. size in bytes: %d, max size: %d", len(d), MaxDocSize)
	}
	it := d.Iter()
	for it.Next() {
		if bytes.Equal(it.key, idName) {
			if err := ValidateID(it.val); err != nil {
				return err
			}
		}
	}
	return nil
}

// StoredID checks a document from outside that is to be stored as it is, and
// returns its _id: it has to pass Validate and ValidateStored, and its _id has to
// be its first field and the only one of that name.
func StoredID(d Doc) (id Value, err error) {
	if len(d) > MaxDocSize || len(d) < 5 || int64(binary.LittleEndian.Uint32(d)) != int64(len(d)) {
		return Value{}, invalid("a document of %d bytes", len(d))
	}
	rest, err := elements(d, MaxDepth)
	if err == nil && len(rest) == 0 {
		err = errNoID()
	}
	if err != nil {
		return id, err
	}
	key, id, rest, err := validateElement(rest, MaxDepth)
	if err == nil && string(key) != "_id" {
		err = errNoID()
	}
	for err == nil && len(rest) > 0 {
		n, name := 0, rest[1:]
		if n, rest, err = skipValid(rest, MaxDepth); n == 3 && string(name[:3]) == "_id" {
			err = errNoID()
		}
	}
	if err == nil {
		err = ValidateID(id)
	}
	return id, err
}

func errNoID() error {
	return errs.New(errs.InvalidIDField, "a document whose first field is not its only _id")
}

var idName = []byte("_id")

// ValidateID checks that a value may be an _id.
func ValidateID(v Value) error {
	switch v.Type {
	case Array, Regex, Undefined:
		return errs.New(errs.InvalidIDField, "The '_id' value cannot be of type %s", v.Type.Name())
	case Object:
		return validateIDFields(v.Doc())
	}
	return nil
}

// validateIDFields refuses $-names at any level of an _id, arrays included.
func validateIDFields(d Doc) error {
	it := d.Iter()
	for it.Next() {
		if len(it.key) > 0 && it.key[0] == '$' {
			return errs.New(errs.DollarPrefixedFieldName, "_id fields may not contain '$'-prefixed fields: %s is not valid for storage.", it.key)
		}
		if it.val.Type == Object || it.val.Type == Array {
			if err := validateIDFields(Doc(it.val.Data)); err != nil {
				return err
			}
		}
	}
	return nil
}
