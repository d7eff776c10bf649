package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// zip is $zip.
type zip struct {
	inputs, defaults []Expr
	longest          bool
}

func parseZip(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(34460, "$zip only supports an object as an argument, found %s", arg.Type.Name())
	}
	parts, err := named(arg.Doc(), []string{"inputs", "defaults", "useLongestLength"}, func(field string) error {
		return errs.New(34464, "$zip found an unknown argument: %s", field)
	})
	if err != nil {
		return nil, err
	}
	x := &zip{}
	inputs, defaults, longest := parts[0], parts[1], parts[2]
	if !inputs.IsMissing() {
		if x.inputs, err = c.zipList(inputs, 34461, "inputs"); err != nil {
			return nil, err
		}
	}
	if !defaults.IsMissing() {
		if x.defaults, err = c.zipList(defaults, 34462, "defaults"); err != nil {
			return nil, err
		}
	}
	if !longest.IsMissing() {
		if longest.Type != bsonraw.Boolean {
			return nil, errs.New(34463, "useLongestLength must be a bool, found %s", longest.Type.Name())
		}
		x.longest = longest.Bool()
	}
	return x, x.check()
}

func (x *zip) check() error {
	switch {
	case len(x.inputs) == 0:
		return errs.New(34465, "$zip requires at least one input array")
	case len(x.defaults) > 0 && !x.longest:
		return errs.New(34466, "cannot specify defaults unless useLongestLength is true")
	case len(x.defaults) > 0 && len(x.defaults) != len(x.inputs):
		return errs.New(34467, "defaults and inputs must have the same length")
	}
	return nil
}

func (c *compiler) zipList(v bsonraw.Value, code errs.Code, what string) ([]Expr, error) {
	if v.Type != bsonraw.Array {
		return nil, errs.New(code, "%s must be an array of expressions, found %s", what, v.Type.Name())
	}
	return c.list(v.Doc())
}

func (x *zip) Eval(env *Env) (bsonraw.Value, error) {
	inputs := make([]bsonraw.Iter, len(x.inputs))
	rows := -1
	for i, e := range x.inputs {
		v, err := e.Eval(env)
		switch {
		case err != nil:
			return bsonraw.Value{}, err
		case v.IsNullish():
			return null, nil
		case v.Type != bsonraw.Array:
			return bsonraw.Value{}, errs.New(34468, "$zip found a non-array expression in input: %s", show(v))
		}
		n := v.Doc().Len()
		if rows < 0 || x.longest && n > rows || !x.longest && n < rows {
			rows = n
		}
		inputs[i] = v.Doc().Iter()
	}
	defaults, err := evalList(env, x.defaults)
	if err != nil {
		return bsonraw.Value{}, err
	}
	for len(defaults) < len(inputs) {
		defaults = append(defaults, null)
	}
	return zipRows(env, inputs, defaults, rows)
}

func evalList(env *Env, es []Expr) ([]bsonraw.Value, error) {
	values := make([]bsonraw.Value, len(es))
	for i, e := range es {
		v, err := e.Eval(env)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func zipRows(env *Env, inputs []bsonraw.Iter, defaults []bsonraw.Value, rows int) (bsonraw.Value, error) {
	at := env.open()
	for i := range rows {
		row := env.open()
		n := 0
		for j := range inputs {
			v := defaults[j]
			if inputs[j].Next() {
				v = inputs[j].Value()
			}
			if !v.IsMissing() { // a default without a value leaves no trace
				env.element(n, v)
				n++
			}
		}
		v, err := env.close(bsonraw.Array, row)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.element(i, v)
	}
	return env.close(bsonraw.Array, at)
}

func (x *zip) children(visit func(*Expr)) {
	visitAll(x.inputs, visit)
	visitAll(x.defaults, visit)
}
