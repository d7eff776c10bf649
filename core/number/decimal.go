package number

import (
	"math/big"
	"math/bits"

	"github.com/cockroachdb/apd/v3"

	"github.com/argon-lab/argon/core/bsonraw"
)

// The limits of decimal128 (IEEE 754-2008, 3.6).
const (
	digits      = 34
	maxAdjusted = 6144 // exponent of the first digit
	minAdjusted = -6143
	maxExponent = maxAdjusted - digits + 1 // exponent of the last digit
	minExponent = minAdjusted - digits + 1
)

// decimalContext rounds as decimal128 does. Its results go through fromAPD,
// which brings exponents above maxExponent down. No trap is set: conditions
// such as "inexact" are not errors here.
var decimalContext = apd.Context{
	Precision:   digits,
	MaxExponent: maxAdjusted,
	MinExponent: minAdjusted,
	Rounding:    apd.RoundHalfEven,
}

// exactContext has room for any product of two decimals.
var exactContext = apd.Context{
	Precision: 2 * digits, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfEven,
}

// Special decimals.
var (
	decimalZero        = bsonraw.NewDecimal(uint64(-minExponent)<<49, 0)
	decimalNaN         = bsonraw.NewDecimal(0x7C<<56, 0)
	decimalInfinity    = bsonraw.NewDecimal(0x78<<56, 0)
	decimalNegInfinity = bsonraw.NewDecimal(0xF8<<56, 0)
)

// toAPD decodes a decimal.
func toAPD(d bsonraw.Decimal, out *apd.Decimal) {
	out.Negative = d.Negative()
	switch {
	case d.IsNaN():
		out.Form = apd.NaN
		return
	case d.IsInf():
		out.Form = apd.Infinite
		return
	}
	hi, lo, exponent := d.Coefficient()
	out.Form = apd.Finite
	out.Coeff.SetUint64(hi)
	if hi != 0 {
		out.Coeff.Lsh(&out.Coeff, 64)
	}
	var low apd.BigInt
	out.Coeff.Or(&out.Coeff, low.SetUint64(lo))
	out.Exponent = int32(exponent)
}

// fromAPD encodes a decimal of at most 34 digits. An exponent too high for the
// encoding is lowered by zeros behind the coefficient; where these do not fit
// the result is infinite.
func fromAPD(a *apd.Decimal) bsonraw.Decimal {
	switch {
	case a.Form == apd.NaN || a.Form == apd.NaNSignaling:
		return decimalNaN
	case a.Form == apd.Infinite:
		return infinity(a.Negative)
	}
	coefficient, exponent := &a.Coeff, int(a.Exponent)
	if coefficient.Sign() == 0 {
		return encode(a.Negative, 0, 0, min(max(exponent, minExponent), maxExponent))
	}
	if exponent > maxExponent {
		shift := exponent - maxExponent
		if int(a.NumDigits())+shift > digits {
			return infinity(a.Negative)
		}
		coefficient = new(apd.BigInt).Mul(coefficient, powerOfTen(shift))
		exponent = maxExponent
	}
	hi, lo := halves(coefficient)
	return encode(a.Negative, hi, lo, exponent)
}

func infinity(negative bool) bsonraw.Decimal {
	if negative {
		return decimalNegInfinity
	}
	return decimalInfinity
}

func powerOfTen(n int) *apd.BigInt {
	return new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(int64(n)), nil)
}

// halves returns a number below 2^128 in two words.
func halves(c *apd.BigInt) (hi, lo uint64) {
	for i, w := range c.Bits() {
		shift := i * bits.UintSize
		if shift < 64 {
			lo |= uint64(w) << shift
		} else {
			hi |= uint64(w) << (shift - 64)
		}
	}
	return hi, lo
}

// encode writes sign, biased exponent and coefficient, which never needs the
// encoding's second form: 10^34 is below 2^113.
func encode(negative bool, hi, lo uint64, exponent int) bsonraw.Decimal {
	hi |= uint64(exponent-minExponent) << 49
	if negative {
		hi |= 1 << 63
	}
	return bsonraw.NewDecimal(hi, lo)
}

type operation func(d, x, y *apd.Decimal) (apd.Condition, error)

// compute applies an operation of decimalContext.
func compute(op operation, x, y bsonraw.Decimal) bsonraw.Decimal {
	var a, b, r apd.Decimal
	toAPD(x, &a)
	toAPD(y, &b)
	if _, err := op(&r, &a, &b); err != nil {
		// apd refuses only exponents beyond ±100,000, which two decimals of
		// this range do not reach.
		return decimalNaN
	}
	return fromAPD(&r)
}

// DecimalAdd returns x + y.
func DecimalAdd(x, y bsonraw.Decimal) bsonraw.Decimal {
	if r, ok := addShort(x, y); ok {
		return r
	}
	return compute(decimalContext.Add, x, y)
}

// DecimalSub returns x - y.
func DecimalSub(x, y bsonraw.Decimal) bsonraw.Decimal {
	if r, ok := addShort(x, DecimalNeg(y)); ok {
		return r
	}
	return compute(decimalContext.Sub, x, y)
}

// DecimalMul returns x × y.
func DecimalMul(x, y bsonraw.Decimal) bsonraw.Decimal {
	if r, ok := mulShort(x, y); ok {
		return r
	}
	return compute(decimalContext.Mul, x, y)
}

// DecimalQuo returns x / y. A zero y gives an infinity or NaN. An exact quotient
// has the exponent nearest to the difference of the exponents.
func DecimalQuo(x, y bsonraw.Decimal) bsonraw.Decimal {
	var a, b, r apd.Decimal
	toAPD(x, &a)
	toAPD(y, &b)
	cond, err := decimalContext.Quo(&r, &a, &b)
	if err != nil {
		return decimalNaN
	}
	exact := !cond.Inexact()
	if exact && cond.Subnormal() {
		// apd does not count the digits that a subnormal result loses.
		var back apd.Decimal
		_, err := exactContext.Mul(&back, &r, &b)
		exact = err == nil && back.Cmp(&a) == 0
	}
	if exact && r.Form == apd.Finite && r.Coeff.Sign() != 0 {
		stripZeros(&r, a.Exponent-b.Exponent)
	}
	return fromAPD(&r)
}

// DecimalNeg returns x with the other sign.
func DecimalNeg(x bsonraw.Decimal) bsonraw.Decimal {
	hi, lo := x.Halves()
	return bsonraw.NewDecimal(hi^1<<63, lo)
}

// DecimalMod returns the remainder of x / y with the sign of x, exact whatever
// the exponents (apd's Rem gives up on quotients of more than 34 digits).
func DecimalMod(x, y bsonraw.Decimal) bsonraw.Decimal {
	switch {
	case x.IsNaN() || y.IsNaN() || x.IsInf() || y.IsZero():
		return decimalNaN
	case y.IsInf():
		return x
	}
	negative, cx, ex := x.Parts()
	_, cy, ey := y.Parts()
	exponent := min(ex, ey)
	if cx.Sign() == 0 {
		return encode(negative, 0, 0, exponent)
	}
	scaledY := scale(cy, ey-exponent)
	var r *big.Int
	if ex > exponent {
		// cx × 10^n mod y, without the huge power.
		r = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(ex-exponent)), scaledY)
		r.Mul(r, cx).Mod(r, scaledY)
	} else {
		r = new(big.Int).Mod(cx, scaledY)
	}
	var out apd.Decimal
	out.Coeff.SetMathBigInt(r)
	out.Exponent, out.Negative = int32(exponent), negative
	return fromAPD(&out)
}

func scale(c *big.Int, n int) *big.Int {
	if n == 0 {
		return c
	}
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	return p.Mul(p, c)
}

// Rounding says how DecimalQuantize rounds.
type Rounding uint8

// The ways to round.
const (
	HalfEven Rounding = iota
	TowardZero
	Floor
	Ceiling
)

// DecimalQuantize returns x with this exponent: NaN if x is infinite or the
// result has more than 34 digits.
func DecimalQuantize(x bsonraw.Decimal, exponent int, how Rounding) bsonraw.Decimal {
	if x.IsInf() || x.IsNaN() || exponent < minExponent || exponent > maxExponent {
		return decimalNaN
	}
	negative, c, from := x.Parts()
	switch {
	case c.Sign() == 0:
	case from >= exponent:
		if from-exponent > digits {
			return decimalNaN
		}
		c = scale(c, from-exponent)
	default:
		c = shorten(c, exponent-from, how, negative)
	}
	if c.CmpAbs(tooManyDigits) >= 0 {
		return decimalNaN
	}
	hi, lo := halves(new(apd.BigInt).SetMathBigInt(c))
	return encode(negative, hi, lo, exponent)
}

// tooManyDigits is the least number of 35 digits.
var tooManyDigits = new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil)

// shorten divides a coefficient by 10^n and rounds.
func shorten(c *big.Int, n int, how Rounding, negative bool) *big.Int {
	// A coefficient has at most 34 digits: beyond, only the sign counts.
	divisor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(min(n, digits+2))), nil)
	q, r := new(big.Int).QuoRem(c, divisor, new(big.Int))
	up := false
	switch how {
	case HalfEven:
		half := r.Lsh(r, 1).CmpAbs(divisor)
		up = half > 0 || half == 0 && q.Bit(0) == 1
	case Floor:
		up = negative && r.Sign() != 0
	case Ceiling:
		up = !negative && r.Sign() != 0
	}
	if up {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// DecimalRound returns x rounded to a place behind the point, or, negative,
// before it. Where that would take more than 34 digits nothing is rounded, and
// x has all of its 34.
func DecimalRound(x bsonraw.Decimal, place int, how Rounding) bsonraw.Decimal {
	if x.IsInf() || x.IsNaN() {
		return x
	}
	if r := DecimalQuantize(x, -place, how); !r.IsNaN() {
		return r
	}
	_, c, exponent := x.Parts()
	width := len(c.Text(10))
	return DecimalQuantize(x, exponent+width-digits, how)
}

// DecimalOfInt returns an integer as a decimal with exponent zero.
func DecimalOfInt(n int64) bsonraw.Decimal {
	if n < 0 {
		return encode(true, 0, uint64(-n), 0)
	}
	return encode(false, 0, uint64(n), 0)
}

// stripZeros takes zeros off the end while the exponent is below ideal.
func stripZeros(a *apd.Decimal, ideal int32) {
	var q, r apd.BigInt
	ten := apd.NewBigInt(10)
	for a.Exponent < ideal {
		if q.QuoRem(&a.Coeff, ten, &r); r.Sign() != 0 {
			return
		}
		a.Coeff.Set(&q)
		a.Exponent++
	}
}
