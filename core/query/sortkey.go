package query

import (
	"bytes"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// sortWalk finds the least key of a document with arrays. A document has the
// keys that an index on the same fields would have for it (mongod sorts by
// them): all parts go through the same array, or it is an error.
type sortWalk struct {
	sort   *Sort
	frames []sortPlace // one for each part and level of arrays
	dst    []byte
	start  int // where the least key so far begins in dst
	found  bool
}

// sortPlace is what is known of one part: its value, or the path left of it.
type sortPlace struct {
	rest  []part // empty when value is final
	value bsonraw.Value
	array bool // value is the array that is gone through
	// chosen is where the rest leads from an element that a numeric component
	// chose from the array, and after what is left there. has says that there
	// is one, nested that the element is an array.
	chosen      bsonraw.Value
	after       []part
	has, nested bool
}

var sortWalks = sync.Pool{New: func() any { return new(sortWalk) }}

// arrayKey is Key for a document with an array on one of the paths.
func (s *Sort) arrayKey(doc bsonraw.Doc, dst []byte) ([]byte, error) {
	w := sortWalks.Get().(*sortWalk)
	defer func() {
		clear(w.frames)
		*w = sortWalk{frames: w.frames[:0]}
		sortWalks.Put(w)
	}()
	w.sort, w.dst, w.start = s, dst, len(dst)
	for _, p := range s.paths {
		w.frames = append(w.frames, sortPlace{rest: p.parts})
	}
	err := w.walk(0, doc)
	return w.dst, err
}

func (w *sortWalk) frame(at int) []sortPlace { return w.frames[at : at+len(w.sort.parts)] }

// walk follows each part through doc to its end or to an array, and goes
// through the array. An array that a numeric component chose is a value.
func (w *sortWalk) walk(at int, doc bsonraw.Doc) error {
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
		p.value = v
		if v.Type != bsonraw.Array {
			p.rest = nil
			continue
		}
		if array.Type == bsonraw.Array && &array.Data[0] != &v.Data[0] {
			return errs.New(errs.BadValue, "cannot sort with keys that are parallel arrays")
		}
		array, p.array = v, true
		expand = expand && !nested
	}
	if array.Type != bsonraw.Array {
		w.add(places)
		return nil
	}
	return w.expand(at, array, expand)
}

// next follows the path to its end or to the first array, and leaves in rest
// what is left of it.
func (p *sortPlace) next(doc bsonraw.Doc) (bsonraw.Value, error) {
	if p.has {
		if _, ok := doc.Lookup(p.rest[0].name); ok {
			return bsonraw.Value{}, errs.New(16746, "Ambiguous field name found in array (do not use numeric field names in embedded elements in an array), field: '%s'", p.rest[0].name)
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
// if undefined were its element.
func (w *sortWalk) expand(at int, array bsonraw.Value, expand bool) error {
	elements := array.Doc()
	places := w.frame(at)
	for i := range places {
		places[i].choose(elements)
	}
	if elements.IsEmpty() {
		return w.enter(at, bsonraw.Value{Type: bsonraw.Undefined}, expand)
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
func (p *sortPlace) choose(elements bsonraw.Doc) {
	if len(p.rest) == 0 || p.rest[0].index < 0 {
		return
	}
	v, ok := elementAt(elements, p.rest[0].index)
	if !ok {
		return
	}
	p.has, p.nested = true, v.Type == bsonraw.Array
	p.chosen, p.after = v, p.rest[1:]
	if v.Type == bsonraw.Object {
		p.chosen, p.after = followParts(v, p.rest[1:])
	} else if v.Type != bsonraw.Array && len(p.rest) > 1 {
		p.chosen, p.after = bsonraw.Value{}, nil
	}
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
func (w *sortWalk) enter(at int, element bsonraw.Value, expand bool) error {
	down := at + len(w.sort.parts)
	w.frames = append(w.frames[:down], w.frames[at:down]...)
	places := w.frame(down)
	for i := range places {
		if len(places[i].rest) == 0 && places[i].array && expand {
			places[i].value = element
		}
	}
	doc := bsonraw.EmptyDoc
	if element.Type == bsonraw.Object {
		doc = element.Doc()
	}
	return w.walk(down, doc)
}

// add appends one key and keeps the lesser of it and the one before.
func (w *sortWalk) add(places []sortPlace) {
	at := len(w.dst)
	for i, p := range places {
		w.dst = appendSortKey(w.dst, p.value, w.sort.parts[i].Desc)
	}
	if w.found {
		if key := w.dst[at:]; bytes.Compare(key, w.dst[w.start:at]) < 0 {
			at = w.start + copy(w.dst[w.start:], key)
		}
		w.dst = w.dst[:at]
	}
	w.found = true
}
