package update

import (
	"encoding/binary"

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
	slab    []Change
	late    []lateOperand
	number  [8]byte // a computed number

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
