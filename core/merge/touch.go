package merge

import (
	"bytes"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/update"
)

// touch is a place in the tree of the paths that one side touched. A touched
// place stands for everything below it, so it has no kids.
type touch struct {
	touched bool
	// family is the kind of all changes at this path where that is one that
	// commutes, and ops are these changes. Zero: they are not of one kind, or
	// some were below or above the path, and only the outcome counts.
	family update.Kind
	ops    []update.Change

	kids []named // in the order in which they came to be touched
}

type named struct {
	name string
	at   *touch
}

// touchesOf returns the tree of a side's changes.
func touchesOf(changes []update.Change) *touch {
	root := &touch{}
	for i := range changes {
		root.add(update.SplitPath(changes[i].Path), changes[i])
	}
	return root
}

// add notes one change at the path names, from t on.
func (t *touch) add(names []string, c update.Change) {
	for _, name := range names {
		if t.touched {
			t.family, t.ops = 0, nil // a change below one
			return
		}
		t = t.kid(name)
	}
	switch {
	case t.touched && t.family == c.Kind:
		t.ops = append(t.ops, c)
	case t.touched || len(t.kids) > 0 || !c.Kind.Commutes():
		t.touched, t.family, t.ops, t.kids = true, 0, nil, nil
	default:
		t.touched, t.family, t.ops = true, c.Kind, append(t.ops, c)
	}
}

// kid returns the kid of this name, made if need be.
func (t *touch) kid(name string) *touch {
	if k := t.find(name); k != nil {
		return k
	}
	k := &touch{}
	t.kids = append(t.kids, named{name, k})
	return k
}

// find returns the kid of this name, or nil.
func (t *touch) find(name string) *touch {
	for i := range t.kids {
		if t.kids[i].name == name {
			return t.kids[i].at
		}
	}
	return nil
}

// empty reports whether nothing is touched.
func (t *touch) empty() bool { return !t.touched && len(t.kids) == 0 }

// prune removes the touches whose place has the same bits in both documents,
// which is how they do not count for TriggerDiverged.
func (t *touch) prune(a, b bsonraw.Doc, names []string) {
	if t.touched {
		if bsonraw.Identical(valueAt(a, names), valueAt(b, names)) && reach(a, names) == reach(b, names) {
			*t = touch{}
		}
		return
	}
	kept := t.kids[:0]
	for _, k := range t.kids {
		if k.at.prune(a, b, append(names, k.name)); !k.at.empty() {
			kept = append(kept, k)
		}
	}
	t.kids = kept
}

// soleFamily returns the commuting kind which all touches are of, or 0.
func (t *touch) soleFamily() update.Kind {
	if t.touched {
		return t.family
	}
	var family update.Kind
	for i, k := range t.kids {
		f := k.at.soleFamily()
		if f == 0 || i > 0 && f != family {
			return 0
		}
		family = f
	}
	return family
}

// valueAt returns the value at a path, missing if there is none. Numbers are
// indexes in arrays and names in objects. No names are the whole document.
func valueAt(doc bsonraw.Doc, names []string) bsonraw.Value {
	if doc == nil {
		return bsonraw.Value{}
	}
	v := doc.Value()
	for _, name := range names {
		switch v.Type {
		case bsonraw.Object:
			v = v.Doc().Get(name)
		case bsonraw.Array:
			v = elementAt(v.Doc(), name)
		default:
			return bsonraw.Value{}
		}
	}
	return v
}

// reach returns how many names of a path there are in the document, from the
// first on: a field that is missing may still have an object made for it.
func reach(doc bsonraw.Doc, names []string) int {
	n := len(names)
	for n > 0 && valueAt(doc, names[:n]).IsMissing() {
		n--
	}
	return n
}

func elementAt(array bsonraw.Doc, name string) bsonraw.Value {
	i, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return bsonraw.Value{}
	}
	for it := array.Iter(); it.Next(); i-- {
		if i == 0 {
			return it.Value()
		}
	}
	return bsonraw.Value{}
}

// outcome is the change that gives the value at a path to another document.
func outcome(path string, v bsonraw.Value) update.Change {
	if v.IsMissing() {
		return update.Change{Path: path, Kind: update.Unset}
	}
	return update.Change{Path: path, Kind: update.Set, Operand: v}
}

// complete returns a side's changes, worked out from the documents where the
// caller knows none although something changed.
func complete(base, side bsonraw.Doc, changes []update.Change) []update.Change {
	if len(changes) == 0 && !bytes.Equal(base, side) {
		return update.DiffDocs(base, side)
	}
	return changes
}
