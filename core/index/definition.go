package index

import (
	"bytes"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/query"
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

	paths     []query.Path // of Keys
	partial   *query.Filter
	condition *conjunction // what Partial says, to see whether a filter implies it
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

// idName is the name of the index on _id, which every collection has: the
// collection itself.
const idName = "_id_"

// IsID reports whether the definition is {_id: 1}, which is there already.
func (d *Definition) IsID() bool { return len(d.Keys) == 1 && d.Keys[0] == KeyPart{Path: "_id"} }

// KeyPattern returns the index's key as a document, {a: 1, b: -1}.
func (d *Definition) KeyPattern() bsonraw.Doc { return d.Options.Get("key").Doc() }

// defaultName makes the name of an index of these keys: "a_1_b_-1".
func defaultName(key bsonraw.Doc) string {
	var b strings.Builder
	it := key.Iter()
	for it.Next() {
		if b.Len() > 0 {
			b.WriteByte('_')
		}
		b.Write(it.Key())
		b.WriteByte('_')
		v := it.Value()
		if n, ok := v.AsInt64(); ok {
			v = bsonraw.Int64Value(n)
		}
		b.WriteString(strings.Trim(text(v), `"`))
	}
	return b.String()
}

// KeyValue returns the fields of the index with the values of the key that
// doc has there, as the "keyValue" of a duplicate key error shows them:
// {a: 1.0, b: null}. Nil if key is none of doc's keys.
func (d *Definition) KeyValue(doc bsonraw.Doc, key []byte) bsonraw.Doc {
	b := builders.Get().(*keyBuilder)
	defer b.release()
	var out bsonraw.Doc
	b.seen = func(places []query.KeyPlace, made []byte) {
		if out != nil || !bytes.Equal(made, key) {
			return
		}
		doc := bsonraw.NewBuilder(nil)
		for i, p := range places {
			v := p.Value
			if v.IsNullish() {
				v = nullKey
			}
			doc.Value(d.Keys[i].Path, v)
		}
		out = doc.Finish()
	}
	if err := b.build(d, doc); err != nil {
		return nil
	}
	return out
}
