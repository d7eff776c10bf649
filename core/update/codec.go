package update

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// The encoding of changes in the log. FROZEN: stores hold it.
//
//	changes = change*                        up to the end of the bytes
//	change  = kind(1) pathlen(uvarint) path operand?
//	operand = type(1) value                  for every kind but Unset
//
//	┌──────┬─────────┬──────────┬──────┬─────────────┐
//	│ kind │ pathlen │ path     │ type │ value       │   {Path: "a.n", Kind: Inc, Operand: int32 2}
//	│  03  │   03    │ 61 2e 6e │  10  │ 02 00 00 00 │
//	└──────┴─────────┴──────────┴──────┴─────────────┘
//
// kind is a Kind, type and value are BSON's, whose size follows from them. Each
// change has one encoding only. A future kind is an unknown one to this version,
// which refuses it by name rather than to guess at what the document was.

// AppendChanges appends the encoding of changes to dst.
func AppendChanges(dst []byte, changes []Change) []byte {
	for i := range changes {
		c := &changes[i]
		dst = append(dst, byte(c.Kind))
		dst = binary.AppendUvarint(dst, uint64(len(c.Path)))
		dst = append(dst, c.Path...)
		if c.Kind != Unset {
			dst = append(dst, byte(c.Operand.Type))
			dst = append(dst, c.Operand.Data...)
		}
	}
	return dst
}

// DecodeChanges decodes what AppendChanges wrote. Operands point into b, paths
// are copies. Operands are checked to be values that a document may hold, so
// that ApplyChanges of what it returns does not meet broken bytes.
func DecodeChanges(b []byte) ([]Change, error) {
	var changes []Change
	for len(b) > 0 {
		c, n, err := decodeChange(b)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
		b = b[n:]
	}
	return changes, nil
}

func decodeChange(b []byte) (c Change, n int, err error) {
	c.Kind = Kind(b[0])
	if c.Kind == 0 || c.Kind > lastKind {
		return c, 0, broken("a change of the unknown kind %d", b[0])
	}
	size, m := binary.Uvarint(b[1:])
	if m <= 0 || m > 1 && size>>(7*(m-1)) == 0 || size > uint64(len(b)-1-m) {
		return c, 0, broken("a change whose path is cut off")
	}
	n = 1 + m + int(size)
	c.Path = string(b[1+m : n])
	if !utf8.ValidString(c.Path) || strings.IndexByte(c.Path, 0) >= 0 || JoinPath(SplitPath(c.Path)...) != c.Path {
		return c, 0, broken("a change with the path %q", c.Path)
	}
	if c.Kind == Unset {
		return c, n, nil
	}
	if c.Operand, err = decodeOperand(b[n:]); err != nil {
		return c, 0, err
	}
	return c, n + 1 + len(c.Operand.Data), nil
}

func decodeOperand(b []byte) (bsonraw.Value, error) {
	if len(b) == 0 || b[0] == byte(bsonraw.Missing) {
		return bsonraw.Value{}, broken("a change without its operand")
	}
	t := bsonraw.Type(b[0])
	size, ok := bsonraw.ValueSize(t, b[1:])
	if !ok {
		return bsonraw.Value{}, broken("a change whose operand, of type %d, is cut off", t)
	}
	v := bsonraw.Value{Type: t, Data: b[1 : 1+size : 1+size]}
	// Fixed sizes need no look inside.
	switch t {
	case bsonraw.Double, bsonraw.DateTime, bsonraw.Int64, bsonraw.Timestamp, bsonraw.Int32, bsonraw.ObjectID,
		bsonraw.Decimal128, bsonraw.Null, bsonraw.Undefined, bsonraw.MinKey, bsonraw.MaxKey:
		return v, nil
	}
	var holder bsonraw.Builder
	holder.Begin()
	holder.Value("", v)
	if err := bsonraw.Validate(holder.Finish()); err != nil {
		return bsonraw.Value{}, broken("a change with an operand that is not BSON")
	}
	return v, nil
}

func broken(format string, args ...any) error {
	return errs.New(errs.StoreCorrupt, "the log holds "+format, args...)
}
