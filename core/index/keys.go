package index

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// maxKeysPerDoc bounds the keys of one document in one index, as mongod's
// indexMaxNumGeneratedKeysPerDocument does.
const maxKeysPerDoc = 100000

// keyBuilder makes the keys of one document. Its memory is pooled.
type keyBuilder struct {
	def      *Definition
	multikey Multikey
	buf      []byte // all keys, one after another
	ends     []int  // where each ends
	frames   []keyPart
	seen     func(parts []keyPart, made []byte) // called for each key, if set
}

// keyPart is what is known of one part of the key while the document is walked:
// its value, or the path that is left of it.
type keyPart struct {
	rest  string // path still to go; "" when value is final
	value bsonraw.Value
	// indexed is the element that a numeric component of the path chose from
	// the array being expanded, walked to its end, and after what is left of
	// the path there. has says that there is one.
	indexed   bsonraw.Value
	after     string
	has, deep bool // deep: the element is an array
	array     bool // value is the array that is expanded
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
	return b.multikey, nil
}

// release gives the builder back, without hold on any document.
func (b *keyBuilder) release() {
	clear(b.frames)
	b.def, b.seen = nil, nil
	builders.Put(b)
}

func (b *keyBuilder) build(d *Definition, doc bsonraw.Doc) error {
	b.def, b.multikey, b.buf, b.ends = d, 0, b.buf[:0], b.ends[:0]
	b.frames = b.frames[:0]
	for _, p := range d.Keys {
		b.frames = append(b.frames, keyPart{rest: p.Path})
	}
	return b.walk(0, doc, 0)
}

// frame returns the parts of the recursion level that begins at offset at.
func (b *keyBuilder) frame(at int) []keyPart { return b.frames[at : at+len(b.def.Keys)] }

// walk follows each part's path through doc. Where no part meets an array, that
// is one key; otherwise one for each element of the array, which is the same
// for all parts that meet one (mongod's BtreeKeyGenerator). An array that a
// numeric component chose is a key as a whole.
func (b *keyBuilder) walk(at int, doc bsonraw.Doc, missing int) error {
	parts := b.frame(at)
	expand := true
	var array bsonraw.Value
	for i := range parts {
		p := &parts[i]
		p.array = false
		if p.rest == "" {
			continue
		}
		v, err := p.next(doc)
		switch {
		case err != nil:
			return err
		case v.Type == bsonraw.Missing:
			p.value, p.rest = nullKey, ""
			missing++
		case v.Type != bsonraw.Array:
			p.value, p.rest = v, ""
		case array.Type != bsonraw.Missing && &array.Data[0] != &v.Data[0]:
			return errs.New(errs.CannotIndexParallelArrays, "cannot index parallel arrays [%s] [%s]", b.arrayName(parts, i), b.arrayName(parts, slices.IndexFunc(parts, func(p keyPart) bool { return p.array })))
		default:
			array, p.value, p.array = v, v, true
			b.multikey |= 1 << i
			expand = expand && !p.deep
		}
		p.has, p.deep = false, false
	}
	if array.Type == bsonraw.Missing {
		return b.add(parts, missing)
	}
	return b.expand(at, array, missing, expand)
}

// next follows the path to its end or to the first array on it, and leaves in
// rest what is left of it.
func (p *keyPart) next(doc bsonraw.Doc) (bsonraw.Value, error) {
	v, rest := follow(doc, p.rest)
	if p.has {
		name, _, _ := strings.Cut(p.rest, ".")
		if _, ok := doc.Lookup(name); ok {
			return v, errs.New(16746, "Ambiguous field name found in array (do not use numeric field names in embedded elements in an array), field: '%s' for array: %s", name, text(p.indexed))
		}
		v, rest = p.indexed, p.after
	}
	p.rest = rest
	return v, nil
}

// follow walks path through objects. It stops at its end, at an array, or where
// nothing is, and returns the value there and the rest of the path.
func follow(doc bsonraw.Doc, path string) (bsonraw.Value, string) {
	for {
		name, rest, more := strings.Cut(path, ".")
		v, ok := doc.Lookup(name)
		switch {
		case !ok:
			return bsonraw.Value{}, ""
		case !more || v.Type == bsonraw.Array:
			return v, rest
		case v.Type != bsonraw.Object:
			return bsonraw.Value{}, ""
		}
		doc, path = v.Doc(), rest
	}
}

// expand walks on in each element of the array. An empty one has one key, as if
// undefined were its element.
func (b *keyBuilder) expand(at int, array bsonraw.Value, missing int, expand bool) error {
	elements := array.Doc()
	parts := b.frame(at)
	for i := range parts {
		parts[i].index(elements)
	}
	if elements.IsEmpty() {
		return b.enter(at, emptyKey, missing, true)
	}
	it := elements.Iter()
	for it.Next() {
		if err := b.enter(at, it.Value(), missing, expand); err != nil {
			return err
		}
	}
	return nil
}

// index looks up the element that a numeric component at the start of the rest
// chooses.
func (p *keyPart) index(elements bsonraw.Doc) {
	if p.rest == "" || p.rest[0] < '0' || p.rest[0] > '9' {
		return
	}
	name, _, _ := strings.Cut(p.rest, ".")
	chosen, ok := elements.Lookup(name)
	if !ok {
		return
	}
	p.has, p.deep = true, chosen.Type == bsonraw.Array
	p.indexed, p.after = follow(elements, p.rest)
}

// enter walks on in one element of the array, in a frame of its own.
func (b *keyBuilder) enter(at int, element bsonraw.Value, missing int, expand bool) error {
	down := at + len(b.def.Keys)
	b.frames = append(b.frames[:down], b.frames[at:down]...)
	parts := b.frame(down)
	for i := range parts {
		if parts[i].rest == "" && parts[i].array && expand {
			parts[i].value = element
		}
	}
	doc := bsonraw.EmptyDoc
	if element.Type == bsonraw.Object {
		doc = element.Doc()
	}
	return b.walk(down, doc, missing)
}

// add appends one key.
func (b *keyBuilder) add(parts []keyPart, missing int) error {
	if b.def.Sparse && missing == len(parts) {
		return nil
	}
	if len(b.ends) == maxKeysPerDoc {
		return errs.New(errs.BadValue, "Index key generation: a document has more than %d keys in index '%s'", maxKeysPerDoc, b.def.Name)
	}
	start := len(b.buf)
	for i, p := range parts {
		b.buf = appendKey(b.buf, p.value, b.def.Keys[i].Desc)
	}
	b.ends = append(b.ends, len(b.buf))
	if b.seen != nil {
		b.seen(parts, b.buf[start:])
	}
	return nil
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

// arrayName returns the name of the field that holds the array which part i met.
func (b *keyBuilder) arrayName(parts []keyPart, i int) string {
	path := strings.TrimSuffix(b.def.Keys[i].Path, parts[i].rest)
	path = strings.TrimSuffix(path, ".")
	return path[strings.LastIndexByte(path, '.')+1:]
}
