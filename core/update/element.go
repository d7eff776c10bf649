package update

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// elementName returns the name of the i-th element of an array, which is its key
// unless somebody wrote an array with other keys.
func elementName(key []byte, i int) []byte {
	if string(key) == bsonraw.Index(i) {
		return key
	}
	return appendIndex(nil, i)
}

// escapedPath returns the path of the element at hand as it stands in changes.
// Names of an update's path hold no dots.
func (x *rewriter) escapedPath() string {
	return strings.ReplaceAll(string(x.path), `\`, `\\`)
}

// enter makes name the last part of the path at hand; leave undoes it.
func (x *rewriter) enter(name []byte) (length, nameAt int) {
	length, nameAt = len(x.path), x.nameAt
	if length > 0 {
		x.path = append(x.path, '.')
	}
	x.nameAt = len(x.path)
	x.path = append(x.path, name...)
	return length, nameAt
}

func (x *rewriter) leave(length, nameAt int) { x.path, x.nameAt = x.path[:length], nameAt }

// name returns the name of the element at hand.
func (x *rewriter) name() []byte { return x.path[x.nameAt:] }

// element applies a node to the element src[start:end], which is in a container
// of this level.
func (x *rewriter) element(n *node, start, end int, name []byte, v bsonraw.Value, inArray bool, level int) error {
	length, nameAt := x.enter(name)
	defer x.leave(length, nameAt)
	base := end - len(v.Data)
	switch {
	case n.op != nil:
		return x.apply(n, start, end, v, inArray, level)
	case n.array:
		return x.arrayElements(n, base, name, v, level+1)
	case v.Type == bsonraw.Object || v.Type == bsonraw.Array:
		return x.container(n, base, v.Type, name, level+1)
	}
	return x.blockedKids(n, block{name: name, elem: v})
}

// apply lets a leaf's operator work on the element src[start:end].
func (x *rewriter) apply(n *node, start, end int, v bsonraw.Value, inArray bool, level int) error {
	e, err := n.op.existing(x, v)
	if err != nil || e.action == keep {
		return err
	}
	if err := x.check(n, &e, level); err != nil {
		return err
	}
	x.edits++
	if e.action == remove && !inArray {
		x.flush(start)
		x.pend = end
		return x.note(n, &e, 0)
	}
	if e.action == remove {
		e.value = bsonraw.NullValue
	}
	x.flush(end - len(v.Data))
	x.out[len(x.out)-(end-len(v.Data)-start)] = byte(e.value.Type)
	x.pend = end
	valueAt := len(x.out)
	x.out = append(x.out, e.value.Data...)
	return x.note(n, &e, valueAt)
}

// check refuses effects that may not be.
func (x *rewriter) check(n *node, e *effect, level int) error {
	if n.ofID && x.protectID {
		return immutableID(string(x.path))
	}
	if e.action == remove {
		return nil
	}
	if level+e.depth > bsonraw.MaxDepth {
		return tooDeep()
	}
	if level == 1 && x.stored && len(x.path) > 0 && x.path[0] == '$' {
		return dollarName(string(x.path), e.value)
	}
	return nil
}

func immutableID(path string) error {
	return errs.New(errs.ImmutableField, "Performing an update on the path '%s' would modify the immutable field '_id'", path)
}

func tooDeep() error {
	return errs.New(errs.Overflow, "Document exceeds maximum nesting depth of %d", bsonraw.MaxDepth)
}

// dollarName is the error of a stored top-level field that begins with $.
func dollarName(name string, v bsonraw.Value) error {
	switch {
	case name == "$ref" && v.Type != bsonraw.String:
		return errs.New(errs.InvalidDBRef, "The DBRef $ref field must be a String, not a %s", v.Type.Name())
	case name == "$ref":
		return errs.New(errs.InvalidDBRef, "The DBRef $ref field must be followed by a $id field")
	case name == "$id":
		return errs.New(errs.InvalidDBRef, "Found $id field without a $ref before it, which is invalid.")
	case name == "$db" && v.Type != bsonraw.String:
		return errs.New(errs.InvalidDBRef, "The DBRef $db field must be a String, not a %s", v.Type.Name())
	case name == "$db":
		return errs.New(errs.InvalidDBRef, "Found $db field without a $id before it, which is invalid.")
	}
	return errs.New(errs.DollarPrefixedFieldName, "The dollar ($) prefixed field '%s' in '%s' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.", name, name)
}

// note records the change of an effect whose value was written at out[valueAt:],
// and stops documents from growing without bound.
func (x *rewriter) note(n *node, e *effect, valueAt int) error {
	if len(x.out) > 2*bsonraw.MaxDocSize {
		return tooLarge()
	}
	if !x.record {
		return nil
	}
	c := Change{Path: n.path, Kind: e.kind, Operand: e.operand}
	if n.dynamic {
		c.Path = x.escapedPath()
	}
	if e.kind == Set && e.operand.IsMissing() {
		c.Operand.Type = e.value.Type
		x.late = append(x.late, lateOperand{len(x.changes), valueAt, len(x.out)})
	}
	if x.changes == nil {
		x.changes = x.room()
	}
	x.changes = append(x.changes, c)
	return nil
}

// room returns memory for the changes of one document. Updates of many documents
// get it from larger and larger pieces; it belongs to the result, for good.
func (x *rewriter) room() []Change {
	n := min(x.expect, 64)
	if cap(x.slab)-len(x.slab) < n {
		x.slab = make([]Change, 0, max(n, min(2*cap(x.slab), 64)))
	}
	used := len(x.slab)
	x.slab = x.slab[:used+n]
	return x.slab[used : used : used+n]
}
