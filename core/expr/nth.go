package expr

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// nth is $firstN, $lastN, $minN or $maxN of an array.
type nth struct {
	n, input Expr
	pick     func(env *Env, d bsonraw.Doc, n int) (bsonraw.Value, error)
}

func nthOperator(notObject errs.Code, pick func(*Env, bsonraw.Doc, int) (bsonraw.Value, error)) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		parts, err := nthParts(name, notObject, arg)
		if err != nil {
			return nil, err
		}
		x := &nth{pick: pick}
		return x, c.compileEach(parts, &x.n, &x.input)
	}
}

// nthParts reads {n, input}.
func nthParts(name string, notObject errs.Code, arg bsonraw.Value) ([]bsonraw.Value, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(notObject, "specification must be an object; found %s: %s", name, show(arg))
	}
	parts, err := named(arg.Doc(), []string{"n", "input"}, func(field string) error {
		return errs.New(5787901, "Unknown argument for 'n' operator: %s", field)
	})
	switch {
	case err != nil:
		return nil, err
	case parts[0].IsMissing():
		return nil, errs.New(5787906, "Missing value for 'n'")
	case parts[1].IsMissing():
		return nil, errs.New(5787907, "Missing value for 'input'")
	}
	return parts, nil
}

// checkN checks the count of $firstN and its like.
func checkN(v bsonraw.Value) (int, error) {
	if !v.IsNumber() {
		return 0, errs.New(5787902, "Value for 'n' must be of integral type, but found %s", show(v))
	}
	if v.Type == bsonraw.Double {
		if err := checkLong(v.Double()); err != nil {
			return 0, err
		}
	}
	n, ok := v.AsInt64()
	switch {
	case !ok:
		return 0, errs.New(5787903, "Value for 'n' must be of integral type, but found %s", show(v))
	case n <= 0:
		return 0, errs.New(5787908, "'n' must be greater than 0, found %d", n)
	}
	return int(n), nil
}

func (x *nth) Eval(env *Env) (bsonraw.Value, error) {
	v, err := x.n.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	n, err := checkN(v)
	if err != nil {
		return bsonraw.Value{}, err
	}
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(5788200, "Input must be an array")
	}
	return x.pick(env, input.Doc(), n)
}

func (x *nth) children(visit func(*Expr)) { visitSome(visit, &x.n, &x.input) }
func (x *nth) isUnoptimized()             {}

func firstN(env *Env, d bsonraw.Doc, n int) (bsonraw.Value, error) { return env.part(d, 0, n) }

func lastN(env *Env, d bsonraw.Doc, n int) (bsonraw.Value, error) {
	return env.part(d, max(0, d.Len()-n), n)
}

// extremes is $minN (sign 1) or $maxN (sign -1): sorted, without null. Of equal
// values the last is the greatest.
func extremes(sign int) func(*Env, bsonraw.Doc, int) (bsonraw.Value, error) {
	return func(env *Env, d bsonraw.Doc, n int) (bsonraw.Value, error) {
		base := len(env.stack)
		vs := slices.DeleteFunc(env.values(d), bsonraw.Value.IsNullish)
		slices.SortStableFunc(vs, compare)
		if sign < 0 {
			slices.Reverse(vs)
		}
		arr, err := env.array(vs[:min(n, len(vs))])
		env.stack = env.stack[:base]
		return arr, err
	}
}
