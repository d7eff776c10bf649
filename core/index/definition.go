package index

import (
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// KeyPart is one field of an index.
type KeyPart struct {
	Path string // dotted
	Desc bool
}

// Definition is a secondary index. It is immutable once parsed.
type Definition struct {
	Name    string
	ID      uint32 // given by the engine; part of every stored key
	Keys    []KeyPart
	Unique  bool
	Sparse  bool
	Hidden  bool
	Partial bsonraw.Doc // partialFilterExpression, or nil
	Options bsonraw.Doc // the specification as listIndexes shows it: v, key, name, then what was given
}

// Multikey records which parts of an index were found to run through an array
// in at least one document: bit i is part i. The engine keeps, with each index,
// the union (|) of all that KeysOf returned for documents visible there; it may
// be too large, never too small.
type Multikey uint32

// Has reports whether part i runs through an array in some document.
func (m Multikey) Has(i int) bool { return m&(1<<i) != 0 }

// Any reports whether any part does.
func (m Multikey) Any() bool { return m != 0 }

// ParseDefinition checks one specification of createIndexes, {key: {a: 1},
// name: "a_1", unique: true, …}, and returns the definition. A missing name is
// made of the keys, as in "a_1_b_-1".
func ParseDefinition(spec bsonraw.Doc) (*Definition, error) {
	return nil, errs.New(errs.NotSupported, "index %s", strconv.Quote(spec.Get("name").Type.Name()))
}

// DefaultName makes the name of an index of these keys: "a_1_b_-1".
func DefaultName(key bsonraw.Doc) string { return "" }

// Same compares a new definition with an existing one as createIndexes does.
// It returns true if they are the same index (nothing to create), false if both
// can exist, and otherwise error IndexOptionsConflict or IndexKeySpecsConflict.
func Same(existing, added *Definition) (bool, error) { return false, nil }

// KeysOf calls emit for each key that doc has in the index, ascending and
// without repeats; the key's bytes are valid during the call only. It returns
// which parts ran through arrays. Documents that a sparse or partial index
// leaves out have no keys.
func (d *Definition) KeysOf(doc bsonraw.Doc, emit func(key []byte)) (Multikey, error) {
	return 0, nil
}

// KeyPattern returns the index's key as a document, {a: 1, b: -1}.
func (d *Definition) KeyPattern() bsonraw.Doc { return d.Options.Get("key").Doc() }

// KeyValue returns the fields of doc that the index is on, as the "keyValue" of
// a duplicate key error shows them: {a: 1, b: null}. key is the key that
// collided.
func (d *Definition) KeyValue(doc bsonraw.Doc, key []byte) bsonraw.Doc { return nil }
