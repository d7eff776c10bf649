package expr

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// A set is an array of values on env's stack, sorted, without equals: of equal
// values the first one stays.

// pushSet pushes the distinct elements of an array and returns them in order.
func (env *Env) pushSet(d bsonraw.Doc) []bsonraw.Value {
	vs := env.values(d)
	distinct := sortDistinct(vs)
	env.stack = env.stack[:len(env.stack)-len(vs)+len(distinct)]
	return distinct
}

func sortDistinct(vs []bsonraw.Value) []bsonraw.Value {
	slices.SortStableFunc(vs, compare)
	return slices.CompactFunc(vs, equal)
}

func equal(a, b bsonraw.Value) bool { return compare(a, b) == 0 }

func contains(set []bsonraw.Value, v bsonraw.Value) bool {
	_, found := slices.BinarySearchFunc(set, v, compare)
	return found
}

func setUnion(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	base := len(env.stack)
	for _, arr := range args {
		env.values(arr.Doc())
	}
	arr, err := env.array(sortDistinct(env.stack[base:]))
	env.stack = env.stack[:base]
	return arr, err
}

func setIntersection(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	if len(args) == 0 {
		return env.array(nil)
	}
	base := len(env.stack)
	common := env.pushSet(args[0].Doc())
	for _, arr := range args[1:] {
		next := env.pushSet(arr.Doc())
		if len(next) < len(common) {
			common, next = next, common // of equal values, those of the smaller set stay
		}
		common = slices.DeleteFunc(common, func(v bsonraw.Value) bool { return !contains(next, v) })
	}
	arr, err := env.array(common)
	env.stack = env.stack[:base]
	return arr, err
}

func setDifference(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	switch left, right := args[0], args[1]; {
	case left.IsNullish() || right.IsNullish():
		return null, nil
	case left.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(17048, "both operands of $setDifference must be arrays. First argument is of type: %s", left.Type.Name())
	case right.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(17049, "both operands of $setDifference must be arrays. Second argument is of type: %s", right.Type.Name())
	}
	base := len(env.stack)
	minus := env.pushSet(args[1].Doc())
	// The order of the first array stays; each value is given once.
	seen := env.pushSet(args[0].Doc())
	given := make([]bool, len(seen))
	at := env.open()
	n := 0
	it := args[0].Doc().Iter()
	for it.Next() {
		i, _ := slices.BinarySearchFunc(seen, it.Value(), compare)
		if given[i] || contains(minus, it.Value()) {
			continue
		}
		given[i] = true
		env.element(n, it.Value())
		n++
	}
	env.stack = env.stack[:base]
	return env.close(bsonraw.Array, at)
}

// setsEqual is $setEquals.
type setsEqual struct {
	call
}

func parseSetEquals(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
	args, err := c.arguments(arg)
	if err != nil {
		return nil, err
	}
	if len(args) < 2 {
		return nil, errs.New(17045, "$setEquals needs at least two arguments had: %d", len(args))
	}
	return &setsEqual{call{name: name, fn: setEquals, args: args, how: nary{each: checkEqualSet}}}, nil
}

// optimizeSelf refuses constants that are no arrays, with a code of their own.
// Like mongod it does not fold a comparison of constants.
func (x *setsEqual) optimizeSelf() (Expr, error) {
	for i := range x.args {
		e, err := optimize(x.args[i])
		if err != nil {
			return nil, err
		}
		if v, known := Constant(e); known && v.Type != bsonraw.Array {
			return nil, errs.New(5887502, "Failed to optimize pipeline :: caused by :: "+notArrays, i+1, v.Type.Name())
		}
		x.args[i] = e
	}
	return x, nil
}

const notArrays = "All operands of $setEquals must be arrays. %d-th argument is of type: %s"

func checkEqualSet(args []bsonraw.Value, _ int) (done bool, err error) {
	if v := args[len(args)-1]; v.Type != bsonraw.Array {
		return false, errs.New(17044, notArrays, len(args), v.Type.Name())
	}
	return false, nil
}

func setEquals(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	base := len(env.stack)
	first := env.pushSet(args[0].Doc())
	same := true
	for _, arr := range args[1:] {
		same = same && slices.EqualFunc(first, env.pushSet(arr.Doc()), equal)
	}
	env.stack = env.stack[:base]
	return boolean(same), nil
}

// isSubset is $setIsSubset.
type isSubset struct {
	call
}

func parseSetIsSubset(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
	args, err := c.exactly(2, name, arg)
	if err != nil {
		return nil, err
	}
	return &isSubset{call{name: name, fn: setIsSubset(17046), args: args}}, nil
}

// rewrite gives the errors the codes that they have where the second set is a
// constant.
func (x *isSubset) rewrite() (Expr, error) {
	if v, known := Constant(x.args[1]); known {
		if v.Type != bsonraw.Array {
			return nil, errs.New(17311, "Failed to optimize pipeline :: caused by :: "+notSubset, "Second", v.Type.Name())
		}
		x.fn = setIsSubset(17310)
	}
	return &x.call, nil
}

const notSubset = "both operands of $setIsSubset must be arrays. %s argument is of type: %s"

func setIsSubset(first errs.Code) fnN {
	return func(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
		if args[0].Type != bsonraw.Array {
			return bsonraw.Value{}, errs.New(first, notSubset, "First", args[0].Type.Name())
		}
		if args[1].Type != bsonraw.Array {
			return bsonraw.Value{}, errs.New(17042, notSubset, "Second", args[1].Type.Name())
		}
		base := len(env.stack)
		whole := env.pushSet(args[1].Doc())
		subset := true
		it := args[0].Doc().Iter()
		for subset && it.Next() {
			subset = contains(whole, it.Value())
		}
		env.stack = env.stack[:base]
		return boolean(subset), nil
	}
}

// elements is $anyElementTrue (an element whose truth is stop ends it) or
// $allElementsTrue.
func elements(name string, code errs.Code, stop bool) parser {
	return one(func(_ *Env, v bsonraw.Value) (bsonraw.Value, error) {
		if v.Type != bsonraw.Array {
			return bsonraw.Value{}, errs.New(code, "%s's argument must be an array, but is %s", name, v.Type.Name())
		}
		it := v.Doc().Iter()
		for it.Next() {
			if it.Value().Truthy() == stop {
				return boolean(stop), nil
			}
		}
		return boolean(!stop), nil
	})
}
