package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// mapExpr is $map.
type mapExpr struct {
	input, in Expr
	slot      int
}

func parseMap(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(16878, "$map only supports an object as its argument")
	}
	parts, err := named(arg.Doc(), []string{"input", "as", "in"}, func(field string) error {
		return errs.New(16879, "Unrecognized parameter to $map: %s", field)
	})
	switch {
	case err != nil:
		return nil, err
	case parts[0].IsMissing():
		return nil, errs.New(16880, "Missing 'input' parameter to $map")
	case parts[2].IsMissing():
		return nil, errs.New(16882, "Missing 'in' parameter to $map")
	}
	x := &mapExpr{}
	if x.input, err = c.expr(parts[0]); err != nil {
		return nil, err
	}
	x.slot, x.in, err = c.loopBody(parts[1], parts[2])
	return x, err
}

// loopBody compiles what is evaluated for each element, which the variable as
// names, or else "this".
func (c *compiler) loopBody(as, body bsonraw.Value) (slot int, e Expr, err error) {
	name := "this"
	if !as.IsMissing() {
		name = ""
		if as.Type == bsonraw.String {
			name = as.Str()
		}
		if err := ValidateVarName(name); err != nil {
			return 0, nil, err
		}
	}
	inner, slot := c.vars.With(name)
	e, err = c.scoped(inner, body)
	return slot, e, err
}

func (x *mapExpr) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.IsNullish():
		return null, nil
	case input.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(16883, "input to $map must be an array not %s", input.Type.Name())
	}
	at := env.open()
	it := input.Doc().Iter()
	for i := 0; it.Next(); i++ {
		before := env.arena.mark()
		env.Set(x.slot, it.Value())
		v, err := x.in.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.element(i, v)
		env.arena.release(before)
		if len(env.scratch)-at > maxResult {
			return bsonraw.Value{}, tooLarge(len(env.scratch) - at)
		}
	}
	return env.close(bsonraw.Array, at)
}

func (x *mapExpr) children(visit func(*Expr)) { visitSome(visit, &x.input, &x.in) }

// filter is $filter.
type filter struct {
	input, cond, limit Expr // limit may be nil
	slot               int
}

func parseFilter(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(28646, "$filter only supports an object as its argument")
	}
	parts, err := named(arg.Doc(), []string{"input", "as", "cond", "limit"}, func(field string) error {
		return errs.New(28647, "Unrecognized parameter to $filter: %s", field)
	})
	switch {
	case err != nil:
		return nil, err
	case parts[0].IsMissing():
		return nil, errs.New(28648, "Missing 'input' parameter to $filter")
	case parts[2].IsMissing():
		return nil, errs.New(28650, "Missing 'cond' parameter to $filter")
	}
	x := &filter{}
	if x.input, err = c.expr(parts[0]); err != nil {
		return nil, err
	}
	if x.slot, x.cond, err = c.loopBody(parts[1], parts[2]); err != nil {
		return nil, err
	}
	x.limit, err = c.optional(parts[3])
	return x, err
}

func (x *filter) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.IsNullish():
		return null, nil
	case input.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(28651, "input to $filter must be an array not %s", input.Type.Name())
	}
	limit, err := x.evalLimit(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	at := env.open()
	n := int32(0)
	it := input.Doc().Iter()
	for n < limit && it.Next() {
		before := env.arena.mark()
		env.Set(x.slot, it.Value())
		keep, err := x.cond.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		if keep.Truthy() {
			env.element(int(n), it.Value())
			n++
		}
		env.arena.release(before)
	}
	return env.close(bsonraw.Array, at)
}

func (x *filter) evalLimit(env *Env) (int32, error) {
	const none = 1<<31 - 1
	if x.limit == nil {
		return none, nil
	}
	v, err := x.limit.Eval(env)
	if err != nil || v.IsNullish() {
		return none, err
	}
	n, ok := asInt32(v)
	switch {
	case !ok:
		return 0, errs.New(327391, "$filter: limit must be represented as a 32-bit integral value: %s", show(v))
	case n <= 0:
		return 0, errs.New(327392, "$filter: limit must be greater than 0: %d", n)
	}
	return n, nil
}

func (x *filter) children(visit func(*Expr)) { visitSome(visit, &x.input, &x.cond, &x.limit) }

// reduce is $reduce.
type reduce struct {
	input, initial, in Expr
	this, value        int // slots
}

func parseReduce(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(40075, "$reduce requires an object as an argument, found: %s", arg.Type.Name())
	}
	names := []string{"input", "initialValue", "in"}
	parts, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(40076, "$reduce found an unknown argument: %s", field)
	})
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		if parts[i].IsMissing() {
			return nil, errs.New(40077+errs.Code(i), "$reduce requires '%s' to be specified", name)
		}
	}
	x := &reduce{}
	if err := c.compileEach(parts, &x.input, &x.initial); err != nil {
		return nil, err
	}
	inner, this := c.vars.With("this")
	inner, value := inner.With("value")
	x.this, x.value = this, value
	x.in, err = c.scoped(inner, parts[2])
	return x, err
}

// Eval frees everything after each step but the value, which it moves between
// two buffers: an array that grows with each step would otherwise take memory
// in the square of its length. The value is always copied, since it may be, or
// lie in, that of the step before.
func (x *reduce) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.IsNullish():
		return null, nil
	case input.Type != bsonraw.Array:
		return bsonraw.Value{}, errs.New(40080, "$reduce requires that 'input' be an array, found: %s", show(input))
	}
	value, err := x.initial.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	outer := env.arena
	env.arena = env.takeArena()
	var buffers [2][]byte
	it := input.Doc().Iter()
	for i := 0; it.Next() && err == nil; i++ {
		env.arena.reset()
		env.Set(x.this, it.Value())
		env.Set(x.value, value)
		if value, err = x.in.Eval(env); err == nil {
			buffers[i&1] = append(buffers[i&1][:0], value.Data...)
			value.Data = buffers[i&1]
		}
	}
	env.giveArena(env.arena)
	env.arena = outer
	return value, err
}

func (x *reduce) children(visit func(*Expr)) { visitSome(visit, &x.input, &x.initial, &x.in) }
