package engine

import (
	"context"

	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
)

// OpenFunc opens a part of a result.
type OpenFunc func(ctx context.Context) (Cursor, error)

// minParts is how many pieces a collection must have on disk for a scan of it to
// be worth sharing: less is over before a second goroutine has begun.
const minParts = 4

// FindParts parts a find into cursors that may be read at the same time, by
// different goroutines, each of them once or more often. One behind the other they give what
// Find gives. There are none where the find is no scan of a collection with
// nothing before or behind it that needs all of it, or the collection is small.
func (s *Snapshot) FindParts(ctx context.Context, coll string, spec *FindSpec) ([]OpenFunc, error) {
	c, err := s.compileFind(coll, spec)
	if err != nil || c.coll == nil || c.coll.View {
		return nil, err
	}
	if c.plan.Kind != index.CollScan || c.plan.Reverse || !c.sort.IsEmpty() || spec.Skip > 0 || spec.Limit != 0 {
		return nil, nil
	}
	cuts, err := s.cuts(c.coll.ID)
	if err != nil || len(cuts) < minParts {
		return nil, err
	}
	parts := make([]OpenFunc, 0, len(cuts)+1)
	lo := []byte(nil)
	for _, hi := range append(cuts, nil) {
		parts = append(parts, s.part(coll, spec, index.Range{Lo: lo, Hi: hi}))
		lo = hi
	}
	return parts, nil
}

func (r *reader) cuts(c mvcc.CollectionID) ([][]byte, error) {
	v := r.newView()
	defer v.Close()
	return v.Cuts(c)
}

// part opens one range of a collection. It compiles the find anew, since what a
// filter keeps from document to document is for one goroutine.
func (r *reader) part(coll string, spec *FindSpec, within index.Range) OpenFunc {
	return func(ctx context.Context) (Cursor, error) {
		c, err := r.compileFind(coll, spec)
		if err != nil {
			return nil, err
		}
		plan := *c.plan
		plan.Kind, plan.Ranges = index.IDRange, []index.Range{within}
		c.plan = &plan
		cur, _, err := r.runFind(ctx, c)
		return cur, err
	}
}
