package number

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// nearest returns what a double function should give: the big function's value,
// rounded once.
func nearest(f func(*big.Float) *big.Float, x float64) float64 {
	r, _ := f(new(big.Float).SetPrec(precision).SetFloat64(x)).Float64()
	return r
}

func TestDoubleFunctionsRoundOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sin := func(x *big.Float) *big.Float { s, _ := sinCosOfBig(x); return s }
	cos := func(x *big.Float) *big.Float { _, c := sinCosOfBig(x); return c }
	for name, f := range map[string]struct {
		double func(float64) float64
		exact  func(*big.Float) *big.Float
		draw   func() float64
	}{
		"exp":      {Exp, expFloat, func() float64 { return random.Float64()*1400 - 700 }},
		"exp near": {Exp, expFloat, func() float64 { return random.NormFloat64() }},
		"exp tiny": {Exp, expFloat, func() float64 { return -700 - 45*random.Float64() }},
		"log":      {Log, lnFloat, func() float64 { return math.Exp(random.Float64()*1400 - 700) }},
		"log near": {Log, lnFloat, func() float64 { return 1 + random.NormFloat64()/100 }},
		"sin":      {Sin, sin, func() float64 { return random.NormFloat64() * 10 }},
		"cos":      {Cos, cos, func() float64 { return random.NormFloat64() * 10 }},
		"sin big":  {Sin, sin, func() float64 { return random.NormFloat64() * 1e15 }},
		"atan":     {Atan, atanFloat, func() float64 { return random.NormFloat64() * 5 }},
		"acos":     {Acos, acosFloat, func() float64 { return random.Float64()*2 - 1 }},
	} {
		wrong := 0
		for range 800 {
			x := f.draw()
			if got, want := f.double(x), nearest(f.exact, x); got != want {
				wrong++
				t.Logf("%s of %v: got %v, want %v", name, x, got, want)
			}
		}
		require.Zero(t, wrong, name)
	}
	require.Equal(t, -744.4400719213812, Log(5e-324))
	require.Equal(t, 0.011800076512800236, Cos(1<<63))
	require.Equal(t, math.Inf(1), Exp(709.8))
}

// sinCosOfBig is reduce and sinCos for a double.
func sinCosOfBig(x *big.Float) (sin, cos *big.Float) {
	const prec = 1300
	half := new(big.Float).SetMantExp(piLong(), -1)
	k := new(big.Float).SetPrec(prec).Quo(x, half)
	k.Add(k, big.NewFloat(0.5*float64(x.Sign())))
	n, _ := k.Int(nil)
	m := new(big.Float).SetPrec(prec).SetInt(n)
	m.Mul(m, half)
	sin, cos = sinCos(newFloat().Set(new(big.Float).SetPrec(prec).Sub(x, m)))
	switch new(big.Int).And(n, big.NewInt(3)).Int64() {
	case 1:
		return cos, sin.Neg(sin)
	case 2:
		return sin.Neg(sin), cos.Neg(cos)
	case 3:
		return cos.Neg(cos), sin
	}
	return sin, cos
}

func BenchmarkPow(b *testing.B) {
	x := 1.5
	for range b.N {
		x = powDouble(1.1, x)
	}
}
