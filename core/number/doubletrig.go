package number

import (
	"math"
	"math/big"
)

// reducePair returns x minus the nearest multiple of π/2, and which multiple
// modulo four. Large numbers need as many bits of π as they have themselves.
func reducePair(x float64) (r pair, quadrant int) {
	const small = 1 << 20
	if math.Abs(x) < small {
		k := math.RoundToEven(x / pairHalfPi.hi)
		// The product loses about as many of 160 bits as k has.
		p := pairHalfPi.mul(pairOf(k))
		r = pairOf(x).sub(p).sub(pairOf(k * halfPiThird))
		if math.Abs(r.hi) > 0x1p-30 || k == 0 {
			return r, int(int64(k) & 3)
		}
	}
	return reduceBig(x)
}

// halfPiThird is what pairHalfPi lacks of π/2.
const halfPiThird = -0x1.f1976b7ed8fbcp-110

func reduceBig(x float64) (r pair, quadrant int) {
	const prec = 1300
	half := new(big.Float).SetPrec(prec).SetMantExp(piLong(), -1)
	k := new(big.Float).SetPrec(prec).Quo(new(big.Float).SetFloat64(x), half)
	k.Add(k, new(big.Float).SetFloat64(math.Copysign(0.5, x)))
	n, _ := k.Int(nil)
	multiple := new(big.Float).SetPrec(prec).SetInt(n)
	rest := new(big.Float).SetPrec(prec).SetFloat64(x)
	rest.Sub(rest, multiple.Mul(multiple, half))
	hi, _ := rest.Float64()
	lo, _ := rest.Sub(rest, new(big.Float).SetFloat64(hi)).Float64()
	return pair{hi, lo}, int(new(big.Int).And(n, big.NewInt(3)).Int64())
}

// sinCosPair returns sine and cosine of |r| up to π/4 by their series.
func sinCosPair(r pair) (sin, cos pair) {
	square := r.mul(r).neg()
	const last = 27
	sin, cos = inverseFactorials[last], inverseFactorials[last-1]
	for i := last - 2; i >= 1; i -= 2 {
		sin = sin.mul(square).add(inverseFactorials[i])
		cos = cos.mul(square).add(inverseFactorials[i-1])
	}
	return sin.mul(r), cos
}

func circularPair(x float64) (sin, cos pair) {
	r, quadrant := reducePair(x)
	sin, cos = sinCosPair(r)
	switch quadrant {
	case 1:
		return cos, sin.neg()
	case 2:
		return sin.neg(), cos.neg()
	case 3:
		return cos.neg(), sin
	}
	return sin, cos
}

// noAngle reports whether x is its own result or has none: zero, infinite, NaN.
func noAngle(x float64) bool { return x == 0 || math.IsNaN(x) || math.IsInf(x, 0) }

// Sin returns the sine.
func Sin(x float64) float64 {
	if noAngle(x) {
		return math.Sin(x)
	}
	sin, _ := circularPair(x)
	return sin.float()
}

// Cos returns the cosine.
func Cos(x float64) float64 {
	if noAngle(x) {
		return math.Cos(x)
	}
	_, cos := circularPair(x)
	return cos.float()
}

// Tan returns the tangent.
func Tan(x float64) float64 {
	if noAngle(x) {
		return math.Tan(x)
	}
	sin, cos := circularPair(x)
	return sin.div(cos).float()
}

// atan2Pair refines an angle: the rest of (x, y) turned back by it is so small
// that it is its own tangent.
func atan2Pair(y, x pair) pair {
	guess := math.Atan2(y.hi, x.hi)
	sin, cos := circularPair(guess)
	if guess == 0 {
		sin, cos = pair{}, pairOf(1)
	}
	delta := y.mul(cos).sub(x.mul(sin)).div(x.mul(cos).add(y.mul(sin)))
	return pairOf(guess).add(delta)
}

// isTiny reports whether a function that is x near zero is x here.
func isTiny(x float64) bool { return math.Abs(x) < 0x1p-500 }

// Atan returns the arc tangent.
func Atan(x float64) float64 {
	if noAngle(x) || isTiny(x) || math.Abs(x) > 0x1p500 {
		return math.Atan(x)
	}
	return atan2Pair(pairOf(x), pairOf(1)).float()
}

// Atan2 returns the angle of the point (x, y).
func Atan2(y, x float64) float64 {
	if noAngle(x) || noAngle(y) || isTiny(x) || isTiny(y) || math.Abs(x) > 0x1p500 || math.Abs(y) > 0x1p500 {
		return math.Atan2(y, x)
	}
	return atan2Pair(pairOf(y), pairOf(x)).float()
}

// cathetus returns sqrt(1 - x²).
func cathetus(x float64) pair {
	one := pairOf(1)
	return one.sub(pairOf(x)).mul(one.add(pairOf(x))).sqrt()
}

// Asin returns the arc sine of a number between -1 and 1.
func Asin(x float64) float64 {
	if noAngle(x) || isTiny(x) || math.Abs(x) >= 1 {
		return math.Asin(x)
	}
	return atan2Pair(pairOf(x), cathetus(x)).float()
}

// Acos returns the arc cosine of a number between -1 and 1.
func Acos(x float64) float64 {
	if noAngle(x) || isTiny(x) || math.Abs(x) >= 1 {
		return math.Acos(x)
	}
	return atan2Pair(cathetus(x), pairOf(x)).float()
}

// The hyperbolic functions follow the C library's formulas, which are not exact
// in the last place.

// Sinh returns the hyperbolic sine.
func Sinh(x float64) float64 {
	h, a := math.Copysign(0.5, x), math.Abs(x)
	switch {
	case a < 0x1p-28 || math.IsNaN(x) || math.IsInf(x, 0):
		return x
	case a < 1:
		t := math.Expm1(a)
		return h * (2*t - t*t/(t+1))
	case a < 22:
		t := math.Expm1(a)
		return h * (t + t/(t+1))
	case a < 709:
		return h * Exp(a)
	}
	w := Exp(a / 2)
	return h * w * w
}

// Cosh returns the hyperbolic cosine.
func Cosh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case math.IsNaN(x):
		return x
	case a < 0.5*math.Ln2:
		t := math.Expm1(a)
		w := 1 + t
		if a < 0x1p-55 {
			return w
		}
		return 1 + t*t/(w+w)
	case a < 22:
		t := Exp(a)
		return 0.5*t + 0.5/t
	case a < 709:
		return 0.5 * Exp(a)
	}
	w := Exp(a / 2)
	return 0.5 * w * w
}

// Tanh returns the hyperbolic tangent.
func Tanh(x float64) float64 {
	a := math.Abs(x)
	var z float64
	switch {
	case math.IsNaN(x):
		return x
	case a < 0x1p-55:
		return x
	case a >= 22:
		z = 1
	case a >= 1:
		z = 1 - 2/(math.Expm1(2*a)+2)
	default:
		t := math.Expm1(-2 * a)
		z = -t / (t + 2)
	}
	return math.Copysign(z, x)
}

// Asinh returns the inverse hyperbolic sine.
func Asinh(x float64) float64 {
	a := math.Abs(x)
	var w float64
	switch {
	case a < 0x1p-28 || math.IsNaN(x) || math.IsInf(x, 0):
		return x
	case a > 0x1p28:
		w = Log(a) + math.Ln2
	case a > 2:
		w = Log(2*a + 1/(math.Sqrt(a*a+1)+a))
	default:
		t := a * a
		w = math.Log1p(a + t/(1+math.Sqrt(1+t)))
	}
	return math.Copysign(w, x)
}

// Acosh returns the inverse hyperbolic cosine of a number from 1 up.
func Acosh(x float64) float64 {
	switch {
	case !(x > 1) || math.IsInf(x, 1):
		return math.Acosh(x)
	case x >= 0x1p28:
		return Log(x) + math.Ln2
	case x > 2:
		return Log(2*x - 1/(x+math.Sqrt(x*x-1)))
	}
	t := x - 1
	return math.Log1p(t + math.Sqrt(2*t+t*t))
}

// Atanh returns the inverse hyperbolic tangent of a number between -1 and 1.
func Atanh(x float64) float64 {
	a := math.Abs(x)
	var w float64
	switch {
	case a < 0x1p-28 || !(a < 1):
		return math.Atanh(x)
	case a < 0.5:
		t := a + a
		w = 0.5 * math.Log1p(t+t*a/(1-a))
	default:
		w = 0.5 * math.Log1p((a+a)/(1-a))
	}
	return math.Copysign(w, x)
}
