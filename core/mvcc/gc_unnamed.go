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

// Unnamed is data that no catalog of use names: of a collection, or of one index
// of it.
type Unnamed struct {
	Segment    SegmentID
	Collection CollectionID
	Index      IndexID // 0: the collection with all of its indexes
}

// ranges returns where the data is: versions, and index entries.
func (u Unnamed) ranges() (versions, entries []byte) {
	if u.Index != 0 {
		return nil, appendIndexHeader(nil, u.Segment, u.Collection, u.Index)
	}
	return appendHeader(nil, kindVersion, u.Segment, u.Collection), appendHeader(nil, kindIndex, u.Segment, u.Collection)
}

// Indexes returns the indexes of a collection that a segment has entries of.
func (s *Store) Indexes(seg SegmentID, c CollectionID) (list []IndexID, err error) {
	lo := appendHeader(nil, kindIndex, seg, c)
	r, err := s.kv.NewIter(lo, successor(lo))
	if err != nil {
		return nil, err
	}
	defer func() { err = firstError(err, r.Close()) }()
	for ok := r.First(); ok; {
		if len(r.Key()) < indexLen {
			return nil, corruptKey(r.Key())
		}
		ix := indexOf(r.Key())
		list = append(list, ix)
		ok = r.SeekGE(successor(appendIndexHeader(nil, seg, c, ix)))
	}
	return list, r.Err()
}

// RemoveUnnamed removes all that a segment wrote to a collection, or the entries
// of an index, or counts it.
func (s *Store) RemoveUnnamed(ctx context.Context, u Unnamed, dryRun bool) (GCStats, error) {
	g := collector{store: s, dryRun: true} // it counts; the ranges go as a whole
	versions, entries := u.ranges()
	for _, part := range []struct {
		lo    []byte
		count *int64
	}{{versions, &g.stats.Versions}, {entries, &g.stats.IndexEntries}} {
		if part.lo == nil {
			continue
		}
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
	b.DeleteRange(entries, successor(entries))
	if u.Index == 0 {
		b.DeleteRange(versions, successor(versions))
		b.Delete(touchKey(u.Segment, u.Collection))
	}
	if err := s.kv.Apply(b, true); err != nil {
		return g.stats, err
	}
	if u.Index == 0 {
		s.touched.forget(u.Segment)
		s.names.forget(versions)
	}
	s.names.forget(entries)
	s.ancestry.forget()
	s.pool.purge(true)
	return g.stats, nil
}
