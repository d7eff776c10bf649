package expr

import "github.com/argon-lab/argon/core/bsonraw"

// comparison is $eq, $ne, $lt, $lte, $gt, $gte or $cmp, in the total order of
// values without type bracketing. Unlike a sort it tells missing, null and
// undefined apart.
type comparison struct {
	op          compareOp
	left, right Expr
}

type compareOp uint8

const (
	opCmp compareOp = iota
	opEq
	opNe
	opLt
	opLte
	opGt
	opGte
)

func comparing(op compareOp) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.exactly(2, name, arg)
		if err != nil {
			return nil, err
		}
		return &comparison{op, args[0], args[1]}, nil
	}
}

func (x *comparison) Eval(env *Env) (bsonraw.Value, error) {
	left, err := x.left.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	right, err := x.right.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	order := compare(left, right)
	if x.op == opCmp {
		return compareResults[sign(order)+1], nil
	}
	return boolean(x.op.holds(order)), nil
}

func (x *comparison) children(visit func(*Expr)) { visitSome(visit, &x.left, &x.right) }
func (x *comparison) foldable() bool             { return true }

func (op compareOp) holds(order int) bool {
	switch op {
	case opEq:
		return order == 0
	case opNe:
		return order != 0
	case opLt:
		return order < 0
	case opLte:
		return order <= 0
	case opGt:
		return order > 0
	}
	return order >= 0
}

var compareResults = [3]bsonraw.Value{
	bsonraw.Int32Value(-1), bsonraw.Int32Value(0), bsonraw.Int32Value(1),
}

// compare puts missing and undefined before null, which bsonraw's order takes
// for equal.
func compare(a, b bsonraw.Value) int {
	if a.IsNullish() && b.IsNullish() {
		return nullRank(a.Type) - nullRank(b.Type)
	}
	return bsonraw.Compare(a, b)
}

func nullRank(t bsonraw.Type) int {
	if t == bsonraw.Null {
		return 1
	}
	return 0
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
