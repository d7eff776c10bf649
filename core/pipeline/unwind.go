package pipeline

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// unwindStage is $unwind: a document for each element of an array.
type unwindStage struct {
	dotted   string
	path     path
	index    path // where the element's index goes; nil: nowhere
	indexAt  string
	preserve bool // documents without elements stay
}

func compileUnwind(_ *compiler, _ string, v bsonraw.Value) (stage, error) {
	u := &unwindStage{}
	field := ""
	switch v.Type {
	case bsonraw.String:
		field = v.Str()
	case bsonraw.Object:
		it := v.Doc().Iter()
		for it.Next() {
			if err := u.option(string(it.Key()), it.Value(), &field); err != nil {
				return nil, err
			}
		}
	default:
		return nil, errs.New(15981, "expected either a string or an object as specification for $unwind stage, got %s", v.Type.Name())
	}
	switch {
	case field == "":
		return nil, errs.New(28812, "no path specified to $unwind stage")
	case field[0] != '$':
		return nil, errs.New(28818, "path option to $unwind stage should be prefixed with a '$': %s", field)
	}
	u.dotted = field[1:]
	u.path = splitPath(u.dotted)
	return u, checkPath(u.dotted)
}

func (u *unwindStage) option(name string, v bsonraw.Value, field *string) error {
	switch name {
	case "path":
		if v.Type != bsonraw.String {
			return errs.New(28808, "expected a string as the path for $unwind stage, got %s", v.Type.Name())
		}
		*field = v.Str()
	case "preserveNullAndEmptyArrays":
		if v.Type != bsonraw.Boolean {
			return errs.New(28809, "expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage, got %s", v.Type.Name())
		}
		u.preserve = v.Bool()
	case "includeArrayIndex":
		if v.Type != bsonraw.String || v.Str() == "" {
			return errs.New(28810, "expected a non-empty string for the includeArrayIndex  option to $unwind stage, got %s", v.Type.Name())
		}
		u.indexAt = v.Str()
		if strings.HasPrefix(u.indexAt, "$") {
			return errs.New(28822, "includeArrayIndex option to $unwind stage should not be prefixed with a '$': %s", u.indexAt)
		}
		u.index = splitPath(u.indexAt)
		return checkPath(u.indexAt)
	default:
		return errs.New(28811, "unrecognized option to $unwind stage: %s", name)
	}
	return nil
}

func (u *unwindStage) open(_ context.Context, _ *run, in Iter) (Iter, error) {
	return &unwindIter{in: in, stage: u}, nil
}

type unwindIter struct {
	in       Iter
	stage    *unwindStage
	doc      bsonraw.Doc // whose array is being unwound
	elements bsonraw.Iter
	at       int64
	open     bool
	b, b2    bsonraw.Builder
	number   [8]byte
}

func (u *unwindIter) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	for {
		if u.open {
			if u.elements.Next() {
				if u.at&15 == 15 && ctx.Err() != nil { // one document can become millions
					return nil, false, canceled(ctx.Err())
				}
				doc := u.with(u.elements.Value())
				u.at++
				return doc, true, nil
			}
			u.open = false
		}
		doc, ok, err := u.in.Next(ctx)
		if err != nil || !ok {
			return nil, false, err
		}
		u.doc, u.at = doc, 0
		v := u.stage.path.get(doc)
		switch {
		case v.Type == bsonraw.Array && !v.Doc().IsEmpty():
			u.elements, u.open = v.Doc().Iter(), true
		case v.Type == bsonraw.Array && u.stage.preserve:
			u.b.Reset()
			u.stage.path.set(&u.b, doc, bsonraw.Value{})
			return u.withIndex(u.b.Finish(), bsonraw.NullValue), true, nil
		case v.Type != bsonraw.Array && (!v.IsNullish() || u.stage.preserve):
			return u.withIndex(doc, bsonraw.NullValue), true, nil
		}
	}
}

// with returns the document with one element in the place of the array.
func (u *unwindIter) with(v bsonraw.Value) bsonraw.Doc {
	u.b.Reset()
	u.stage.path.set(&u.b, u.doc, v)
	doc := u.b.Finish()
	if u.stage.index == nil {
		return doc
	}
	for i := range u.number {
		u.number[i] = byte(u.at >> (8 * i))
	}
	return u.withIndex(doc, bsonraw.Value{Type: bsonraw.Int64, Data: u.number[:]})
}

func (u *unwindIter) withIndex(doc bsonraw.Doc, at bsonraw.Value) bsonraw.Doc {
	if u.stage.index == nil {
		return doc
	}
	u.b2.Reset()
	u.stage.index.set(&u.b2, doc, at)
	return u.b2.Finish()
}

func (u *unwindIter) Close() error { return u.in.Close() }
