package expr

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// positive is $ln or $log10: a function of positive numbers.
func positive(name string, code errs.Code, double func(float64) float64, decimal func(bsonraw.Decimal) bsonraw.Decimal) parser {
	return numeric(name, func(n number.Number) (number.Number, error) {
		if !isPositive(n) {
			return n, errs.New(code, "%s's argument must be a positive number, but is %s", name, n.Format())
		}
		if n.Type == bsonraw.Decimal128 && !n.Dec.IsNaN() { // mongod's NaN is a double here
			return number.Decimal(decimal(n.Dec)), nil
		}
		return number.Double(double(n.AsDouble())), nil
	})
}

// isPositive is true for NaN too.
func isPositive(n number.Number) bool {
	switch n.Type {
	case bsonraw.Decimal128:
		return n.Dec.IsNaN() || !n.Dec.Negative() && !n.Dec.IsZero()
	case bsonraw.Double:
		return !(n.Flt <= 0)
	}
	return n.Int > 0
}

func sqrt(n number.Number) (number.Number, error) {
	if !isPositive(n) && !n.IsZero() {
		return n, errs.New(28714, "$sqrt's argument must be greater than or equal to 0")
	}
	if n.Type == bsonraw.Decimal128 {
		return number.Decimal(number.DecimalSqrt(n.Dec)), nil
	}
	return number.Double(math.Sqrt(n.AsDouble())), nil
}

func exp(n number.Number) (number.Number, error) {
	if n.Type == bsonraw.Decimal128 {
		return number.Decimal(number.DecimalExp(n.Dec)), nil
	}
	return number.Double(number.Exp(n.AsDouble())), nil
}

func log(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	if args[0].IsNullish() || args[1].IsNullish() {
		return null, nil
	}
	x, okX := number.Of(args[0])
	base, okBase := number.Of(args[1])
	switch {
	case !okX:
		return bsonraw.Value{}, errs.New(28756, "$log's argument must be numeric, not %s", args[0].Type.Name())
	case !okBase:
		return bsonraw.Value{}, errs.New(28757, "$log's base must be numeric, not %s", args[1].Type.Name())
	}
	one := number.Int32(1)
	if number.Widest(x.Type, base.Type) == bsonraw.Decimal128 && isPositive(x) && isPositive(base) &&
		!x.IsNaN() && !base.IsNaN() && number.Compare(base, one) != 0 {
		return env.number(number.Decimal(number.DecimalLog(x.AsDecimal(), base.AsDecimal()))), nil
	}
	// Whatever else there is of decimals, mongod looks at as doubles.
	x, base = number.Double(x.AsDouble()), number.Double(base.AsDouble())
	switch {
	case !isPositive(x):
		return bsonraw.Value{}, errs.New(28758, "$log's argument must be a positive number, but is %s", x.Format())
	case !isPositive(base) || number.Compare(base, one) == 0:
		return bsonraw.Value{}, errs.New(28759, "$log's base must be a positive number not equal to 1, but is %s", base.Format())
	}
	return env.double(number.Log(x.Flt) / number.Log(base.Flt)), nil
}

func pow(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	if args[0].IsNullish() || args[1].IsNullish() {
		return null, nil
	}
	base, okBase := number.Of(args[0])
	e, okExp := number.Of(args[1])
	switch {
	case !okBase:
		return bsonraw.Value{}, errs.New(28762, "$pow's base must be numeric, not %s", args[0].Type.Name())
	case !okExp:
		return bsonraw.Value{}, errs.New(28763, "$pow's exponent must be numeric, not %s", args[1].Type.Name())
	case base.IsZero() && isNegativePower(base, e):
		return bsonraw.Value{}, errs.New(28764, "$pow cannot take a base of 0 and a negative exponent")
	}
	return env.number(number.Pow(base, e)), nil
}

// isNegativePower is true for a negative zero too where decimals are computed
// with.
func isNegativePower(base, e number.Number) bool {
	if number.Widest(base.Type, e.Type) == bsonraw.Decimal128 {
		d := e.AsDecimal()
		return d.Negative() && !d.IsNaN()
	}
	return number.Compare(e, number.Int32(0)) < 0 && !e.IsNaN()
}

// bounds is a range of numbers, as a function's domain and in its error.
type bounds struct {
	min, max float64
	text     string // of both, with the brackets
	open     bool   // the ends are outside
}

var (
	finite     = bounds{math.Inf(-1), math.Inf(1), "(-inf,inf)", true}
	withinOne  = bounds{-1, 1, "[-1,1]", false}
	oneAndMore = bounds{1, math.Inf(1), "[1,inf]", false}
	everywhere = bounds{math.Inf(-1), math.Inf(1), "[-inf,inf]", false}
)

func (b bounds) holds(n number.Number) bool {
	if n.IsNaN() {
		return true
	}
	f := n.AsDouble()
	if n.Type == bsonraw.Decimal128 && !n.Dec.IsInf() {
		// A finite decimal is inside of infinite bounds, whatever its double.
		f = math.Max(-math.MaxFloat64, math.Min(f, math.MaxFloat64))
		switch {
		case f == b.max:
			return number.Compare(n, number.Double(b.max)) <= 0
		case f == b.min:
			return number.Compare(n, number.Double(b.min)) >= 0
		}
	}
	if b.open {
		return f > b.min && f < b.max
	}
	return f >= b.min && f <= b.max
}

// bounded is the row of a trigonometric function.
func bounded(name string, b bounds, double func(float64) float64, decimal func(bsonraw.Decimal) bsonraw.Decimal) parser {
	return numeric(name, func(n number.Number) (number.Number, error) {
		if !b.holds(n) {
			return n, errs.New(50989, "cannot apply %s to %s, value must be in %s", name, formatBound(n), b.text)
		}
		if n.Type == bsonraw.Decimal128 {
			if n.Dec.IsNaN() {
				return n, nil
			}
			return number.Decimal(decimal(n.Dec)), nil
		}
		return number.Double(double(n.AsDouble())), nil
	})
}

// formatBound writes a double infinity as C++ does, other numbers as Format.
func formatBound(n number.Number) string {
	if n.Type == bsonraw.Double && math.IsInf(n.Flt, 0) {
		if n.Flt < 0 {
			return "-inf"
		}
		return "inf"
	}
	return n.Format()
}

func atan2(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	y, okY := number.Of(args[0])
	x, okX := number.Of(args[1])
	switch {
	case args[0].IsNullish():
		return null, nil
	case !okY:
		return bsonraw.Value{}, errs.New(51044, "$atan2 only supports numeric types, not %s", args[0].Type.Name())
	case args[1].IsNullish():
		return null, nil
	case !okX:
		return bsonraw.Value{}, errs.New(51045, "$atan2 only supports numeric types, not %s", args[1].Type.Name())
	case number.Widest(x.Type, y.Type) == bsonraw.Decimal128:
		return env.number(number.Decimal(number.DecimalAtan2(y.AsDecimal(), x.AsDecimal()))), nil
	}
	return env.double(number.Atan2(y.AsDouble(), x.AsDouble())), nil
}

// scaled is $degreesToRadians or $radiansToDegrees.
func scaled(name string, double float64, decimal func(bsonraw.Decimal) bsonraw.Decimal) parser {
	return numeric(name, func(n number.Number) (number.Number, error) {
		if n.Type == bsonraw.Decimal128 {
			return number.Decimal(decimal(n.Dec)), nil
		}
		return number.Double(n.AsDouble() * double), nil
	})
}
