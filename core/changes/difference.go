package changes

import (
	"bytes"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
)

// FromDocs describes an update by the difference of two states, as mongod does
// for an update by a pipeline: objects and arrays are compared step by step, an
// array that only lost its end is truncated, and where the difference of an
// object or array would be no smaller than the thing itself, it comes whole.
func FromDocs(pre, post bsonraw.Doc) *Description {
	d := &Description{}
	root := compareDocs(pre, post, 0, false)
	root.describe(nil, d)
	return d
}

// IsReplacement reports whether mongod would keep an update by a pipeline as a
// replacement, the difference being no smaller than the document.
func IsReplacement(pre, post bsonraw.Doc) bool {
	return compareDocs(pre, post, metadataSize, true) == nil
}

// metadataSize is what mongod adds to the size of a whole difference, for what
// stands around it in its log.
const metadataSize = 15

// node is the difference of two objects or arrays. Sizes follow mongod's
// estimate of its own encoding of a difference, since they decide what comes
// whole.
type node struct {
	array    bool
	updates  []change
	inserts  []change
	deletes  []string
	children []child
	resize   int32 // -1: none
	size     int
}

type change struct {
	name  string
	value bsonraw.Value
}

type child struct {
	name string
	node *node
}

// Bytes of a difference's encoding: an empty document, and a section within it.
const (
	emptySize   = 5
	sectionSize = 1 + 1 + 1 + emptySize // type, name of one letter, its end, document
	arraySize   = 1 + 1 + 1 + 1         // a: true
	resizeSize  = 1 + 1 + 1 + 4         // l: int32
)

func entrySize(name string, value int) int { return 1 + len(name) + 1 + value }

func (n *node) update(name string, v bsonraw.Value) {
	if n.array {
		n.size += entrySize("u"+name, len(v.Data))
	} else {
		n.section(len(n.updates) == 0, entrySize(name, len(v.Data)))
	}
	n.updates = append(n.updates, change{name, v})
}

func (n *node) insert(name string, v bsonraw.Value) {
	n.section(len(n.inserts) == 0, entrySize(name, len(v.Data)))
	n.inserts = append(n.inserts, change{name, v})
}

func (n *node) delete(name string) {
	n.section(len(n.deletes) == 0, entrySize(name, 1))
	n.deletes = append(n.deletes, name)
}

func (n *node) section(first bool, size int) {
	if first {
		n.size += sectionSize
	}
	n.size += size
}

// replaced reports what was deleted at its old place and comes again at the end.
func (n *node) replaced(name string) {
	for i, d := range n.deletes {
		if d == name {
			n.deletes = append(n.deletes[:i], n.deletes[i+1:]...)
			n.size -= entrySize(name, 1)
			return
		}
	}
}

// compareDocs compares two objects. With limit it gives up, and returns nil,
// once the difference is larger than post.
func compareDocs(pre, post bsonraw.Doc, padding int, limit bool) *node {
	n := &node{size: emptySize + padding, resize: -1}
	before, after := pre.Iter(), post.Iter()
	a, b := before.Next(), after.Next()
	for a && b {
		if !bytes.Equal(before.Key(), after.Key()) {
			n.delete(string(before.Key()))
			a = before.Next()
		} else {
			if !bsonraw.Identical(before.Value(), after.Value()) {
				n.compare(string(after.Key()), before.Value(), after.Value())
			}
			a, b = before.Next(), after.Next()
		}
		if limit && len(post) <= n.size {
			return nil
		}
	}
	for ; a; a = before.Next() {
		n.delete(string(before.Key()))
	}
	for ; b; b = after.Next() {
		name := string(after.Key())
		n.replaced(name)
		n.insert(name, after.Value())
	}
	if limit && len(post) <= n.size {
		return nil
	}
	return n
}

// compareArrays compares two arrays element by element.
func compareArrays(pre, post bsonraw.Doc) *node {
	n := &node{array: true, size: emptySize + arraySize, resize: -1}
	before, after := pre.Iter(), post.Iter()
	a, b := before.Next(), after.Next()
	i := 0
	for ; a && b; i++ {
		if !bsonraw.Identical(before.Value(), after.Value()) {
			n.compare(strconv.Itoa(i), before.Value(), after.Value())
		}
		if len(post) <= n.size {
			return nil
		}
		a, b = before.Next(), after.Next()
	}
	for ; b; b = after.Next() {
		n.update(strconv.Itoa(i), after.Value())
		i++
	}
	if a {
		n.resize = int32(i)
		n.size += resizeSize
	}
	if len(post) <= n.size {
		return nil
	}
	return n
}

// compare notes how one value became another.
func (n *node) compare(name string, pre, post bsonraw.Value) {
	var sub *node
	switch {
	case pre.Type != post.Type:
	case pre.Type == bsonraw.Object:
		sub = compareDocs(pre.Doc(), post.Doc(), 0, true)
	case pre.Type == bsonraw.Array:
		sub = compareArrays(pre.Doc(), post.Doc())
	}
	if sub == nil {
		n.update(name, post)
		return
	}
	n.size += entrySize("s"+name, sub.size)
	n.children = append(n.children, child{name, sub})
}

// describe adds the difference to a description.
func (n *node) describe(at Path, d *Description) {
	for _, name := range n.deletes {
		d.Removed = append(d.Removed, at.step(name, n.array))
	}
	if n.resize >= 0 {
		d.Truncated = append(d.Truncated, Truncation{at, n.resize})
	}
	for _, c := range n.updates {
		d.Updated = append(d.Updated, Field{at.step(c.name, n.array), c.value})
	}
	for _, c := range n.inserts {
		d.Updated = append(d.Updated, Field{at.step(c.name, n.array), c.value})
	}
	for _, c := range n.children {
		c.node.describe(at.step(c.name, n.array), d)
	}
}
