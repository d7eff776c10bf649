package number

import (
	"math"
	"math/bits"

	"github.com/argon-lab/argon/core/bsonraw"
)

// AsDecimal returns the number as a decimal; doubles with 15 digits.
func (n Number) AsDecimal() bsonraw.Decimal {
	switch n.Type {
	case bsonraw.Decimal128:
		return n.Dec
	case bsonraw.Double:
		return DecimalOfDouble15(n.Flt)
	}
	return DecimalOfInt(n.Int)
}

// AsDouble returns the number as the nearest double.
func (n Number) AsDouble() float64 {
	switch n.Type {
	case bsonraw.Decimal128:
		return n.Dec.Float64()
	case bsonraw.Double:
		return n.Flt
	}
	return float64(n.Int)
}

// IsInt reports whether the number is of one of the integer types.
func (n Number) IsInt() bool { return n.Type == bsonraw.Int32 || n.Type == bsonraw.Int64 }

// IsZero reports whether the number is a zero of any type and sign.
func (n Number) IsZero() bool {
	switch n.Type {
	case bsonraw.Decimal128:
		return n.Dec.IsZero()
	case bsonraw.Double:
		return n.Flt == 0
	}
	return n.Int == 0
}

// IsNaN reports whether the number is not a number.
func (n Number) IsNaN() bool {
	return n.Type == bsonraw.Double && math.IsNaN(n.Flt) || n.Type == bsonraw.Decimal128 && n.Dec.IsNaN()
}

// Add returns a + b. Integers that overflow an int64 go on as doubles.
func Add(a, b Number) Number {
	const exact = 1 << 53
	switch {
	case a.IsInt() && b.IsInt():
		n, ok := addInt64(a.Int, b.Int)
		switch {
		case !ok:
			break // to a double, rounded once
		case a.Type == b.Type && a.Type == bsonraw.Int32:
			return IntOrLong(n)
		default:
			return Int64(n)
		}
	case a.Type == bsonraw.Decimal128 || b.Type == bsonraw.Decimal128:
	case a.Int <= exact && a.Int >= -exact && b.Int <= exact && b.Int >= -exact:
		return Double(0 + a.AsDouble() + b.AsDouble()) // a sum of negative zeros is positive
	}
	var s Sum
	s.Add(a)
	s.Add(b)
	return s.Result()
}

// Sub returns a - b. Integers that overflow an int64 go on as doubles.
func Sub(a, b Number) Number {
	switch Widest(a.Type, b.Type) {
	case bsonraw.Decimal128:
		return Decimal(DecimalSub(a.AsDecimal(), b.AsDecimal()))
	case bsonraw.Double:
		return Double(a.AsDouble() - b.AsDouble())
	case bsonraw.Int64:
		d, ok := subInt64(a.Int, b.Int)
		if !ok {
			return Double(float64(a.Int) - float64(b.Int))
		}
		return Int64(d)
	}
	return IntOrLong(a.Int - b.Int)
}

// Mul returns a × b. Integers that overflow an int64 go on as doubles.
func Mul(a, b Number) Number {
	var p Product
	p.Mul(a)
	p.Mul(b)
	return p.Result()
}

// Product multiplies any number of numbers, as $multiply does: integers stay
// exact while they fit an int64, next to a double product of everything. Use
// it from the zero value, which is the int32 1.
type Product struct {
	typ     bsonraw.Type
	factor  bool // something was multiplied in: int and dbl count
	integer int64
	double  float64
	dec     bsonraw.Decimal
}

// Mul multiplies one number in.
func (p *Product) Mul(n Number) {
	if !p.factor {
		p.factor, p.integer, p.double, p.typ = true, 1, 1, bsonraw.Int32
	}
	before := p.typ
	p.typ = Widest(p.typ, n.Type)
	if p.typ == bsonraw.Decimal128 {
		p.mulDecimal(before, n)
		return
	}
	p.double *= n.AsDouble()
	if p.typ == bsonraw.Double {
		return
	}
	product, ok := mulInt64(p.integer, n.Int)
	if !ok {
		p.typ = bsonraw.Double
		return
	}
	p.integer = product
}

func (p *Product) mulDecimal(before bsonraw.Type, n Number) {
	switch before {
	case bsonraw.Double:
		p.dec = DecimalOfDouble15(p.double)
	case bsonraw.Int32, bsonraw.Int64:
		p.dec = DecimalOfInt(p.integer)
	}
	p.dec = DecimalMul(p.dec, n.AsDecimal())
}

// Result returns the product.
func (p *Product) Result() Number {
	switch {
	case !p.factor:
		return Int32(1)
	case p.typ == bsonraw.Decimal128:
		return Decimal(p.dec)
	case p.typ == bsonraw.Double:
		return Double(p.double)
	case p.typ == bsonraw.Int64:
		return Int64(p.integer)
	}
	return IntOrLong(p.integer)
}

// Div returns a / b, a double unless one of them is a decimal; ok is false if
// b is zero.
func Div(a, b Number) (q Number, ok bool) {
	if Widest(a.Type, b.Type) == bsonraw.Decimal128 {
		d := b.AsDecimal()
		return Decimal(DecimalQuo(a.AsDecimal(), d)), !d.IsZero()
	}
	d := b.AsDouble()
	return Double(a.AsDouble() / d), d != 0
}

// Mod returns the remainder of a / b with the sign of a; ok is false if b is
// zero. A whole double b does not make the result a double.
func Mod(a, b Number) (r Number, ok bool) {
	switch {
	case b.IsZero():
		return Number{}, false
	case Widest(a.Type, b.Type) == bsonraw.Decimal128:
		d := b.AsDecimal()
		return Decimal(DecimalMod(a.AsDecimal(), d)), !d.IsZero()
	case a.Type == bsonraw.Double || b.Type == bsonraw.Double && b.Flt != float64(int32(b.Flt)):
		return Double(math.Mod(a.AsDouble(), b.AsDouble())), true
	}
	divisor := b.Int
	if b.Type == bsonraw.Double {
		divisor = int64(b.Flt)
	}
	n := int64(0)
	if divisor != -1 { // MinInt64 % -1 overflows in the quotient
		n = a.Int % divisor
	}
	if a.Type == bsonraw.Int64 || b.Type == bsonraw.Int64 {
		return Int64(n), true
	}
	return Int32(int32(n)), true
}

func addInt64(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (a^sum)&(b^sum) >= 0
}

func subInt64(a, b int64) (int64, bool) {
	d := a - b
	return d, (a^b)&(a^d) >= 0
}

func mulInt64(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	negative := (a < 0) != (b < 0)
	switch {
	case hi != 0:
		return 0, false
	case negative && lo <= 1<<63:
		return int64(-lo), true
	case !negative && lo <= math.MaxInt64:
		return int64(lo), true
	}
	return 0, false
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
