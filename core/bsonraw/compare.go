package bsonraw

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// rank returns the place of a type in MongoDB's order of types
// (manual: reference/bson-type-comparison-order, and mongod where the two
// differ: undefined is below null). Missing ranks with null, as in a sort.
func rank(t Type) int {
	switch t {
	case MinKey:
		return 0
	case Undefined:
		return 1
	case Missing, Null:
		return 2
	case Int32, Int64, Double, Decimal128:
		return 3
	case String, Symbol:
		return 4
	case Object:
		return 5
	case Array:
		return 6
	case Binary:
		return 7
	case ObjectID:
		return 8
	case Boolean:
		return 9
	case DateTime:
		return 10
	case Timestamp:
		return 11
	case Regex:
		return 12
	case DBPointer:
		return 13
	case JavaScript:
		return 14
	case CodeWithScope:
		return 15
	case MaxKey:
		return 16
	}
	return 17
}

// SameClass reports whether two types are compared with each other by $lt, $gt
// and their like (type bracketing): all numbers, string with symbol, and null
// with missing and undefined.
func SameClass(a, b Type) bool {
	ra, rb := rank(a), rank(b)
	return ra == rb || ra == 1 && rb == 2 || ra == 2 && rb == 1 // undefined and null
}

// Compare puts any two values in MongoDB's total order: negative if a is first,
// zero if they are equal (1 equals 1.0), positive if b is first.
func Compare(a, b Value) int {
	if c := cmp.Compare(rank(a.Type), rank(b.Type)); c != 0 {
		return c
	}
	switch a.Type {
	case Int32, Int64, Double, Decimal128:
		return CompareNumbers(a, b)
	case String, Symbol, JavaScript:
		return bytes.Compare(a.StringBytes(), b.StringBytes())
	case Object:
		return CompareDocs(Doc(a.Data), Doc(b.Data))
	case Array:
		return compareArrays(Doc(a.Data), Doc(b.Data))
	case Binary:
		return compareBinary(a, b)
	case DateTime:
		return cmp.Compare(a.Int64(), b.Int64())
	case Timestamp:
		return cmp.Compare(binary.LittleEndian.Uint64(a.Data), binary.LittleEndian.Uint64(b.Data))
	case CodeWithScope:
		return compareCodeWithScope(a, b)
	case DBPointer:
		return compareDBPointer(a, b)
	case ObjectID, Boolean, Regex:
		return bytes.Compare(a.Data, b.Data)
	}
	return 0
}

// Equal reports whether two values are equal in the total order.
func Equal(a, b Value) bool { return Compare(a, b) == 0 }

// Identical reports whether two values have the same type and the same bits.
func Identical(a, b Value) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }

// CompareDocs orders documents field by field: rank of the type, then name,
// then value; the one that ends first comes first.
func CompareDocs(a, b Doc) int {
	ia, ib := a.Iter(), b.Iter()
	for {
		na, nb := ia.Next(), ib.Next()
		if !na || !nb {
			return boolCompare(na, nb)
		}
		if c := cmp.Compare(rank(ia.val.Type), rank(ib.val.Type)); c != 0 {
			return c
		}
		if c := bytes.Compare(ia.key, ib.key); c != 0 {
			return c
		}
		if c := Compare(ia.val, ib.val); c != 0 {
			return c
		}
	}
}

// compareArrays is CompareDocs without the names, which are the same at the
// same place.
func compareArrays(a, b Doc) int {
	ia, ib := a.Iter(), b.Iter()
	for {
		na, nb := ia.Next(), ib.Next()
		if !na || !nb {
			return boolCompare(na, nb)
		}
		if c := Compare(ia.val, ib.val); c != 0 {
			return c
		}
	}
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareBinary orders by length, then subtype, then bytes.
func compareBinary(a, b Value) int {
	if c := cmp.Compare(len(a.Data), len(b.Data)); c != 0 {
		return c
	}
	return bytes.Compare(a.Data[4:], b.Data[4:])
}

func compareDBPointer(a, b Value) int {
	if c := cmp.Compare(len(a.Data), len(b.Data)); c != 0 {
		return c
	}
	return bytes.Compare(a.Data[4:], b.Data[4:])
}

// compareCodeWithScope orders by code, then by scope.
func compareCodeWithScope(a, b Value) int {
	codeA, scopeA := a.CodeWithScope()
	codeB, scopeB := b.CodeWithScope()
	if c := bytes.Compare(codeA, codeB); c != 0 {
		return c
	}
	return CompareDocs(scopeA, scopeB)
}

// CodeWithScope returns the code and the scope of such a value; an empty scope
// if the bytes are broken.
func (v Value) CodeWithScope() (code []byte, scope Doc) {
	n := int(binary.LittleEndian.Uint32(v.Data[4:]))
	if n < 1 || 8+n > len(v.Data) {
		return nil, EmptyDoc
	}
	return v.Data[8 : 8+n-1], Doc(v.Data[8+n:])
}
