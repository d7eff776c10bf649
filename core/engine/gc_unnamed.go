package engine

import (
	"context"
	"sync"

	"github.com/argon-lab/argon/core/mvcc"
)

// keptMoments are the moments of a lineage that stay readable: the one at limit,
// or its end if that is lower, and all above.
type keptMoments struct {
	lineage mvcc.Lineage
	limit   mvcc.LSN
}

// named are the collections and indexes that catalogs name.
type named struct {
	collections map[mvcc.CollectionID]bool
	indexes     map[mvcc.IndexID]bool
}

// unnamed finds the data of collections and indexes that no kept moment has in
// its catalog. A drop leaves the data in place, for the past; once the past is
// gone, nothing would hide it from the versions that are kept. What a build of an
// index wrote that failed, or that a crash cut off, was never named.
//
// What is there is listed before the catalogs are read. A collection that is made
// meanwhile is in neither, since its data and its entry are one commit; an index
// is among those being built until its entry is committed.
func (g *garbage) unnamed(ctx context.Context, segments []mvcc.SegmentID) ([]mvcc.Unnamed, error) {
	var found []mvcc.Unnamed
	for _, seg := range segments {
		more, err := g.collectionsOf(seg)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	if len(found) == 0 {
		return nil, nil
	}
	use := named{map[mvcc.CollectionID]bool{}, g.s.builds.all()}
	for _, k := range g.kept {
		if err := g.addNames(ctx, k, use); err != nil {
			return nil, err
		}
	}
	var list []mvcc.Unnamed
	for _, u := range found {
		if use.lack(u) {
			list = append(list, u)
		}
	}
	return list, nil
}

// lack reports whether something is in no catalog, nor in something else that is
// in none.
func (n named) lack(u mvcc.Unnamed) bool {
	if u.Index == 0 {
		return !n.collections[u.Collection]
	}
	return n.collections[u.Collection] && !n.indexes[u.Index]
}

// collectionsOf lists the users' collections that a segment has data of, and their
// indexes.
func (g *garbage) collectionsOf(seg mvcc.SegmentID) (found []mvcc.Unnamed, err error) {
	colls, err := g.s.mv.Collections(seg)
	if err != nil {
		return nil, err
	}
	for _, c := range colls {
		if c < firstUserID {
			continue
		}
		found = append(found, mvcc.Unnamed{Segment: seg, Collection: c})
		indexes, err := g.s.mv.Indexes(seg, c)
		if err != nil {
			return nil, err
		}
		for _, ix := range indexes {
			found = append(found, mvcc.Unnamed{Segment: seg, Collection: c, Index: ix})
		}
	}
	return found, nil
}

// addNames adds what moments have in their catalogs.
func (g *garbage) addNames(ctx context.Context, k keptMoments, use named) error {
	err := g.eachKept(ctx, k, sysCollections, func(doc Doc) error {
		coll, err := decodeCollection(doc)
		if err == nil {
			use.collections[coll.ID] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	return g.eachKept(ctx, k, sysIndexes, func(doc Doc) error {
		_, def, err := decodeIndex(doc)
		if err == nil {
			use.indexes[mvcc.IndexID(def.ID)] = true
		}
		return err
	})
}

// eachKept calls fn with every document of a system collection that one of these
// moments has.
func (g *garbage) eachKept(ctx context.Context, k keptMoments, c mvcc.CollectionID, fn func(Doc) error) error {
	var at mvcc.Lineage
	for _, span := range k.lineage {
		if span.Max > k.limit {
			if err := g.s.mv.VersionsAbove(ctx, span, k.limit, c, fn); err != nil {
				return err
			}
		}
		at = append(at, mvcc.Span{Segment: span.Segment, Max: min(span.Max, k.limit)})
	}
	v := g.s.mv.NewView(at)
	defer v.Close()
	return eachDoc(v, c, fn)
}

// builds are the indexes that transactions under way have made: they have entries
// on the disk, and no catalog names them yet.
type builds struct {
	mu      sync.Mutex
	running map[mvcc.IndexID]bool
}

func (b *builds) begin(ix mvcc.IndexID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running == nil {
		b.running = map[mvcc.IndexID]bool{}
	}
	b.running[ix] = true
}

// end forgets indexes whose transaction is over, in whatever way.
func (b *builds) end(list []mvcc.IndexID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ix := range list {
		delete(b.running, ix)
	}
}

func (b *builds) all() map[mvcc.IndexID]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[mvcc.IndexID]bool{}
	for ix := range b.running {
		all[ix] = true
	}
	return all
}
