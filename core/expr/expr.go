package expr

import "github.com/argon-lab/argon/core/bsonraw"

// Expr is a compiled expression.
type Expr interface {
	// Eval returns the expression's value for the document and variables of
	// env; a missing Value where it has none. The doc comment of the package
	// says how long the value lives.
	Eval(env *Env) (bsonraw.Value, error)

	// children calls visit with the place of each sub-expression, in the order
	// in which mongod optimizes them.
	children(visit func(*Expr))
}

// leaf is embedded by expressions without sub-expressions.
type leaf struct{}

func (leaf) children(func(*Expr)) {}

// constant is a value known at compile time.
type constant struct {
	leaf
	value bsonraw.Value
}

func (c *constant) Eval(*Env) (bsonraw.Value, error) { return c.value, nil }

// Constant returns the value of an expression that is the same for every
// document, and false for any other.
func Constant(e Expr) (bsonraw.Value, bool) {
	if c, ok := e.(*constant); ok {
		return c.value, true
	}
	return bsonraw.Value{}, false
}

// object is an object literal of expressions: fields without a value are left
// out.
type object struct {
	names  [][]byte
	values []Expr
}

func (o *object) Eval(env *Env) (bsonraw.Value, error) {
	at := env.open()
	for i, e := range o.values {
		v, err := e.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.field(o.names[i], v)
	}
	return env.close(bsonraw.Object, at)
}

func (o *object) children(visit func(*Expr)) { visitAll(o.values, visit) }

// array is an array literal of expressions: elements without a value are null.
type array struct {
	values []Expr
}

func (a *array) Eval(env *Env) (bsonraw.Value, error) {
	at := env.open()
	for i, e := range a.values {
		v, err := e.Eval(env)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.element(i, v)
	}
	return env.close(bsonraw.Array, at)
}

func (a *array) children(visit func(*Expr)) { visitAll(a.values, visit) }

func visitAll(es []Expr, visit func(*Expr)) {
	for i := range es {
		visit(&es[i])
	}
}

// visitSome visits the expressions that are there: optional arguments are nil.
func visitSome(visit func(*Expr), es ...*Expr) {
	for _, e := range es {
		if *e != nil {
			visit(e)
		}
	}
}
