package update

import (
	"encoding/binary"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// create makes the kids that the container does not have, in order.
func (w *walk) create(name []byte, t bsonraw.Type) error {
	closing := w.base + w.size - 1 // the zero byte at the end
	container := bsonraw.Value{Type: t, Data: w.x.src[w.base : w.base+w.size]}
	for k := 0; k < w.at; k++ {
		if w.seen.has(k) {
			continue
		}
		kd := &w.n.kids[k]
		var err error
		switch {
		case !w.array:
			w.x.flush(closing)
			_, err = w.x.build(kd.node, []byte(kd.name), w.level)
		case kd.index < 0:
			err = w.x.blocked(kd, block{kd.name, name, container})
		default:
			err = w.createElement(kd, closing)
		}
		if err != nil {
			return err
		}
	}
	return w.err
}

// maxPadding is how many nulls one operator may put before a new element.
const maxPadding = 1_500_000

// errOutOfOrder says that an earlier kid padded the array beyond this one's
// place. A user's operators are in the order of indexes, but for names like
// "010"; changes of several updates need not be.
var errOutOfOrder = errs.New(errs.ConflictingUpdateOperators, "an update of an array element behind the end comes before one of an element in front of it")

// createElement makes an array element behind the end, after nulls up to it.
func (w *walk) createElement(kd *kid, closing int) error {
	x := w.x
	if kd.index < w.count {
		return errOutOfOrder
	}
	x.flush(closing)
	mark := len(x.out)
	padding := kd.index - w.count
	if padding > maxPadding {
		if will, err := x.creates(kd.node); !will || err != nil {
			return err
		}
		return errs.New(errs.CannotBackfillArray, "can't backfill more than %d elements", maxPadding)
	}
	for i := w.count; i < kd.index; i++ {
		x.out = appendElementHeader(x.out, bsonraw.Null, appendIndex(nil, i))
	}
	created, err := x.build(kd.node, appendIndex(nil, kd.index), w.level)
	if !created {
		x.out = x.out[:mark]
		return err
	}
	w.count = kd.index + 1
	return nil
}

func appendElementHeader(dst []byte, t bsonraw.Type, name []byte) []byte {
	dst = append(dst, byte(t))
	dst = append(dst, name...)
	return append(dst, 0)
}

// build writes the element that a node creates where there is nothing, into a
// container of this level. Nothing is written, and false returned, if none of
// its operators creates anything.
func (x *rewriter) build(n *node, name []byte, level int) (bool, error) {
	length, nameAt := x.enter(name)
	defer x.leave(length, nameAt)
	switch {
	case n.op != nil:
		return x.buildLeaf(n, name, level)
	case n.array:
		return false, noArray(x.path)
	}
	n, err := n.at(x.pos, x.path)
	if err != nil {
		return false, err
	}
	mark := len(x.out)
	x.out = appendElementHeader(x.out, bsonraw.Object, name)
	lengthAt := len(x.out)
	x.out = append(x.out, 0, 0, 0, 0)
	created := false
	for k := range n.kids {
		one, err := x.build(n.kids[k].node, []byte(n.kids[k].name), level+1)
		if err != nil {
			return false, err
		}
		created = created || one
	}
	if !created {
		x.out = x.out[:mark]
		return false, nil
	}
	x.out = append(x.out, 0)
	binary.LittleEndian.PutUint32(x.out[lengthAt:], uint32(len(x.out)-lengthAt))
	if level == 1 && x.stored && name[0] == '$' {
		return false, dollarName(string(name), bsonraw.Value{Type: bsonraw.Object})
	}
	return true, nil
}

func (x *rewriter) buildLeaf(n *node, name []byte, level int) (bool, error) {
	e, err := n.op.missing(x)
	if err != nil || e.action != put {
		return false, err
	}
	if n.ofID && x.protectID && len(x.path) > len("_id") {
		return false, x.grownID(e.value)
	}
	if err := x.check(n, &e, level); err != nil {
		return false, err
	}
	x.out = appendElementHeader(x.out, e.value.Type, name)
	valueAt := len(x.out)
	x.out = append(x.out, e.value.Data...)
	x.edits++
	return true, x.note(n, &e, valueAt)
}

// grownID is the error of a value at the path at hand that would be new within
// the _id.
func (x *rewriter) grownID(v bsonraw.Value) error {
	names := strings.Split(string(x.path), ".")
	grown, err := ApplyChanges(x.src, []Change{{JoinPath(names...), Set, v}})
	if err != nil {
		return immutableID(string(x.path))
	}
	at, old := bsonraw.Doc(grown).Value(), x.src.Value()
	n := 0
	for ; n < len(names); n++ {
		next, ok := old.Doc().Lookup(names[n])
		if !ok {
			break
		}
		at, old = at.Doc().Get(names[n]), next
	}
	return errs.New(errs.ImmutableField, "Updating the path '%s' to %s would modify the immutable field '_id'",
		strings.Join(names[:n], "."), describeElement(names[n-1], at))
}

// creates reports whether build would create something.
func (x *rewriter) creates(n *node) (bool, error) {
	if n.op != nil {
		e, err := n.op.missing(x)
		return e.action == put, err
	}
	if n.array {
		return false, noArray(x.path)
	}
	n, err := n.at(x.pos, x.path)
	if err != nil {
		return false, err
	}
	for k := range n.kids {
		if will, err := x.creates(n.kids[k].node); will || err != nil {
			return will, err
		}
	}
	return false, nil
}

func noArray(path []byte) error {
	return errs.New(errs.BadValue, "The path '%s' must exist in the document in order to apply array updates.", path)
}

// blocked returns the error, if it is one, of a kid in a place that cannot have
// it. b.part is the name that cannot be.
func (x *rewriter) blocked(kd *kid, b block) error {
	length, nameAt := x.enter([]byte(kd.name))
	defer x.leave(length, nameAt)
	switch {
	case kd.node.op != nil:
		return kd.node.op.blocked(x, b)
	case kd.node.array:
		return noArray(x.path)
	}
	return x.blockedKids(kd.node, b)
}

// blockedKids is blocked of all kids of an object node, each at its name if b
// has no part yet.
func (x *rewriter) blockedKids(n *node, b block) error {
	n, err := n.at(x.pos, x.path)
	if err != nil {
		return err
	}
	for k := range n.kids {
		at := b
		if at.part == "" {
			at.part = n.kids[k].name
		}
		if err := x.blocked(&n.kids[k], at); err != nil {
			return err
		}
	}
	return nil
}
