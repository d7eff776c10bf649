package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// let is $let. Its variables do not see each other.
type let struct {
	slots  []int
	values []Expr
	in     Expr
}

func parseLet(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(16874, "$let only supports an object as its argument")
	}
	parts, err := named(arg.Doc(), []string{"vars", "in"}, func(field string) error {
		return errs.New(16875, "Unrecognized parameter to $let: %s", field)
	})
	switch {
	case err != nil:
		return nil, err
	case parts[0].IsMissing():
		return nil, errs.New(16876, "Missing 'vars' parameter to $let")
	case parts[1].IsMissing():
		return nil, errs.New(16877, "Missing 'in' parameter to $let")
	case parts[0].Type != bsonraw.Object:
		return nil, errs.New(10065, "invalid parameter: expected an object (vars)")
	}
	x := &let{}
	inner := c.vars
	it := parts[0].Doc().Iter()
	for it.Next() {
		name := string(it.Key())
		if err := ValidateVarName(name); err != nil {
			return nil, err
		}
		e, err := c.expr(it.Value())
		if err != nil {
			return nil, err
		}
		var slot int
		inner, slot = inner.With(name)
		x.slots, x.values = append(x.slots, slot), append(x.values, e)
	}
	if it.Err() != nil {
		return nil, it.Err()
	}
	x.in, err = c.scoped(inner, parts[1])
	return x, err
}

func (x *let) Eval(env *Env) (bsonraw.Value, error) {
	// The values may contain a $let that uses the same slots: bind after all
	// are known.
	base := len(env.stack)
	for _, e := range x.values {
		v, err := e.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.stack = append(env.stack, v)
	}
	for i, slot := range x.slots {
		env.Set(slot, env.stack[base+i])
	}
	env.stack = env.stack[:base]
	return x.in.Eval(env)
}

func (x *let) children(visit func(*Expr)) {
	visitAll(x.values, visit)
	visit(&x.in)
}
