package expr

import (
	"math"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// checkAddend checks the newest operand of $add.
func checkAddend(args []bsonraw.Value, _ int) (done bool, err error) {
	v := args[len(args)-1]
	switch {
	case v.IsNumber():
		return false, nil
	case v.IsNullish():
		return true, nil
	case v.Type != bsonraw.DateTime:
		return false, errs.New(16554, "$add only supports numeric or date types, not %s", v.Type.Name())
	}
	for _, earlier := range args[:len(args)-1] {
		if earlier.Type == bsonraw.DateTime {
			return false, errs.New(16612, "only one date allowed in an $add expression")
		}
	}
	return false, nil
}

func add(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	if len(args) == 2 {
		x, okX := number.Of(args[0])
		y, okY := number.Of(args[1])
		if okX && okY {
			return env.number(number.Add(x, y)), nil
		}
	}
	var s number.Sum
	hasDate := false
	for _, v := range args {
		if v.Type == bsonraw.DateTime {
			hasDate = true
			s.AddInt64(v.Int64())
			continue
		}
		n, _ := number.Of(v)
		s.Add(n)
	}
	if !hasDate {
		return env.number(s.Result()), nil
	}
	if s.Type == bsonraw.Decimal128 {
		return env.date(decimalToLong(s.Decimal())), nil
	}
	ms, fits := s.Int64()
	if !fits {
		return bsonraw.Value{}, errs.New(errs.Overflow, "date overflow in $add")
	}
	return env.date(ms), nil
}

// decimalToLong rounds to the nearest even integer; what does not fit becomes
// the least one, as the decimal library of mongod has it.
func decimalToLong(d bsonraw.Decimal) int64 {
	n, ok := number.DecimalQuantize(d, 0, number.HalfEven).Int64()
	if !ok {
		return math.MinInt64
	}
	return n
}

// backward is an operator of two arguments, $subtract or $divide, that evaluates
// the second one first.
type backward struct {
	fn          func(env *Env, left, right bsonraw.Value) (bsonraw.Value, error)
	left, right Expr
}

func evaluatingBackward(fn func(env *Env, left, right bsonraw.Value) (bsonraw.Value, error)) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.exactly(2, name, arg)
		if err != nil {
			return nil, err
		}
		return &backward{fn, args[0], args[1]}, nil
	}
}

func (x *backward) children(visit func(*Expr)) { visitSome(visit, &x.left, &x.right) }
func (x *backward) foldable() bool             { return true }

func (x *backward) Eval(env *Env) (bsonraw.Value, error) {
	right, err := x.right.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	left, err := x.left.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	return x.fn(env, left, right)
}

func subtract(env *Env, left, right bsonraw.Value) (bsonraw.Value, error) {
	x, okX := number.Of(left)
	y, okY := number.Of(right)
	switch {
	case okX && okY:
		return env.number(number.Sub(x, y)), nil
	case left.IsNullish() || right.IsNullish():
		return null, nil
	case left.Type != bsonraw.DateTime:
		return bsonraw.Value{}, errs.New(errs.TypeMismatch, "can't $subtract %s from %s", right.Type.Name(), left.Type.Name())
	case right.Type == bsonraw.DateTime:
		return env.int64(left.Int64() - right.Int64()), nil
	case !okY:
		return bsonraw.Value{}, errs.New(errs.TypeMismatch, "can't $subtract %s from Date", right.Type.Name())
	}
	return subtractFromDate(env, left.Int64(), y)
}

func subtractFromDate(env *Env, ms int64, y number.Number) (bsonraw.Value, error) {
	var n int64
	switch y.Type {
	case bsonraw.Decimal128:
		n = decimalToLong(y.Dec)
	case bsonraw.Double:
		if err := checkLong(y.Flt); err != nil {
			return bsonraw.Value{}, err
		}
		n = int64(y.Flt)
	default:
		n = y.Int
	}
	if n == math.MinInt64 {
		return bsonraw.Value{}, errs.New(errs.DurationOverflow, "Cannot negate the minimum duration")
	}
	d := number.Sub(number.Int64(ms), number.Int64(n))
	if d.Type != bsonraw.Int64 {
		return bsonraw.Value{}, errs.New(errs.DurationOverflow, "Overflow casting from a lower-precision duration to a higher-precision duration")
	}
	return env.date(d.Int), nil
}

// checkLong refuses a double outside of int64.
func checkLong(f float64) error {
	if f >= -(1<<63) && f < 1<<63 {
		return nil
	}
	return errs.New(31109, "Can't coerce out of range value %s to long", formatBound(number.Double(f)))
}

// checkFactor checks the newest operand of $multiply.
func checkFactor(args []bsonraw.Value, _ int) (done bool, err error) {
	v := args[len(args)-1]
	switch {
	case v.IsNumber():
		return false, nil
	case v.IsNullish():
		return true, nil
	}
	return false, errs.New(errs.TypeMismatch, "$multiply only supports numeric types, not %s", v.Type.Name())
}

func multiply(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	var p number.Product
	for _, v := range args {
		n, _ := number.Of(v)
		p.Mul(n)
	}
	return env.number(p.Result()), nil
}

func divide(env *Env, left, right bsonraw.Value) (bsonraw.Value, error) {
	x, okX := number.Of(left)
	y, okY := number.Of(right)
	switch {
	case okX && okY:
		q, ok := number.Div(x, y)
		if !ok {
			return bsonraw.Value{}, errs.New(errs.BadValue, "can't $divide by zero")
		}
		return env.number(q), nil
	case left.IsNullish() || right.IsNullish():
		return null, nil
	}
	return bsonraw.Value{}, errs.New(errs.TypeMismatch, "$divide only supports numeric types, not %s and %s", left.Type.Name(), right.Type.Name())
}

func mod(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	x, okX := number.Of(args[0])
	y, okY := number.Of(args[1])
	switch {
	case okX && okY:
		r, ok := number.Mod(x, y)
		switch {
		case ok:
			return env.number(r), nil
		case number.Widest(x.Type, y.Type) == bsonraw.Decimal128:
			return bsonraw.Value{}, errs.New(5733415, "can't $mod by zero")
		}
		return bsonraw.Value{}, errs.New(16610, "can't $mod by zero")
	case args[0].IsNullish() || args[1].IsNullish():
		return null, nil
	}
	return bsonraw.Value{}, errs.New(16611, "$mod only supports numeric types, not %s and %s", args[0].Type.Name(), args[1].Type.Name())
}

// numeric is the row of an operator of one number: null for null.
func numeric(name string, fn func(n number.Number) (number.Number, error)) parser {
	return one(func(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
		n, ok := number.Of(v)
		if ok {
			r, err := fn(n)
			if err != nil {
				return bsonraw.Value{}, err
			}
			return env.number(r), nil
		}
		if v.IsNullish() {
			return null, nil
		}
		return bsonraw.Value{}, errs.New(28765, "%s only supports numeric types, not %s", name, v.Type.Name())
	})
}

func abs(n number.Number) (number.Number, error) {
	switch {
	case n.Type == bsonraw.Decimal128:
		hi, lo := n.Dec.Halves()
		return number.Decimal(bsonraw.NewDecimal(hi&^(1<<63), lo)), nil
	case n.Type == bsonraw.Double:
		return number.Double(math.Abs(n.Flt)), nil
	case n.Int == math.MinInt64:
		return n, errs.New(28680, "can't take $abs of long long min")
	case n.Type == bsonraw.Int64:
		return number.Int64(max(n.Int, -n.Int)), nil
	}
	return number.IntOrLong(max(n.Int, -n.Int)), nil
}

// toWhole makes $ceil and $floor.
func toWhole(double func(float64) float64, how number.Rounding) func(number.Number) (number.Number, error) {
	return func(n number.Number) (number.Number, error) {
		switch n.Type {
		case bsonraw.Decimal128:
			return number.Decimal(number.DecimalQuantize(n.Dec, 0, how)), nil
		case bsonraw.Double:
			return number.Double(double(n.Flt)), nil
		}
		return n, nil
	}
}

// rounding is $round or $trunc: to a place after (or, negative, before) the
// point, zero if not given.
func rounding(name string, how number.Rounding) parser {
	check := func(args []bsonraw.Value, _ int) (done bool, err error) {
		switch {
		case args[len(args)-1].IsNullish():
			return true, nil
		case len(args) == 1 && !args[0].IsNumber():
			return false, errs.New(51081, "%s only supports numeric types, not %s", name, args[0].Type.Name())
		}
		return false, nil
	}
	return between(1, 2, func(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
		n, _ := number.Of(args[0])
		place := int64(0)
		if len(args) > 1 {
			var err error
			if place, err = roundingPlace(name, args[1]); err != nil {
				return bsonraw.Value{}, err
			}
		}
		r, err := round(name, n, int(place), how)
		if err != nil {
			return bsonraw.Value{}, err
		}
		return env.number(r), nil
	}).each(check)
}

func roundingPlace(name string, v bsonraw.Value) (int64, error) {
	if !v.IsNumber() {
		return 0, errs.New(16004, "can't convert from BSON type %s to long", v.Type.Name())
	}
	if v.Type == bsonraw.Double {
		if err := checkLong(v.Double()); err != nil {
			return 0, err
		}
	}
	place, whole := v.AsInt64()
	if !whole || place != int64(int32(place)) {
		return 0, errs.New(51082, "precision argument to  %s must be a integral value", name)
	}
	if place < -20 || place > 100 {
		return 0, errs.New(51083, "cannot apply %s with precision value %d value must be in [-20, 100]", name, place)
	}
	return place, nil
}

func round(name string, n number.Number, place int, how number.Rounding) (number.Number, error) {
	switch {
	case n.Type == bsonraw.Decimal128:
		return number.Decimal(number.DecimalRound(n.Dec, place, how)), nil
	case n.Type == bsonraw.Double:
		return number.Double(roundDouble(n.Flt, place, how)), nil
	case place >= 0:
		return n, nil
	}
	r, ok := number.DecimalRound(number.DecimalOfInt(n.Int), place, how).Int64()
	switch {
	case !ok:
		return n, errs.New(51080, "invalid conversion from Decimal128 result in %s resulting from arguments: [%d, %d]", name, n.Int, place)
	case n.Type == bsonraw.Int64:
		return number.Int64(r), nil
	}
	return number.IntOrLong(r), nil
}

func roundDouble(f float64, place int, how number.Rounding) float64 {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0) || f == 0:
		return f
	case place == 0 && how == number.HalfEven:
		return math.RoundToEven(f)
	case place == 0:
		return math.Trunc(f)
	case place > 0 && how == number.HalfEven:
		// The exact value decides halves, in FormatFloat as in a decimal.
		r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', place, 64), 64)
		if err != nil {
			return f
		}
		return r
	}
	return number.DecimalRound(number.DecimalOfDouble(f), place, how).Float64()
}
