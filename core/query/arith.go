package query

import (
	"math"
	"math/big"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// modulus is {$mod: [divisor, remainder]}.
type modulus struct {
	divisor, remainder int64
}

// match takes numbers cut to integers; those outside int64 do not match.
func (m modulus) match(v bsonraw.Value) bool {
	n, ok := truncate(v)
	// -1 is taken apart since MinInt64 % -1 overflows.
	return ok && (m.divisor == -1 && m.remainder == 0 || m.divisor != -1 && n%m.divisor == m.remainder)
}

// truncate returns a number without its fraction; false for what is no number,
// not finite or outside int64.
func truncate(v bsonraw.Value) (int64, bool) {
	switch v.Type {
	case bsonraw.Int32:
		return int64(v.Int32()), true
	case bsonraw.Int64:
		return v.Int64(), true
	case bsonraw.Double:
		f := math.Trunc(v.Double())
		return int64(f), f >= -(1<<63) && f < 1<<63
	case bsonraw.Decimal128:
		return truncateDecimal(v.Decimal())
	}
	return 0, false
}

func truncateDecimal(d bsonraw.Decimal) (int64, bool) {
	if d.IsNaN() || d.IsInf() {
		return 0, false
	}
	if n, ok := d.Int64(); ok {
		return n, true
	}
	negative, c, exponent := d.Parts()
	if exponent >= 0 { // an integer, and Int64 says that it does not fit
		return 0, false
	}
	for ; exponent < 0 && c.Sign() != 0; exponent++ {
		c.Quo(c, big10)
	}
	if negative {
		c.Neg(c)
	}
	return c.Int64(), c.IsInt64()
}

// coerceModulus reads an operand of $mod.
func coerceModulus(v bsonraw.Value, what string) (int64, error) {
	if !v.IsNumber() {
		return 0, errs.New(errs.BadValue, "malformed mod, %s not a number", what)
	}
	n, ok := truncate(v)
	if ok {
		return n, nil
	}
	why := "Out of bounds coercing to integral value"
	if f, _ := v.AsFloat64(); math.IsNaN(f) || math.IsInf(f, 0) {
		why = "Unable to coerce NaN/Inf to integral type"
	}
	return 0, errs.New(errs.BadValue, "malformed mod, %s value is invalid :: caused by :: %s", what, why)
}

// integerProblem is why a value is not the non-negative integer that an
// operator wants; the texts are mongod's.
func integerProblem(v bsonraw.Value) (n int64, problem string) {
	if !v.IsNumber() {
		return 0, "Expected a number in"
	}
	f, _ := v.AsFloat64()
	n, ok := v.AsInt64()
	switch {
	case math.IsNaN(f):
		return 0, "Expected an integer, but found NaN in"
	case ok && n < 0:
		return n, "Expected a non-negative number in"
	case ok:
		return n, ""
	case math.IsInf(f, 0) || math.Abs(f) >= 1<<63:
		return 0, "Cannot represent as a 64-bit integer"
	}
	return 0, "Expected an integer"
}

var big10 = big.NewInt(10)
