package query

import (
	"math/rand/v2"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// nodeKind is what a node of a compiled filter does.
type nodeKind uint8

const (
	nodeAnd nodeKind = iota
	nodeOr
	nodeNor
	nodeNot // of its one kid
	nodePath
	nodeExpr
	nodeSample
	nodeTrue
	nodeFalse
	nodeSchema // a condition of $jsonSchema on the whole document
)

// node is a node of a compiled filter: logic over conditions on paths. It is
// one struct with a kind, not an interface: calls that the compiler can see let
// the state of a match stay on the stack.
type node struct {
	kind nodeKind
	kids []*node

	path   Path       // of nodePath
	slot   int        // of nodePath: where docMatcher.match keeps the top-level field
	pred   *predicate // of nodePath
	expr   expr.Expr  // of nodeExpr
	rate   float64    // of nodeSample
	schema *schema    // of nodeSchema
}

// run is the state of one match.
type run struct {
	env    *expr.Env // for $expr; nil when the filter has none
	root   bsonraw.Doc
	err    error // the first error; the result is then void
	record bool  // whether to note the position
	pos    int   // index of the outermost array element that matched, or -1
}

func (r *run) fail(err error) bool {
	if r.err == nil {
		r.err = err
	}
	return false
}

func (r *run) note(at int) {
	if r.record && at >= 0 {
		r.pos = at
	}
}

// match evaluates the node. slots are the top-level fields of the document.
func (n *node) match(slots []bsonraw.Value, r *run) bool {
	switch n.kind {
	case nodePath:
		return n.walk(1, slots[n.slot], -1, r)
	case nodeAnd:
		return n.matchAnd(slots, r)
	case nodeOr, nodeNor, nodeNot:
		return n.matchAny(slots, r) == (n.kind == nodeOr)
	case nodeExpr:
		v, err := n.expr.Eval(r.env)
		if err != nil {
			return r.fail(err)
		}
		return v.Truthy()
	case nodeSample:
		return rand.Float64() < n.rate
	case nodeSchema:
		matched, err := n.schema.matchObject(r.root)
		if err != nil {
			return r.fail(err)
		}
		return matched
	}
	return n.kind == nodeTrue
}

// matchAnd evaluates the kids in their order. Each that goes through an array
// sets the position, so that the last one counts.
func (n *node) matchAnd(slots []bsonraw.Value, r *run) bool {
	for _, k := range n.kids {
		if !k.match(slots, r) {
			return false
		}
	}
	return true
}

// matchAny sets no position, as in mongod.
func (n *node) matchAny(slots []bsonraw.Value, r *run) bool {
	record := r.record
	r.record = false
	matched := false
	for _, k := range n.kids {
		if matched = k.match(slots, r); matched {
			break
		}
	}
	r.record = record
	return matched
}

// walk is Path.walk with the node's predicate; see there.
func (n *node) walk(depth int, v bsonraw.Value, at int, r *run) bool {
	switch {
	case depth == len(n.path.parts):
		return n.matchLeaf(v, at, r)
	case v.Type == bsonraw.Object:
		return n.walk(depth+1, v.Doc().Get(n.path.parts[depth].name), at, r)
	case v.Type == bsonraw.Array:
		return n.walkArray(depth, v, at, r)
	}
	return n.matchValue(bsonraw.Value{}, at, r)
}

func (n *node) walkArray(depth int, array bsonraw.Value, at int, r *run) bool {
	next := &n.path.parts[depth]
	it := array.Doc().Iter()
	for i := 0; it.Next(); i++ {
		outer := at
		if outer < 0 {
			outer = i
		}
		elem := it.Value()
		if elem.Type == bsonraw.Object && n.walk(depth, elem, outer, r) {
			return true
		}
		if i != next.index {
			continue
		}
		switch {
		case depth+1 == len(n.path.parts):
			if n.matchValue(elem, at, r) {
				return true
			}
		case elem.Type == bsonraw.Object || elem.Type == bsonraw.Array:
			if n.walk(depth+1, elem, at, r) {
				return true
			}
		}
	}
	return false
}

func (n *node) matchLeaf(v bsonraw.Value, at int, r *run) bool {
	if v.Type != bsonraw.Array || n.pred.wholeArrays() {
		return n.matchValue(v, at, r)
	}
	it := v.Doc().Iter()
	for i := 0; it.Next(); i++ {
		if n.pred.match(it.Value(), r) {
			if at < 0 {
				at = i
			}
			r.note(at)
			return true
		}
	}
	return n.matchValue(v, at, r)
}

func (n *node) matchValue(v bsonraw.Value, at int, r *run) bool {
	if !n.pred.match(v, r) {
		return false
	}
	r.note(at)
	return true
}

// matchElement evaluates the node on one value instead of a document: every
// path in it is of length zero, as in {$elemMatch: {$gt: 1}} and $not inside.
func (n *node) matchElement(v bsonraw.Value, r *run) bool {
	switch n.kind {
	case nodePath:
		return n.pred.match(v, r)
	case nodeAnd:
		for _, k := range n.kids {
			if !k.matchElement(v, r) {
				return false
			}
		}
		return true
	case nodeOr, nodeNor:
		for _, k := range n.kids {
			if k.matchElement(v, r) {
				return n.kind == nodeOr
			}
		}
		return n.kind == nodeNor
	case nodeNot:
		return !n.kids[0].matchElement(v, r)
	}
	return n.kind == nodeTrue
}
