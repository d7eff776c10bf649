package expr

import (
	"slices"
)

// Deps are the parts of the root document that an expression reads.
type Deps struct {
	// Paths are dotted paths, each once; some may be below others.
	Paths []string
	// Whole says that it reads the whole document ($$ROOT, $$CURRENT).
	Whole bool
}

// AddPath adds a dotted path.
func (d *Deps) AddPath(path string) {
	if !slices.Contains(d.Paths, path) {
		d.Paths = append(d.Paths, path)
	}
}

// AddDeps adds what e reads to d. Variables that the caller binds are not part
// of it.
func AddDeps(e Expr, d *Deps) {
	switch x := e.(type) {
	case *rootPath:
		d.AddPath(x.dotted())
	case *builtin:
		d.Whole = d.Whole || x.whole
	}
	e.children(func(child *Expr) { AddDeps(*child, d) })
}
