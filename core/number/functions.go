package number

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/argon-lab/argon/core/bsonraw"
)

// functionContext computes transcendental functions with digits to spare, so
// that the 34 that remain are the nearest ones.
var functionContext = apd.Context{
	Precision:   digits + 8,
	MaxExponent: apd.MaxExponent,
	MinExponent: apd.MinExponent,
	Rounding:    apd.RoundHalfEven,
}

type function func(d, x *apd.Decimal) (apd.Condition, error)

func apply(f function, x bsonraw.Decimal) bsonraw.Decimal {
	var a apd.Decimal
	toAPD(x, &a)
	if cond, err := f(&a, &a); err != nil || cond.InvalidOperation() {
		if cond.Overflow() {
			return decimalInfinity
		}
		return decimalNaN
	}
	return rounded(&a)
}

func rounded(a *apd.Decimal) bsonraw.Decimal {
	if _, err := decimalContext.Round(a, a); err != nil {
		return decimalNaN
	}
	return fromAPD(a)
}

// DecimalSqrt returns the square root; NaN below zero. An exact root keeps
// half of the exponent.
func DecimalSqrt(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsNaN() || x.IsInf() && !x.Negative() {
		return x
	}
	if x.Negative() && !x.IsZero() {
		return decimalNaN
	}
	negative, c, exponent := x.Parts()
	ideal := floorHalf(exponent)
	if c.Sign() == 0 {
		return encode(negative, 0, 0, ideal)
	}
	if exponent&1 != 0 {
		c.Mul(c, big.NewInt(10))
	}
	if root := new(big.Int).Sqrt(c); new(big.Int).Mul(root, root).Cmp(c) == 0 {
		var a apd.Decimal
		a.Coeff.SetMathBigInt(root)
		a.Exponent = int32(ideal)
		return rounded(&a)
	}
	return sqrtInexact(c, exponent-exponent&1)
}

func floorHalf(n int) int { return (n - n&1) / 2 }

// sqrtInexact returns the root of c × 10^exponent (an even exponent), which is
// not exact: enough digits and one that stands for all that follow.
func sqrtInexact(c *big.Int, exponent int) bsonraw.Decimal {
	const more = 40
	scaled := scale(c, 2*more)
	root := new(big.Int).Sqrt(scaled)
	root.Mul(root, big.NewInt(10)).Add(root, big.NewInt(1))
	var a apd.Decimal
	a.Coeff.SetMathBigInt(root)
	a.Exponent = int32(exponent/2 - more - 1)
	return rounded(&a)
}

// DecimalExp returns e to the x.
func DecimalExp(x bsonraw.Decimal) bsonraw.Decimal {
	switch {
	case x.IsNaN():
		return x
	case x.IsZero():
		return DecimalOfInt(1)
	case x.Float64() > 14200: // e^14150 is beyond 10^6145
		return decimalInfinity
	case x.Float64() < -14300:
		return encode(false, 0, 0, minExponent)
	}
	return apply(functionContext.Exp, x)
}

// DecimalLn returns the natural logarithm of a positive number.
func DecimalLn(x bsonraw.Decimal) bsonraw.Decimal { return apply(functionContext.Ln, x) }

// DecimalLog10 returns the logarithm to base 10 of a positive number.
func DecimalLog10(x bsonraw.Decimal) bsonraw.Decimal { return apply(functionContext.Log10, x) }
