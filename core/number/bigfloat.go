package number

import (
	"math"
	"math/big"
	"sync"

	"github.com/cockroachdb/apd/v3"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Transcendental functions of decimals are computed in binary floating point
// of a precision far beyond 34 digits, and rounded once. mongod's decimal
// library computes them in 113 bits: its last digit is sometimes off by one
// where this one's is not.

// precision in bits: 34 digits are 113.
const precision = 320

func float(f float64) *big.Float { return big.NewFloat(f).SetPrec(precision) }

func newFloat() *big.Float           { return new(big.Float).SetPrec(precision) }
func mul(a, b *big.Float) *big.Float { return newFloat().Mul(a, b) }
func quo(a, b *big.Float) *big.Float { return newFloat().Quo(a, b) }
func plus(a, b *big.Float) *big.Float {
	return newFloat().Add(a, b)
}

func minus(a, b *big.Float) *big.Float  { return newFloat().Sub(a, b) }
func sqrtFloat(a *big.Float) *big.Float { return newFloat().Sqrt(a) }

// toFloat returns a finite decimal as a binary float.
func toFloat(d bsonraw.Decimal) *big.Float { return toFloatPrec(d, precision) }

func toFloatPrec(d bsonraw.Decimal, prec uint) *big.Float {
	negative, c, exponent := d.Parts()
	f := new(big.Float).SetPrec(prec).SetInt(c)
	p := new(big.Float).SetPrec(prec).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
	if exponent < 0 {
		f.Quo(f, p)
	} else {
		f.Mul(f, p)
	}
	if negative {
		f.Neg(f)
	}
	return f
}

// ofFloat rounds to a decimal with all of its 34 digits.
func ofFloat(f *big.Float) bsonraw.Decimal {
	if f.IsInf() {
		return infinity(f.Signbit())
	}
	if f.Sign() == 0 {
		return encode(f.Signbit(), 0, 0, 0)
	}
	var a apd.Decimal
	// More digits than needed first: near the least exponent fewer than 34
	// remain, and rounding twice to the same place is harmless.
	if _, _, err := a.SetString(f.Text('e', digits+10)); err != nil {
		return decimalNaN
	}
	return rounded(&a)
}

// tiny reports whether a term no longer changes a sum.
func tiny(term, sum *big.Float) bool {
	return term.Sign() == 0 || sum.Sign() != 0 && term.MantExp(nil) < sum.MantExp(nil)-precision
}

// expFloat returns e to the x.
func expFloat(x *big.Float) *big.Float {
	k := quo(x, ln2)
	n, _ := k.Int64()
	r := minus(x, mul(ln2, newFloat().SetInt64(n)))
	const halvings = 12
	r.SetMantExp(r, -halvings)
	sum, term := float(1), float(1)
	for i := int64(1); ; i++ {
		term = quo(mul(term, r), newFloat().SetInt64(i))
		if tiny(term, sum) {
			break
		}
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(n))
}

// lnFloat returns the logarithm of a positive number: of its mantissa by
// 2 atanh((m-1)/(m+1)) after square roots, plus its exponent's.
func lnFloat(x *big.Float) *big.Float {
	m := newFloat()
	e := x.MantExp(m)
	if f, _ := m.Float64(); f < math.Sqrt2/2 {
		m.SetMantExp(m, 1)
		e--
	}
	return plus(lnMantissa(m), mul(ln2, newFloat().SetInt64(int64(e))))
}

func lnMantissa(m *big.Float) *big.Float {
	const roots = 6
	z := newFloat().Set(m)
	if distance := minus(m, float(1)); distance.MantExp(nil) > -8 {
		for range roots {
			z = sqrtFloat(z)
		}
		r := twiceAtanh(z)
		return r.SetMantExp(r, roots)
	}
	// Near one, roots would cost the digits that matter.
	return twiceAtanh(z)
}

func twiceAtanh(m *big.Float) *big.Float {
	return twiceAtanhOf(quo(minus(m, float(1)), plus(m, float(1))))
}

func twiceAtanhOf(t *big.Float) *big.Float {
	square := mul(t, t)
	sum, power := newFloat().Set(t), newFloat().Set(t)
	for i := int64(3); ; i += 2 {
		power = mul(power, square)
		term := quo(power, newFloat().SetInt64(i))
		if tiny(term, sum) {
			return sum.SetMantExp(sum, 1)
		}
		sum.Add(sum, term)
	}
}

// ln2 is computed from the series itself: ln 2 = 2 atanh(1/3).
var ln2 = twiceAtanh(float(2))

// pi returns π with prec bits by Machin's formula.
func pi(prec uint) *big.Float {
	bits := prec + 32
	one := new(big.Int).Lsh(big.NewInt(1), bits)
	sum := new(big.Int).Lsh(arctanInverse(one, 5), 4)
	sum.Sub(sum, new(big.Int).Lsh(arctanInverse(one, 239), 2))
	f := new(big.Float).SetPrec(prec).SetInt(sum)
	return f.SetMantExp(f, -int(bits))
}

// arctanInverse returns arctan(1/n) in units of 1/one.
func arctanInverse(one *big.Int, n int64) *big.Int {
	power := new(big.Int).Quo(one, big.NewInt(n))
	sum := new(big.Int).Set(power)
	square := big.NewInt(n * n)
	for i := int64(3); power.Sign() != 0; i += 2 {
		power.Quo(power, square)
		term := new(big.Int).Quo(power, big.NewInt(i))
		if i&2 != 0 {
			sum.Sub(sum, term)
		} else {
			sum.Add(sum, term)
		}
	}
	return sum
}

var piFloat = pi(precision)

// piLong is π with enough bits to reduce any double.
var piLong = sync.OnceValue(func() *big.Float { return pi(1300) })
