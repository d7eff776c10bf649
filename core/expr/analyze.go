package expr

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Deps are the parts of the root document that an expression reads.
type Deps struct {
	// Paths are dotted paths, each once; some may be below others.
	Paths []string
	// Whole says that it reads the whole document ($$ROOT, $$CURRENT).
	Whole bool
}

// AddPath adds a dotted path.
func (d *Deps) AddPath(path string) {
	if !slices.Contains(d.Paths, path) {
		d.Paths = append(d.Paths, path)
	}
}

// AddDeps adds what e reads to d. Variables that the caller binds are not part
// of it.
func AddDeps(e Expr, d *Deps) {
	switch x := e.(type) {
	case *rootPath:
		d.AddPath(x.dotted())
	case *builtin:
		d.Whole = d.Whole || x.whole
	}
	e.children(func(child *Expr) { AddDeps(*child, d) })
}

// Path returns the dotted path, without "$", of an expression that is nothing
// but a field path of the root document.
func Path(e Expr) (string, bool) {
	if p, ok := e.(*rootPath); ok {
		return p.dotted(), true
	}
	return "", false
}

// IsRoot reports whether an expression is nothing but $$ROOT or $$CURRENT.
func IsRoot(e Expr) bool {
	b, ok := e.(*builtin)
	return ok && b.whole && len(b.names) == 0
}

// Conjuncts returns the arguments of an $and, of $ands in it too, and e itself
// where it is none: all must be true for e to be.
func Conjuncts(e Expr) []Expr {
	x, ok := e.(*junction)
	if !ok || x.stop {
		return []Expr{e}
	}
	var all []Expr
	for _, arg := range x.args {
		all = append(all, Conjuncts(arg)...)
	}
	return all
}

// Comparison takes an expression apart that compares a field path of the root
// document with a constant: op is "$eq", "$ne", "$lt", "$lte", "$gt" or "$gte"
// with the path on its left. The comparison is by the total order, without type
// bracketing, and does not look into arrays.
func Comparison(e Expr) (op, path string, v bsonraw.Value, ok bool) {
	x, ok := e.(*comparison)
	if !ok || x.op == opCmp {
		return "", "", v, false
	}
	if path, ok = Path(x.left); ok {
		v, ok = Constant(x.right)
		return comparisonNames[x.op], path, v, ok
	}
	if path, ok = Path(x.right); ok {
		v, ok = Constant(x.left)
		return comparisonNames[x.op.mirrored()], path, v, ok
	}
	return "", "", v, false
}

var comparisonNames = map[compareOp]string{
	opEq: "$eq", opNe: "$ne", opLt: "$lt", opLte: "$lte", opGt: "$gt", opGte: "$gte",
}

// mirrored is the operator for exchanged sides.
func (op compareOp) mirrored() compareOp {
	switch op {
	case opLt:
		return opGt
	case opLte:
		return opGte
	case opGt:
		return opLt
	case opGte:
		return opLte
	}
	return op
}
