package query

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// KeyWalk finds the keys that a document has under several paths: those of an
// index, the least of which is also what a sort goes by (mongod's
// BtreeKeyGenerator). Without an array on a path that is one key; otherwise one
// for each element of the array, which all paths that meet one go through
// together. Its memory serves many documents; it is for one goroutine.
type KeyWalk struct {
	// Arrays are the paths that ran through an array: bit i is path i.
	Arrays uint64

	paths  []Path
	sink   KeySink
	frames []KeyPlace // one for each path and level of arrays
}

// KeySink takes what a walk finds.
type KeySink interface {
	// AddKey takes one key: a place for each path, which is valid during the call.
	AddKey(places []KeyPlace) error
	// Parallel makes the error for two paths that meet different arrays, under
	// these names.
	Parallel(one, other string) error
}

// KeyPlace is what is known of one path: its value, or the path left of it.
type KeyPlace struct {
	Value bsonraw.Value // Missing where the path leads nowhere

	rest  []part // empty when Value is final
	array bool   // Value is the array that is gone through
	// chosen is where the rest leads from an element that a numeric component
	// chose from the array in, and after what is left there. has says that there
	// is one, nested that the element is an array.
	chosen      bsonraw.Value
	in          bsonraw.Doc
	after       []part
	has, nested bool
}

// Walk gives the sink the keys of a document, in no order and with repeats.
func (w *KeyWalk) Walk(paths []Path, doc bsonraw.Doc, sink KeySink) error {
	w.paths, w.sink, w.Arrays = paths, sink, 0
	w.frames = slices.Grow(w.frames[:0], len(paths))[:len(paths)]
	if w.withoutArrays(doc) {
		return sink.AddKey(w.frames)
	}
	for i := range paths {
		w.frames[i] = KeyPlace{rest: paths[i].parts}
	}
	return w.walk(0, doc)
}

// withoutArrays is the walk of most documents.
func (w *KeyWalk) withoutArrays(doc bsonraw.Doc) bool {
	for i := range w.paths {
		v := w.paths[i].objects(doc)
		if v.Type == bsonraw.Array {
			return false
		}
		w.frames[i].Value = v
	}
	return true
}

// Release lets go of the document.
func (w *KeyWalk) Release() {
	clear(w.frames)
	w.sink = nil
}

// frame returns the places of the level that begins at an offset.
func (w *KeyWalk) frame(at int) []KeyPlace { return w.frames[at : at+len(w.paths)] }

// walk follows each path through doc to its end or to an array, and goes through
// the array. An array that a numeric component chose is a value as a whole.
func (w *KeyWalk) walk(at int, doc bsonraw.Doc) error {
	var array bsonraw.Value
	expand := true
	places := w.frame(at)
	for i := range places {
		p := &places[i]
		p.array = false
		if len(p.rest) == 0 {
			continue
		}
		v, err := p.next(doc)
		if err != nil {
			return err
		}
		nested := p.nested
		p.has, p.nested = false, false
		p.Value = v
		if v.Type != bsonraw.Array {
			p.rest = nil
			continue
		}
		if array.Type == bsonraw.Array && &array.Data[0] != &v.Data[0] {
			met := slices.IndexFunc(places, func(p KeyPlace) bool { return p.array })
			return w.sink.Parallel(w.arrayName(places, i), w.arrayName(places, met))
		}
		array, p.array = v, true
		w.Arrays |= 1 << i
		expand = expand && !nested
	}
	if array.Type != bsonraw.Array {
		return w.sink.AddKey(places)
	}
	return w.expand(at, array.Doc(), expand)
}

// next follows the path to its end or to the first array, and leaves in rest
// what is left of it.
func (p *KeyPlace) next(doc bsonraw.Doc) (bsonraw.Value, error) {
	if p.has {
		if _, ok := doc.Lookup(p.rest[0].name); ok {
			return bsonraw.Value{}, errs.New(16746, "Ambiguous field name found in array (do not use numeric field names in embedded elements in an array), field: '%s' for array: %s", p.rest[0].name, valueText(p.in.Value()))
		}
		p.rest = p.after
		return p.chosen, nil
	}
	v, rest := followParts(doc.Value(), p.rest)
	p.rest = rest
	return v, nil
}

// followParts walks through objects. It stops at the path's end, at an array,
// or where nothing is, and returns what is there and the rest of the path.
func followParts(v bsonraw.Value, parts []part) (bsonraw.Value, []part) {
	for i, p := range parts {
		switch v.Type {
		case bsonraw.Object:
			v = v.Doc().Get(p.name)
		case bsonraw.Array:
			return v, parts[i:]
		default:
			return bsonraw.Value{}, nil
		}
	}
	return v, nil
}

// expand walks on in each element of the array. An empty array has one key, as
// if undefined were its element, also where it was chosen as a whole.
func (w *KeyWalk) expand(at int, elements bsonraw.Doc, expand bool) error {
	if elements.IsEmpty() {
		return w.enter(at, bsonraw.Value{Type: bsonraw.Undefined}, true)
	}
	for i, places := 0, w.frame(at); i < len(places); i++ {
		places[i].choose(elements)
	}
	it := elements.Iter()
	for it.Next() {
		if err := w.enter(at, it.Value(), expand); err != nil {
			return err
		}
	}
	return nil
}

// choose looks up the element of the array that a number at the start of the
// rest stands for.
func (p *KeyPlace) choose(elements bsonraw.Doc) {
	if len(p.rest) == 0 || p.rest[0].index < 0 {
		return
	}
	v, ok := elementAt(elements, p.rest[0].index)
	if !ok {
		return
	}
	p.has, p.nested, p.in = true, v.Type == bsonraw.Array, elements
	p.chosen, p.after = followParts(v, p.rest[1:])
}

func elementAt(array bsonraw.Doc, index int) (bsonraw.Value, bool) {
	it := array.Iter()
	for i := 0; it.Next(); i++ {
		if i == index {
			return it.Value(), true
		}
	}
	return bsonraw.Value{}, false
}

// enter walks on in one element of the array, in a frame of its own.
func (w *KeyWalk) enter(at int, element bsonraw.Value, expand bool) error {
	down := at + len(w.paths)
	w.frames = append(w.frames[:down], w.frames[at:down]...)
	places := w.frame(down)
	for i := range places {
		if len(places[i].rest) == 0 && places[i].array && expand {
			places[i].Value = element
		}
	}
	doc := bsonraw.EmptyDoc
	if element.Type == bsonraw.Object {
		doc = element.Doc()
	}
	return w.walk(down, doc)
}

// arrayName returns the name of the field that holds the array which path i met.
func (w *KeyWalk) arrayName(places []KeyPlace, i int) string {
	parts := w.paths[i].parts
	return parts[max(len(parts)-len(places[i].rest), 1)-1].name
}
