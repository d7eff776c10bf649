package query

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// projRun is one application of a projection. It goes once through the
// document and writes as it goes: fields keep their place, computed fields take
// the place of one that stays (exclusions, $addFields) or come at the end in the
// order of the specification (inclusions, and fields that were not there).
type projRun struct {
	mode projMode
	env  *expr.Env
	dst  *bsonraw.Builder
}

// doneBits is how many fields of a node fit into a doneSet without a map.
const doneBits = 256

// doneSet says which fields of a node were written already.
type doneSet struct {
	bits [4]uint64
	many map[int]bool // beyond doneBits
}

func (s *doneSet) add(i int) {
	if i < doneBits {
		s.bits[i>>6] |= 1 << (i & 63)
		return
	}
	if s.many == nil {
		s.many = make(map[int]bool)
	}
	s.many[i] = true
}

func (s *doneSet) has(i int) bool {
	if i < doneBits {
		return s.bits[i>>6]>>(i&63)&1 != 0
	}
	return s.many[i]
}

// fields projects the fields of doc into the document that is open in dst.
// Neighbours that stay as they are, from start to end, are copied in one go.
func (r *projRun) fields(n *projNode, doc bsonraw.Doc) error {
	var done doneSet
	it := doc.Iter()
	size := 4 + it.Remaining()
	start, end := 4, 4
	for it.Next() {
		at := end
		end = size - it.Remaining()
		i := n.find(it.Key())
		if i < 0 && r.mode == modeExclude || i >= 0 && n.fields[i].kind == projInclude {
			continue
		}
		r.dst.Elements(doc[start:at])
		start = end
		if i < 0 {
			continue
		}
		written, err := r.field(&n.fields[i], it.Value())
		if err != nil {
			return err
		}
		if written {
			done.add(i)
		}
	}
	r.dst.Elements(doc[start:end])
	if !n.compute {
		return nil
	}
	for i := range n.fields {
		if f := &n.fields[i]; f.computes() && !done.has(i) {
			if err := r.append(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// computes reports whether a field holds something computed.
func (f *projField) computes() bool {
	switch f.kind {
	case projCompute, projElem:
		return true
	case projChild:
		return f.child.compute
	}
	return false
}

// field projects a field that the document has, but one that is included, see
// fields. It returns false where a computed field is still to come.
func (r *projRun) field(f *projField, v bsonraw.Value) (written bool, err error) {
	switch f.kind {
	case projCompute, projElem:
		if r.mode == modeInclude {
			return false, nil
		}
		return true, r.append(f)
	case projChild:
		return r.below(f.child, f.name, v)
	}
	return true, nil
}

// below projects what is below a field: objects, and through arrays of any
// depth their objects. A value of another kind stays in an exclusion, goes in
// an inclusion, and is replaced where something is computed below it.
func (r *projRun) below(n *projNode, name string, v bsonraw.Value) (written bool, err error) {
	switch v.Type {
	case bsonraw.Object:
		r.dst.BeginDoc(name)
		err = r.fields(n, v.Doc())
		r.dst.End()
	case bsonraw.Array:
		r.dst.BeginArray(name)
		err = r.elements(n, v.Doc())
		r.dst.End()
	default:
		switch {
		case n.compute:
			return true, r.computeDoc(n, name)
		case r.mode == modeInclude:
			return false, nil
		}
		r.dst.Value(name, v)
	}
	return true, err
}

func (r *projRun) elements(n *projNode, array bsonraw.Doc) error {
	it := array.Iter()
	for i := 0; it.Next(); {
		written, err := r.below(n, bsonraw.Index(i), it.Value())
		if err != nil {
			return err
		}
		if written {
			i++
		}
	}
	return nil
}

// computeDoc writes a document of nothing but what is computed in n.
func (r *projRun) computeDoc(n *projNode, name string) error {
	r.dst.BeginDoc(name)
	err := r.fields(n, bsonraw.EmptyDoc)
	r.dst.End()
	return err
}

// append writes a computed field.
func (r *projRun) append(f *projField) error {
	switch f.kind {
	case projCompute:
		v, err := f.expr.Eval(r.env)
		if err != nil {
			return err
		}
		r.dst.Value(f.name, v)
	case projElem:
		return r.elemMatch(f)
	case projChild:
		return r.computeDoc(f.child, f.name)
	}
	return nil
}

// elemMatch writes the first element of the array that satisfies the condition
// as an array of its own.
func (r *projRun) elemMatch(f *projField) error {
	array := r.env.Root.Doc().Get(f.name)
	state := run{pos: -1, record: true}
	if !f.elem.match(array, &state) {
		return state.err
	}
	v, _ := elementAt(array.Doc(), state.pos)
	r.dst.BeginArray(f.name)
	r.dst.Value("0", v)
	r.dst.End()
	return nil
}
