package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
)

// sumFold is $sum: values that are no numbers are left out.
type sumFold struct {
	sum number.Sum
}

func (f *sumFold) add(v bsonraw.Value) error {
	if n, ok := number.Of(v); ok {
		f.sum.Add(n)
	}
	return nil
}

func (f *sumFold) result(env *Env) (bsonraw.Value, error) { return env.number(f.sum.Result()), nil }

func (f *sumFold) Reset()    { f.sum = number.Sum{} }
func (f *sumFold) Size() int { return 64 }

// averageFold is $avg.
type averageFold struct {
	sum   number.Sum
	count int64
}

func (f *averageFold) add(v bsonraw.Value) error {
	if n, ok := number.Of(v); ok {
		f.sum.Add(n)
		f.count++
	}
	return nil
}

func (f *averageFold) result(env *Env) (bsonraw.Value, error) {
	if f.count == 0 {
		return null, nil
	}
	return env.number(f.sum.Average(f.count)), nil
}

func (f *averageFold) Reset()    { *f = averageFold{} }
func (f *averageFold) Size() int { return 72 }

// deviationFold is $stdDevPop or $stdDevSamp.
type deviationFold struct {
	deviation
	sample bool
}

func (f *deviationFold) add(v bsonraw.Value) error {
	f.deviation.add(v)
	return nil
}

func (f *deviationFold) result(env *Env) (bsonraw.Value, error) {
	return f.deviation.result(env, f.sample), nil
}

func (f *deviationFold) Reset()    { f.deviation = deviation{} }
func (f *deviationFold) Size() int { return 32 }

// extremeFold is $min (sign 1) or $max (sign -1): null is no candidate, and of
// equal values the first stays.
type extremeFold struct {
	best held
	any  bool
	sign int
}

func (f *extremeFold) add(v bsonraw.Value) error {
	if v.IsNullish() {
		return nil
	}
	if !f.any || f.sign*compare(v, f.best.value) < 0 {
		f.best.set(v)
		f.any = true
	}
	return nil
}

func (f *extremeFold) result(*Env) (bsonraw.Value, error) {
	if !f.any {
		return null, nil
	}
	return f.best.value, nil
}

func (f *extremeFold) Reset()    { f.any = false }
func (f *extremeFold) Size() int { return 48 + cap(f.best.value.Data) }
