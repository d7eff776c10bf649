package number

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// AddUpdate returns a + b as $inc computes it: int32 overflow widens to int64,
// int64 overflow is error 2, doubles are added plainly. Both must be numbers.
func AddUpdate(a, b bsonraw.Value) (bsonraw.Value, error) {
	x, y, err := operands(a, b)
	if err != nil {
		return bsonraw.Value{}, err
	}
	switch Widest(x.Type, y.Type) {
	case bsonraw.Decimal128:
		return Decimal(DecimalAdd(x.AsDecimal(), y.AsDecimal())).Value(), nil
	case bsonraw.Double:
		return Double(x.AsDouble() + y.AsDouble()).Value(), nil
	}
	n, ok := addInt64(x.Int, y.Int)
	return integerResult(n, ok, x, y, "$inc")
}

// MulUpdate returns a × b as $mul computes it: int32 overflow widens to int64,
// int64 overflow is error 2. Both must be numbers.
func MulUpdate(a, b bsonraw.Value) (bsonraw.Value, error) {
	x, y, err := operands(a, b)
	if err != nil {
		return bsonraw.Value{}, err
	}
	switch Widest(x.Type, y.Type) {
	case bsonraw.Decimal128:
		return Decimal(DecimalMul(x.AsDecimal(), y.AsDecimal())).Value(), nil
	case bsonraw.Double:
		return Double(x.AsDouble() * y.AsDouble()).Value(), nil
	}
	n, ok := mulInt64(x.Int, y.Int)
	return integerResult(n, ok, x, y, "$mul")
}

// integerResult gives an integer the wider type of the two, or int64 where an
// int32 overflowed.
func integerResult(n int64, ok bool, x, y Number, op string) (bsonraw.Value, error) {
	switch {
	case !ok:
		return bsonraw.Value{}, errs.New(errs.BadValue, "Failed to apply %s operations to current value: %d and %d overflow a 64-bit integer", op, x.Int, y.Int)
	case Widest(x.Type, y.Type) == bsonraw.Int64:
		return Int64(n).Value(), nil
	}
	return IntOrLong(n).Value(), nil
}

func operands(a, b bsonraw.Value) (x, y Number, err error) {
	x, okX := Of(a)
	y, okY := Of(b)
	if !okX || !okY {
		return x, y, errs.New(errs.TypeMismatch, "arithmetic on %s and %s, both must be numbers", a.Type.Name(), b.Type.Name())
	}
	return x, y, nil
}

// BitOp is an operation on the bits of two integers.
type BitOp uint8

// The operations of $bit.
const (
	BitAnd BitOp = iota
	BitOr
	BitXor
)

// Bits applies op to two integers: an int32 if both are, and an int64
// otherwise. Both must be integers.
func Bits(op BitOp, a, b bsonraw.Value) (bsonraw.Value, error) {
	x, y, err := operands(a, b)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if !x.IsInt() || !y.IsInt() {
		return bsonraw.Value{}, errs.New(errs.BadValue, "bitwise operations take integers, not %s and %s", a.Type.Name(), b.Type.Name())
	}
	n := Number{Type: Widest(x.Type, y.Type)}
	switch op {
	case BitAnd:
		n.Int = x.Int & y.Int
	case BitOr:
		n.Int = x.Int | y.Int
	case BitXor:
		n.Int = x.Int ^ y.Int
	}
	return n.Value(), nil
}
