package mirror

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/update"
)

// An update event tells what changed by paths whose parts are joined by dots,
// and names may hold dots themselves. From 6.1 on the event takes apart the
// paths for which that matters (disambiguatedPaths); before, the document that
// the event applies to tells: a part that is not there as a field with something
// below it cannot be one to go through. Every other path has a second reading, in
// which the update made a new field with dots in its name beside the parent that
// is there. Names with dots are rare, so this is taken for meant only where the
// document or the event has such names at all; then the document is re-read. What
// stays unseen is the first such name of a document, made by a pipeline with
// $setField, beside a parent of that very name, on a server before 6.1: a verify
// finds it.

// errAmbiguous says that a path has two readings.
var errAmbiguous = errs.New(errs.BadValue, "a path of the event has two readings in the document")

// applyDelta applies an event's updateDescription to the document before it, and
// returns what it changed.
func applyDelta(before, desc bsonraw.Doc) (bsonraw.Doc, []update.Change, error) {
	d := delta{doc: before, known: desc.Get("disambiguatedPaths").Doc()}
	steps := []func(bsonraw.Doc) error{d.truncate, d.set, d.remove}
	// A path that was removed cannot be told from one that is set below it once
	// it is gone, and a truncated array is set within what is left of it.
	for i, part := range []bsonraw.Doc{desc.Get("truncatedArrays").Doc(), desc.Get("updatedFields").Doc(), desc.Get("removedFields").Doc()} {
		if part == nil {
			continue
		}
		if err := steps[i](part); err != nil {
			return nil, nil, err
		}
	}
	if d.nested && (d.dotted || d.overlaps(desc)) {
		return nil, nil, errAmbiguous
	}
	after, err := update.ApplyChanges(before, d.changes)
	return after, d.changes, err
}

// overlaps reports whether the event touches a field and, as it seems, something
// below it: then that is a name with dots.
func (d *delta) overlaps(desc bsonraw.Doc) bool {
	if d.known != nil {
		return false
	}
	whole := map[string]bool{}
	note := func(path []byte) {
		if bytes.IndexByte(path, '.') < 0 {
			whole[string(path)] = true
		}
	}
	for it := desc.Get("updatedFields").Doc().Iter(); it.Next(); {
		note(it.Key())
	}
	for it := desc.Get("removedFields").Doc().Iter(); it.Next(); {
		note([]byte(text(it.Value())))
	}
	for _, c := range d.changes {
		if first, _, below := strings.Cut(c.Path, "."); below && whole[first] {
			return true
		}
	}
	return false
}

// delta collects the changes of one event.
type delta struct {
	doc     bsonraw.Doc
	known   bsonraw.Doc // disambiguatedPaths
	dotted  bool        // a path, or an object on the way of one, has a name with a dot
	nested  bool        // a path leads into an object
	changes []update.Change
}

func (d *delta) truncate(list bsonraw.Doc) error {
	for it := list.Iter(); it.Next(); {
		spec := it.Value().Doc()
		path, n := spec.Get("field"), spec.Get("newSize")
		size, ok := n.AsInt64()
		if path.Type != bsonraw.String || !ok {
			return errs.New(errs.ProtocolError, "a truncated array without field or newSize")
		}
		parts, err := d.parts(path.StringBytes())
		if err != nil {
			return err
		}
		array := find(d.doc, parts)
		if array.Type != bsonraw.Array {
			return errs.New(errs.ProtocolError, "the event cuts the array %q, which is no array here", path.Str())
		}
		d.changes = append(d.changes, update.Change{
			Path: update.JoinPath(parts...), Kind: update.Set, Operand: firstOf(array.Doc(), size),
		})
	}
	return nil
}

// firstOf returns the first n elements of an array.
func firstOf(array bsonraw.Doc, n int64) bsonraw.Value {
	values := array.Values()
	return bsonraw.ArrayValue(values[:min(n, int64(len(values)))]...)
}

// set sets the updated fields. The server lists those of one object that keep
// their place first, and behind them those that it appends, be they new or moved
// to the end by a pipeline. One that is appended is known by being new, or by
// having the value that it had, or by standing behind such a one.
func (d *delta) set(fields bsonraw.Doc) error {
	levels := levels{}
	for it := fields.Iter(); it.Next(); {
		parts, err := d.parts(it.Key())
		if err != nil {
			return err
		}
		path := update.JoinPath(parts...)
		old := find(d.doc, parts)
		at := levels.of(parts)
		same := bsonraw.Identical(old, it.Value())
		switch {
		case old.IsMissing():
			at.appending = true
		case same && !at.appending && d.inObject(parts) && (at.kept > 0 || old.Type == bsonraw.Array):
			// Were those before it moved, too? And a $push that changes nothing,
			// as one with $slice: 0 of an empty array, is told too, in its place.
			return errAmbiguous
		case (same || at.appending) && d.inObject(parts):
			at.appending = true
			d.changes = append(d.changes, update.Change{Path: path, Kind: update.Unset})
		default:
			at.kept++
		}
		d.changes = append(d.changes, update.Change{Path: path, Kind: update.Set, Operand: it.Value()})
	}
	return nil
}

// level is what is known of the fields of one object in an event.
type level struct {
	kept      int  // fields that seem to keep their place
	appending bool // the rest are appended
}

// levels are the objects that an event changes fields of.
type levels struct {
	root  level
	inner map[string]*level // by path
}

// of returns the level that a path belongs to.
func (l *levels) of(parts []string) *level {
	if len(parts) == 1 {
		return &l.root
	}
	parent := update.JoinPath(parts[:len(parts)-1]...)
	if l.inner == nil {
		l.inner = map[string]*level{}
	}
	if l.inner[parent] == nil {
		l.inner[parent] = &level{}
	}
	return l.inner[parent]
}

// inObject reports whether a path's last part is a field, not an element.
func (d *delta) inObject(parts []string) bool {
	return find(d.doc, parts[:len(parts)-1]).Type == bsonraw.Object
}

func (d *delta) remove(fields bsonraw.Doc) error {
	for it := fields.Iter(); it.Next(); {
		if it.Value().Type != bsonraw.String {
			return errs.New(errs.ProtocolError, "a removed field that is no string")
		}
		parts, err := d.parts(it.Value().StringBytes())
		if err != nil {
			return err
		}
		d.changes = append(d.changes, update.Change{Path: update.JoinPath(parts...), Kind: update.Unset})
	}
	return nil
}

// parts takes a path apart.
func (d *delta) parts(path []byte) ([]string, error) {
	if bytes.IndexByte(path, '.') < 0 {
		return []string{string(path)}, nil
	}
	if known, ok := d.known.Lookup(string(path)); ok && known.Type == bsonraw.Array {
		var parts []string
		for _, v := range known.Doc().Values() {
			if v.Type == bsonraw.String {
				parts = append(parts, v.Str())
				continue
			}
			n, _ := v.AsInt64()
			parts = append(parts, strconv.FormatInt(n, 10))
		}
		return parts, nil
	}
	r := reading{words: strings.Split(string(path), ".")}
	r.walk(d.doc.Value(), 0)
	if d.known != nil {
		r.dotted = false // the server would have taken it apart
	}
	d.dotted = d.dotted || r.dotted
	if r.best == nil {
		d.dotted = d.dotted || d.known == nil
		return []string{string(path)}, nil // a new field with dots in its name
	}
	d.nested = true
	return r.best, nil
}

// reading finds the ways in which a path can be read in a document.
type reading struct {
	words  []string
	at     []string
	best   []string // the first way found: with the shortest names first
	dotted bool     // there are names with dots on the way
}

// walk tries every name that the words from i on can begin with in a value. A
// last name of several words counts only if the field is there: it would
// otherwise be one more reading of every path.
func (r *reading) walk(v bsonraw.Value, i int) {
	doc := v.Doc()
	if doc == nil {
		return
	}
	r.dotted = r.dotted || v.Type == bsonraw.Object && hasDots(doc)
	for j := i + 1; j <= len(r.words); j++ {
		name := strings.Join(r.words[i:j], ".")
		if v.Type == bsonraw.Array && (j > i+1 || !isIndex(name)) {
			return
		}
		inner, there := doc.Lookup(name)
		r.at = append(r.at, name)
		switch {
		case j < len(r.words):
			if there {
				r.walk(inner, j)
			}
		case there || j == i+1:
			r.note()
		}
		r.at = r.at[:len(r.at)-1]
	}
}

func isIndex(name string) bool {
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return false
		}
	}
	return name != ""
}

func (r *reading) note() {
	if r.best == nil {
		r.best = append([]string(nil), r.at...)
	}
}

// hasDots reports whether a field of a document has a dot in its name.
func hasDots(doc bsonraw.Doc) bool {
	for it := doc.Iter(); it.Next(); {
		if bytes.IndexByte(it.Key(), '.') >= 0 {
			return true
		}
	}
	return false
}

// find returns the value at a path, missing if there is none.
func find(doc bsonraw.Doc, parts []string) bsonraw.Value {
	v := doc.Value()
	for _, name := range parts {
		inner := v.Doc()
		if inner == nil {
			return bsonraw.Value{}
		}
		v = inner.Get(name)
	}
	return v
}
