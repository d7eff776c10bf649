package publish

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
	"github.com/argon-lab/argon/core/update"
)

// Guard says how much of a live document has to be as it was.
type Guard string

// The guards.
const (
	Fields   Guard = "fields"   // the paths that the step touches
	Document Guard = "document" // all of it
)

// What a filter can express exactly.
//
// A plain equality cannot do: {a: 5} matches the array [5], {a: null} matches
// what has no a, 1 equals 1.0. An aggregation comparison on a literal tells null
// from missing, arrays from their elements, and looks at the order of fields, but
// compares numbers of all types by value, strings with symbols, and missing with
// undefined. So the types of all numbers, texts and nulls within the value are
// compared beside it, and where one type has several forms of one value (0 and
// -0, decimals of different exponents) the number's text. Indistinguishable
// remain: NaNs of different bits, numbers within the scope of a JavaScript code,
// and fields that have one name. A transaction reads the document first and
// compares its bytes; there the filter is the second lock.
//
// A collection's collation would make "a" equal "A": statements name the simple
// one.

// filterOf returns the filter of a write on pre: its _id, and that the guarded
// places are as they are in pre.
func filterOf(pre bsonraw.Doc, paths []string) bsonraw.Doc {
	g := guard{}
	id := pre.Get("_id")
	g.types(access{path: "_id"}, id)
	if len(paths) == 0 {
		g.same(access{}, pre.Value())
	}
	for _, path := range paths {
		g.path(pre, path)
	}
	b := bsonraw.NewBuilder(nil)
	b.Doc("_id", operator("$eq", id))
	b.BeginDoc("$expr")
	b.Array("$and", bsonraw.ArrayOf(g.all...))
	b.End()
	return b.Finish()
}

// guard collects conditions, all of which have to hold.
type guard struct {
	all []bsonraw.Value
}

func (g *guard) add(v bsonraw.Value) { g.all = append(g.all, v) }

// path demands that what is at a path is what pre has there, and that objects
// lead to it, so that a path means the same place in both.
func (g *guard) path(pre bsonraw.Doc, path string) {
	at, v := access{}, pre.Value()
	names := update.SplitPath(path)
	for i, name := range names {
		if i > 0 {
			g.typed(at, "object")
		}
		at, v = at.field(name), fieldOf(v, name)
	}
	if v.IsMissing() {
		g.typed(at, "missing")
		return
	}
	g.same(at, v)
}

// fieldOf returns a field of an object; missing if v is none or has none.
func fieldOf(v bsonraw.Value, name string) bsonraw.Value {
	if v.Type != bsonraw.Object {
		return bsonraw.Value{}
	}
	return v.Doc().Get(name)
}

// same demands that a place holds exactly v.
func (g *guard) same(at access, v bsonraw.Value) {
	g.add(equal(at.value(), literal(v).Value()))
	g.types(at, v)
}

func (g *guard) typed(at access, name string) {
	g.add(equal(operator("$type", at.value()).Value(), bsonraw.StringValue(name)))
}

// types demands the types of everything in v that equals values of other types.
func (g *guard) types(at access, v bsonraw.Value) {
	switch v.Type {
	case bsonraw.Object:
		it := v.Doc().Iter()
		for it.Next() {
			g.types(at.field(string(it.Key())), it.Value())
		}
	case bsonraw.Array:
		elements(v.Doc(), func(i int, e bsonraw.Value) { g.types(at.element(i), e) })
	case bsonraw.Int32, bsonraw.Int64, bsonraw.String, bsonraw.Symbol, bsonraw.Null, bsonraw.Undefined:
		g.typed(at, v.Type.Name())
	case bsonraw.Double:
		g.typed(at, v.Type.Name())
		if v.Double() == 0 {
			g.text(at, number.FormatDouble(v.Double()))
		}
	case bsonraw.Decimal128:
		g.typed(at, v.Type.Name())
		g.text(at, number.FormatDecimal(v.Decimal()))
	}
}

// text demands that a number is written so.
func (g *guard) text(at access, text string) {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("$convert")
	b.Value("input", at.value())
	b.String("to", "string")
	b.Null("onError")
	b.Null("onNull")
	b.End()
	g.add(equal(b.Finish().Value(), bsonraw.StringValue(text)))
}

// touched returns the paths that lead from one image to the other; none if that
// is all of the document.
func touched(pre, post bsonraw.Doc) []string {
	if pre == nil || post == nil {
		return nil
	}
	changes := update.DiffDocs(pre, post)
	paths := make([]string, 0, len(changes))
	seen := make(map[string]bool, len(changes))
	for _, c := range changes {
		if c.Path == "" {
			return nil
		}
		if !seen[c.Path] { // a field that moves is unset and set
			seen[c.Path] = true
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// holds reports whether live is at the paths bit for bit what image is there.
// Without paths the whole document has to be.
func holds(image, live bsonraw.Doc, paths []string) bool {
	return len(differing(image, live, paths)) == 0
}

// differing returns those of the paths at which live is not what image is. The
// empty path stands for the whole document.
func differing(image, live bsonraw.Doc, paths []string) []string {
	if len(paths) == 0 || image == nil || live == nil {
		if bsonraw.Identical(image.Value(), live.Value()) && (image == nil) == (live == nil) {
			return nil
		}
		return []string{""}
	}
	var out []string
	for _, path := range paths {
		if a, b := at(image, path), at(live, path); !bsonraw.Identical(a, b) || !leads(live, path) {
			out = append(out, path)
		}
	}
	return out
}

// at returns the value at a path; missing if there is none.
func at(doc bsonraw.Doc, path string) bsonraw.Value {
	v := doc.Value()
	if doc == nil {
		return bsonraw.Value{}
	}
	for _, name := range update.SplitPath(path) {
		v = fieldOf(v, name)
	}
	return v
}

// leads reports whether objects lead to a path.
func leads(doc bsonraw.Doc, path string) bool {
	v := doc.Value()
	names := update.SplitPath(path)
	for _, name := range names[:max(0, len(names)-1)] {
		if v = fieldOf(v, name); v.Type != bsonraw.Object {
			return false
		}
	}
	return true
}
