package index

import (
	"bytes"
	"slices"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// maxKeysPerDoc bounds the keys of one document in one index, as mongod's
// indexMaxNumGeneratedKeysPerDocument does.
const maxKeysPerDoc = 100000

// keyBuilder makes the keys of one document. Its memory is pooled.
type keyBuilder struct {
	walk query.KeyWalk
	def  *Definition
	buf  []byte                                     // all keys, one after another
	ends []int                                      // where each ends
	seen func(places []query.KeyPlace, made []byte) // called for each key, if set
}

var builders = sync.Pool{New: func() any { return new(keyBuilder) }}

// KeysOf calls emit for each key that doc has in the index, ascending and
// without repeats; the key's bytes are valid during the call only. It returns
// which parts ran through arrays. Documents that a sparse or partial index
// leaves out have no keys.
func (d *Definition) KeysOf(doc bsonraw.Doc, emit func(key []byte)) (Multikey, error) {
	if d.partial != nil {
		if ok, err := d.partial.Match(doc); err != nil || !ok {
			return 0, err
		}
	}
	b := builders.Get().(*keyBuilder)
	defer b.release()
	if err := b.build(d, doc); err != nil {
		return 0, err
	}
	b.emitAll(emit)
	return Multikey(b.walk.Arrays), nil
}

// release gives the builder back, without hold on any document.
func (b *keyBuilder) release() {
	b.walk.Release()
	b.def, b.seen = nil, nil
	builders.Put(b)
}

func (b *keyBuilder) build(d *Definition, doc bsonraw.Doc) error {
	b.def, b.buf, b.ends = d, b.buf[:0], b.ends[:0]
	return b.walk.Walk(d.paths, doc, b)
}

// AddKey appends one key, unless the index is sparse and the document has none of
// its fields.
func (b *keyBuilder) AddKey(places []query.KeyPlace) error {
	if b.def.Sparse && !slices.ContainsFunc(places, func(p query.KeyPlace) bool { return p.Value.Type != bsonraw.Missing }) {
		return nil
	}
	if len(b.ends) == maxKeysPerDoc {
		return errs.New(errs.BadValue, "Index key generation: a document has more than %d keys in index '%s'", maxKeysPerDoc, b.def.Name)
	}
	start := len(b.buf)
	for i := range places {
		b.buf = appendKey(b.buf, places[i].Value, b.def.Keys[i].Desc)
	}
	b.ends = append(b.ends, len(b.buf))
	if b.seen != nil {
		b.seen(places, b.buf[start:])
	}
	return nil
}

// Parallel implements query.KeySink.
func (b *keyBuilder) Parallel(one, other string) error {
	return errs.New(errs.CannotIndexParallelArrays, "cannot index parallel arrays [%s] [%s]", one, other)
}

// emitAll hands out the keys in order, each once.
func (b *keyBuilder) emitAll(emit func(key []byte)) {
	if len(b.ends) == 1 {
		emit(b.buf)
		return
	}
	keys := make([][]byte, len(b.ends))
	start := 0
	for i, end := range b.ends {
		keys[i] = b.buf[start:end:end]
		start = end
	}
	slices.SortFunc(keys, bytes.Compare)
	for i, k := range keys {
		if i == 0 || !bytes.Equal(k, keys[i-1]) {
			emit(k)
		}
	}
}
