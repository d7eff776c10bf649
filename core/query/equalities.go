package query

import (
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Equality is a path that the filter pins to one value.
type Equality struct {
	Path  string
	Value bsonraw.Value
}

// Equalities returns what an upsert copies from the filter into the new
// document. Two equalities of one path, or of a path and one below it, are
// error 54.
func (f *Filter) Equalities() ([]Equality, error) {
	found := f.root.equalities(nil)
	for i, e := range found {
		for _, earlier := range found[:i] {
			if earlier.Path == e.Path {
				return nil, errs.New(errs.NotSingleValueField, "cannot infer query fields to set, path '%s' is matched twice", e.Path)
			}
			above, below := earlier.Path, e.Path
			if len(above) > len(below) {
				above, below = below, above
			}
			if isBelow(below, above) {
				return nil, errs.New(errs.NotSingleValueField, "cannot infer query fields to set, both paths '%s' and '%s' are matched", below, above)
			}
		}
	}
	return found, nil
}

// IDEqualities returns the equalities of _id and of paths below it, which are all
// that the upsert of a replacement takes from the filter.
func (f *Filter) IDEqualities() []Equality {
	var found []Equality
	for _, e := range f.root.equalities(nil) {
		if e.Path == "_id" || isBelow(e.Path, "_id") {
			found = append(found, e)
		}
	}
	return found
}

// isBelow reports whether path leads through above: a.b is below a.
func isBelow(path, above string) bool {
	return len(path) > len(above) && strings.HasPrefix(path, above) && path[len(above)] == '.'
}

// equalities appends those of the node; $in and $or of one operand were made an
// equality and an AND when they were parsed.
func (n *node) equalities(found []Equality) []Equality {
	switch {
	case n.kind == nodePath && n.pred.op == predEQ:
		return append(found, Equality{n.path.dotted, n.pred.value})
	case n.kind == nodeAnd:
		for _, k := range n.kids {
			found = k.equalities(found)
		}
	}
	return found
}

// IDs returns the values to which the filter pins _id, in ascending order and
// each once; other clauses may still reject the document. False if _id is not
// pinned to single values.
func (f *Filter) IDs() (ids []bsonraw.Value, ok bool) {
	kids := []*node{f.root}
	if f.root.kind == nodeAnd {
		kids = f.root.kids
	}
	for _, n := range kids {
		if n.kind != nodePath || n.path.dotted != "_id" {
			continue
		}
		switch n.pred.op {
		case predEQ:
			return idValues(n.pred.value)
		case predIn:
			if len(n.pred.set.regexes) == 0 {
				return idValues(n.pred.set.values...)
			}
		case predNever:
			return nil, true
		}
	}
	return nil, false
}

// idValues leaves out what no _id can be. Null is an _id; a document without
// one does not exist, so {_id: null} pins it too.
func idValues(values ...bsonraw.Value) ([]bsonraw.Value, bool) {
	ids := make([]bsonraw.Value, 0, len(values))
	for _, v := range values {
		if v.Type != bsonraw.Array {
			ids = append(ids, v)
		}
	}
	return ids, true
}
