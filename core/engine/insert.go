package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

// objectIDs makes ObjectIds as the BSON specification has them: seconds, five
// random bytes of the process, a counter.
var objectIDs = func() *objectIDSource {
	s := &objectIDSource{}
	var seed [8]byte
	rand.Read(seed[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	copy(s.process[:], seed[:5])
	s.counter.Store(uint32(seed[5])<<16 | uint32(seed[6])<<8 | uint32(seed[7]))
	return s
}()

type objectIDSource struct {
	process [5]byte
	counter atomic.Uint32
}

func (s *objectIDSource) next(now time.Time) Value {
	var id [12]byte
	binary.BigEndian.PutUint32(id[:], uint32(now.Unix()))
	copy(id[4:], s.process[:])
	n := s.counter.Add(1)
	id[9], id[10], id[11] = byte(n>>16), byte(n>>8), byte(n)
	return bsonraw.ObjectIDValue(id)
}

// newID makes the _id of a document that came without one.
func (t *Txn) newID() Value { return objectIDs.next(t.now) }

// insertBatch is one insert command: its documents with their encoded _ids.
type insertBatch struct {
	t    *Txn
	coll *Collection
	docs []Doc    // kept by the transaction, _id first
	keys [][]byte // encoded _ids
	text []string // the same as strings
	room []pendingDoc
	bad  map[int]error
}

// Insert adds documents. With ordered, it stops at the first that fails. The
// error is for failures of the whole command; those of documents are in the
// result.
func (t *Txn) Insert(ctx context.Context, coll string, docs []Doc, ordered bool) (*InsertResult, error) {
	c, err := t.writable(coll)
	if err != nil {
		return nil, err
	}
	b := &insertBatch{t: t, coll: c, bad: map[int]error{}}
	b.prepare(docs)
	exists, err := t.existing(c, b.keys)
	if err != nil {
		return nil, err
	}
	validator, err := t.validator(c)
	if err != nil {
		return nil, err
	}
	res := &InsertResult{}
	for i := range docs {
		if i%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return nil, err
			}
		}
		err := b.bad[i]
		if err == nil {
			err = validator.check(b.docs[i])
		}
		if err == nil {
			err = b.insert(i, exists[i])
		}
		if err == nil {
			res.Inserted++
			continue
		}
		if isFatal(err) {
			return nil, err
		}
		res.Errors = append(res.Errors, WriteError{i, err})
		if ordered {
			break
		}
	}
	return res, nil
}

// isFatal tells failures of the store from those of a document.
func isFatal(err error) bool {
	switch errs.CodeOf(err).Category() {
	case errs.IO, errs.Corrupt, errs.Internal, errs.Canceled:
		return true
	case errs.Conflict:
		return true
	}
	return errs.Is(err, errs.TransactionTooLong)
}

// prepare checks and copies the documents and encodes their _ids.
func (b *insertBatch) prepare(docs []Doc) {
	b.docs, b.keys, b.room = make([]Doc, len(docs)), make([][]byte, len(docs)), make([]pendingDoc, len(docs))
	keys := make([]byte, 0, len(docs)*usualKey)
	for i, doc := range docs {
		kept, id, err := b.t.stored(doc)
		if err != nil {
			b.bad[i] = err
			continue
		}
		at := len(keys)
		keys = bsonraw.AppendKey(keys, id)
		b.docs[i], b.keys[i] = kept, keys[at:len(keys):len(keys)]
	}
	b.text = make([]string, len(docs))
	for i, text := 0, string(keys); i < len(docs); i++ {
		b.text[i], text = text[:len(b.keys[i])], text[len(b.keys[i]):]
	}
}

// usualKey is the size of an encoded ObjectId.
const usualKey = 13

// stored checks a document that is to be inserted and copies it into the
// transaction's memory, with its _id as the first field. Drivers that make an _id
// append it, so that the usual document is put together from three pieces.
func (t *Txn) stored(doc Doc) (kept Doc, id Value, err error) {
	start, end, again := bsonraw.IDField(doc)
	if start == 0 || again || len(doc) > bsonraw.MaxDocSize {
		if err := bsonraw.ValidateStored(doc); err != nil {
			return nil, id, err
		}
		kept = t.keep(t.withID(doc)) // only the first of several stays
		return kept, kept.Get("_id"), nil
	}
	if start == lengthSize && t.borrow {
		kept = doc
	} else if kept = t.keep(doc); start != lengthSize {
		n := lengthSize + copy(kept[lengthSize:], doc[start:end])
		copy(kept[n:], doc[lengthSize:start])
	}
	id = Value{Type: bsonraw.Type(doc[start]), Data: kept[lengthSize+idHeader : lengthSize+end-start]}
	return kept, id, bsonraw.ValidateID(id)
}

// idHeader is what stands before the value of an _id: its type and its name.
const idHeader = 1 + len("_id ")

// lengthSize is what stands before the first field of a document.
const lengthSize = 4

// withID returns the document with its _id as the first field, made if absent.
func (t *Txn) withID(doc Doc) Doc {
	it := doc.Iter()
	if it.Next() && string(it.Key()) == "_id" {
		return doc
	}
	id, ok := doc.Lookup("_id")
	if !ok {
		id = t.newID()
	}
	b := bsonraw.NewBuilder(make([]byte, 0, len(doc)+32))
	b.Value("_id", id)
	it = doc.Iter()
	for it.Next() {
		if string(it.Key()) != "_id" {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

// existing reports which encoded _ids have a live document in the view. Pending
// writes are looked at by insert, since they change from document to document.
func (t *Txn) existing(c *Collection, keys [][]byte) ([]bool, error) {
	if t.base.catalog.byID[c.ID] == nil {
		return make([]bool, len(keys)), nil // made by this transaction
	}
	return exist(t.view, c.ID, keys)
}

// exist is View.ExistsSorted for keys in any order; absent keys are nil.
func exist(v *mvcc.View, c mvcc.CollectionID, keys [][]byte) ([]bool, error) {
	out := make([]bool, len(keys))
	if len(keys) > 0 && keys[0] != nil && slices.IsSortedFunc(keys, bytes.Compare) {
		found, err := v.ExistsSorted(c, keys)
		for _, i := range found {
			out[i] = true
		}
		return out, err
	}
	order := make([]int, 0, len(keys))
	for i, k := range keys {
		if k != nil {
			order = append(order, i)
		}
	}
	byKey := func(a, b int) int { return bytes.Compare(keys[a], keys[b]) }
	if !slices.IsSortedFunc(order, byKey) {
		slices.SortFunc(order, byKey)
	}
	sorted := make([][]byte, len(order))
	for i, at := range order {
		sorted[i] = keys[at]
	}
	found, err := v.ExistsSorted(c, sorted)
	for _, i := range found {
		out[order[i]] = true
	}
	return out, err
}

func (b *insertBatch) insert(i int, existed bool) error {
	t := b.t
	p := t.over.coll(b.coll.ID).get(b.text[i])
	switch {
	case p != nil && p.doc != nil, p == nil && existed:
		return t.duplicateID(b.coll, b.docs[i].Get("_id"))
	}
	return t.put(&write{coll: b.coll, idKey: b.keys[i], name: b.text[i], room: &b.room[i], after: b.docs[i]})
}

// writable returns a collection to write to, made if it is not there.
func (t *Txn) writable(name string) (*Collection, error) {
	c := t.catalog.byName[name]
	if c == nil {
		return t.createCollection(name, nil)
	}
	if c.View {
		return nil, errs.New(errs.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", t.namespace(name))
	}
	return c, nil
}

// existingTarget is writable for statements that make no collection.
func (t *Txn) existingTarget(name string) (*Collection, error) {
	if t.catalog.byName[name] == nil {
		return nil, nil
	}
	return t.writable(name)
}
