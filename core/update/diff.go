package update

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
)

// DiffDocs returns field-level changes (Set and Unset only) that lead from pre
// to post, either of which may be nil for a document that is not there. Objects
// are compared field by field, arrays and everything else as a whole and by
// their bits.
//
// New fields can only be appended. Where that does not give post's order, an
// embedded object is Set as a whole; at the top level, the fields that have
// moved are Unset and Set again, so that a rewritten document does not count as
// changed in every field. Operands point into post.
func DiffDocs(pre, post bsonraw.Doc) []Change {
	switch {
	case bytes.Equal(pre, post):
		return nil
	case pre == nil:
		return []Change{{"", Set, post.Value()}}
	case post == nil:
		return []Change{{Path: "", Kind: Unset}}
	}
	d := differ{}
	if !d.fields(nil, pre, post) {
		return []Change{{"", Set, post.Value()}}
	}
	return d.changes
}

type differ struct {
	changes []Change
	path    []byte // scratch
}

// field is one field of a document.
type field struct {
	name  []byte
	value bsonraw.Value
}

// fieldList is a document's fields with a way to find one.
type fieldList struct {
	all   []field
	index map[string]int // where there are many
}

// usualFields is how many fields fit on the stack.
const usualFields = 2 * manyKids

// listFields lists the fields of a document into room. False if two have one
// name.
func listFields(d bsonraw.Doc, room []field) (l fieldList, distinct bool) {
	l.all = room
	for it := d.Iter(); it.Next(); {
		l.all = append(l.all, field{it.Key(), it.Value()})
	}
	if len(l.all) <= usualFields {
		for i := range l.all {
			if l.find(l.all[i].name) != i {
				return l, false
			}
		}
		return l, true
	}
	l.index = make(map[string]int, len(l.all))
	for i, f := range l.all {
		l.index[string(f.name)] = i
	}
	return l, len(l.index) == len(l.all)
}

// find returns the place of a field, or -1.
func (l *fieldList) find(name []byte) int {
	if l.index != nil {
		if i, ok := l.index[string(name)]; ok {
			return i
		}
		return -1
	}
	for i := range l.all {
		if bytes.Equal(l.all[i].name, name) {
			return i
		}
	}
	return -1
}

// fields compares two objects whose path and a dot are prefix (empty at the top
// level). False, with no changes noted, if it has to be Set as a whole.
func (d *differ) fields(prefix []byte, pre, post bsonraw.Doc) bool {
	var room1, room2 [usualFields]field
	before, ok1 := listFields(pre, room1[:0])
	after, ok2 := listFields(post, room2[:0])
	if !ok1 || !ok2 {
		return false
	}
	// The fields that stay where they are: the longest start of post which
	// comes in this order in pre.
	kept, last := 0, -1
	for ; kept < len(after.all); kept++ {
		i := before.find(after.all[kept].name)
		if i <= last {
			break
		}
		last = i
	}
	if len(prefix) > 0 && moved(&before, after.all[kept:]) {
		return false
	}
	for i := range before.all {
		f := &before.all[i]
		j := after.find(f.name)
		switch {
		case j < 0 || j >= kept:
			d.note(prefix, f.name, Unset, bsonraw.Value{})
		case !bsonraw.Identical(f.value, after.all[j].value):
			d.value(prefix, f.name, f.value, after.all[j].value)
		}
	}
	for _, f := range after.all[kept:] {
		d.note(prefix, f.name, Set, f.value)
	}
	return true
}

// moved reports whether one of these fields was there before.
func moved(before *fieldList, fields []field) bool {
	for _, f := range fields {
		if before.find(f.name) >= 0 {
			return true
		}
	}
	return false
}

// value notes how one value became another.
func (d *differ) value(prefix, name []byte, pre, post bsonraw.Value) {
	if pre.Type == bsonraw.Object && post.Type == bsonraw.Object {
		inner := append(appendName(append([]byte(nil), prefix...), name), '.')
		if d.fields(inner, pre.Doc(), post.Doc()) {
			return
		}
	}
	d.note(prefix, name, Set, post)
}

func (d *differ) note(prefix, name []byte, kind Kind, v bsonraw.Value) {
	d.path = appendName(append(d.path[:0], prefix...), name)
	path := string(d.path)
	if path == "" {
		path = JoinPath("")
	}
	d.changes = append(d.changes, Change{path, kind, v})
}
