package mvcc

import (
	"bytes"
	"context"
	"slices"
	"sort"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
)

// Pins says which moments of a segment must stay as they are.
type Pins struct {
	Segment SegmentID
	// LSNs ascend. What is visible in the segment at one of them stays; of
	// what is above the last one, everything.
	LSNs []LSN
	// Root says that the segment has no parent. A deletion with nothing below
	// it can go then; in another segment it hides what the parent has.
	Root bool
	// Unnamed is what goes as a whole (RemoveUnnamed) and is not looked at here,
	// so that a dry run counts nothing twice.
	Unnamed []Unnamed
}

// GCStats says what a garbage collection removed, or would remove.
type GCStats struct {
	Versions     int64
	IndexEntries int64
	Bytes        int64 // keys and values, before compression
}

// gcBatch is how many bytes of removals are applied at a time.
const gcBatch = 256 << 10

// RemoveVersions removes what no pin sees: versions and index entries that a
// newer one hides at every pinned moment. A dry run only counts. Removing is not a commit: no view that the pins stand for changes.
func (s *Store) RemoveVersions(ctx context.Context, pins []Pins, dryRun bool) (GCStats, error) {
	g := collector{store: s, dryRun: dryRun}
	for _, p := range pins {
		if !sort.SliceIsSorted(p.LSNs, func(i, j int) bool { return p.LSNs[i] < p.LSNs[j] }) {
			return g.stats, errs.New(errs.InternalError, "the pins of segment %d do not ascend", p.Segment)
		}
		if err := g.segment(ctx, p); err != nil {
			return g.stats, err
		}
	}
	err := g.flush()
	if !dryRun {
		s.pool.purge(true)
	}
	return g.stats, err
}

type collector struct {
	store  *Store
	dryRun bool
	stats  GCStats
	batch  kv.Batch
}

func (g *collector) segment(ctx context.Context, p Pins) error {
	colls, err := g.store.Collections(p.Segment)
	if err != nil {
		return err
	}
	sort.Slice(colls, func(i, j int) bool { return colls[i] < colls[j] })
	for _, c := range colls {
		if p.unnamed(c, 0) {
			continue
		}
		lo := appendHeader(nil, kindVersion, p.Segment, c)
		if err := g.versions(ctx, p, lo, headerLen, &g.stats.Versions); err != nil {
			return err
		}
		if err := g.entries(ctx, p, c); err != nil {
			return err
		}
	}
	return nil
}

func (g *collector) entries(ctx context.Context, p Pins, c CollectionID) error {
	indexes, err := g.store.Indexes(p.Segment, c)
	if err != nil {
		return err
	}
	for _, ix := range indexes {
		if p.unnamed(c, ix) {
			continue
		}
		lo := appendIndexHeader(nil, p.Segment, c, ix)
		if err := g.versions(ctx, p, lo, indexLen, &g.stats.IndexEntries); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pins) unnamed(c CollectionID, ix IndexID) bool {
	return slices.Contains(p.Unnamed, Unnamed{Segment: p.Segment, Collection: c, Index: ix})
}

// scan calls fn for every key in [lo, hi) with the length of its value.
func (g *collector) scan(ctx context.Context, lo, hi []byte, fn func(key, value []byte) error) (err error) {
	r, err := g.store.kv.NewIter(lo, hi) // the pool's may see what is gone
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, r.Close()) }()
	n := 0
	for ok := r.First(); ok; ok = r.Next() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return errs.Wrap(ctx.Err(), errs.Interrupted, "the garbage collection was stopped")
		}
		value, err := r.Value()
		if err != nil {
			return err
		}
		if err := fn(r.Key(), value); err != nil {
			return err
		}
	}
	return r.Err()
}

// versions removes from one range of versioned keys. Of the versions of a name,
// newest first, it keeps each that is the newest at or below some pin, and all
// above the last pin.
func (g *collector) versions(ctx context.Context, p Pins, lo []byte, header int, count *int64) error {
	var name []byte
	unseen := len(p.LSNs) // pins at and above this one are served
	var lone []deletion   // kept ones with no kept document below
	err := g.scan(ctx, lo, successor(lo), func(key, value []byte) error {
		n, lsn, ok := cut(key, header)
		if !ok {
			return corruptKey(key)
		}
		if string(n) != string(name) {
			if err := g.dropLone(p, lone, count); err != nil {
				return err
			}
			lone = lone[:0]
			name = append(name[:0], n...)
			unseen = len(p.LSNs)
		}
		keep := lsn > p.newestPin()
		// Every pin at or above this version, and below the versions before
		// it, sees this one.
		for unseen > 0 && p.LSNs[unseen-1] >= lsn {
			unseen--
			keep = true
		}
		switch {
		case !keep:
			return g.remove(key, len(value), count)
		case len(value) == 0 || value[0] != flagDeleted:
			lone = lone[:0]
		case lsn <= p.newestPin():
			lone = append(lone, deletion{bytes.Clone(key), len(value)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return g.dropLone(p, lone, count)
}

func (p *Pins) newestPin() LSN {
	if len(p.LSNs) == 0 {
		return 0
	}
	return p.LSNs[len(p.LSNs)-1]
}

// deletion is a version, or index entry, that says that there is nothing.
type deletion struct {
	key  []byte
	size int
}

// dropLone removes the deletions of a name below which nothing is kept: no view
// can tell them from a name that never was. In a segment with a parent they
// hide what the parent has.
func (g *collector) dropLone(p Pins, lone []deletion, count *int64) error {
	if !p.Root {
		return nil
	}
	for i := len(lone) - 1; i >= 0; i-- { // oldest first, so that none is ever bare
		if err := g.remove(lone[i].key, lone[i].size, count); err != nil {
			return err
		}
	}
	return nil
}

func (g *collector) remove(key []byte, valueLen int, count *int64) error {
	*count++
	g.stats.Bytes += int64(len(key) + valueLen)
	if g.dryRun {
		return nil
	}
	if g.batch == nil {
		g.batch = g.store.kv.NewBatch()
	}
	g.batch.Delete(key)
	if g.batch.Size() < gcBatch {
		return nil
	}
	return g.flush()
}

func (g *collector) flush() error {
	if g.batch == nil {
		return nil
	}
	b := g.batch
	g.batch = nil
	g.store.pool.wrote(b.Size())
	return g.store.kv.Apply(b, true)
}

// DropSegment removes everything that a segment wrote, its log included; the
// segment's record is the caller's to remove. No branch or tag may need it.
func (s *Store) DropSegment(ctx context.Context, seg SegmentID) error {
	if err := ctx.Err(); err != nil {
		return errs.Wrap(err, errs.Interrupted, "the segment was not dropped")
	}
	b := s.kv.NewBatch()
	for _, kind := range []byte{kindLog, kindTouch, kindVersion, kindIndex} {
		lo := appendSegment(nil, kind, seg)
		b.DeleteRange(lo, successor(lo))
	}
	if err := s.kv.Apply(b, true); err != nil {
		return err
	}
	s.touched.forget(seg)
	s.names.forget(appendSegment(nil, kindVersion, seg))
	s.names.forget(appendSegment(nil, kindIndex, seg))
	s.ancestry.forget()
	s.pool.purge(true)
	return nil
}

// SegmentDiskUsage estimates the bytes on disk of a segment.
func (s *Store) SegmentDiskUsage(seg SegmentID) (total uint64, err error) {
	for _, kind := range []byte{kindLog, kindVersion, kindIndex} {
		lo := appendSegment(nil, kind, seg)
		n, err := s.kv.DiskUsage(lo, successor(lo))
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
