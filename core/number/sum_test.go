package number

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/argon-lab/argon/core/bsonraw"
)

// TestSumOfIntegersIsExact holds sums of int64 against big integers.
func TestSumOfIntegersIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.SliceOfN(rapid.Int64(), 1, 20).Draw(t, "ns")
		var s Sum
		want := new(big.Int)
		for _, n := range ns {
			s.Add(Int64(n))
			want.Add(want, big.NewInt(n))
		}
		got := s.Result()
		if want.IsInt64() {
			require.Equal(t, Int64(want.Int64()), got)
			return
		}
		// The nearest double, or in a cancellation the one next to it.
		f, _ := new(big.Float).SetInt(want).Float64()
		require.InEpsilon(t, f, got.Flt, 3e-16)
	})
}

func TestSumWidens(t *testing.T) {
	sum := func(ns ...Number) Number {
		var s Sum
		for _, n := range ns {
			s.Add(n)
		}
		return s.Result()
	}
	require.Equal(t, Int32(0), sum())
	require.Equal(t, Int32(3), sum(Int32(1), Int32(2)))
	require.Equal(t, Int64(1<<31), sum(Int32(math.MaxInt32), Int32(1)))
	require.Equal(t, Int64(3), sum(Int32(1), Int64(2)))
	require.Equal(t, Double(3), sum(Int32(1), Double(2)))
	require.Equal(t, Double(0x1p63), sum(Int64(math.MaxInt64), Int32(1)))
	require.Equal(t, Int64(math.MaxInt64), sum(Int64(math.MaxInt64), Int32(1), Int32(-1)))
	require.Equal(t, "1000", sum(Decimal(mustParse(t, "1E3"))).Format())
	require.Equal(t, "0.1000000000000000055511151231257827", sum(Double(0.1), Decimal(mustParse(t, "0"))).Format())
	require.Equal(t, Double(math.Inf(1)), sum(Double(1.7e308), Double(1.7e308), Double(-1.7e308)))
	require.True(t, sum(Double(math.Inf(1)), Double(math.Inf(-1))).IsNaN())
}

func mustParse(t require.TestingT, s string) bsonraw.Decimal {
	d, err := ParseDecimal(s)
	require.NoError(t, err, s)
	return d
}

// TestDecimalsPrintAndParse: what is printed parses to the same bits.
func TestDecimalsPrintAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDecimal(t)
		require.Equal(t, d, mustParse(t, FormatDecimal(d)), FormatDecimal(d))
	})
}

func drawDecimal(t *rapid.T) bsonraw.Decimal {
	c := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 14).Draw(t, "coefficient"))
	exponent := rapid.IntRange(minExponent, maxExponent).Draw(t, "exponent")
	if rapid.Bool().Draw(t, "near") {
		exponent = rapid.IntRange(-40, 10).Draw(t, "small exponent")
	}
	hi, lo := new(big.Int).Rsh(c, 64).Uint64(), new(big.Int).And(c, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return encode(rapid.Bool().Draw(t, "negative"), hi, lo, exponent)
}

// TestDecimalArithmeticIsExactWhereItFits compares with rational numbers.
func TestDecimalArithmeticIsExactWhereItFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawDecimal(t), drawDecimal(t)
		near := func(got bsonraw.Decimal, want *big.Rat) {
			if got.IsInf() || got.IsNaN() || want.Sign() == 0 {
				return
			}
			g := rat(got)
			diff := new(big.Rat).Sub(g, want)
			// Half a unit of the 34th digit, or of the last place there is.
			limit := new(big.Rat).Mul(new(big.Rat).Abs(want), big.NewRat(5, 1))
			limit.Mul(limit, new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(34), nil)))
			least := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(-minExponent), nil))
			if limit.Cmp(least) < 0 {
				limit = least
			}
			require.LessOrEqual(t, diff.Abs(diff).Cmp(limit), 0, "%s, want %s", FormatDecimal(got), want.FloatString(40))
		}
		near(DecimalAdd(x, y), new(big.Rat).Add(rat(x), rat(y)))
		near(DecimalSub(x, y), new(big.Rat).Sub(rat(x), rat(y)))
		near(DecimalMul(x, y), new(big.Rat).Mul(rat(x), rat(y)))
		if !y.IsZero() {
			near(DecimalQuo(x, y), new(big.Rat).Quo(rat(x), rat(y)))
			q := new(big.Rat).Quo(rat(x), rat(y))
			whole := new(big.Rat).SetInt(new(big.Int).Quo(q.Num(), q.Denom()))
			want := new(big.Rat).Sub(rat(x), whole.Mul(whole, rat(y)))
			if got := DecimalMod(x, y); !got.IsNaN() && want.Sign() != 0 {
				require.Zero(t, rat(got).Cmp(want), "%s mod %s", FormatDecimal(x), FormatDecimal(y))
			}
		}
	})
}

func rat(d bsonraw.Decimal) *big.Rat {
	negative, c, exponent := d.Parts()
	r := new(big.Rat).SetInt(c)
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil))
	if exponent < 0 {
		r.Quo(r, p)
	} else {
		r.Mul(r, p)
	}
	if negative {
		r.Neg(r)
	}
	return r
}

func TestUpdateArithmeticRefusesOverflow(t *testing.T) {
	_, err := AddUpdate(Int64(math.MaxInt64).Value(), Int32(1).Value())
	require.ErrorContains(t, err, "overflow")
	_, err = MulUpdate(Int64(math.MaxInt64).Value(), Int32(2).Value())
	require.ErrorContains(t, err, "overflow")
	v, err := AddUpdate(Int32(math.MaxInt32).Value(), Int32(1).Value())
	require.NoError(t, err)
	require.Equal(t, Int64(1<<31).Value(), v)
	v, err = MulUpdate(Int32(3).Value(), Double(0.5).Value())
	require.NoError(t, err)
	require.Equal(t, Double(1.5).Value(), v)
	v, err = Bits(BitXor, Int32(6).Value(), Int64(3).Value())
	require.NoError(t, err)
	require.Equal(t, Int64(5).Value(), v)
	_, err = Bits(BitOr, Int32(6).Value(), Double(3).Value())
	require.Error(t, err)
}

func BenchmarkDecimalAdd(b *testing.B) {
	x, y := mustParse(b, "123456.789"), mustParse(b, "0.000123")
	b.ReportAllocs()
	for range b.N {
		x = DecimalAdd(x, y)
	}
}
