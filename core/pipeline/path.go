package pipeline

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
)

// path is a dotted path that leads through objects only: to arrays it does not
// go in.
type path []string

func splitPath(dotted string) path { return strings.Split(dotted, ".") }

func joinPath(p path) string { return strings.Join(p, ".") }

// get returns the value at the path, or a missing one.
func (p path) get(doc bsonraw.Doc) bsonraw.Value {
	for i, name := range p {
		v := doc.Get(name)
		if i == len(p)-1 {
			return v
		}
		if v.Type != bsonraw.Object {
			return bsonraw.Value{}
		}
		doc = v.Doc()
	}
	return bsonraw.Value{}
}

// set writes the fields of doc to b with v at the path: an existing field keeps
// its place, a new one comes last, and what stands in the way and is no object
// becomes one. A missing v removes the field.
func (p path) set(b *bsonraw.Builder, doc bsonraw.Doc, v bsonraw.Value) {
	done := false
	it := doc.Iter()
	for it.Next() {
		if done || string(it.Key()) != p[0] {
			b.ValueBytes(it.Key(), it.Value())
			continue
		}
		done = true
		p.setField(b, it.Value(), v)
	}
	if !done {
		p.setField(b, bsonraw.Value{}, v)
	}
}

func (p path) setField(b *bsonraw.Builder, old, v bsonraw.Value) {
	if len(p) == 1 {
		b.Value(p[0], v)
		return
	}
	sub := bsonraw.EmptyDoc
	if old.Type == bsonraw.Object {
		sub = old.Doc()
	}
	b.BeginDoc(p[0])
	p[1:].set(b, sub, v)
	b.End()
}

// localValues calls visit with every value that a document joins by: those at
// the path, of arrays on it and at its end each element. A number behind an
// array is an index (mongod's visitAllValuesAtPath).
func (p path) localValues(doc bsonraw.Doc, visit func(v bsonraw.Value)) {
	v := doc.Get(p[0])
	rest := p[1:]
	for len(rest) > 0 && v.Type == bsonraw.Array && isIndex(rest[0]) {
		v = v.Doc().Get(rest[0])
		rest = rest[1:]
	}
	switch {
	case len(rest) > 0 && v.Type == bsonraw.Object:
		rest.localValues(v.Doc(), visit)
	case len(rest) > 0 && v.Type == bsonraw.Array:
		it := v.Doc().Iter()
		for it.Next() {
			if it.Value().Type == bsonraw.Object {
				rest.localValues(it.Value().Doc(), visit)
			}
		}
	case len(rest) > 0 || v.IsMissing():
	case v.Type == bsonraw.Array:
		it := v.Doc().Iter()
		for it.Next() {
			visit(it.Value())
		}
	default:
		visit(v)
	}
}

// isIndex reports whether a name is a number as an array's index is written.
func isIndex(name string) bool {
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return false
		}
	}
	return name != "" && (name[0] != '0' || len(name) == 1)
}

// related reports whether one of two dotted paths is the other or leads to it.
func related(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}
