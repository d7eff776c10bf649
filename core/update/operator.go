package update

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// operator is a leaf of the tree: one operator with its argument. Operators do
// not change while they are applied.
type operator interface {
	// existing says what becomes of the value at the operator's path.
	existing(x *rewriter, v bsonraw.Value) (effect, error)
	// missing says what to put at the path where there is nothing.
	missing(x *rewriter) (effect, error)
	// blocked is called instead where the path cannot be created: part is the
	// first field name which elem, a scalar, or an array where part is not an
	// index, cannot have. Nil if that is no error.
	blocked(x *rewriter, b block) error
}

// block is where a path ends that cannot be created.
type block struct {
	part string // the field name that cannot be
	name []byte // the name of elem
	elem bsonraw.Value
}

// action is what becomes of an element.
type action uint8

const (
	keep   action = iota // the operator has no effect
	put                  // the value replaces the element, or is a new one
	remove               // the element goes
)

// effect is an operator's effect at one path of one document.
type effect struct {
	action action
	value  bsonraw.Value // for put; may point into the rewriter's scratch
	// depth is how many levels of nesting value has that were not in the
	// document before: 0 for a scalar.
	depth int
	// The change to record. A Set without an operand takes the value.
	kind    Kind
	operand bsonraw.Value
}

// set is the effect of putting a value there.
func set(v bsonraw.Value, depth int) effect {
	return effect{action: put, value: v, depth: depth, kind: Set}
}

// nestingOf returns how many levels of objects and arrays a value has.
func nestingOf(v bsonraw.Value) int {
	d := v.Doc()
	if d == nil {
		return 0
	}
	deepest := 0
	it := d.Iter()
	for it.Next() {
		if t := it.Value().Type; t == bsonraw.Object || t == bsonraw.Array {
			deepest = max(deepest, nestingOf(it.Value()))
		}
	}
	return deepest + 1
}

// creator is embedded by operators which create their path.
type creator struct{}

func (creator) blocked(x *rewriter, b block) error {
	return errs.New(errs.PathNotViable, "Cannot create field '%s' in element {%s}", b.part, describeElement(b.name, b.elem))
}

// shrinker is embedded by operators that only take away, but which refuse paths
// that could not be.
type shrinker struct{}

func (shrinker) missing(*rewriter) (effect, error) { return effect{}, nil }

func (shrinker) blocked(x *rewriter, b block) error {
	return errs.New(errs.PathNotViable, "Cannot use the part (%s) of (%s) to traverse the element ({%s})",
		b.part, x.path, describeElement(b.name, b.elem))
}

// idle is embedded by operators that do nothing where there is nothing.
type idle struct{}

func (idle) missing(*rewriter) (effect, error) { return effect{}, nil }

func (idle) blocked(*rewriter, block) error { return nil }
