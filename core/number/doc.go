// Package number computes with BSON's four numeric types as MongoDB does.
//
// It owns type promotion (int32 → int64 → double, and decimal128 over all), the
// arithmetic of expressions and of updates, decimal128 arithmetic with 34
// digits rounded half to even, and how numbers are printed and parsed.
//
// Promises:
//
//  1. The result's type and bits are mongod's, decimal exponents (trailing
//     zeros) included.
//  2. Arithmetic on int32, int64 and double does not allocate; a Number is
//     passed by value.
//  3. Two ways to overflow an int64, as MongoDB has them: expressions go on in
//     double (Add, Mul …), updates refuse (AddUpdate, MulUpdate).
//
// Read number.go, then arith.go, decimal.go, format.go.
package number
