package number

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Sum adds any number of numbers, as $add, $sum and $avg do: doubles and
// integers in an unevaluated pair of doubles (2Sum), decimals in a decimal, and
// the widest type seen on the side. The order of the operands matters only in
// the last bits of hopeless cancellations, and there it is mongod's. The zero
// Sum is the int32 0.
type Sum struct {
	hi, lo  float64 // the sum of what is not decimal is hi + lo
	special float64 // the plain sum: right when it is not finite
	dec     bsonraw.Decimal
	hasDec  bool
	Type    bsonraw.Type // widest type added; Missing before any
}

// Add adds one number.
func (s *Sum) Add(n Number) {
	s.Type = Widest(s.Type, n.Type)
	switch n.Type {
	case bsonraw.Int32:
		s.addDouble(float64(n.Int))
	case bsonraw.Int64:
		s.addInt64(n.Int)
	case bsonraw.Double:
		s.addDouble(n.Flt)
	case bsonraw.Decimal128:
		s.addDecimal(n.Dec)
	}
}

// AddInt64 adds an integer without widening the type: $add's dates.
func (s *Sum) AddInt64(n int64) { s.addInt64(n) }

func (s *Sum) addDecimal(d bsonraw.Decimal) {
	if !s.hasDec {
		s.hasDec, s.dec = true, decimalZero
	}
	s.dec = DecimalAdd(s.dec, d)
}

// addInt64 adds an integer exactly, in two doubles, the small one first.
func (s *Sum) addInt64(n int64) {
	high := n / (1 << 32) * (1 << 32)
	s.addDouble(float64(n - high))
	s.addDouble(float64(high))
}

// addDouble is 2Sum with a running addend (Boldo, Graillat, Muller, "On the
// robustness of the 2Sum and Fast2Sum algorithms").
func (s *Sum) addDouble(x float64) {
	s.special += x
	x, s.lo = fastTwoSum(x, s.lo)
	s.hi, x = twoSum(s.hi, x)
	s.lo += x
}

// twoSum returns a+b rounded, and the exact error of that.
func twoSum(a, b float64) (sum, err float64) {
	sum = a + b
	bb := sum - a
	return sum, (a - (sum - bb)) + (b - bb)
}

// fastTwoSum is twoSum where a is the larger of the two.
func fastTwoSum(a, b float64) (sum, err float64) {
	sum = a + b
	return sum, b - (sum - a)
}

// Double returns the sum of what is not decimal.
func (s *Sum) Double() float64 {
	if math.IsNaN(s.hi) {
		return s.special
	}
	return s.hi
}

// Int64 returns the sum of what is not decimal, rounded to the nearest integer;
// false if it is outside of int64. Halves go towards zero: hi is rounded away
// from it, and then the rest back.
func (s *Sum) Int64() (int64, bool) {
	const limit = 1 << 63
	switch {
	case math.IsNaN(s.hi) || s.hi > limit || s.hi < -limit:
		return 0, false
	case s.hi == limit && s.lo < -0.5:
		return math.MaxInt64 + (int64(math.Round(s.lo)) + 1), true
	case s.hi == limit || s.hi == -limit && s.lo < -0.5:
		return 0, false
	}
	whole := math.Round(s.hi)
	return int64(whole) + int64(math.Round(s.hi-whole+s.lo)), true
}

// Decimal returns the sum of everything as a decimal: doubles count with 34
// digits of their exact value.
func (s *Sum) Decimal() bsonraw.Decimal {
	var d bsonraw.Decimal
	switch {
	case math.IsNaN(s.hi) || math.IsInf(s.hi, 0):
		d = DecimalOfDouble(s.special)
	case s.lo == 0:
		d = DecimalOfDouble(s.hi)
	default:
		d = DecimalAdd(DecimalOfDouble(s.hi), DecimalOfDouble(s.lo))
	}
	if s.hasDec {
		d = DecimalAdd(s.dec, d)
	}
	return d
}

// Result returns the sum in the widest type that was added; int32 widens to
// int64, and int64 to double, where the sum does not fit.
func (s *Sum) Result() Number {
	switch s.Type {
	case bsonraw.Decimal128:
		return Decimal(s.Decimal())
	case bsonraw.Double:
		return Double(s.Double())
	}
	n, fits := s.Int64()
	switch {
	case !fits:
		return Double(s.Double())
	case s.Type == bsonraw.Int64:
		return Int64(n)
	}
	return IntOrLong(n)
}

// Average returns the sum divided by count: a decimal if one was added, and a
// double otherwise.
func (s *Sum) Average(count int64) Number {
	if s.Type == bsonraw.Decimal128 {
		return Decimal(DecimalQuo(s.Decimal(), DecimalOfInt(count)))
	}
	return Double(s.Double() / float64(count))
}

// IntOrLong makes an int32 of n where it fits, and an int64 otherwise.
func IntOrLong(n int64) Number {
	if n == int64(int32(n)) {
		return Number{Type: bsonraw.Int32, Int: n}
	}
	return Number{Type: bsonraw.Int64, Int: n}
}

// Widest returns the wider of two numeric types: int32 < int64 < double <
// decimal128. Missing is narrower than all.
func Widest(a, b bsonraw.Type) bsonraw.Type {
	if width(a) >= width(b) {
		return a
	}
	return b
}

func width(t bsonraw.Type) int {
	switch t {
	case bsonraw.Int32:
		return 1
	case bsonraw.Int64:
		return 2
	case bsonraw.Double:
		return 3
	case bsonraw.Decimal128:
		return 4
	}
	return 0
}
