package number

import "math"

// Functions of doubles. mongod takes them from the C library, whose results are
// the nearest doubles but for one in some hundreds. Go's own are off by one in
// the last place more often, and its logarithm of subnormal numbers is wrong on
// amd64. Here they are computed in pairs of doubles and rounded once.

// pair is an unevaluated sum hi + lo, with |lo| at most half a unit in the last
// place of hi: about 106 bits.
type pair struct{ hi, lo float64 }

func pairOf(f float64) pair { return pair{f, 0} }

func (a pair) add(b pair) pair {
	s, e := twoSum(a.hi, b.hi)
	t, f := twoSum(a.lo, b.lo)
	s, e = fastTwoSum(s, e+t)
	s, e = fastTwoSum(s, e+f)
	return pair{s, e}
}

func (a pair) neg() pair       { return pair{-a.hi, -a.lo} }
func (a pair) sub(b pair) pair { return a.add(b.neg()) }

func (a pair) mul(b pair) pair {
	p := a.hi * b.hi
	e := math.FMA(a.hi, b.hi, -p) + (a.hi*b.lo + a.lo*b.hi)
	p, e = fastTwoSum(p, e)
	return pair{p, e}
}

func (a pair) div(b pair) pair {
	q := a.hi / b.hi
	r := a.sub(b.mul(pairOf(q)))
	q2 := r.hi / b.hi
	r = r.sub(b.mul(pairOf(q2)))
	q3 := r.hi / b.hi
	hi, lo := fastTwoSum(q, q2)
	return pair{hi, lo}.add(pairOf(q3))
}

func (a pair) sqrt() pair {
	if a.hi <= 0 {
		return pair{}
	}
	r := pairOf(math.Sqrt(a.hi))
	// One step of Newton's method doubles the digits.
	half := a.sub(r.mul(r)).div(r)
	return r.add(half.scale(-1))
}

// scale multiplies by 2^n.
func (a pair) scale(n int) pair { return pair{math.Ldexp(a.hi, n), math.Ldexp(a.lo, n)} }

func (a pair) float() float64 { return a.hi + a.lo }

// Constants to 106 bits.
var (
	pairLn2    = pair{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56}
	pairHalfPi = pair{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54}
)

// inverseFactorials holds 1/n!.
var inverseFactorials = func() (f [32]pair) {
	f[0] = pairOf(1)
	for n := 1; n < len(f); n++ {
		f[n] = f[n-1].div(pairOf(float64(n)))
	}
	return f
}()

// exp returns e to the x, for |x| below 750, as m × 2^n.
func (x pair) exp() (m pair, n int) {
	k := math.RoundToEven(x.hi / pairLn2.hi)
	const halvings = 6
	r := x.sub(pairLn2.mul(pairOf(k))).scale(-halvings)
	// |r| is at most ln2/128: 12 terms reach 2^-110.
	sum := inverseFactorials[12]
	for i := 11; i >= 1; i-- {
		sum = sum.mul(r).add(inverseFactorials[i])
	}
	// Squaring e^r - 1, not e^r, keeps its digits.
	s := sum.mul(r)
	for range halvings {
		s = s.scale(1).add(s.mul(s))
	}
	return s.add(pairOf(1)), int(k)
}

// Exp returns e to the x.
func Exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > 710:
		return math.Inf(1)
	case x < -746:
		return 0
	}
	m, n := pairOf(x).exp()
	return m.ldexp(n)
}

// ldexp rounds m × 2^n once, also where the result is subnormal.
func (m pair) ldexp(n int) float64 {
	if math.Ldexp(m.hi, n) >= 0x1p-1022 {
		return math.Ldexp(m.hi+m.lo, n)
	}
	// Adding a power of two puts the last place where the result has its own.
	base := pairOf(math.Ldexp(1, -1022-n))
	sum := base.add(m)
	return math.Ldexp(sum.hi-base.hi, n)
}

// log returns the natural logarithm of a positive finite number.
func logPair(x float64) pair {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	y := pairOf(math.Log(m))
	// Halley's step for e^y = m: y + 2 (m - e^y) / (m + e^y) triples the digits.
	p, n := y.exp()
	p = p.scale(n)
	y = y.add(pairOf(m).sub(p).scale(1).div(pairOf(m).add(p)))
	return y.add(pairLn2.mul(pairOf(float64(e))))
}

// Log returns the natural logarithm.
func Log(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case x == 1:
		return 0
	}
	return logPair(x).float()
}

// Log10 returns the logarithm to base 10. Unlike the others it follows the C
// library step by step, which is not exact here: the power of two and the rest
// are turned into decimals apart.
func Log10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return Log(x)
	}
	const (
		log2High = 3.01029995663611771306e-01 // log10(2), its first bits
		log2Low  = 3.69423907715893078616e-13
		inverse  = 4.34294481903251816668e-01 // 1/ln(10)
	)
	m, e := math.Frexp(x)
	m, e = 2*m, e-1 // 1 ≤ m < 2
	if e < 0 {
		m, e = m/2, e+1
	}
	y := float64(e)
	return y*log2Low + inverse*Log(m) + y*log2High
}

// powDouble returns x to the y.
func powDouble(x, y float64) float64 {
	magnitude := math.Abs(x)
	if y == 0 || x == 1 || math.IsNaN(x) || math.IsNaN(y) || math.IsInf(y, 0) ||
		magnitude == 0 || magnitude == 1 || math.IsInf(magnitude, 0) || x < 0 && y != math.Trunc(y) {
		return math.Pow(x, y) // the special cases, which are exact
	}
	sign := 1.0
	if x < 0 && math.Mod(y, 2) != 0 {
		sign = -1
	}
	switch p := Log(magnitude) * y; {
	case p > 710:
		return sign * math.Inf(1)
	case p < -746:
		return sign * 0
	}
	m, n := logPair(magnitude).mul(pairOf(y)).exp()
	return sign * m.ldexp(n)
}
