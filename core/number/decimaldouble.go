package number

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
)

// maxCoefficient is 10^34 - 1, the largest coefficient, in two halves.
const (
	maxCoefficientHi = 0x1ED09BEAD87C0
	maxCoefficientLo = 0x378D8E63FFFFFFFF
)

// fits reports whether a number of 128 bits has at most 34 digits.
func fits(hi, lo uint64) bool {
	return hi < maxCoefficientHi || hi == maxCoefficientHi && lo <= maxCoefficientLo
}

// DecimalOfDouble returns a double's exact value as a decimal, rounded to 34
// digits where it has more; an exact one has the exponent nearest to zero.
func DecimalOfDouble(f float64) bsonraw.Decimal {
	if d, special := decimalOfSpecial(f); special {
		return d
	}
	m, e := math.Frexp(math.Abs(f))
	whole := uint64(math.Ldexp(m, 53)) // |f| is whole × 2^e
	e -= 53
	zeros := bits.TrailingZeros64(whole)
	whole, e = whole>>zeros, e+zeros
	switch {
	case e >= 0 && e <= 112:
		hi, lo := shiftLeft(whole, e)
		if bits.Len64(whole)+e <= 128 && fits(hi, lo) {
			return encode(f < 0, hi, lo, 0)
		}
	case e < 0 && -e < len(powersOf5):
		// whole / 2^n is whole × 5^n / 10^n, and that has no zeros at its end.
		if hi, lo := bits.Mul64(whole, powersOf5[-e]); fits(hi, lo) {
			return encode(f < 0, hi, lo, e)
		}
	}
	return roundDouble(f, digits)
}

func shiftLeft(n uint64, by int) (hi, lo uint64) {
	if by >= 64 {
		return n << (by - 64), 0
	}
	return n >> (64 - by), n << by
}

// powersOf5 are those that fit 64 bits.
var powersOf5 = func() (p [28]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 5
	}
	return p
}()

// DecimalOfDouble15 returns a double as a decimal of 15 significant digits:
// MongoDB's conversion where no exact one is asked for.
func DecimalOfDouble15(f float64) bsonraw.Decimal {
	if d, special := decimalOfSpecial(f); special {
		return d
	}
	return roundDouble(f, 15)
}

// roundDouble returns a finite double with this number of digits, rounded half
// to even.
func roundDouble(f float64, width int) bsonraw.Decimal {
	var buf [64]byte
	text := strconv.AppendFloat(buf[:0], f, 'e', width-1, 64)
	var hi, lo uint64
	at := 0
	for ; text[at] != 'e'; at++ {
		if digit := uint64(text[at] - '0'); digit <= 9 {
			hi, lo = timesTenPlus(hi, lo, digit)
		}
	}
	exponent, err := strconv.Atoi(string(text[at+1:]))
	if err != nil {
		return decimalNaN
	}
	return encode(f < 0, hi, lo, exponent-width+1)
}

func timesTenPlus(hi, lo, digit uint64) (uint64, uint64) {
	carry, low := bits.Mul64(lo, 10)
	low, c := bits.Add64(low, digit, 0)
	return hi*10 + carry + c, low
}

func decimalOfSpecial(f float64) (bsonraw.Decimal, bool) {
	switch {
	case math.IsNaN(f):
		return decimalNaN, true
	case math.IsInf(f, 0):
		return infinity(f < 0), true
	case f == 0:
		return encode(math.Signbit(f), 0, 0, 0), true
	}
	return bsonraw.Decimal{}, false
}

// maxShift is how many decimal places a coefficient of 64 bits can be moved and
// still have 34 digits.
const maxShift = 14

var powersOf10 = func() (p [maxShift + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// short returns the coefficient of a finite decimal if it fits 64 bits.
func short(d bsonraw.Decimal) (c uint64, exponent int, ok bool) {
	if d.IsNaN() || d.IsInf() {
		return 0, 0, false
	}
	hi, c, exponent := d.Coefficient()
	return c, exponent, hi == 0
}

// addShort adds two short decimals of similar exponents: no rounding and no big
// integers.
func addShort(x, y bsonraw.Decimal) (bsonraw.Decimal, bool) {
	a, ea, okA := short(x)
	b, eb, okB := short(y)
	if !okA || !okB || ea-eb > maxShift || eb-ea > maxShift {
		return bsonraw.Decimal{}, false
	}
	exponent := min(ea, eb)
	ahi, alo := bits.Mul64(a, powersOf10[ea-exponent])
	bhi, blo := bits.Mul64(b, powersOf10[eb-exponent])
	negative := x.Negative()
	if negative == y.Negative() {
		lo, carry := bits.Add64(alo, blo, 0)
		hi, _ := bits.Add64(ahi, bhi, carry)
		return encode(negative, hi, lo, exponent), fits(hi, lo)
	}
	if ahi < bhi || ahi == bhi && alo < blo {
		ahi, alo, bhi, blo, negative = bhi, blo, ahi, alo, !negative
	}
	lo, borrow := bits.Sub64(alo, blo, 0)
	hi, _ := bits.Sub64(ahi, bhi, borrow)
	return encode(negative && hi|lo != 0, hi, lo, exponent), true
}

// mulShort multiplies two short decimals whose product needs no rounding.
func mulShort(x, y bsonraw.Decimal) (bsonraw.Decimal, bool) {
	a, ea, okA := short(x)
	b, eb, okB := short(y)
	exponent := ea + eb
	if !okA || !okB || exponent < minExponent || exponent > maxExponent {
		return bsonraw.Decimal{}, false
	}
	hi, lo := bits.Mul64(a, b)
	return encode(x.Negative() != y.Negative(), hi, lo, exponent), fits(hi, lo)
}
