package engine

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
)

// OpenFunc opens a part of a result.
type OpenFunc func(ctx context.Context) (Cursor, error)

// minParts is how many pieces a collection must have on disk for a scan of it to
// be worth sharing: less is over before a second goroutine has begun.
const minParts = 4

// FindParts parts a find into cursors that may be read at the same time, by
// different goroutines, each of them once or more often. One behind the other they
// give what Find gives. There are none where the find is no scan of a collection
// with nothing before or behind it that needs all of it, or the collection is
// small.
func (s *Snapshot) FindParts(ctx context.Context, coll string, spec *FindSpec) ([]OpenFunc, error) {
	c, err := s.compileFind(coll, spec)
	if err != nil {
		return nil, err
	}
	ranges, err := s.parts(c)
	if err != nil {
		return nil, err
	}
	parts := make([]OpenFunc, len(ranges))
	for i, within := range ranges {
		parts[i] = func(ctx context.Context) (Cursor, error) { return s.part(ctx, coll, spec, within) }
	}
	return parts, nil
}

// parts returns the ranges of _id keys that a find may be parted into.
func (r *reader) parts(c *compiledFind) ([]index.Range, error) {
	if c.coll == nil || c.coll.View || r.over != nil || c.plan.Kind != index.CollScan || c.plan.Reverse ||
		!c.sort.IsEmpty() || c.spec.Skip > 0 || c.spec.Limit != 0 {
		return nil, nil
	}
	v := r.newView()
	defer v.Close()
	cuts, err := v.Cuts(c.coll.ID)
	if err != nil || len(cuts) < minParts {
		return nil, err
	}
	ranges := make([]index.Range, 0, len(cuts)+1)
	lo := []byte(nil)
	for _, hi := range append(cuts, nil) {
		ranges = append(ranges, index.Range{Lo: lo, Hi: hi})
		lo = hi
	}
	return ranges, nil
}

// part opens one range of a collection. It compiles the find anew, since what a
// filter keeps from document to document is for one goroutine.
func (r *reader) part(ctx context.Context, coll string, spec *FindSpec, within index.Range) (Cursor, error) {
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

// FindBehind returns a collection's documents in the order of their _ids, those
// behind one: whoever compares or copies goes on there. A missing id is the
// beginning. Unlike {_id: {$gt: id}}, it goes on to _ids of other types.
func (s *Snapshot) FindBehind(ctx context.Context, coll string, id Value) (Cursor, error) {
	if id.IsMissing() {
		return s.Find(ctx, coll, &FindSpec{})
	}
	c := s.catalog.byName[coll]
	if c == nil || c.View {
		return emptyCursor{}, nil
	}
	// No key is the beginning of another, so none is between these two.
	return s.part(ctx, coll, &FindSpec{}, index.Range{Lo: append(bsonraw.AppendKey(nil, id), 0xFF)})
}

// maxCounters bounds how many processors one count takes.
const maxCounters = 8

// countParts counts what a find matches, on all processors.
func (r *reader) countParts(ctx context.Context, coll string, spec *FindSpec, ranges []index.Range) (int64, error) {
	var next, total atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), maxCounters, len(ranges)) {
		group.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil { // nobody else could
					err = errs.New(errs.LibraryPanicked, "a defect stopped a count: %v", p)
				}
			}()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(ranges) {
					return nil
				}
				cur, err := r.part(ctx, coll, spec, ranges[i])
				if err != nil {
					return err
				}
				n, err := countAll(ctx, cur)
				if err != nil {
					return err
				}
				total.Add(n)
			}
		})
	}
	err := group.Wait()
	return total.Load(), err
}

// countAll reads a cursor to its end and closes it.
func countAll(ctx context.Context, cur Cursor) (n int64, err error) {
	defer cur.Close()
	for {
		_, ok, err := cur.Next(ctx)
		if err != nil || !ok {
			return n, err
		}
		n++
	}
}
