package number

import (
	"math/big"

	"github.com/argon-lab/argon/core/bsonraw"
)

// reduce returns x minus the nearest multiple of π/2, and which multiple modulo
// four. π is taken with as many bits as x has before its point.
func reduce(d bsonraw.Decimal) (r *big.Float, quadrant int) {
	x := toFloat(d)
	prec := uint(precision)
	half := newFloat().SetMantExp(piFloat, -1)
	if e := x.MantExp(nil); e > 0 {
		prec += uint(e)
		x = toFloatPrec(d, prec)
		half = pi(prec)
		half.SetMantExp(half, -1)
	}
	k := new(big.Float).SetPrec(prec).Quo(x, half)
	if k.Signbit() {
		k.Sub(k, big.NewFloat(0.5))
	} else {
		k.Add(k, big.NewFloat(0.5))
	}
	n, _ := k.Int(nil)
	multiple := new(big.Float).SetPrec(prec).SetInt(n)
	r = newFloat().Set(new(big.Float).SetPrec(prec).Sub(x, multiple.Mul(multiple, half)))
	return r, int(new(big.Int).And(n, big.NewInt(3)).Int64())
}

// sinCos returns sine and cosine of a small number by their series.
func sinCos(r *big.Float) (sin, cos *big.Float) {
	square := mul(r, r)
	square.Neg(square)
	series := func(first *big.Float, i int64) *big.Float {
		sum, term := newFloat().Set(first), newFloat().Set(first)
		for ; ; i += 2 {
			term = quo(mul(term, square), newFloat().SetInt64(i*(i+1)))
			if tiny(term, sum) {
				return sum
			}
			sum.Add(sum, term)
		}
	}
	return series(r, 2), series(float(1), 1)
}

// circular returns sine and cosine of a decimal.
func circular(d bsonraw.Decimal) (sin, cos *big.Float) {
	r, quadrant := reduce(d)
	sin, cos = sinCos(r)
	switch quadrant {
	case 1:
		return cos, sin.Neg(sin)
	case 2:
		return sin.Neg(sin), cos.Neg(cos)
	case 3:
		return cos.Neg(cos), sin
	}
	return sin, cos
}

// DecimalSin returns the sine of a finite number.
func DecimalSin(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsZero() {
		return x
	}
	sin, _ := circular(x)
	return ofFloat(sin)
}

// DecimalCos returns the cosine of a finite number.
func DecimalCos(x bsonraw.Decimal) bsonraw.Decimal {
	_, cos := circular(x)
	return ofFloat(cos)
}

// DecimalTan returns the tangent of a finite number.
func DecimalTan(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsZero() {
		return x
	}
	sin, cos := circular(x)
	return ofFloat(quo(sin, cos))
}

// atanFloat returns the arc tangent: the angle is halved until its series is
// short.
func atanFloat(x *big.Float) *big.Float {
	const halvings = 8
	t := newFloat().Set(x)
	n := 0
	for ; n < halvings && t.MantExp(nil) > -8; n++ {
		t = quo(t, plus(float(1), sqrtFloat(plus(float(1), mul(t, t)))))
	}
	square := mul(t, t)
	square.Neg(square)
	sum, power := newFloat().Set(t), newFloat().Set(t)
	for i := int64(3); ; i += 2 {
		power = mul(power, square)
		term := quo(power, newFloat().SetInt64(i))
		if tiny(term, sum) {
			return sum.SetMantExp(sum, n)
		}
		sum.Add(sum, term)
	}
}

func halfPi() *big.Float { return newFloat().SetMantExp(piFloat, -1) }

// DecimalAtan returns the arc tangent.
func DecimalAtan(x bsonraw.Decimal) bsonraw.Decimal {
	switch {
	case x.IsZero():
		return x
	case x.IsInf() && x.Negative():
		return ofFloat(newFloat().Neg(halfPi()))
	case x.IsInf():
		return ofFloat(halfPi())
	}
	return ofFloat(atanFloat(toFloat(x)))
}

// DecimalAsin returns the arc sine of a number between -1 and 1.
func DecimalAsin(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsZero() {
		return x
	}
	f := toFloat(x)
	if f.MantExp(nil) < 0 {
		// Near zero π/2 - acos would lose the digits that matter.
		return ofFloat(atanFloat(quo(f, sqrtFloat(minus(float(1), mul(f, f))))))
	}
	return ofFloat(minus(halfPi(), acosFloat(f)))
}

// acosFloat is 2 atan(sqrt((1-x)/(1+x))).
func acosFloat(x *big.Float) *big.Float {
	above := plus(float(1), x)
	if above.Sign() == 0 {
		return newFloat().Set(piFloat)
	}
	a := atanFloat(sqrtFloat(quo(minus(float(1), x), above)))
	return a.SetMantExp(a, 1)
}

// DecimalAcos returns the arc cosine of a number between -1 and 1.
func DecimalAcos(x bsonraw.Decimal) bsonraw.Decimal { return ofFloat(acosFloat(toFloat(x))) }

// DecimalAtan2 returns the angle of the point (x, y).
func DecimalAtan2(y, x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsNaN() || y.IsNaN() {
		return decimalNaN
	}
	if x.IsInf() || y.IsInf() || x.IsZero() || y.IsZero() {
		return atan2Special(y, x)
	}
	a := atanFloat(quo(toFloat(y), toFloat(x)))
	if x.Negative() {
		if y.Negative() {
			a = minus(a, piFloat)
		} else {
			a = plus(a, piFloat)
		}
	}
	return ofFloat(a)
}

// atan2Special handles the axes and infinities: a multiple of π/4.
func atan2Special(y, x bsonraw.Decimal) bsonraw.Decimal {
	var quarters int64
	switch {
	case y.IsInf() && x.IsInf() && x.Negative():
		quarters = 3
	case y.IsInf() && x.IsInf():
		quarters = 1
	case y.IsInf() || x.IsZero() && !y.IsZero():
		quarters = 2
	case x.Negative():
		quarters = 4
	default:
		return encode(y.Negative(), 0, 0, 0)
	}
	a := mul(piFloat, newFloat().SetInt64(quarters))
	a.SetMantExp(a, -2)
	if y.Negative() {
		a.Neg(a)
	}
	return ofFloat(a)
}

// hyperbolic returns sinh and cosh of a finite number. Sinh of a small one
// comes from its series, since e^x - e^-x would lose its digits.
func hyperbolic(x *big.Float) (sinh, cosh *big.Float) {
	e := expFloat(x)
	inverse := quo(float(1), e)
	cosh = plus(e, inverse)
	cosh.SetMantExp(cosh, -1)
	if x.MantExp(nil) > -2 {
		sinh = minus(e, inverse)
		return sinh.SetMantExp(sinh, -1), cosh
	}
	square := mul(x, x)
	sinh = newFloat().Set(x)
	term := newFloat().Set(x)
	for i := int64(2); ; i += 2 {
		term = quo(mul(term, square), newFloat().SetInt64(i*(i+1)))
		if tiny(term, sinh) {
			return sinh, cosh
		}
		sinh.Add(sinh, term)
	}
}

// huge reports whether hyperbolic functions of x are beyond decimals.
func huge(x bsonraw.Decimal) bool {
	f := x.Float64()
	return f > 14200 || f < -14200
}

// DecimalSinh returns the hyperbolic sine.
func DecimalSinh(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsZero() || x.IsInf() {
		return x
	}
	if huge(x) {
		return infinity(x.Negative())
	}
	sinh, _ := hyperbolic(toFloat(x))
	return ofFloat(sinh)
}

// DecimalCosh returns the hyperbolic cosine.
func DecimalCosh(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsInf() || huge(x) {
		return decimalInfinity
	}
	_, cosh := hyperbolic(toFloat(x))
	return ofFloat(cosh)
}

// DecimalTanh returns the hyperbolic tangent.
func DecimalTanh(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsZero() {
		return x
	}
	if f := x.Float64(); f > 200 || f < -200 {
		one := DecimalOfInt(1)
		if x.Negative() {
			one = DecimalOfInt(-1)
		}
		return DecimalQuantize(one, -digits+1, HalfEven)
	}
	sinh, cosh := hyperbolic(toFloat(x))
	return ofFloat(quo(sinh, cosh))
}

// DecimalAsinh returns the inverse hyperbolic sine: ln(|x| + sqrt(x²+1)), as
// atanh(x / sqrt(x²+1)) where x is small.
func DecimalAsinh(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsZero() || x.IsInf() {
		return x
	}
	f := newFloat().Abs(toFloat(x))
	root := sqrtFloat(plus(mul(f, f), float(1)))
	var r *big.Float
	if f.MantExp(nil) < -1 {
		r = atanhFloat(quo(f, root))
	} else {
		r = lnFloat(plus(f, root))
	}
	if x.Negative() {
		r.Neg(r)
	}
	return ofFloat(r)
}

// DecimalAcosh returns the inverse hyperbolic cosine of a number from 1 up.
func DecimalAcosh(x bsonraw.Decimal) bsonraw.Decimal {
	if x.IsInf() {
		return x
	}
	f := toFloat(x)
	product := mul(minus(f, float(1)), plus(f, float(1)))
	return ofFloat(lnFloat(plus(f, sqrtFloat(product))))
}

// atanhFloat is half of ln((1+x)/(1-x)), by its series where x is small.
func atanhFloat(x *big.Float) *big.Float {
	m := quo(plus(float(1), x), minus(float(1), x))
	var r *big.Float
	if x.MantExp(nil) < -8 {
		// The argument of the logarithm has lost x's digits; its series has x.
		r = twiceAtanhOf(x)
	} else {
		r = lnFloat(m)
	}
	return r.SetMantExp(r, -1)
}

// DecimalAtanh returns the inverse hyperbolic tangent of a number between -1
// and 1.
func DecimalAtanh(x bsonraw.Decimal) bsonraw.Decimal {
	one := DecimalOfInt(1)
	switch {
	case x.IsZero():
		return x
	case decimalEqual(x, one) || decimalEqual(x, DecimalOfInt(-1)):
		return infinity(x.Negative())
	}
	return ofFloat(atanhFloat(toFloat(x)))
}

var degreesInRadian = quo(float(180), piFloat)

// DecimalToDegrees turns radians into degrees.
func DecimalToDegrees(x bsonraw.Decimal) bsonraw.Decimal {
	return DecimalMul(x, ofFloat(degreesInRadian))
}

// DecimalToRadians turns degrees into radians.
func DecimalToRadians(x bsonraw.Decimal) bsonraw.Decimal {
	return DecimalMul(x, ofFloat(quo(float(1), degreesInRadian)))
}
