// Package bsonraw reads, compares and builds BSON without decoding it.
//
// It owns the two types that the whole engine speaks, Doc (the bytes of a
// document) and Value (a type and the bytes of a value, pointing into the
// document it came from), MongoDB's total order of values (compare.go), the
// order-preserving key encoding (key.go), validation of bytes from outside
// (validate.go) and exact number comparison (number.go).
//
// Promises:
//
//  1. Nothing here panics on any bytes. Documents from outside pass Validate
//     once, at the edge; after that iteration cannot fail, and an iterator over
//     broken bytes simply ends and reports Err.
//  2. No function keeps or changes the bytes it is given; a Value is valid as
//     long as the document it points into.
//  3. The bits of a value are never changed by passing through: NaN payloads,
//     negative zero, decimal exponents and duplicate field names survive.
//
// Read value.go, then iter.go, then compare.go.
package bsonraw
