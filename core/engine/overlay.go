package engine

import (
	"maps"
	"slices"

	"github.com/tidwall/btree"

	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// overlay holds the pending writes of one transaction, laid over its view.
// Keys are strings because a B-tree of ordered keys costs one comparison a step
// and the key has to be copied out of the command's buffer anyway.
type overlay struct {
	colls map[mvcc.CollectionID]*collOverlay
	bytes int // of documents held, for the limit on a transaction
}

// collOverlay holds the pending writes of one collection.
type collOverlay struct {
	docs    btree.Map[string, *pendingDoc]
	indexes map[mvcc.IndexID]*btree.Map[string, pendingEntry]
	count   int64 // documents added less documents removed
}

// pendingDoc is the newest state of one document that a transaction wrote.
type pendingDoc struct {
	doc     Doc   // nil: deleted
	id      Value // the _id
	existed bool  // in the transaction's base view
	// changes are the field-level changes since the base view, for the log;
	// replaced says that they were lost track of (a delete and a new insert)
	// and have to be computed from the two documents.
	changes  []update.Change
	replaced bool
	// decided, in a merge, is the part of changes that its resolutions wrote.
	decided []update.Change
	// form is how the newest state came about.
	form wal.Form
}

// pendingEntry is an index entry that a transaction wrote. Its map's key is the
// encoded fields followed by the encoded _id.
type pendingEntry struct {
	fields  int // bytes of the key that are fields
	deleted bool
}

func newOverlay() *overlay {
	return &overlay{colls: make(map[mvcc.CollectionID]*collOverlay)}
}

// get returns the pending state of a document, or nil.
func (o *overlay) get(c mvcc.CollectionID, idKey []byte) *pendingDoc {
	co := o.colls[c]
	if co == nil {
		return nil
	}
	return co.get(string(idKey))
}

// get returns the pending state of a document, or nil. Most inserts come in the
// order of their ids, and one behind the last needs no search.
func (co *collOverlay) get(key string) *pendingDoc {
	if last, _, ok := co.docs.Max(); !ok || key > last {
		return nil
	}
	p, _ := co.docs.Get(key)
	return p
}

// decide notes that a merge decided that a document that is not there stays away.
func (o *overlay) decide(c mvcc.CollectionID, idKey []byte, id Value, decided []update.Change) {
	o.coll(c).docs.Set(string(idKey), &pendingDoc{id: id.Clone(), decided: decided})
}

// coll returns the overlay of a collection, made on first use.
func (o *overlay) coll(c mvcc.CollectionID) *collOverlay {
	co := o.colls[c]
	if co == nil {
		co = &collOverlay{indexes: make(map[mvcc.IndexID]*btree.Map[string, pendingEntry])}
		o.colls[c] = co
	}
	return co
}

// index returns the pending entries of an index, made on first use.
func (co *collOverlay) index(ix mvcc.IndexID) *btree.Map[string, pendingEntry] {
	m := co.indexes[ix]
	if m == nil {
		m = new(btree.Map[string, pendingEntry])
		co.indexes[ix] = m
	}
	return m
}

// putEntry records that an index entry exists, or is deleted.
func (co *collOverlay) putEntry(ix mvcc.IndexID, fields, idKey []byte, deleted bool) {
	full := make([]byte, 0, len(fields)+len(idKey))
	full = append(append(full, fields...), idKey...)
	co.index(ix).Set(string(full), pendingEntry{fields: len(fields), deleted: deleted})
}

// count returns how many documents the transaction added to a collection, less
// those that it removed.
func (o *overlay) count(c mvcc.CollectionID) int64 {
	if co := o.colls[c]; co != nil {
		return co.count
	}
	return 0
}

// collections lists the collections written to, in the order of their numbers.
func (o *overlay) collections() []mvcc.CollectionID {
	return slices.Sorted(maps.Keys(o.colls))
}

// isEmpty reports whether the transaction wrote nothing.
func (o *overlay) isEmpty() bool {
	for _, co := range o.colls {
		if co.docs.Len() > 0 {
			return false
		}
	}
	return true
}

// treeIter walks a range of a B-tree in either direction over a snapshot of the
// tree, so that the transaction may write while it reads.
type treeIter[V any] struct {
	iter    btree.MapIter[string, V]
	lo, hi  string
	bounded bool
	reverse bool
	started bool
	valid   bool
}

// iterate returns an iterator over the keys in [lo, hi); an empty hi is open.
func iterate[V any](m *btree.Map[string, V], lo, hi []byte, reverse bool) *treeIter[V] {
	return &treeIter[V]{
		iter: m.Copy().Iter(), lo: string(lo), hi: string(hi),
		bounded: hi != nil, reverse: reverse,
	}
}

func (t *treeIter[V]) next() bool {
	switch {
	case !t.started && t.reverse:
		t.valid = t.seekLast()
	case !t.started:
		t.valid = t.iter.Seek(t.lo)
	case t.reverse:
		t.valid = t.iter.Prev()
	default:
		t.valid = t.iter.Next()
	}
	t.started = true
	if t.valid {
		k := t.iter.Key()
		t.valid = k >= t.lo && (!t.bounded || k < t.hi)
	}
	return t.valid
}

// seekLast finds the last key below hi.
func (t *treeIter[V]) seekLast() bool {
	if !t.bounded || !t.iter.Seek(t.hi) {
		return t.iter.Last()
	}
	return t.iter.Prev()
}

func (t *treeIter[V]) key() string { return t.iter.Key() }
func (t *treeIter[V]) value() V    { return t.iter.Value() }
