package bsonraw

import (
	"bytes"
	"encoding/binary"
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
	if left == 0 {
		return errs.New(errs.Overflow, "document is nested deeper than %d levels", MaxDepth)
	}
	if d[len(d)-1] != 0 {
		return invalid("no zero byte at the end of a document")
	}
	it := d.Iter()
	for it.Next() {
		if err := validateValue(it.key, it.val, left); err != nil {
			return err
		}
	}
	if it.bad || len(it.rest) != 1 {
		return invalid("an element cut off or of an unknown type after %q", it.key)
	}
	return nil
}

func validateValue(key []byte, v Value, left int) error {
	if !utf8.Valid(key) {
		return invalid("a field name that is not UTF-8: %q", key)
	}
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
