package number

import (
	"math"
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/argon-lab/argon/core/bsonraw"
)

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
	return sqrtInexact(c, 2*ideal)
}

func floorHalf(n int) int { return (n - n&1) / 2 }

// sqrtInexact returns the root of c × 10^exponent (an even exponent), which is
// not exact: enough digits, and one that stands for all that follow.
func sqrtInexact(c *big.Int, exponent int) bsonraw.Decimal {
	const more = 40
	root := new(big.Int).Sqrt(scale(c, 2*more))
	root.Mul(root, big.NewInt(10)).Add(root, big.NewInt(1))
	var a apd.Decimal
	a.Coeff.SetMathBigInt(root)
	a.Exponent = int32(exponent/2 - more - 1)
	return rounded(&a)
}

func rounded(a *apd.Decimal) bsonraw.Decimal {
	if _, err := decimalContext.Round(a, a); err != nil {
		return decimalNaN
	}
	return fromAPD(a)
}

// DecimalExp returns e to the x.
func DecimalExp(x bsonraw.Decimal) bsonraw.Decimal {
	switch f := x.Float64(); {
	case x.IsNaN():
		return x
	case x.IsZero():
		return DecimalOfInt(1)
	case f > 14200: // ln(10^6145) is 14,149.4…
		return decimalInfinity
	case f < -14300:
		return encode(false, 0, 0, minExponent)
	}
	return ofFloat(expFloat(toFloat(x)))
}

// DecimalLn returns the natural logarithm of a positive number.
func DecimalLn(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsNaN() || x.IsInf() {
		return x
	}
	return ofFloat(lnFloat(toFloat(x)))
}

// DecimalLog10 returns the logarithm to base 10 of a positive number.
func DecimalLog10(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsNaN() || x.IsInf() {
		return x
	}
	if n, ok := powerOf10(x); ok {
		return DecimalOfInt(int64(n))
	}
	return ofFloat(quo(lnFloat(toFloat(x)), lnFloat(float(10))))
}

// DecimalLog returns the logarithm of a positive number to a positive base other
// than one. (mongod 6.0 divides by the base itself where that is a decimal other
// than 2 and 10, which is no logarithm.)
func DecimalLog(x, base bsonraw.Decimal) bsonraw.Decimal {
	if x.IsNaN() || base.IsNaN() || x.IsInf() || base.IsInf() {
		return DecimalQuo(DecimalLn(x), DecimalLn(base))
	}
	r := quo(lnFloat(toFloat(x)), lnFloat(toFloat(base)))
	if n, _ := r.Int64(); n != 0 && n > -1<<20 && n < 1<<20 {
		for _, n := range []int64{n - 1, n, n + 1} {
			if d := minus(r, newFloat().SetInt64(n)); d.Sign() == 0 || d.MantExp(nil) < -precision/2 {
				return DecimalOfInt(n)
			}
		}
	}
	return ofFloat(r)
}

// powerOf10 returns n where x is exactly 10^n.
func powerOf10(x bsonraw.Decimal) (n int, ok bool) {
	_, c, exponent := x.Parts()
	text := c.Text(10)
	for _, digit := range text[1:] {
		if digit != '0' {
			return 0, false
		}
	}
	return exponent + len(text) - 1, text[0] == '1'
}

// DecimalPow returns x to the y.
func DecimalPow(x, y bsonraw.Decimal) bsonraw.Decimal {
	one := DecimalOfInt(1)
	switch {
	case y.IsZero() || decimalEqual(x, one):
		return one
	case x.IsNaN() || y.IsNaN():
		return decimalNaN
	case x.IsInf() || y.IsInf() || x.IsZero():
		return DecimalOfDouble(math.Pow(clamp(x), clamp(y)))
	}
	whole, odd := parity(y)
	if x.Negative() && !whole {
		return decimalNaN
	}
	magnitude := DecimalNeg(x)
	if !x.Negative() {
		magnitude = x
	}
	power := mul(lnFloat(toFloat(magnitude)), toFloat(y))
	var r bsonraw.Decimal
	switch f, _ := power.Float64(); {
	case f > 14200:
		r = decimalInfinity
	case f < -14300:
		r = encode(false, 0, 0, minExponent)
	default:
		r = ofFloat(expFloat(power))
	}
	if x.Negative() && odd {
		return DecimalNeg(r)
	}
	return r
}

// parity reports whether a finite decimal is an integer, and an odd one.
func parity(d bsonraw.Decimal) (whole, odd bool) {
	_, c, exponent := d.Parts()
	switch {
	case c.Sign() == 0 || exponent > 0:
		return true, false
	case exponent < -digits:
		return false, false
	}
	q, r := new(big.Int).QuoRem(c, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-exponent)), nil), new(big.Int))
	return r.Sign() == 0, r.Sign() == 0 && q.Bit(0) == 1
}

// clamp returns a double of the same kind for special cases of pow: zero,
// infinite, or finite and on the same side of ±1.
func clamp(d bsonraw.Decimal) float64 {
	f := d.Float64()
	if !d.IsInf() && math.IsInf(f, 0) {
		return math.Copysign(math.MaxFloat64, f)
	}
	if f == 0 && !d.IsZero() {
		return math.Copysign(math.SmallestNonzeroFloat64, f)
	}
	return f
}

func decimalEqual(a, b bsonraw.Decimal) bool {
	return Compare(Decimal(a), Decimal(b)) == 0
}

// Compare orders two numbers by their exact values, NaN first.
func Compare(a, b Number) int {
	if a.IsInt() && b.IsInt() {
		switch {
		case a.Int < b.Int:
			return -1
		case a.Int > b.Int:
			return 1
		}
		return 0
	}
	var bufA, bufB [16]byte
	return bsonraw.CompareNumbers(
		bsonraw.Value{Type: a.Type, Data: a.Append(bufA[:0])},
		bsonraw.Value{Type: b.Type, Data: b.Append(bufB[:0])})
}

// Pow returns base to the exponent: a decimal if one of them is, a double if
// one of them is, and otherwise an integer, or a double where it does not fit.
func Pow(base, exponent Number) Number {
	if Widest(base.Type, exponent.Type) == bsonraw.Decimal128 {
		return Decimal(DecimalPow(base.AsDecimal(), exponent.AsDecimal()))
	}
	if base.IsInt() && exponent.IsInt() {
		if n, ok := powInt64(base.Int, exponent.Int); ok {
			if Widest(base.Type, exponent.Type) == bsonraw.Int64 {
				return Int64(n)
			}
			return IntOrLong(n)
		}
	}
	return Double(powDouble(base.AsDouble(), exponent.AsDouble()))
}

// powInt64 returns base to the e where that is an int64.
func powInt64(base, e int64) (int64, bool) {
	switch {
	case base == 1 || e == 0:
		return 1, true
	case base == -1:
		return 1 - 2*(e&1), true
	case e < 0:
		return 0, false
	case base == 0:
		return 0, true
	case e > 63:
		return 0, false
	}
	r, ok := int64(1), true
	for ; e > 0 && ok; e-- {
		r, ok = mulInt64(r, base)
	}
	return r, ok
}
