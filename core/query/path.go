package query

import "github.com/argon-lab/argon/core/bsonraw"

// Path is a dotted path prepared for walks.
type Path struct {
	parts []string
}

// NewPath prepares a dotted path.
func NewPath(dotted string) Path { return Path{} }

// WalkMatch calls visit with every value that a filter on the path looks at: an
// array fans out, at the end of the path both its elements and, last, the array
// itself; a numeric component is an index or a field name, both tried. A path
// that ends nowhere gives one missing value for each document it ends in. The
// index is that of the outermost array gone through, or -1. WalkMatch stops
// and returns true when visit does.
func (p Path) WalkMatch(doc bsonraw.Doc, visit func(v bsonraw.Value, arrayIndex int) bool) bool {
	return false
}
