package pipeline

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// rounder rounds the bounds of $bucketAuto to a preferred number series, or to
// powers of two where series is nil. A nil rounder rounds nothing.
type rounder struct {
	name   string
	series []float64 // ascending; the next is the first times 10
}

// series are the preferred numbers: Renard's (ISO 3), 1-2-5, and the E series
// (IEC 60063). R40 is without 335, as in mongod.
var series = map[string][]float64{
	"R5":    {10, 16, 25, 40, 63},
	"R10":   {100, 125, 160, 200, 250, 315, 400, 500, 630, 800},
	"R20":   {100, 112, 125, 140, 160, 180, 200, 224, 250, 280, 315, 355, 400, 450, 500, 560, 630, 710, 800, 900},
	"R40":   {100, 106, 112, 118, 125, 132, 140, 150, 160, 170, 180, 190, 200, 212, 224, 236, 250, 265, 280, 300, 315, 355, 375, 400, 425, 450, 475, 500, 530, 560, 600, 630, 670, 710, 750, 800, 850, 900, 950},
	"R80":   {103, 109, 115, 122, 128, 136, 145, 155, 165, 175, 185, 195, 206, 218, 230, 243, 258, 272, 290, 307, 325, 345, 365, 387, 412, 437, 462, 487, 515, 545, 575, 615, 650, 690, 730, 775, 825, 875, 925, 975},
	"1-2-5": {10, 20, 50},
	"E6":    {10, 15, 22, 33, 47, 68},
	"E12":   {10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82},
	"E24":   {10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91},
	"E48":   eSeries(48),
	"E96":   eSeries(96),
	"E192":  eSeries(192),
}

// eSeries computes a series of three digits. 920 is where the standard departs
// from the formula.
func eSeries(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Round(100 * math.Pow(10, float64(i)/float64(n)))
		if n == 192 && out[i] == 919 {
			out[i] = 920
		}
	}
	return out
}

func newRounder(name string) (*rounder, error) {
	if name == "POWERSOF2" {
		return &rounder{name: name}, nil
	}
	s, ok := series[name]
	if !ok {
		return nil, errs.New(40257, "Unknown rounding granularity '%s'", name)
	}
	return &rounder{name, s}, nil
}

// check returns the number that a value is, which must not be negative.
func (r *rounder) check(v bsonraw.Value) (f float64, isDecimal bool, err error) {
	if r == nil {
		return 0, false, nil
	}
	f, ok := v.AsFloat64()
	switch {
	case !ok:
		return 0, false, errs.New(40258, "$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a value with type: %s", v.Type.Name())
	case math.IsNaN(f):
		return 0, false, errs.New(40259, "$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a NaN")
	case f < 0:
		return 0, false, errs.New(40260, "$bucketAuto can specify a 'granularity' with non-negative numbers only, but found a negative number: %s", brief(v))
	}
	return f, v.Type == bsonraw.Decimal128, nil
}

// up returns the least number of the series above v.
func (r *rounder) up(v bsonraw.Value) (bsonraw.Value, error) {
	f, decimal, err := r.check(v)
	switch {
	case err != nil:
		return v, err
	case decimal:
		return v, errs.New(errs.NotSupported, "$bucketAuto: 'granularity' %s with a Decimal128 boundary (%s)", r.name, brief(v))
	case f == 0 || math.IsInf(f, 0):
		return v, nil
	case r.series == nil:
		return powerOfTwo(math.Pow(2, math.Floor(math.Log2(f))+1)), nil
	}
	multiplier := r.scale(f, func(top float64, m float64) bool { return f >= top*m })
	return bsonraw.DoubleValue(r.above(f, multiplier)), nil
}

// down returns the greatest number of the series below v.
func (r *rounder) down(v bsonraw.Value) (bsonraw.Value, error) {
	f, decimal, err := r.check(v)
	switch {
	case err != nil:
		return v, err
	case decimal:
		return v, errs.New(errs.NotSupported, "$bucketAuto: 'granularity' %s with a Decimal128 boundary (%s)", r.name, brief(v))
	case f == 0 || math.IsInf(f, 0):
		return v, nil
	case r.series == nil:
		return powerOfTwo(math.Pow(2, math.Ceil(math.Log2(f))-1)), nil
	}
	multiplier := r.scale(f, func(top float64, m float64) bool { return f > top*m })
	return bsonraw.DoubleValue(r.below(f, multiplier)), nil
}

// scale finds the power of ten that brings the series around f (mongod's
// GranularityRounderPreferredNumbers).
func (r *rounder) scale(f float64, above func(top, m float64) bool) float64 {
	multiplier := 1.0
	top := r.series[0] * 10
	for above(top, multiplier) {
		multiplier *= 10
	}
	for f < r.series[0]*multiplier {
		next := multiplier / 10
		if f >= r.series[len(r.series)-1]*next && f < r.series[0]*multiplier {
			break
		}
		multiplier = next
	}
	return multiplier
}

func (r *rounder) above(f, multiplier float64) float64 {
	for _, s := range r.series {
		if f < s*multiplier {
			return s * multiplier
		}
	}
	return r.series[0] * multiplier * 10
}

func (r *rounder) below(f, multiplier float64) float64 {
	for i := len(r.series) - 1; i >= 0; i-- {
		if f > r.series[i]*multiplier {
			return r.series[i] * multiplier
		}
	}
	return r.series[len(r.series)-1] * multiplier / 10
}

// powerOfTwo gives a power the least type that holds it.
func powerOfTwo(p float64) bsonraw.Value {
	switch {
	case p != math.Trunc(p) || p >= 1<<63:
		return bsonraw.DoubleValue(p)
	case p <= math.MaxInt32:
		return bsonraw.Int32Value(int32(p))
	}
	return bsonraw.Int64Value(int64(p))
}
