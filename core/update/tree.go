package update

import (
	"sort"
	"strings"

	"github.com/argon-lab/argon/core/errs"
)

// node is a place in the tree of an update's paths. It is exactly one of:
//
//   - a leaf: op is set;
//   - an object node: children by field name (or array index), and perhaps the
//     child of the positional operator $;
//   - an array node: children by the identifiers of $[identifier].
//
// {$set: {"a.b": 1, "a.c.$[]": 2}, $inc: {d: 1}} is
//
//	root ─┬─ a ─┬─ b  $set
//	      │     └─ c (array node) ── $[]  $set
//	      └─ d  $inc
//
// The tree is built once and not changed by being applied, but for its caches.
type node struct {
	op operator

	kids    []kid
	byName  map[string]int // of kids, where they are many
	byIndex map[int]int
	twice   bool  // two kids mean the same array index ("1" and "01")
	padded  bool  // a kid's name is an index with leading zeros
	pos     *node // the child of $

	array   bool
	filters []filterKid

	path    string // as in changes; only of leaves that are not dynamic
	dynamic bool   // below $, $[] or 01, so that the path is known in a document only
	ofID    bool   // at or below _id

	posCache   map[int]*node    // object node: with $ standing for an index
	mergeCache map[uint64]*node // array node: by the set of filters that match
}

// kid is a child of an object node.
type kid struct {
	name  string
	index int // what the name means within an array, or -1
	node  *node
}

// filterKid is a child of an array node.
type filterKid struct {
	id     string // "" of $[]
	filter *arrayFilter
	node   *node
}

// manyKids is from how many children on a map is faster than looking at all.
const manyKids = 8

// find returns the place of the kid of this name, or -1.
func (n *node) find(name []byte) int {
	if n.byName != nil {
		if k, ok := n.byName[string(name)]; ok {
			return k
		}
		return -1
	}
	for k := range n.kids {
		if n.kids[k].name == string(name) {
			return k
		}
	}
	return -1
}

// findIndex returns the place of the kid for an array element, or -1.
func (n *node) findIndex(i int) int {
	if n.byIndex != nil {
		if k, ok := n.byIndex[i]; ok {
			return k
		}
		return -1
	}
	for k := range n.kids {
		if n.kids[k].index == i {
			return k
		}
	}
	return -1
}

// add appends a kid while the tree is built. seal must follow.
func (n *node) add(name string, child *node) {
	if len(n.kids) == manyKids {
		n.byName = make(map[string]int, 2*manyKids)
		for k := range n.kids {
			n.byName[n.kids[k].name] = k
		}
	}
	if n.byName != nil {
		n.byName[name] = len(n.kids)
	}
	k := kid{name, arrayIndex(name), child}
	n.padded = n.padded || k.index >= 0 && !isIndex(name)
	n.kids = append(n.kids, k)
}

// get returns the child for a part of an update's path, or nil.
func (n *node) get(part string) *node {
	if part == "$" {
		return n.pos
	}
	return n.getKid(part)
}

// getKid returns the kid of this name, or nil.
func (n *node) getKid(name string) *node {
	if n.byName != nil {
		if k, ok := n.byName[name]; ok {
			return n.kids[k].node
		}
		return nil
	}
	for k := range n.kids {
		if n.kids[k].name == name {
			return n.kids[k].node
		}
	}
	return nil
}

// seal prepares a finished tree for being applied: kids are put in the order of
// application, if they are not to stay as they were added.
func (n *node) seal(sorted bool) {
	if sorted {
		sort.SliceStable(n.kids, func(i, j int) bool { return lessName(n.kids[i].name, n.kids[j].name) })
	}
	n.index()
	for k := range n.kids {
		n.kids[k].node.seal(sorted)
	}
	for k := range n.filters {
		n.filters[k].node.seal(sorted)
	}
	if n.pos != nil {
		n.pos.seal(sorted)
	}
}

// index makes the maps of a node with many kids and looks for double indexes.
func (n *node) index() {
	n.byName, n.byIndex = nil, nil
	if len(n.kids) > manyKids {
		n.byName = make(map[string]int, len(n.kids))
		n.byIndex = make(map[int]int, len(n.kids))
	}
	for k := range n.kids {
		i := n.kids[k].index
		if i >= 0 && n.findFirst(i) < k {
			n.twice = true
		}
		if n.byName != nil {
			n.byName[n.kids[k].name] = k
		}
		if n.byIndex != nil && i >= 0 {
			if _, ok := n.byIndex[i]; !ok {
				n.byIndex[i] = k
			}
		}
	}
}

// findFirst is findIndex while index runs.
func (n *node) findFirst(i int) int {
	if n.byIndex != nil {
		if k, ok := n.byIndex[i]; ok {
			return k
		}
		return len(n.kids)
	}
	return n.findIndex(i)
}

// at returns the object node with $ standing for the array index pos.
func (n *node) at(pos int, path []byte) (*node, error) {
	if n.pos == nil {
		return n, nil
	}
	if pos < 0 {
		return nil, errs.New(errs.BadValue, "The positional operator did not find the match needed from the query.")
	}
	if cached, ok := n.posCache[pos]; ok {
		return cached, nil
	}
	with, err := n.withPositional(string(appendIndex(nil, pos)), path)
	if err != nil {
		return nil, err
	}
	if n.posCache == nil || len(n.posCache) > 1000 {
		n.posCache = map[int]*node{}
	}
	n.posCache[pos] = with
	return with, nil
}

// withPositional returns a copy of n in which the child of $ has this name.
func (n *node) withPositional(name string, path []byte) (*node, error) {
	with := &node{path: n.path, dynamic: n.dynamic, ofID: n.ofID}
	placed := false
	for _, k := range n.kids {
		switch {
		case !placed && k.name == name:
			merged, err := merge(k.node, n.pos, string(path)+"."+name)
			if err != nil {
				return nil, err
			}
			with.kids = append(with.kids, kid{k.name, k.index, merged})
			placed = true
			continue
		case !placed && name < k.name:
			with.kids = append(with.kids, kid{name, arrayIndex(name), n.pos})
			placed = true
		}
		with.kids = append(with.kids, k)
	}
	if !placed {
		with.kids = append(with.kids, kid{name, arrayIndex(name), n.pos})
	}
	with.index()
	return with, nil
}

// merge returns a tree with the effects of both, which meet at the path: where
// several identifiers match one element, or $ and an index are the same.
func merge(a, b *node, path string) (*node, error) {
	switch {
	case a.op != nil || b.op != nil || a.array != b.array:
		return nil, errs.New(errs.ConflictingUpdateOperators, "Update created a conflict at '%s'", path)
	case a.array:
		return mergeArrays(a, b, path)
	}
	m := &node{dynamic: a.dynamic || b.dynamic, ofID: a.ofID || b.ofID, pos: a.pos}
	var err error
	if a.pos != nil && b.pos != nil {
		m.pos, err = merge(a.pos, b.pos, path+".$")
	} else if b.pos != nil {
		m.pos = b.pos
	}
	for _, k := range a.kids {
		child := k.node
		if other := b.get(k.name); other != nil && err == nil {
			child, err = merge(child, other, path+"."+k.name)
		}
		m.kids = append(m.kids, kid{k.name, k.index, child})
	}
	if err != nil {
		return nil, err
	}
	for _, k := range b.kids {
		if a.get(k.name) == nil {
			m.kids = append(m.kids, k)
		}
	}
	sort.SliceStable(m.kids, func(i, j int) bool { return lessName(m.kids[i].name, m.kids[j].name) })
	m.index()
	return m, nil
}

func mergeArrays(a, b *node, path string) (*node, error) {
	m := &node{array: true, dynamic: true, filters: append([]filterKid(nil), a.filters...)}
	for _, f := range b.filters {
		k := m.findFilter(f.id)
		if k < 0 {
			m.filters = append(m.filters, f)
			continue
		}
		merged, err := merge(m.filters[k].node, f.node, path+".$["+f.id+"]")
		if err != nil {
			return nil, err
		}
		m.filters[k].node = merged
	}
	m.sortFilters()
	return m, nil
}

func (n *node) findFilter(id string) int {
	for k := range n.filters {
		if n.filters[k].id == id {
			return k
		}
	}
	return -1
}

func (n *node) sortFilters() {
	sort.SliceStable(n.filters, func(i, j int) bool { return strings.Compare(n.filters[i].id, n.filters[j].id) < 0 })
}
