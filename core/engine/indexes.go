package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
)

// buildChunk is how many index entries a build writes at once.
const buildChunk = 20_000

// CreateIndexes makes indexes from the specifications of a createIndexes
// command, and returns how many the collection had before and has now, _id's
// included. The collection is made if it is not there.
func (t *Txn) CreateIndexes(ctx context.Context, coll string, specs []Doc) (before, after int, err error) {
	c, err := t.writable(coll)
	if err != nil {
		return 0, 0, err
	}
	before = len(c.Indexes) + 1
	for _, spec := range specs {
		def, err := index.ParseDefinition(spec)
		if err != nil {
			return 0, 0, err
		}
		if c, err = t.addIndex(ctx, c, def); err != nil {
			return 0, 0, err
		}
	}
	return before, len(c.Indexes) + 1, nil
}

// addIndex adds one index unless it is there, and returns the collection as it
// is then.
func (t *Txn) addIndex(ctx context.Context, c *Collection, def *index.Definition) (*Collection, error) {
	for _, have := range append([]*index.Definition{idIndex}, c.Indexes...) {
		same, err := index.Same(have, def)
		if err != nil {
			return nil, err
		}
		if same {
			return c, nil
		}
	}
	if len(c.Indexes)+1 >= 64 {
		return nil, errs.New(errs.CannotCreateIndex, "too many indexes on %s: at most 64 are allowed", t.namespace(c.Name))
	}
	ix := t.store.mv.AllocIndex()
	t.store.builds.begin(ix)
	t.built = append(t.built, ix)
	def.ID = uint32(ix)
	if err := t.buildIndex(ctx, c, def); err != nil {
		return nil, err
	}
	changed := c.withIndexes(append(slices.Clone(c.Indexes), def))
	t.changeCatalog().put(changed)
	id := indexDocID(c.ID, def.Name)
	return changed, t.putSystem(sysIndexes, id, encodeIndex(c.ID, def))
}

// buildIndex writes the entries of a new index for the documents that are there.
//
// The entries of documents in the view go to the store in chunks, before the
// commit: the index's number is fresh, so nobody looks at them until the catalog
// document that names it is committed, and after a crash or an error they are
// garbage that no catalog names. Documents written by this transaction have
// their entries in the overlay.
func (t *Txn) buildIndex(ctx context.Context, c *Collection, def *index.Definition) error {
	fresh := t.base.catalog.byID[c.ID] == nil
	if t.interactive && !fresh {
		return errs.New(errs.OperationNotSupportedInTxn, "cannot create an index on %q in a transaction that did not create the collection", c.Name)
	}
	b := &indexBuild{t: t, coll: c, def: def}
	if !fresh {
		if err := b.stored(ctx); err != nil {
			return err
		}
	}
	if err := b.pending(); err != nil {
		return err
	}
	if def.Unique {
		if err := b.checkUnique(ctx); err != nil {
			return err
		}
	}
	t.noteMultikey(c.ID, mvcc.IndexID(def.ID), b.multikey)
	return nil
}

// indexBuild is one index being built.
type indexBuild struct {
	t        *Txn
	coll     *Collection
	def      *index.Definition
	multikey index.Multikey
	chunk    []mvcc.BulkIndexEntry
}

// stored writes the entries of the documents in the view, those excepted that
// the transaction changed.
func (b *indexBuild) stored(ctx context.Context) error {
	v := b.t.newView()
	defer v.Close()
	cur := v.Scan(b.coll.ID, nil, nil, false)
	defer cur.Close()
	for n := 0; cur.Next(); n++ {
		if b.t.over.get(b.coll.ID, cur.IDKey()) != nil {
			continue
		}
		if err := b.add(cur.IDKey(), cur.Doc()); err != nil {
			return err
		}
		if len(b.chunk) < buildChunk {
			continue
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	if err := cur.Err(); err != nil {
		return err
	}
	return b.flush(ctx)
}

// add puts a stored document's entries into the chunk.
func (b *indexBuild) add(idKey []byte, doc Doc) error {
	keys, multikey, err := keySet(b.def, doc)
	if err != nil {
		return err
	}
	b.multikey |= multikey
	id := bytes.Clone(idKey)
	for _, key := range keys {
		b.chunk = append(b.chunk, mvcc.BulkIndexEntry{
			Segment: b.t.lineage[0].Segment, LSN: max(b.t.base.lsn, 1),
			IndexWrite: mvcc.IndexWrite{
				Collection: b.coll.ID, Index: mvcc.IndexID(b.def.ID), Key: []byte(key), IDKey: id,
			},
		})
	}
	return nil
}

func (b *indexBuild) flush(ctx context.Context) error {
	if err := ctxError(ctx); err != nil {
		return err
	}
	err := b.t.store.mv.BulkIndex(ctx, b.chunk)
	b.chunk = b.chunk[:0]
	return err
}

// pending puts the entries of the transaction's own documents into the overlay.
func (b *indexBuild) pending() error {
	co := b.t.over.coll(b.coll.ID)
	var err error
	co.docs.Scan(func(idKey string, p *pendingDoc) bool {
		if p.doc == nil {
			return true
		}
		var keys []string
		var multikey index.Multikey
		if keys, multikey, err = keySet(b.def, p.doc); err != nil {
			return false
		}
		b.multikey |= multikey
		for _, key := range keys {
			co.putEntry(mvcc.IndexID(b.def.ID), []byte(key), []byte(idKey), false)
		}
		return true
	})
	return err
}

// checkUnique looks for two neighbours with the same key. It needs no memory,
// unlike a set of the keys seen.
func (b *indexBuild) checkUnique(ctx context.Context) error {
	v := b.t.newView()
	defer v.Close()
	cur := b.t.entries(v, b.coll.ID, mvcc.IndexID(b.def.ID), nil, nil, false)
	defer cur.Close()
	var last []byte
	for n := 1; cur.Next(); n++ {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		key := cur.Key()[:len(cur.Key())-len(cur.IDKey())]
		if last != nil && bytes.Equal(key, last) {
			doc, err := b.t.get(b.t.view, b.coll.ID, cur.IDKey())
			if err != nil {
				return err
			}
			return b.t.duplicateKey(b.coll, b.def, b.def.KeyValue(doc, key))
		}
		last = append(last[:0], key...)
	}
	return cur.Err()
}

// DropIndexes removes indexes: by name, by key pattern, an array of names, or
// "*" for all but _id's. It returns how many there were.
func (t *Txn) DropIndexes(ctx context.Context, coll string, which Value) (before int, err error) {
	c := t.catalog.byName[coll]
	if c == nil {
		return 0, errs.New(errs.NamespaceNotFound, "ns not found %s", t.namespace(coll))
	}
	if c.View {
		return 0, errs.New(errs.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", t.namespace(coll))
	}
	before = len(c.Indexes) + 1
	drop, err := chooseIndexes(c, which)
	if err != nil {
		return 0, err
	}
	var keep []*index.Definition
	for _, def := range c.Indexes {
		if !slices.Contains(drop, def) {
			keep = append(keep, def)
			continue
		}
		if err := t.putSystem(sysIndexes, indexDocID(c.ID, def.Name), nil); err != nil {
			return 0, err
		}
	}
	t.changeCatalog().put(c.withIndexes(keep))
	return before, nil
}

// chooseIndexes finds the indexes that the field "index" of dropIndexes means.
func chooseIndexes(c *Collection, which Value) ([]*index.Definition, error) {
	switch which.Type {
	case bsonraw.String:
		name := which.Str()
		if name == "*" {
			return c.Indexes, nil
		}
		if name == "_id_" {
			return nil, errs.New(errs.InvalidOptions, "cannot drop _id index")
		}
		if def := c.index(name); def != nil {
			return []*index.Definition{def}, nil
		}
		return nil, errs.New(errs.IndexNotFound, "index not found with name [%s]", name)
	case bsonraw.Object:
		for _, def := range c.Indexes {
			if bsonraw.CompareDocs(def.KeyPattern(), which.Doc()) == 0 {
				return []*index.Definition{def}, nil
			}
		}
		return nil, errs.New(errs.IndexNotFound, "can't find index with key: %s", index.Text(which))
	case bsonraw.Array:
		var defs []*index.Definition
		for _, v := range which.Doc().Values() {
			more, err := chooseIndexes(c, v)
			if err != nil {
				return nil, err
			}
			defs = append(defs, more...)
		}
		return defs, nil
	}
	return nil, errs.New(errs.TypeMismatch, "BSON field 'dropIndexes.index' is the wrong type '%s', expected types '[string, object]'", which.Type.Name())
}

// modifyIndex applies the field index of a collMod: {name or keyPattern, hidden}.
func (t *Txn) modifyIndex(c *Collection, spec Doc) error {
	which := spec.Get("name")
	if which.IsMissing() {
		which = spec.Get("keyPattern")
	}
	defs, err := chooseIndexes(c, which)
	if err != nil {
		return err
	}
	hidden := spec.Get("hidden")
	if hidden.IsMissing() || len(defs) != 1 {
		return errs.New(errs.NotSupported, "collMod of an index changes its field hidden only, so far")
	}
	b := bsonraw.NewBuilder(nil)
	it := defs[0].Options.Iter()
	for it.Next() {
		if string(it.Key()) != "hidden" {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	if hidden.Truthy() {
		b.Bool("hidden", true)
	}
	def, err := index.ParseDefinition(b.Finish().Clone())
	if err != nil {
		return err
	}
	def.ID = defs[0].ID
	c.Indexes = slices.Clone(c.Indexes)
	c.Indexes[slices.Index(c.Indexes, defs[0])] = def
	return t.putSystem(sysIndexes, indexDocID(c.ID, def.Name), encodeIndex(c.ID, def))
}
