package update

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// ApplyChanges applies changes in order. A nil doc is an absent one; the result
// is nil when the last word was to delete it. A change that does not fit the
// document (an $inc of a string, a field below a number) is an error.
func ApplyChanges(doc bsonraw.Doc, changes []Change) (bsonraw.Doc, error) {
	x := &rewriter{pos: -1}
	for len(changes) > 0 {
		if c := &changes[0]; c.Path == "" {
			var err error
			if doc, err = applyWhole(c); err != nil {
				return nil, err
			}
			changes = changes[1:]
			continue
		}
		if doc == nil {
			return nil, errs.New(errs.BadValue, "a change of %q to a document that is not there", changes[0].Path)
		}
		root, n, err := plant(changes)
		if err != nil {
			return nil, err
		}
		next, err := x.run(root, doc, nil)
		if err == errOutOfOrder && n > 1 {
			n = 1 // one by one, as the changes came about
			if root, _, err = plant(changes[:1]); err == nil {
				next, err = x.run(root, doc, nil)
			}
		}
		if err != nil {
			return nil, err
		}
		doc, changes = next, changes[n:]
	}
	return doc, nil
}

// applyWhole applies a change of the whole document.
func applyWhole(c *Change) (bsonraw.Doc, error) {
	switch {
	case c.Kind == Unset:
		return nil, nil
	case c.Kind == Set && c.Operand.Type == bsonraw.Object:
		return c.Operand.Doc(), nil
	}
	return nil, errs.New(errs.BadValue, "a change of a whole document by %s with a value of type %s", c.Kind, c.Operand.Type.Name())
}

// plant makes a tree of as many changes as can be applied in one pass, those
// whose paths do not meet, and returns how many that are. Their order is kept,
// since it is that of new fields.
func plant(changes []Change) (root *node, n int, err error) {
	root = &node{}
	for i := range changes {
		if changes[i].Path == "" {
			break
		}
		op, err := operatorOf(&changes[i])
		if err != nil {
			return nil, 0, err
		}
		names := SplitPath(changes[i].Path)
		if len(names) > maxParts {
			return nil, 0, tooDeep()
		}
		if !root.graft(names, op) {
			break
		}
		n++
	}
	root.seal(false)
	return root, n, nil
}

// graft puts an operator into a tree of changes; false, and no change of the
// tree, if the path meets another one.
func (n *node) graft(names []string, op operator) bool {
	at := n
	for i, name := range names {
		child := at.getKid(name)
		switch {
		case child == nil && at.hasIndex(name):
			return false
		case child == nil:
			at.add(name, branch(names[i+1:], op))
			return true
		case child.op != nil:
			return false
		}
		at = child
	}
	return false
}

// hasIndex reports whether a kid of another name means the same array index.
func (n *node) hasIndex(name string) bool {
	i := arrayIndex(name)
	if i < 0 || isIndex(name) && !n.padded {
		return false
	}
	for k := range n.kids {
		if n.kids[k].index == i {
			return true
		}
	}
	return false
}

// branch returns the nodes of the rest of a path.
func branch(names []string, op operator) *node {
	n := &node{op: op}
	for i := len(names) - 1; i >= 0; i-- {
		outer := &node{}
		outer.add(names[i], n)
		n = outer
	}
	return n
}

// operatorOf returns the operator that does what a change says.
func operatorOf(c *Change) (operator, error) {
	v := c.Operand
	if c.Kind != Unset && v.IsMissing() {
		return nil, errs.New(errs.BadValue, "a change of %q by %s without an operand", c.Path, c.Kind)
	}
	switch c.Kind {
	case Set:
		return newSet(v), nil
	case Unset:
		return unsetOp{}, nil
	case Inc, Mul:
		return parseArith(c.Kind, c.Path, v)
	case Min, Max:
		return extremeOp{kind: c.Kind, operand: v, depth: nestingOf(v)}, nil
	case AddToSet, Push:
		if v.Type != bsonraw.Array {
			return nil, errs.New(errs.BadValue, "a change of %q by %s with a value of type %s, not an array", c.Path, c.Kind, v.Type.Name())
		}
		if c.Kind == AddToSet {
			return newAddToSet(v.Doc().Values()), nil
		}
		return newPush(v.Doc().Values()), nil
	case BitAnd, BitOr, BitXor:
		if v.Type != bsonraw.Int32 && v.Type != bsonraw.Int64 {
			return nil, errs.New(errs.BadValue, "a change of %q by %s with a value of type %s, not an integer", c.Path, c.Kind, v.Type.Name())
		}
		op := number.BitOp(c.Kind - BitAnd)
		return bitOp{steps: []bitStep{{op, v}}}, nil
	}
	return nil, errs.New(errs.BadValue, "a change of %q of the unknown kind %d", c.Path, c.Kind)
}
