package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// parser compiles the argument of one operator.
type parser func(c *compiler, name string, arg bsonraw.Value) (Expr, error)

// fn1 computes a value from one argument, fnN from any number. They may
// evaluate nothing further: args is on env's stack.
type (
	fn1 func(env *Env, v bsonraw.Value) (bsonraw.Value, error)
	fnN func(env *Env, args []bsonraw.Value) (bsonraw.Value, error)
)

// call1 is an operator of one argument.
type call1 struct {
	name string
	fn   fn1
	arg  Expr
}

func (x *call1) Eval(env *Env) (bsonraw.Value, error) {
	v, err := x.arg.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	return x.fn(env, v)
}

func (x *call1) children(visit func(*Expr)) { visit(&x.arg) }
func (x *call1) foldable() bool             { return true }

// call is an operator of several arguments.
type call struct {
	name string
	fn   fnN
	args []Expr
	how  nary
}

// nary says how an operator of any number of arguments treats them.
type nary struct {
	associative bool // f(a, f(b, c)) = f(a, b, c)
	commutative bool // constants may go to the back
	accumulator bool // a single array stands for its elements
	// each, if not nil, checks every argument as soon as it is evaluated: args
	// are those so far, of count. done means that the result is null and that
	// the rest is not evaluated.
	each func(args []bsonraw.Value, count int) (done bool, err error)
}

func (x *call) Eval(env *Env) (bsonraw.Value, error) {
	base := len(env.stack)
	for _, arg := range x.args {
		v, err := arg.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.stack = append(env.stack, v)
		if x.how.each == nil {
			continue
		}
		if done, err := x.how.each(env.stack[base:], len(x.args)); done || err != nil {
			env.stack = env.stack[:base]
			return null, err
		}
	}
	v, err := x.fn(env, env.stack[base:])
	env.stack = env.stack[:base]
	return v, err
}

func (x *call) children(visit func(*Expr)) { visitAll(x.args, visit) }
func (x *call) foldable() bool             { return true }

func (x *call) rewrite() (Expr, error) {
	nested := func(e Expr) []Expr {
		if inner, ok := e.(*call); ok && inner.name == x.name && inner.rearranges() {
			return inner.args
		}
		return nil
	}
	if !x.rearranges() {
		return x, nil
	}
	args, err := x.how.rearrange(x.args, nested, func(constants []Expr) (Expr, error) {
		return fold(&call{x.name, x.fn, constants, x.how})
	})
	x.args = args
	return x, err
}

// rearranges reports whether arguments may be moved and folded.
func (x *call) rearranges() bool {
	return x.how.associative && !(x.how.accumulator && len(x.args) == 1)
}

// arguments compiles the elements of an array, or one value that is none.
func (c *compiler) arguments(arg bsonraw.Value) ([]Expr, error) {
	if arg.Type == bsonraw.Array {
		return c.list(arg.Doc())
	}
	e, err := c.expr(arg)
	return []Expr{e}, err
}

// one is the row of an operator of exactly one argument.
func one(fn fn1) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.exactly(1, name, arg)
		if err != nil {
			return nil, err
		}
		return &call1{name, fn, args[0]}, nil
	}
}

// exact is the row of an operator of exactly n arguments.
func exact(n int, fn fnN) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.exactly(n, name, arg)
		if err != nil {
			return nil, err
		}
		return &call{name: name, fn: fn, args: args}, nil
	}
}

func (c *compiler) exactly(n int, name string, arg bsonraw.Value) ([]Expr, error) {
	args, err := c.arguments(arg)
	if err != nil {
		return nil, err
	}
	if len(args) != n {
		return nil, errs.New(16020, "Expression %s takes exactly %d arguments. %d were passed in.", name, n, len(args))
	}
	return args, nil
}

// between is the row of an operator of least to most arguments.
func between(least, most int, fn fnN) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.arguments(arg)
		if err != nil {
			return nil, err
		}
		if len(args) < least || len(args) > most {
			return nil, errs.New(28667, "Expression %s takes at least %d arguments, and at most %d, but %d were passed in.", name, least, most, len(args))
		}
		return &call{name: name, fn: fn, args: args}, nil
	}
}

// each adds a check of every argument to the row of a call.
func (p parser) each(check func(args []bsonraw.Value, count int) (done bool, err error)) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		e, err := p(c, name, arg)
		if x, ok := e.(*call); ok {
			x.how.each = check
		}
		return e, err
	}
}

// variadic is the row of an operator of any number of arguments.
func variadic(how nary, fn fnN) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.arguments(arg)
		if err != nil {
			return nil, err
		}
		return &call{name, fn, args, how}, nil
	}
}

// named reads the fields of an operator's object argument into places, by
// name: the i-th name's value goes into the i-th place, missing if it is not
// there. unknown makes the error for a field of another name.
func named(d bsonraw.Doc, names []string, unknown func(field string) error) ([]bsonraw.Value, error) {
	values := make([]bsonraw.Value, len(names))
	it := d.Iter()
next:
	for it.Next() {
		for i, name := range names {
			if string(it.Key()) == name {
				values[i] = it.Value()
				continue next
			}
		}
		return nil, unknown(string(it.Key()))
	}
	return values, it.Err()
}

// optional compiles a value that may be missing, to nil.
func (c *compiler) optional(v bsonraw.Value) (Expr, error) {
	if v.IsMissing() {
		return nil, nil
	}
	return c.expr(v)
}

// compileEach compiles values into the places of expressions, leaving nil
// where a value is missing.
func (c *compiler) compileEach(values []bsonraw.Value, places ...*Expr) error {
	for i, place := range places {
		e, err := c.optional(values[i])
		if err != nil {
			return err
		}
		*place = e
	}
	return nil
}

// evalOr evaluates an optional expression; without one it returns or.
func evalOr(env *Env, e Expr, or bsonraw.Value) (bsonraw.Value, error) {
	if e == nil {
		return or, nil
	}
	return e.Eval(env)
}
