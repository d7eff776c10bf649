package index

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Same compares a new definition with an existing one as createIndexes does.
// It returns true if they are the same index (nothing to create), false if both
// can exist, and otherwise error IndexOptionsConflict or IndexKeySpecsConflict.
// Key, unique, sparse and partialFilterExpression make an index what it is.
func Same(existing, added *Definition) (bool, error) {
	same := alike(existing, added)
	switch {
	case existing.Name == added.Name && same:
		return true, nil
	case existing.Name == added.Name:
		return false, errs.New(errs.IndexKeySpecsConflict, "An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: %s, existing index: %s", text(added.Options.Value()), text(existing.Options.Value()))
	case same && existing.IsID():
		return true, nil
	case same:
		return false, errs.New(errs.IndexOptionsConflict, "Index already exists with a different name: %s", existing.Name)
	}
	return false, nil
}

func alike(a, b *Definition) bool {
	if a.IsID() && b.IsID() {
		return true
	}
	if a.Unique != b.Unique || a.Sparse != b.Sparse || (a.Partial == nil) != (b.Partial == nil) {
		return false
	}
	if a.Partial != nil && bsonraw.CompareDocs(a.Partial, b.Partial) != 0 {
		return false
	}
	return bsonraw.CompareDocs(a.KeyPattern(), b.KeyPattern()) == 0
}
