package expr

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func checkMerged(v bsonraw.Value) error {
	if v.IsNullish() || v.Type == bsonraw.Object {
		return nil
	}
	return errs.New(40400, "$mergeObjects requires object inputs, but input %s is of type %s", show(v), v.Type.Name())
}

// checkMergedFirst checks each argument as it comes, but for a single array.
func checkMergedFirst(args []bsonraw.Value, count int) (done bool, err error) {
	v := args[len(args)-1]
	if count == 1 && v.Type == bsonraw.Array {
		return false, nil
	}
	return false, checkMerged(v)
}

// mergeObjects merges its arguments, or the elements of a single array.
func mergeObjects(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	merged := newFieldList(env)
	each := func(v bsonraw.Value) error {
		if err := checkMerged(v); err != nil {
			return err
		}
		merged.setAll(v.Doc())
		return nil
	}
	if err := eachInput(args, each); err != nil {
		return bsonraw.Value{}, err
	}
	return merged.finish()
}

// eachInput calls f for the inputs of an accumulator that is used as an
// expression: the arguments, or the elements of a single array.
func eachInput(args []bsonraw.Value, f func(bsonraw.Value) error) error {
	if len(args) == 1 && args[0].Type == bsonraw.Array {
		it := args[0].Doc().Iter()
		for it.Next() {
			if err := f(it.Value()); err != nil {
				return err
			}
		}
		return nil
	}
	for _, v := range args {
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

func isOperatorObject(d bsonraw.Doc) bool {
	it := d.Iter()
	return it.Next() && len(it.Key()) > 0 && it.Key()[0] == '$'
}

// getField is $getField: a field by its name, whatever characters it has.
type getField struct {
	name  []byte
	input Expr
}

func parseGetField(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	field, input := arg, bsonraw.StringValue("$$CURRENT")
	if arg.Type == bsonraw.Object && !isOperatorObject(arg.Doc()) {
		parts, err := named(arg.Doc(), []string{"field", "input"}, func(field string) error {
			return errs.New(3041701, "$getField found an unknown argument: %s", field)
		})
		switch {
		case err != nil:
			return nil, err
		case parts[0].IsMissing():
			return nil, errs.New(3041702, "$getField requires 'field' to be specified")
		case parts[1].IsMissing():
			return nil, errs.New(3041703, "$getField requires 'input' to be specified")
		}
		field, input = parts[0], parts[1]
	}
	name, err := c.fieldName("$getField", field, [3]errs.Code{5654600, 5654601, 5654602})
	if err != nil {
		return nil, err
	}
	e, err := c.expr(input)
	return &getField{name, e}, err
}

// fieldName compiles the constant name of a field. codes are for a field path,
// another expression, and a constant that is no string.
func (c *compiler) fieldName(op string, v bsonraw.Value, codes [3]errs.Code) ([]byte, error) {
	e, err := c.expr(v)
	if err != nil {
		return nil, err
	}
	if v.Type == bsonraw.String && bytes.HasPrefix(v.StringBytes(), []byte("$")) {
		path := v.Str()
		if path[1] != '$' {
			path = "$CURRENT." + path[1:]
		}
		return nil, errs.New(codes[0], "'%s' is a field path reference which is not allowed in this context. Did you mean {$literal: '%s'}?", path, path)
	}
	name, ok := Constant(e)
	switch {
	case !ok:
		return nil, errs.New(codes[1], "%s requires 'field' to evaluate to a constant, but got a non-constant argument", op)
	case name.Type != bsonraw.String:
		return nil, errs.New(codes[2], "%s requires 'field' to evaluate to type String, but got %s", op, name.Type.Name())
	}
	return name.StringBytes(), nil
}

func (x *getField) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.Type == bsonraw.Object:
		return lookup(input.Doc(), x.name), nil
	case input.Type == bsonraw.Null || input.Type == bsonraw.Undefined:
		return null, nil
	}
	return bsonraw.Value{}, nil
}

func (x *getField) children(visit func(*Expr)) { visit(&x.input) }
func (x *getField) isUnoptimized()             {}

// setField is $setField or $unsetField.
type setField struct {
	name         []byte
	input, value Expr // value is nil to unset
}

func parseSetField(c *compiler, op string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(4161100, "%s only supports an object as its argument", op)
	}
	names := []string{"field", "input", "value"}
	if op == "$unsetField" {
		names = names[:2]
	}
	parts, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(4161101, "%s found an unknown argument: %s", op, field)
	})
	switch {
	case err != nil:
		return nil, err
	case parts[0].IsMissing():
		return nil, errs.New(4161102, "%s requires 'field' to be specified", op)
	case len(parts) == 3 && parts[2].IsMissing():
		return nil, errs.New(4161103, "%s requires 'value' to be specified", op)
	case parts[1].IsMissing():
		return nil, errs.New(4161109, "%s requires 'input' to be specified", op)
	}
	x := &setField{}
	if x.name, err = c.fieldName(op, parts[0], [3]errs.Code{4161108, 4161106, 4161107}); err != nil {
		return nil, err
	}
	if len(parts) == 3 {
		return x, c.compileEach(parts[1:], &x.input, &x.value)
	}
	x.input, err = c.expr(parts[1])
	return x, err
}

func (x *setField) Eval(env *Env) (bsonraw.Value, error) {
	input, err := x.input.Eval(env)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.IsNullish():
		return null, nil
	case input.Type != bsonraw.Object:
		return bsonraw.Value{}, errs.New(4161105, "$setField requires 'input' to evaluate to type Object")
	}
	value, err := evalOr(env, x.value, bsonraw.Value{})
	if err != nil {
		return bsonraw.Value{}, err
	}
	return x.replace(env, input.Doc(), value)
}

// replace copies a document with the field set; at the end if it is new.
func (x *setField) replace(env *Env, d bsonraw.Doc, value bsonraw.Value) (bsonraw.Value, error) {
	at := env.open()
	found := false
	it := d.Iter()
	for it.Next() {
		if bytes.Equal(it.Key(), x.name) {
			env.field(x.name, value)
			found = true
			continue
		}
		env.field(it.Key(), it.Value())
	}
	if !found {
		env.field(x.name, value)
	}
	return env.close(bsonraw.Object, at)
}

func (x *setField) children(visit func(*Expr)) { visitSome(visit, &x.input, &x.value) }
func (x *setField) isUnoptimized()             {}
