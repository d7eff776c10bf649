package engine

import (
	"context"

	"github.com/argon-lab/argon/core/mvcc"
)

// keptMoments are the moments of a lineage that stay readable: the one at limit,
// or its end if that is lower, and all above.
type keptMoments struct {
	lineage mvcc.Lineage
	limit   mvcc.LSN
}

// leftover is what a segment holds of a collection.
type leftover struct {
	segment mvcc.SegmentID
	coll    mvcc.CollectionID
}

// dropCollections removes the data of collections that no kept moment has in its
// catalog. A drop leaves the data in place, for the past; once the past is gone,
// nothing would hide it from the versions that are kept.
//
// What is there is listed before the catalogs are read: a collection that is made
// meanwhile is in neither, since its data and its entry are one commit.
func (g *garbage) dropCollections(ctx context.Context, pins []mvcc.Pins) error {
	var found []leftover
	for _, p := range pins {
		colls, err := g.s.mv.Collections(p.Segment)
		if err != nil {
			return err
		}
		for _, c := range colls {
			if c >= firstUserID {
				found = append(found, leftover{p.Segment, c})
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	alive := map[mvcc.CollectionID]bool{}
	for _, k := range g.kept {
		if err := g.addCollections(ctx, k, alive); err != nil {
			return err
		}
	}
	for _, f := range found {
		if alive[f.coll] {
			continue
		}
		stats, err := g.s.mv.DropCollection(ctx, f.segment, f.coll, g.spec.DryRun)
		g.count(stats)
		if err != nil {
			return err
		}
	}
	return nil
}

// addCollections adds the collections that moments have in their catalogs.
func (g *garbage) addCollections(ctx context.Context, k keptMoments, alive map[mvcc.CollectionID]bool) error {
	note := func(doc Doc) error {
		coll, err := decodeCollection(doc)
		if err == nil {
			alive[coll.ID] = true
		}
		return err
	}
	var at mvcc.Lineage
	for _, span := range k.lineage {
		if span.Max > k.limit {
			if err := g.s.mv.VersionsAbove(ctx, span, k.limit, sysCollections, note); err != nil {
				return err
			}
		}
		at = append(at, mvcc.Span{Segment: span.Segment, Max: min(span.Max, k.limit)})
	}
	v := g.s.mv.NewView(at)
	defer v.Close()
	return eachDoc(v, sysCollections, note)
}
