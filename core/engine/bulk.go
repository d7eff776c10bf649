package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/wal"
)

// Bulk is many documents on their way into one collection, as another database had
// them. It is made ready for a commit beside those that are being applied, and its
// documents pass by the transaction's own memory, which would cost more than to
// store them. The zero Bulk is empty.
type Bulk struct {
	writes []mvcc.Write // in the order of their keys once sorted
	ops    []wal.Op     // in the order in which they came
	keys   []byte
	size   int
	unfit  bool // one of them cannot be stored as it is
}

// Add adds a document, which has to stay as it is until the commit.
func (b *Bulk) Add(doc Doc) {
	b.size += len(doc)
	id, err := bsonraw.StoredID(doc)
	if err != nil {
		b.unfit = true
		b.writes = append(b.writes, mvcc.Write{Doc: doc})
		return
	}
	at := len(b.keys)
	b.keys = bsonraw.AppendKey(b.keys, id)
	b.writes = append(b.writes, mvcc.Write{IDKey: b.keys[at:len(b.keys):len(b.keys)], Doc: doc})
	b.ops = append(b.ops, wal.Op{Kind: wal.Insert, ID: id})
}

// Len returns how many documents were added, and Size how many bytes they have.
func (b *Bulk) Len() int  { return len(b.writes) }
func (b *Bulk) Size() int { return b.size }

// Docs returns the documents, for Insert.
func (b *Bulk) Docs() []Doc {
	docs := make([]Doc, len(b.writes))
	for i := range b.writes {
		docs[i] = b.writes[i].Doc
	}
	return docs
}

// Reset empties the bulk, and keeps its memory.
func (b *Bulk) Reset() {
	clear(b.writes)
	clear(b.ops)
	*b = Bulk{writes: b.writes[:0], ops: b.ops[:0], keys: b.keys[:0]}
}

// sort brings the documents into the order of their keys; false if two have the
// same.
func (b *Bulk) sort() bool {
	byKey := func(x, y mvcc.Write) int { return bytes.Compare(x.IDKey, y.IDKey) }
	if !slices.IsSortedFunc(b.writes, byKey) {
		slices.SortFunc(b.writes, byKey)
	}
	for i := 1; i < len(b.writes); i++ {
		if byKey(b.writes[i-1], b.writes[i]) == 0 {
			return false
		}
	}
	return true
}

// addTo adds the documents to a commit, and keeps its writes in order.
func (b *Bulk) addTo(c *mvcc.Commit) {
	at := 0
	for at < len(c.Writes) && c.Writes[at].Collection < b.writes[0].Collection {
		at++
	}
	b.writes = slices.Insert(b.writes, 0, c.Writes[:at]...)
	c.Writes = append(b.writes, c.Writes[at:]...)
	c.Record.Ops = append(b.ops, c.Record.Ops...)
}

// InsertBulk is Insert for a bulk, which it takes over until the commit. With
// fresh, the caller vouches that the collection has none of the documents.
//
// It reports false, and has done nothing, where that is not possible: where one of
// them cannot be stored as it is, or is there already, or where the collection has
// indexes or is a view. Then Insert says what is wrong with which. Nothing may be
// written to the collection behind it in the same transaction.
func (t *Txn) InsertBulk(ctx context.Context, coll string, b *Bulk, fresh bool) (bool, error) {
	c := t.catalog.byName[coll]
	if c == nil || !t.takesBulk(c) || b.unfit || len(b.writes) == 0 || !b.sort() {
		return false, nil
	}
	if err := ctxError(ctx); err != nil {
		return false, err
	}
	if !fresh {
		if there, err := b.anyOf(t.view, c.ID); there || err != nil {
			return false, err
		}
	}
	for i := range b.writes {
		b.writes[i].Collection, b.ops[i].Collection = c.ID, c.ID
	}
	t.bulk = b
	t.over.coll(c.ID).count += int64(len(b.writes))
	return true, nil
}

// takesBulk reports whether a collection's documents need nothing that only Insert
// does.
func (t *Txn) takesBulk(c *Collection) bool {
	co := t.over.colls[c.ID]
	return t.bypass && t.bulk == nil && len(c.Indexes) == 0 && !c.View && (co == nil || co.docs.Len() == 0)
}

// anyOf reports whether a collection has any of the documents.
func (b *Bulk) anyOf(v *mvcc.View, c mvcc.CollectionID) (bool, error) {
	keys := make([][]byte, len(b.writes))
	for i := range b.writes {
		keys[i] = b.writes[i].IDKey
	}
	there, err := v.ExistsSorted(c, keys)
	return len(there) > 0, err
}
