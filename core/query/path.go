package query

import (
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Path is a dotted path prepared for walks.
type Path struct {
	dotted string
	parts  []part
}

// part is one component of a path.
type part struct {
	name  string
	index int // what the name is as an array index, or -1
}

// NewPath prepares a dotted path. Every text is a path: "a..b" has an empty
// name in its middle.
func NewPath(dotted string) Path {
	p := Path{dotted: dotted, parts: make([]part, 0, 1+strings.Count(dotted, "."))}
	for name := range strings.SplitSeq(dotted, ".") {
		p.parts = append(p.parts, part{name: name, index: arrayIndex(name)})
	}
	return p
}

// String returns the path with its dots.
func (p Path) String() string { return p.dotted }

// arrayIndex returns the index that name stands for in an array, or -1: "0" and
// "12" are indexes, "012" and "-1" are only names.
func arrayIndex(name string) int {
	if name == "" || len(name) > 9 || name[0] == '0' && len(name) > 1 {
		return -1
	}
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return -1
		}
	}
	n, _ := strconv.Atoi(name)
	return n
}

// The walk of a filter's path (mongod's ElementPath). Each place where the path
// ends gives one value, missing included:
//
//   - an object gives what it has under the next name, missing too;
//   - an array gives what each of its objects gives for the whole rest of the
//     path; where the next name is an index, also what the element there gives
//     for the rest behind the index, arrays in arrays only this way;
//   - any other value with path left gives one missing value if it stands in an
//     object, and nothing if it stands in an array;
//   - an array at the end of the path gives its elements and then itself, but
//     only itself when an index led to it or the visitor looks at whole arrays.
//
// node.walk is this walk with a predicate in place of a visitor, since calls
// through a function value would cost an allocation a document.

// visitor is called with every value of a walk and the index of the outermost
// array it went through, or -1; true ends the walk.
type visitor func(v bsonraw.Value, arrayIndex int) bool

// WalkMatch calls visit with every value that a filter on the path looks at: an
// array fans out, at the end of the path both its elements and, last, the array
// itself; a numeric component is an index or a field name, both tried. A path
// that ends nowhere gives one missing value for each document it ends in. The
// index is that of the outermost array gone through, or -1. WalkMatch stops
// and returns true when visit does.
func (p Path) WalkMatch(doc bsonraw.Doc, visit func(v bsonraw.Value, arrayIndex int) bool) bool {
	return p.walk(0, doc.Value(), -1, visit)
}

// walk continues at v, which is where the components before depth led.
func (p Path) walk(depth int, v bsonraw.Value, at int, visit visitor) bool {
	switch {
	case depth == len(p.parts):
		return visitLeaf(v, at, visit)
	case v.Type == bsonraw.Object:
		return p.walk(depth+1, v.Doc().Get(p.parts[depth].name), at, visit)
	case v.Type == bsonraw.Array:
		return p.walkArray(depth, v, at, visit)
	}
	return visit(bsonraw.Value{}, at)
}

func (p Path) walkArray(depth int, array bsonraw.Value, at int, visit visitor) bool {
	next := p.parts[depth]
	it := array.Doc().Iter()
	for i := 0; it.Next(); i++ {
		outer := at
		if outer < 0 {
			outer = i
		}
		elem := it.Value()
		if elem.Type == bsonraw.Object && p.walk(depth, elem, outer, visit) {
			return true
		}
		if i != next.index {
			continue
		}
		switch {
		case depth+1 == len(p.parts):
			if visit(elem, at) {
				return true
			}
		case elem.Type == bsonraw.Object || elem.Type == bsonraw.Array:
			if p.walk(depth+1, elem, at, visit) {
				return true
			}
		}
	}
	return false
}

func visitLeaf(v bsonraw.Value, at int, visit visitor) bool {
	if v.Type != bsonraw.Array {
		return visit(v, at)
	}
	it := v.Doc().Iter()
	for i := 0; it.Next(); i++ {
		outer := at
		if outer < 0 {
			outer = i
		}
		if visit(it.Value(), outer) {
			return true
		}
	}
	return visit(v, at)
}
