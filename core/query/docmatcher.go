package query

import "github.com/argon-lab/argon/core/bsonraw"

// stackSlots is how many different top-level fields a filter may name before a
// match has to allocate.
const stackSlots = 12

// docMatcher is a compiled filter on documents. It reads the top level of a
// document once and keeps the fields that the filter names in slots. Conditions
// of the outermost AND that need just one field are evaluated as soon as it is
// there, so that a document which fails early is not read to its end.
type docMatcher struct {
	root   *node
	names  []string // the top-level fields, by slot
	byLen  uint64   // bit n: a name of n bytes (modulo 64) is in names
	single [][]*node
	rest   []*node // what needs several fields, or none
}

func newDocMatcher(root *node) *docMatcher {
	m := &docMatcher{root: root}
	m.assignSlots(root)
	m.single = make([][]*node, len(m.names))
	kids := []*node{root}
	if root.kind == nodeAnd {
		kids = root.kids
	}
	for _, k := range kids {
		if slot, ok := onlySlot(k); ok && slot >= 0 {
			m.single[slot] = append(m.single[slot], k)
		} else {
			m.rest = append(m.rest, k)
		}
	}
	return m
}

func (m *docMatcher) assignSlots(n *node) {
	for _, k := range n.kids {
		m.assignSlots(k)
	}
	if n.kind == nodePath {
		n.slot = m.slot(n.path.parts[0].name)
	}
}

func (m *docMatcher) slot(name string) int {
	for i, s := range m.names {
		if s == name {
			return i
		}
	}
	m.names = append(m.names, name)
	m.byLen |= 1 << (len(name) & 63)
	return len(m.names) - 1
}

// onlySlot returns the one slot that n reads: -1 if it reads none, false if it
// reads several or more than slots.
func onlySlot(n *node) (slot int, ok bool) {
	switch n.kind {
	case nodePath:
		return n.slot, true
	case nodeExpr, nodeSchema:
		return -1, false
	}
	slot = -1
	for _, k := range n.kids {
		s, ok := onlySlot(k)
		if !ok || slot >= 0 && s >= 0 && s != slot {
			return -1, false
		}
		slot = max(slot, s)
	}
	return slot, true
}

// match evaluates the filter on a document.
func (m *docMatcher) match(doc bsonraw.Doc, r *run) bool {
	var onStack [stackSlots]bsonraw.Value
	slots := onStack[:]
	if len(m.names) > stackSlots {
		slots = make([]bsonraw.Value, len(m.names))
	}
	outer := r.root
	r.root = doc
	matched := m.matchSlots(doc, slots, r)
	r.root = outer
	return matched
}

func (m *docMatcher) matchSlots(doc bsonraw.Doc, slots []bsonraw.Value, r *run) bool {
	if r.record {
		m.collect(doc, slots)
		return m.root.match(slots, r)
	}
	if !m.scan(doc, slots, r) {
		return false
	}
	for _, n := range m.rest {
		if !n.match(slots, r) {
			return false
		}
	}
	return true
}

// scan fills the slots and evaluates what needs one of them.
func (m *docMatcher) scan(doc bsonraw.Doc, slots []bsonraw.Value, r *run) bool {
	missing := len(m.names)
	it := doc.Iter()
	for missing > 0 && it.Next() {
		slot := m.find(it.Key())
		if slot < 0 || slots[slot].Type != bsonraw.Missing {
			continue
		}
		slots[slot] = it.Value()
		missing--
		for _, n := range m.single[slot] {
			if !n.match(slots, r) {
				return false
			}
		}
	}
	if missing == 0 {
		return true
	}
	for slot := range m.names {
		if slots[slot].Type != bsonraw.Missing {
			continue
		}
		for _, n := range m.single[slot] {
			if !n.match(slots, r) {
				return false
			}
		}
	}
	return true
}

// find returns the slot of a name, or -1.
func (m *docMatcher) find(name []byte) int {
	if m.byLen>>(len(name)&63)&1 == 0 {
		return -1
	}
	for i, s := range m.names {
		if string(name) == s {
			return i
		}
	}
	return -1
}

func (m *docMatcher) collect(doc bsonraw.Doc, slots []bsonraw.Value) {
	it := doc.Iter()
	for it.Next() {
		if slot := m.find(it.Key()); slot >= 0 && slots[slot].Type == bsonraw.Missing {
			slots[slot] = it.Value()
		}
	}
}
