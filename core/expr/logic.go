package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// junction is $and or $or: it stops at the first argument whose truth is stop,
// and is the opposite of stop without one.
type junction struct {
	name string
	stop bool
	args []Expr
}

func junctionOf(stop bool) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.arguments(arg)
		if err != nil {
			return nil, err
		}
		return &junction{name, stop, args}, nil
	}
}

func (x *junction) Eval(env *Env) (bsonraw.Value, error) {
	for _, arg := range x.args {
		v, err := arg.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		if v.Truthy() == x.stop {
			return boolean(x.stop), nil
		}
	}
	return boolean(!x.stop), nil
}

func (x *junction) children(visit func(*Expr)) { visitAll(x.args, visit) }
func (x *junction) foldable() bool             { return true }

// rewrite drops constants that decide nothing. One that decides makes the whole
// constant: other arguments are not evaluated, so their errors do not show.
func (x *junction) rewrite() (Expr, error) {
	var rest []Expr
	for _, arg := range x.args {
		if inner, ok := arg.(*junction); ok && inner.stop == x.stop {
			rest = append(rest, inner.args...)
			continue
		}
		t, known := truth(arg)
		if known && t == x.stop {
			return constantOf(boolean(x.stop)), nil
		}
		if !known {
			rest = append(rest, arg)
		}
	}
	x.args = rest
	return x, nil
}

func not(_ *Env, v bsonraw.Value) (bsonraw.Value, error) { return boolean(!v.Truthy()), nil }

// cond is $cond.
type cond struct {
	test, then, otherwise Expr
}

func parseCond(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		args, err := c.exactly(3, name, arg)
		if err != nil {
			return nil, err
		}
		return &cond{args[0], args[1], args[2]}, nil
	}
	names := []string{"if", "then", "else"}
	values, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(17083, "Unrecognized parameter to $cond: %s", field)
	})
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		if v.IsMissing() {
			return nil, errs.New(17080+errs.Code(i), "Missing '%s' parameter to $cond", names[i])
		}
	}
	x := &cond{}
	return x, c.compileEach(values, &x.test, &x.then, &x.otherwise)
}

func (x *cond) Eval(env *Env) (bsonraw.Value, error) {
	v, err := x.test.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if v.Truthy() {
		return x.then.Eval(env)
	}
	return x.otherwise.Eval(env)
}

func (x *cond) children(visit func(*Expr)) { visitSome(visit, &x.test, &x.then, &x.otherwise) }
func (x *cond) foldable() bool             { return true }

// rewrite chooses the branch of a constant test.
func (x *cond) rewrite() (Expr, error) {
	t, known := truth(x.test)
	switch {
	case !known:
		return x, nil
	case t:
		return x.then, nil
	}
	return x.otherwise, nil
}

// ifNull is $ifNull: the first argument that is neither null nor missing, or
// else the last one.
type ifNull struct {
	args []Expr
}

func parseIfNull(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	args, err := c.arguments(arg)
	if err != nil {
		return nil, err
	}
	if len(args) < 2 {
		return nil, errs.New(1257300, "$ifNull needs at least two arguments, had: %d", len(args))
	}
	return &ifNull{args}, nil
}

func (x *ifNull) Eval(env *Env) (v bsonraw.Value, err error) {
	for _, arg := range x.args {
		if v, err = arg.Eval(env); err != nil || !v.IsNullish() {
			return v, err
		}
	}
	return v, nil
}

func (x *ifNull) children(visit func(*Expr)) { visitAll(x.args, visit) }
func (x *ifNull) foldable() bool             { return true }

// rewrite drops constants that are null, unless last, and what follows one that
// is not: its errors do not show.
func (x *ifNull) rewrite() (Expr, error) {
	var rest []Expr
	for i, arg := range x.args {
		v, known := Constant(arg)
		if known && v.IsNullish() && i < len(x.args)-1 {
			continue
		}
		rest = append(rest, arg)
		if known && !v.IsNullish() {
			break
		}
	}
	if len(rest) == 1 {
		return rest[0], nil
	}
	x.args = rest
	return x, nil
}

// switchCase is $switch.
type switchCase struct {
	cases, thens []Expr
	otherwise    Expr // nil: no default
}

func parseSwitch(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(40060, "$switch requires an object as an argument, found: %s", arg.Type.Name())
	}
	x := &switchCase{}
	it := arg.Doc().Iter()
	for it.Next() {
		var err error
		switch string(it.Key()) {
		case "branches":
			err = c.branches(x, it.Value())
		case "default":
			x.otherwise, err = c.expr(it.Value())
		default:
			err = errs.New(40067, "$switch found an unknown argument: %s", it.Key())
		}
		if err != nil {
			return nil, err
		}
	}
	if len(x.cases) == 0 {
		return nil, errs.New(40068, "$switch requires at least one branch")
	}
	return x, it.Err()
}

func (c *compiler) branches(x *switchCase, v bsonraw.Value) error {
	if v.Type != bsonraw.Array {
		return errs.New(40061, "$switch expected an array for 'branches', found: %s", v.Type.Name())
	}
	it := v.Doc().Iter()
	for it.Next() {
		if err := c.branch(x, it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}

func (c *compiler) branch(x *switchCase, v bsonraw.Value) error {
	if v.Type != bsonraw.Object {
		return errs.New(40062, "$switch expected each branch to be an object, found: %s", v.Type.Name())
	}
	values, err := named(v.Doc(), []string{"case", "then"}, func(field string) error {
		return errs.New(40063, "$switch found an unknown argument to a branch: %s", field)
	})
	if err != nil {
		return err
	}
	var when, then Expr
	if err := c.compileEach(values, &when, &then); err != nil {
		return err
	}
	switch {
	case when == nil:
		return errs.New(40064, "$switch requires each branch have a 'case' expression")
	case then == nil:
		return errs.New(40065, "$switch requires each branch have a 'then' expression.")
	}
	x.cases, x.thens = append(x.cases, when), append(x.thens, then)
	return nil
}

func (x *switchCase) Eval(env *Env) (bsonraw.Value, error) {
	for i, e := range x.cases {
		v, err := e.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		if v.Truthy() {
			return x.thens[i].Eval(env)
		}
	}
	if x.otherwise == nil {
		return bsonraw.Value{}, errs.New(40066, "$switch could not find a matching branch for an input, and no default was specified.")
	}
	return x.otherwise.Eval(env)
}

func (x *switchCase) children(visit func(*Expr)) {
	visitSome(visit, &x.otherwise)
	for i := range x.cases {
		visit(&x.cases[i])
		visit(&x.thens[i])
	}
}

// optimizeSelf drops branches that are constantly false, without a look at
// their results; one that is constantly true is the default and ends the list.
func (x *switchCase) optimizeSelf() (Expr, error) {
	otherwise, err := optimizeOptional(x.otherwise)
	if err != nil {
		return nil, err
	}
	var cases, thens []Expr
	for i, e := range x.cases {
		e, err := optimize(e)
		if err != nil {
			return nil, err
		}
		t, known := truth(e)
		if known && !t {
			continue
		}
		then, err := optimize(x.thens[i])
		if err != nil {
			return nil, err
		}
		if known {
			otherwise = then
			break
		}
		cases, thens = append(cases, e), append(thens, then)
	}
	x.cases, x.thens, x.otherwise = cases, thens, otherwise
	switch {
	case len(cases) > 0:
		return x, nil
	case otherwise == nil:
		return nil, errs.New(40069, "Failed to optimize pipeline :: caused by :: Cannot execute a switch statement where all the cases evaluate to false without a default")
	}
	return otherwise, nil
}

func optimizeOptional(e Expr) (Expr, error) {
	if e == nil {
		return nil, nil
	}
	return optimize(e)
}
