package update

import (
	"encoding/binary"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// rewriter applies a tree to one document in one pass.
//
// Unchanged bytes are not copied element by element: src[pend:] waits until
// something differs, and flush copies it in one piece.
//
//	src  ├──── copied ────┼──── waits ────┤ here …
//	out  ├──── written ───┤
//	                     pend
//
// A byte of src that waits will come to lie in out at len(out) + offset - pend;
// that is where the length of an open document is patched when it is done. An
// update without effect writes nothing.
type rewriter struct {
	src    bsonraw.Doc
	out    []byte
	pend   int
	edits  int // effects so far
	pos    int // for the positional operator; -1
	insert bool
	// protectID makes changes at or below _id an error.
	protectID bool
	// stored makes the checks of names that are to be stored.
	stored bool

	path    []byte // of the element at hand
	nameAt  int    // where its last name begins in path
	inArray []byte // the name of the innermost array around it, or nil

	record  bool
	expect  int // how many changes there may be
	changes []Change
	late    []lateOperand

	array arrayWriter
	wrap  []byte // an element for an array filter
}

// lateOperand is an operand that lies in out, which may still move.
type lateOperand struct {
	change, start, end int
}

// run applies the tree to src and appends the post-image to out[:0]. It returns
// src itself if there was no effect.
func (x *rewriter) run(root *node, src bsonraw.Doc, out []byte) (bsonraw.Doc, error) {
	x.src, x.out, x.pend, x.edits = src, out[:0], 0, 0
	x.path, x.nameAt, x.inArray = x.path[:0], 0, nil
	x.changes, x.late = nil, x.late[:0]
	if cap(x.out) == 0 {
		x.out = make([]byte, 0, len(src)+len(src)/8+32)
	}
	if err := x.container(root, 0, bsonraw.Object, nil, 1); err != nil {
		return nil, err
	}
	if x.edits == 0 {
		return src, nil
	}
	x.flush(len(src))
	if len(x.out) > bsonraw.MaxDocSize {
		return nil, tooLarge()
	}
	for _, l := range x.late {
		x.changes[l.change].Operand.Data = x.out[l.start:l.end:l.end]
	}
	return x.out, nil
}

func tooLarge() error {
	return errs.New(errs.Code(17419), "Resulting document after update is larger than %d", bsonraw.MaxDocSize)
}

// flush copies what waits before the offset at.
func (x *rewriter) flush(at int) {
	x.out = append(x.out, x.src[x.pend:at]...)
	x.pend = at
}

// container applies an object node to the object or array that begins at
// src[base]. name is its field name, level how deep it is nested: 1 for the
// document itself.
//
// Of several errors, the one counts that comes first in the order of the tree,
// which is the order in which mongod applies it; so after an error the walk
// goes on for elements that come before.
func (x *rewriter) container(n *node, base int, t bsonraw.Type, name []byte, level int) error {
	n, err := n.at(x.pos, x.path)
	if err != nil {
		return err
	}
	array := t == bsonraw.Array
	if array && n.twice {
		return errs.New(errs.ConflictingUpdateOperators, "Update created a conflict at '%s'", x.path)
	}
	if array {
		defer func(outer []byte) { x.inArray = outer }(x.inArray)
		x.inArray = name
	}
	lengthAt := len(x.out) + base - x.pend
	before := x.edits
	w := walk{x: x, n: n, base: base, array: array, level: level}
	if err := w.elements(); err != nil {
		return err
	}
	if w.left > 0 {
		if err := w.create(name, t); err != nil {
			return err
		}
	}
	if x.edits != before {
		end := base + w.size
		binary.LittleEndian.PutUint32(x.out[lengthAt:], uint32(len(x.out)+end-x.pend-lengthAt))
	}
	return nil
}

// walk is the state of one container.
type walk struct {
	x     *rewriter
	n     *node
	base  int
	size  int // of the container in src
	array bool
	level int

	left  int // kids not found yet
	seen  kidSet
	count int // elements seen; all of them if left is not 0 after the walk

	err error
	at  int // the kid of err; all kids from here on are of no interest
}

// kidSet is a set of places of kids.
type kidSet struct {
	first uint64
	rest  []bool // where there are more than 64
}

func (s *kidSet) init(n int) {
	if n > 64 {
		s.rest = make([]bool, n-64)
	}
}

func (s *kidSet) has(k int) bool {
	if k < 64 {
		return s.first>>k&1 != 0
	}
	return s.rest[k-64]
}

// add puts a place into the set; false if it was there.
func (s *kidSet) add(k int) bool {
	if s.has(k) {
		return false
	}
	if k < 64 {
		s.first |= 1 << k
	} else {
		s.rest[k-64] = true
	}
	return true
}

// elements applies the kids to the elements that they are for.
func (w *walk) elements() error {
	kids := w.n.kids
	w.left, w.at = len(kids), len(kids)
	w.seen.init(len(kids))
	d := bsonraw.Doc(w.x.src[w.base:])
	w.size = len(d)
	it := d.Iter()
	if it.Err() == nil {
		w.size = int(binary.LittleEndian.Uint32(d))
	}
	end := w.base + 4
	for w.left > 0 && it.Next() {
		start := end
		end = w.base + w.size - it.Remaining()
		k := -1
		if w.array {
			k = w.n.findIndex(w.count)
		} else {
			k = w.n.find(it.Key())
		}
		w.count++
		if k < 0 || !w.seen.add(k) {
			continue
		}
		w.left--
		if k >= w.at {
			continue
		}
		name := it.Key()
		if w.array {
			name = elementName(name, w.count-1)
		}
		if err := w.x.element(kids[k].node, start, end, name, it.Value(), w.array, w.level); err != nil {
			w.err, w.at = err, k
		}
	}
	if w.left == 0 {
		return w.err
	}
	return it.Err()
}

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
		x.changes = make([]Change, 0, min(x.expect, 64))
	}
	x.changes = append(x.changes, c)
	return nil
}
