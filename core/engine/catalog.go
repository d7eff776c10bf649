package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
)

// The catalog is versioned data: documents of three system collections of each
// branch, so that branches, time travel, diff and merge cover it.
//
//	sysCollections  {_id: cid, name, view, options}
//	sysIndexes      {_id: {c: cid, n: name}, id: index id, spec: {…}}
//	sysCounts       {_id: cid, n: documents in the collection}
//
// Collections are known by number, so that a rename moves no document. Counts
// are absolute, not deltas: the newest visible version is the count, on every
// branch at every moment, without adding up a lineage.
const (
	sysCollections mvcc.CollectionID = 1
	sysIndexes     mvcc.CollectionID = 2
	sysCounts      mvcc.CollectionID = 3
	firstUserID    mvcc.CollectionID = 16
)

// multikeyBit marks, in an index id, the pseudo-index that holds one entry for
// each part of the index that was ever multikey: its key is the part's number.
// It is versioned and forked with everything else.
const multikeyBit mvcc.IndexID = 1 << 31

// multikeyMark is the idKey of such an entry: every entry has one, also one
// that is of no document.
var multikeyMark = []byte{0}

// catalog is what a branch holds at one moment. It is immutable once published;
// clone makes one to change.
type catalog struct {
	byName   map[string]*Collection
	byID     map[mvcc.CollectionID]*Collection
	multikey map[mvcc.IndexID]index.Multikey
}

func emptyCatalog() *catalog {
	return &catalog{
		byName:   map[string]*Collection{},
		byID:     map[mvcc.CollectionID]*Collection{},
		multikey: map[mvcc.IndexID]index.Multikey{},
	}
}

func (c *catalog) clone() *catalog {
	return &catalog{maps.Clone(c.byName), maps.Clone(c.byID), maps.Clone(c.multikey)}
}

// put adds or replaces a collection.
func (c *catalog) put(coll *Collection) {
	if old := c.byID[coll.ID]; old != nil {
		delete(c.byName, old.Name)
	}
	c.byName[coll.Name], c.byID[coll.ID] = coll, coll
}

// remove takes a collection out.
func (c *catalog) remove(coll *Collection) {
	delete(c.byName, coll.Name)
	delete(c.byID, coll.ID)
	for _, d := range coll.Indexes {
		delete(c.multikey, mvcc.IndexID(d.ID))
	}
}

// sorted lists the collections by name.
func (c *catalog) sorted() []*Collection {
	list := make([]*Collection, 0, len(c.byName))
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		list = append(list, c.byName[name])
	}
	return list
}

// loadCatalog reads the catalog that a view sees.
func loadCatalog(v *mvcc.View) (*catalog, error) {
	c := emptyCatalog()
	err := eachDoc(v, sysCollections, func(doc Doc) error {
		coll, err := decodeCollection(doc)
		if err == nil {
			c.put(coll)
		}
		return err
	})
	if err == nil {
		err = eachDoc(v, sysIndexes, func(doc Doc) error { return c.loadIndex(v, doc) })
	}
	for _, coll := range c.byID {
		slices.SortFunc(coll.Indexes, func(a, b *index.Definition) int { return int(a.ID) - int(b.ID) })
	}
	return c, err
}

// loadIndex adds the index of a catalog document to its collection.
func (c *catalog) loadIndex(v *mvcc.View, doc Doc) error {
	cid, def, err := decodeIndex(doc)
	if err != nil {
		return err
	}
	coll := c.byID[cid]
	if coll == nil {
		return nil // of a collection that one side of a merge dropped
	}
	coll.Indexes = append(coll.Indexes, def)
	ix := mvcc.IndexID(def.ID)
	cur := v.ScanIndex(cid, ix|multikeyBit, nil, nil, false)
	defer cur.Close()
	for cur.Next() {
		if part := cur.Fields(); len(part) == 1 {
			c.multikey[ix] |= 1 << part[0]
		}
	}
	return cur.Err()
}

// eachDoc calls fn with a copy of every document of a collection.
func eachDoc(v *mvcc.View, c mvcc.CollectionID, fn func(Doc) error) error {
	cur := v.Scan(c, nil, nil, false)
	defer cur.Close()
	for cur.Next() {
		if err := fn(cur.Doc().Clone()); err != nil {
			return err
		}
	}
	return cur.Err()
}

// UUID is what MongoDB's clients know a collection by. It follows from the number,
// so that it is the same on every branch, and after a rename.
func (c *Collection) UUID() [16]byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("argon collection "), uint32(c.ID)))
	id := [16]byte(sum[:16])
	id[6], id[8] = id[6]&0x0F|0x80, id[8]&0x3F|0x80 // version 8: made as the application likes
	return id
}

func (c *Collection) appendUUID(b *bsonraw.Builder, name string) {
	id := c.UUID()
	b.Value(name, bsonraw.BinaryValue(4, id[:]))
}

// encodeCollection makes the catalog document of a collection.
func encodeCollection(coll *Collection) Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int64("_id", int64(coll.ID))
	b.String("name", coll.Name)
	b.Bool("view", coll.View)
	b.Doc("options", orEmpty(coll.Options))
	return b.Finish()
}

func decodeCollection(doc Doc) (*Collection, error) {
	id, ok := doc.Get("_id").AsInt64()
	name := doc.Get("name")
	if !ok || name.Type != bsonraw.String {
		return nil, errs.New(errs.StoreCorrupt, "a catalog document without _id or name")
	}
	return &Collection{
		ID: mvcc.CollectionID(id), Name: name.Str(),
		View:    doc.Get("view").Truthy(),
		Options: orEmpty(doc.Get("options").Doc()),
	}, nil
}

// indexID makes the _id of an index's catalog document.
func indexDocID(cid mvcc.CollectionID, name string) Value {
	b := bsonraw.NewBuilder(nil)
	b.Int64("c", int64(cid))
	b.String("n", name)
	return b.Finish().Value()
}

func encodeIndex(cid mvcc.CollectionID, def *index.Definition) Doc {
	b := bsonraw.NewBuilder(nil)
	b.Value("_id", indexDocID(cid, def.Name))
	b.Int64("id", int64(def.ID))
	b.Doc("spec", def.Options)
	return b.Finish()
}

func decodeIndex(doc Doc) (mvcc.CollectionID, *index.Definition, error) {
	cid, ok := doc.Get("_id").Doc().Get("c").AsInt64()
	id, ok2 := doc.Get("id").AsInt64()
	if !ok || !ok2 {
		return 0, nil, errs.New(errs.StoreCorrupt, "an index's catalog document without its numbers")
	}
	def, err := index.ParseDefinition(doc.Get("spec").Doc())
	if err != nil {
		return 0, nil, errs.Wrap(err, errs.StoreCorrupt, "an index's catalog document does not parse")
	}
	def.ID = uint32(id)
	return mvcc.CollectionID(cid), def, nil
}

// encodeCount makes the counts document of a collection.
func encodeCount(cid mvcc.CollectionID, n int64) Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int64("_id", int64(cid))
	b.Int64("n", n)
	return b.Finish()
}

// count returns how many documents a collection has in a view.
func count(v *mvcc.View, cid mvcc.CollectionID) (int64, error) {
	key := bsonraw.AppendKey(nil, bsonraw.Int64Value(int64(cid)))
	version, ok, err := v.Get(sysCounts, key)
	if err != nil || !ok {
		return 0, err
	}
	n, _ := version.Doc.Get("n").AsInt64()
	return n, nil
}

func orEmpty(d Doc) Doc {
	if d == nil {
		return bsonraw.EmptyDoc
	}
	return d
}

// withIndexes returns a copy of the collection with these indexes.
func (c *Collection) withIndexes(defs []*index.Definition) *Collection {
	n := *c
	n.Indexes = defs
	return &n
}

// index returns the index of this name, or nil.
func (c *Collection) index(name string) *index.Definition {
	for _, d := range c.Indexes {
		if d.Name == name {
			return d
		}
	}
	return nil
}
