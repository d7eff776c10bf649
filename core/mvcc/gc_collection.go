package mvcc

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
)

// VersionsAbove calls fn with each document, no deletions, that was written to a
// collection in a span above an LSN.
func (s *Store) VersionsAbove(ctx context.Context, span Span, above LSN, c CollectionID, fn func(doc bsonraw.Doc) error) error {
	g := collector{store: s}
	lo := appendHeader(nil, kindVersion, span.Segment, c)
	return g.scan(ctx, lo, successor(lo), func(key, value []byte) error {
		_, lsn, ok := cut(key, headerLen)
		if !ok {
			return corruptKey(key)
		}
		if lsn <= above || lsn > span.Max {
			return nil
		}
		doc, err := openVersion(key, value)
		if err != nil || doc == nil {
			return err
		}
		return fn(doc)
	})
}

// DropCollection removes everything that a segment wrote to a collection, its
// index entries included, or counts it. No view that is still of use may have
// the collection in its catalog.
func (s *Store) DropCollection(ctx context.Context, seg SegmentID, c CollectionID, dryRun bool) (GCStats, error) {
	g := collector{store: s, dryRun: true} // it counts; the ranges go as a whole
	lo, ixLo := appendHeader(nil, kindVersion, seg, c), appendHeader(nil, kindIndex, seg, c)
	for _, part := range []struct {
		lo    []byte
		count *int64
	}{{lo, &g.stats.Versions}, {ixLo, &g.stats.IndexEntries}} {
		err := g.scan(ctx, part.lo, successor(part.lo), func(key, value []byte) error {
			return g.remove(key, len(value), part.count)
		})
		if err != nil {
			return g.stats, err
		}
	}
	if dryRun {
		return g.stats, nil
	}
	b := s.kv.NewBatch()
	b.DeleteRange(lo, successor(lo))
	b.DeleteRange(ixLo, successor(ixLo))
	b.Delete(touchKey(seg, c))
	if err := s.kv.Apply(b, true); err != nil {
		return g.stats, err
	}
	s.touched.forget(seg)
	s.names.forget(lo)
	s.names.forget(ixLo)
	s.ancestry.forget()
	s.pool.purge(true)
	return g.stats, nil
}
