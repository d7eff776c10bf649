package query

import (
	"strings"

	"github.com/argon-lab/argon/core/errs"
)

// place puts a field at its path below the root. Two fields of one path, or of
// a path and one below it, collide.
func (pp *projParser) place(path string, f projField) error {
	n := pp.p.root
	rest := path
	for {
		name, below, more := strings.Cut(rest, ".")
		at := n.get(name)
		switch {
		case !more && at != nil:
			return errs.New(31250, "Path collision at %s", path)
		case !more:
			f.name = name
			n.add(f)
			return nil
		case at != nil && at.kind != projChild:
			_, behind, _ := strings.Cut(path, ".")
			return errs.New(31249, "Path collision at %s remaining portion %s", path, behind)
		case at == nil:
			at = n.add(projField{name: name, kind: projChild, child: &projNode{}})
		}
		n, rest = at.child, below
	}
}
