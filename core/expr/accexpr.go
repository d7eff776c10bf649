package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
)

// Accumulators that are used as expressions: over their arguments, or over the
// elements of a single array.

var accumulatorOperators = map[string]parser{
	"$sum":        variadic(pooled, sumOf),
	"$avg":        variadic(nary{}, averageOf),
	"$min":        variadic(pooled, extremeOf(1)),
	"$max":        variadic(pooled, extremeOf(-1)),
	"$stdDevPop":  variadic(nary{}, deviationOf(false)),
	"$stdDevSamp": variadic(nary{}, deviationOf(true)),
}

var pooled = nary{associative: true, commutative: true, accumulator: true}

func sumOf(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	var s number.Sum
	err := eachInput(args, func(v bsonraw.Value) error {
		if n, ok := number.Of(v); ok {
			s.Add(n)
		}
		return nil
	})
	return env.number(s.Result()), err
}

func averageOf(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	var s number.Sum
	count := int64(0)
	err := eachInput(args, func(v bsonraw.Value) error {
		if n, ok := number.Of(v); ok {
			s.Add(n)
			count++
		}
		return nil
	})
	if count == 0 {
		return null, err
	}
	return env.number(s.Average(count)), err
}

// extremeOf is $min (sign 1) or $max (sign -1): null is no candidate, and of
// equal values the first wins.
func extremeOf(sign int) fnN {
	return func(_ *Env, args []bsonraw.Value) (bsonraw.Value, error) {
		best := null
		err := eachInput(args, func(v bsonraw.Value) error {
			if !v.IsNullish() && (best.Type == bsonraw.Null || sign*compare(v, best) < 0) {
				best = v
			}
			return nil
		})
		return best, err
	}
}

func deviationOf(sample bool) fnN {
	return func(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
		var d deviation
		err := eachInput(args, func(v bsonraw.Value) error {
			d.add(v)
			return nil
		})
		return d.result(env, sample), err
	}
}
