// Package number computes with BSON's four numeric types as MongoDB does.
//
// It owns type promotion (int32 → int64 → double, and decimal128 over all), the
// arithmetic of expressions and of updates, decimal128 arithmetic with 34
// digits rounded half to even, elementary functions, and how numbers are printed
// and parsed.
//
// Promises:
//
//  1. The result's type and bits are mongod's, decimal exponents (trailing
//     zeros) included; elementary functions are the nearest double, and the
//     nearest decimal.
//  2. Arithmetic on int32, int64 and double does not allocate, nor on decimals
//     of up to 19 digits; a Number is passed by value.
//  3. Two ways to overflow an int64, as MongoDB has them: expressions go on in
//     double (Add, Mul …), updates refuse (AddUpdate, MulUpdate).
//
// Read number.go, then sum.go and arith.go; decimal.go, decimaldouble.go and
// format.go; double.go and doubletrig.go for functions of doubles, and
// functions.go, bigfloat.go and trig.go for those of decimals. update.go is for
// the update operators.
package number
