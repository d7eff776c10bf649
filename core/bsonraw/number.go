package bsonraw

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/big"
)

// Decimal is a decimal128 in the binary integer encoding of IEEE 754-2008, as
// BSON has it: (-1)^sign × coefficient × 10^exponent.
type Decimal struct {
	hi, lo uint64
}

// Decimal returns the number of a decimal128 value.
func (v Value) Decimal() Decimal {
	return Decimal{hi: binary.LittleEndian.Uint64(v.Data[8:]), lo: binary.LittleEndian.Uint64(v.Data)}
}

// NewDecimal returns the decimal with these two halves.
func NewDecimal(hi, lo uint64) Decimal { return Decimal{hi, lo} }

// Value returns the decimal as a BSON value.
func (d Decimal) Value() Value {
	data := binary.LittleEndian.AppendUint64(nil, d.lo)
	return Value{Decimal128, binary.LittleEndian.AppendUint64(data, d.hi)}
}

// Halves returns the high and the low 64 bits.
func (d Decimal) Halves() (hi, lo uint64) { return d.hi, d.lo }

// NaN returns the double that is not a number with the bits that mongod, and
// every language but Go, gives it.
func NaN() float64 { return math.Float64frombits(0x7FF8 << 48) }

// Negative reports the sign bit.
func (d Decimal) Negative() bool { return d.hi>>63 != 0 }

// IsNaN reports whether the decimal is not a number.
func (d Decimal) IsNaN() bool { return d.hi>>58&0x1F == 0x1F }

// IsInf reports whether the decimal is an infinity of either sign.
func (d Decimal) IsInf() bool { return d.hi>>58&0x1F == 0x1E }

// IsZero reports whether the decimal is a zero of any sign and exponent.
func (d Decimal) IsZero() bool {
	if d.IsNaN() || d.IsInf() {
		return false
	}
	hi, lo, _ := d.parts()
	return hi == 0 && lo == 0
}

// maxCoefficient is 10^34 - 1; a larger coefficient counts as zero (IEEE
// 754-2008, 3.5.2).
const (
	maxCoefficientHi = 0x1ED09BEAD87C0
	maxCoefficientLo = 0x378D8E63FFFFFFFF
)

// parts returns the coefficient in two halves and the exponent.
func (d Decimal) parts() (hi, lo uint64, exponent int) {
	if d.hi>>61&3 == 3 {
		return 0, 0, int(d.hi>>47&0x3FFF) - 6176
	}
	hi, lo = d.hi&(1<<49-1), d.lo
	if hi > maxCoefficientHi || hi == maxCoefficientHi && lo > maxCoefficientLo {
		hi, lo = 0, 0
	}
	return hi, lo, int(d.hi>>49&0x3FFF) - 6176
}

// Coefficient returns the coefficient of a finite decimal in two halves, and the
// exponent. Unlike Parts it does not allocate.
func (d Decimal) Coefficient() (hi, lo uint64, exponent int) { return d.parts() }

// Parts returns the sign, the coefficient and the exponent of a finite decimal.
func (d Decimal) Parts() (negative bool, coefficient *big.Int, exponent int) {
	hi, lo, exponent := d.parts()
	c := new(big.Int).SetUint64(hi)
	c.Lsh(c, 64).Or(c, new(big.Int).SetUint64(lo))
	return d.Negative(), c, exponent
}

// Float64 returns the nearest double.
func (d Decimal) Float64() float64 {
	switch {
	case d.IsNaN():
		return math.NaN()
	case d.IsInf():
		return math.Inf(1 - 2*int(d.hi>>63))
	case d.IsZero():
		return math.Copysign(0, 1-2*float64(d.hi>>63))
	}
	negative, c, exponent := d.Parts()
	f := decimalToFloat(c, exponent)
	if negative {
		return -f
	}
	return f
}

// decimalToFloat returns coefficient × 10^exponent, rounded to nearest even.
func decimalToFloat(c *big.Int, exponent int) float64 {
	digits := len(c.Text(10))
	if exponent+digits > 310 {
		return math.Inf(1)
	}
	if exponent+digits < -330 {
		return 0
	}
	f, _ := decimalRat(c, exponent).Float64()
	return f
}

func decimalRat(c *big.Int, exponent int) *big.Rat {
	r := new(big.Rat).SetInt(c)
	pow := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil)
	if exponent >= 0 {
		return r.Mul(r, new(big.Rat).SetInt(pow))
	}
	return r.Quo(r, new(big.Rat).SetInt(pow))
}

// Int64 returns the decimal as an integer where that is exact.
func (d Decimal) Int64() (int64, bool) {
	if d.IsNaN() || d.IsInf() {
		return 0, false
	}
	if d.IsZero() {
		return 0, true
	}
	negative, c, exponent := d.Parts()
	if exponent > 19 || exponent < -34 {
		return 0, false
	}
	r := decimalRat(c, exponent)
	if !r.IsInt() {
		return 0, false
	}
	n := r.Num()
	if negative {
		n.Neg(n)
	}
	return n.Int64(), n.IsInt64()
}

// CompareNumbers compares two numbers of any types by their exact values. NaN
// equals NaN and is below every other number.
func CompareNumbers(a, b Value) int {
	switch {
	case a.Type == Int32 && b.Type == Int32:
		return cmp.Compare(a.Int32(), b.Int32())
	case a.Type == Decimal128 || b.Type == Decimal128:
		return compareDecimals(a, b)
	case a.Type == Double && b.Type == Double:
		return cmp.Compare(a.Double(), b.Double()) // NaN first, -0 = 0
	case a.Type == Double:
		return compareFloatInt(a.Double(), integer(b))
	case b.Type == Double:
		return -compareFloatInt(b.Double(), integer(a))
	}
	return cmp.Compare(integer(a), integer(b))
}

func integer(v Value) int64 {
	if v.Type == Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

// compareFloatInt compares exactly: the integer part as integers, where the
// double has one of 64 bits, then the fraction.
func compareFloatInt(f float64, n int64) int {
	switch {
	case f != f || f < -(1<<63):
		return -1
	case f >= 1<<63:
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(int64(whole), n); c != 0 {
		return c
	}
	return cmp.Compare(f, whole)
}

// compareDecimals compares where at least one side is a decimal.
func compareDecimals(a, b Value) int {
	fa, _ := a.AsFloat64()
	fb, _ := b.AsFloat64()
	// Rounding to the nearest double is monotonic, so doubles that differ
	// decide; equal ones (and both overflowed or both NaN) need exactness.
	if c := cmp.Compare(fa, fb); c != 0 || fa != fa {
		return c
	}
	infA, infB := isInfinite(a), isInfinite(b)
	if infA || infB {
		return boolCompare(infA, infB) * signOf(fa)
	}
	return exactCompare(a, b)
}

func isInfinite(v Value) bool {
	if v.Type == Decimal128 {
		return v.Decimal().IsInf()
	}
	return v.Type == Double && math.IsInf(v.Double(), 0)
}

func signOf(f float64) int {
	if math.Signbit(f) {
		return -1
	}
	return 1
}

// exactCompare compares two finite numbers as coefficient × 10^exponent where
// both are decimals of a similar size, and as rationals otherwise.
func exactCompare(a, b Value) int {
	if a.Type == Decimal128 && b.Type == Decimal128 {
		ahi, alo, ae := a.Decimal().parts()
		bhi, blo, be := b.Decimal().parts()
		if ae == be && a.Decimal().Negative() == b.Decimal().Negative() {
			c := cmp.Compare(ahi, bhi)
			if c == 0 {
				c = cmp.Compare(alo, blo)
			}
			if a.Decimal().Negative() {
				return -c
			}
			return c
		}
	}
	return rational(a).Cmp(rational(b))
}

// rational returns the exact value of a finite number.
func rational(v Value) *big.Rat {
	switch v.Type {
	case Double:
		return new(big.Rat).SetFloat64(v.Double())
	case Decimal128:
		if v.Decimal().IsZero() {
			return new(big.Rat)
		}
		negative, c, exponent := v.Decimal().Parts()
		r := decimalRat(c, exponent)
		if negative {
			r.Neg(r)
		}
		return r
	}
	return new(big.Rat).SetInt64(integer(v))
}
