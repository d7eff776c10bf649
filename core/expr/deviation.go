package expr

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
)

// deviation computes a standard deviation in one pass (Welford, as Knuth has
// it in The Art of Computer Programming, volume 2, 4.2.2).
type deviation struct {
	count    int64
	mean, m2 float64
}

// add takes a number in; other values are ignored.
func (d *deviation) add(v bsonraw.Value) {
	x, ok := v.AsFloat64()
	if !ok {
		return
	}
	d.count++
	delta := x - d.mean
	d.mean += delta / float64(d.count)
	d.m2 += delta * (x - d.mean)
}

// result is null without numbers, or for a sample of one.
func (d *deviation) result(env *Env, sample bool) bsonraw.Value {
	divisor := d.count
	if sample {
		divisor--
	}
	if divisor <= 0 {
		return null
	}
	return env.double(math.Sqrt(d.m2 / float64(divisor)))
}
