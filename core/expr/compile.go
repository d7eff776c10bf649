package expr

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Options say what surrounds an expression.
type Options struct {
	// Vars are the user variables in scope, of "let" and the like.
	Vars *Vars
}

// Compile compiles any value that stands where an expression may: a "$a.b"
// string, a "$$var", an {$op: …} object, an object or array of expressions, or
// a literal. Nil options are the empty ones. v is copied where it is kept.
func Compile(v bsonraw.Value, o *Options) (Expr, error) {
	c := newCompiler(o)
	e, err := c.expr(v)
	if err != nil {
		return nil, err
	}
	return optimize(e)
}

// maxDepth bounds the nesting of an expression, as mongod bounds that of the
// BSON in a command.
const maxDepth = 200

// compiler is the state of one compilation: the scope, and how deep it is.
type compiler struct {
	vars  *Vars
	depth int
}

func newCompiler(o *Options) *compiler {
	if o == nil {
		return &compiler{}
	}
	return &compiler{vars: o.Vars}
}

// expr compiles one value, without optimizing it: mongod reports what does not
// parse anywhere before what cannot be evaluated somewhere.
func (c *compiler) expr(v bsonraw.Value) (Expr, error) {
	if c.depth >= maxDepth {
		return nil, errs.New(errs.Overflow, "expression is nested deeper than %d levels", maxDepth)
	}
	c.depth++
	defer func() { c.depth-- }()
	switch v.Type {
	case bsonraw.String:
		if s := v.Str(); s != "" && s[0] == '$' {
			return c.fieldPath(s)
		}
	case bsonraw.Object:
		return c.object(v.Doc())
	case bsonraw.Array:
		return c.array(v.Doc())
	}
	return &constant{value: v.Clone()}, nil
}

// scoped compiles a value with more variables in scope.
func (c *compiler) scoped(vars *Vars, v bsonraw.Value) (Expr, error) {
	outer := c.vars
	c.vars = vars
	e, err := c.expr(v)
	c.vars = outer
	return e, err
}

func (c *compiler) array(d bsonraw.Doc) (Expr, error) {
	es, err := c.list(d)
	if err != nil {
		return nil, err
	}
	return &array{values: es}, nil
}

// list compiles each element of an array.
func (c *compiler) list(d bsonraw.Doc) ([]Expr, error) {
	var es []Expr
	it := d.Iter()
	for it.Next() {
		e, err := c.expr(it.Value())
		if err != nil {
			return nil, err
		}
		es = append(es, e)
	}
	return es, it.Err()
}

// object compiles {$op: argument} or an object of expressions.
func (c *compiler) object(d bsonraw.Doc) (Expr, error) {
	it := d.Iter()
	if !it.Next() {
		return &object{}, it.Err()
	}
	if name := it.Key(); len(name) > 0 && name[0] == '$' {
		if d.Len() != 1 {
			return nil, errs.New(15983, "An object representing an expression must have exactly one field, not %d, the first being %q", d.Len(), name)
		}
		return c.operator(string(name), it.Value())
	}
	return c.fields(d)
}

func (c *compiler) fields(d bsonraw.Doc) (Expr, error) {
	o := &object{}
	seen := make(map[string]bool)
	it := d.Iter()
	for it.Next() {
		name := string(it.Key())
		if err := validateFieldName(name); err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, errs.New(16406, "duplicate field name specified in object literal: %s", name)
		}
		seen[name] = true
		e, err := c.expr(it.Value())
		if err != nil {
			return nil, err
		}
		o.names = append(o.names, []byte(name))
		o.values = append(o.values, e)
	}
	return o, it.Err()
}

// operator compiles {name: arg}.
func (c *compiler) operator(name string, arg bsonraw.Value) (Expr, error) {
	if parse, ok := operators[name]; ok {
		return parse(c, name, arg)
	}
	if why, ok := absent[name]; ok {
		return nil, errs.New(errs.InvalidPipelineOperator, "Unrecognized expression '%s': %s", name, why)
	}
	return nil, errs.New(errs.InvalidPipelineOperator, "Unrecognized expression '%s'", name)
}
