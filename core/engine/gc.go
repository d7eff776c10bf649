package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// graceOfUnreachable is how long what no name reaches any more (deleted branches
// and projects, heads that a restore left) stays where a project has no
// retention of its own.
const graceOfUnreachable = 14 * 24 * time.Hour

// SetRetention sets how long a project keeps history: versions that were
// replaced longer ago go with the next garbage collection, except those that a
// tag, a branch or a merge needs. Zero keeps everything.
func (s *Store) SetRetention(ctx context.Context, name string, keep time.Duration) error {
	if keep < 0 {
		return errs.New(errs.BadValue, "a retention cannot be negative, got %s", keep)
	}
	p, err := s.project(name)
	if err != nil {
		return err
	}
	main, err := s.branch(name, refs.Main)
	if err != nil {
		return err
	}
	rec := p.rec
	rec.Retention = keep
	c := &mvcc.Commit{Segment: main.rec.Segment, Refs: []refWrite{{Key: refs.ProjectKey(name), Value: rec.Encode()}}}
	return s.applyRefs(ctx, c, p, nil, func(mvcc.LSN) { p.rec.Retention = keep })
}

// Retention returns how long a project keeps history; zero is for ever.
func (s *Store) Retention(ctx context.Context, name string) (time.Duration, error) {
	p, err := s.project(name)
	if err != nil {
		return 0, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return p.rec.Retention, nil
}

// GC removes what no branch, tag, merge or retention needs, or says what it
// would remove: {dryRun, segments, versions, indexEntries, bytes, projects:
// [{name, keep, horizon}]}.
func (s *Store) GC(ctx context.Context, spec *GCSpec) (Doc, error) {
	if s.opts.ReadOnly && !spec.DryRun {
		return nil, errs.New(errs.StoreReadOnly, "the store in %s is open for reading only", s.dir)
	}
	s.creating.Lock() // no branch is made from what is about to go
	defer s.creating.Unlock()
	g := &garbage{s: s, spec: spec, now: s.clock(), pins: map[mvcc.SegmentID]*segmentPins{}}
	if err := g.mark(); err != nil {
		return nil, err
	}
	if err := g.sweep(ctx); err != nil {
		return nil, err
	}
	if !spec.DryRun {
		s.catalogs.forget()
	}
	return g.document(), nil
}

// garbage is a garbage collection under way.
type garbage struct {
	s        *Store
	spec     *GCSpec
	now      time.Time
	pins     map[mvcc.SegmentID]*segmentPins
	kept     []keptMoments
	stats    mvcc.GCStats
	dropped  int64
	horizons []projectHorizon
}

// segmentPins are the moments of one segment that something needs.
type segmentPins struct {
	lsns    map[mvcc.LSN]bool
	horizon mvcc.LSN // everything above it stays, and what is visible at it
}

type projectHorizon struct {
	project *project
	name    string
	lsn     mvcc.LSN // newest commit of any branch before the horizon
	keep    time.Duration
	horizon time.Time // zero: everything is kept
}

// mark finds every position that is needed.
func (g *garbage) mark() error {
	g.s.mu.RLock()
	projects := slices.Collect(maps.Values(g.s.projects))
	g.s.mu.RUnlock()
	for _, p := range projects {
		if err := g.markProject(p); err != nil {
			return err
		}
	}
	return g.markMerges()
}

func (g *garbage) markProject(p *project) error {
	g.s.mu.RLock()
	keep := p.rec.Retention
	branches := slices.Collect(maps.Values(p.branches))
	tags := slices.Collect(maps.Values(p.tags))
	log := slices.Clone(p.log)
	g.s.mu.RUnlock()
	grace := graceOfUnreachable
	if g.spec.Keep > 0 {
		keep = g.spec.Keep
	}
	h := projectHorizon{project: p, name: p.rec.Name, keep: keep}
	if keep > 0 {
		h.horizon, grace = g.now.Add(-keep), keep
	}
	for _, b := range branches {
		limit, err := g.keep(wal.Position{Segment: b.rec.Segment, LSN: mvcc.MaxLSN}, h.horizon)
		if err != nil {
			return err
		}
		h.lsn = max(h.lsn, limit)
	}
	g.horizons = append(g.horizons, h)
	for _, t := range tags {
		if err := g.pin(wal.Position{Segment: t.Segment, LSN: t.LSN}); err != nil {
			return err
		}
	}
	for _, e := range log {
		if e.From.Segment == 0 || e.Time.Before(g.now.Add(-grace)) {
			continue
		}
		if _, err := g.keep(e.From, h.horizon); err != nil {
			return err
		}
	}
	return nil
}

// keep pins a position with what its lineage wrote since the horizon; all of it
// where that is zero. It returns the newest commit before the horizon.
func (g *garbage) keep(at wal.Position, horizon time.Time) (limit mvcc.LSN, err error) {
	lineage, err := g.s.mv.Lineage(at.Segment, at.LSN)
	if err != nil {
		return 0, err
	}
	if !horizon.IsZero() {
		if limit, _, err = g.s.mv.LSNAt(lineage, horizon); err != nil {
			return 0, err
		}
	}
	g.add(lineage, limit)
	return limit, nil
}

// pin keeps one moment, as a tag does.
func (g *garbage) pin(at wal.Position) error {
	lineage, err := g.s.mv.Lineage(at.Segment, at.LSN)
	if err == nil {
		g.add(lineage, mvcc.MaxLSN)
	}
	return err
}

// add pins a lineage's spans, and everything above limit.
func (g *garbage) add(lineage mvcc.Lineage, limit mvcc.LSN) {
	g.kept = append(g.kept, keptMoments{lineage, limit})
	for _, span := range lineage {
		p := g.pins[span.Segment]
		if p == nil {
			p = &segmentPins{lsns: map[mvcc.LSN]bool{}, horizon: limit}
			g.pins[span.Segment] = p
		}
		p.horizon = min(p.horizon, limit)
		if span.Max < mvcc.MaxLSN {
			p.lsns[span.Max] = true
		}
		if limit > 0 && limit < mvcc.MaxLSN {
			p.lsns[limit] = true
		}
	}
}

// markMerges pins the heads that reachable segments merged: they are the bases
// of later merges, whose operators stand in their logs.
func (g *garbage) markMerges() error {
	for again := true; again; {
		again = false
		for _, seg := range slices.Collect(maps.Keys(g.pins)) {
			for _, m := range g.s.mergesOf(seg) {
				p := g.pins[m.merged.Segment]
				if p != nil && p.lsns[m.merged.LSN] {
					continue
				}
				again = true
				if err := g.pin(m.merged); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// sweep drops unreachable segments and removes hidden versions from the others.
func (g *garbage) sweep(ctx context.Context) error {
	segments, err := g.segments()
	if err != nil {
		return err
	}
	var pins []mvcc.Pins
	var reachable []mvcc.SegmentID
	for _, rec := range segments {
		p := g.pins[rec.ID]
		if p == nil {
			if err := g.drop(ctx, rec.ID); err != nil {
				return err
			}
			continue
		}
		reachable = append(reachable, rec.ID)
		if p.horizon == 0 {
			continue // all of its history is kept
		}
		pins = append(pins, mvcc.Pins{Segment: rec.ID, LSNs: p.sorted(), Root: rec.Parent == 0})
	}
	if err := g.announce(ctx); err != nil {
		return err
	}
	unnamed, err := g.unnamed(ctx, reachable)
	if err != nil {
		return err
	}
	for _, u := range unnamed {
		stats, err := g.s.mv.RemoveUnnamed(ctx, u, g.spec.DryRun)
		g.count(stats)
		if err != nil {
			return err
		}
	}
	for i := range pins {
		pins[i].Unnamed = unnamed
	}
	stats, err := g.s.mv.RemoveVersions(ctx, pins, g.spec.DryRun)
	g.count(stats)
	return err
}

func (g *garbage) count(stats mvcc.GCStats) {
	g.stats.Versions += stats.Versions
	g.stats.IndexEntries += stats.IndexEntries
	g.stats.Bytes += stats.Bytes
}

// announce records how far back history may be incomplete, before it is: after
// a crash in between, reads of the past fail where they might have worked, and
// never show less than there was.
func (g *garbage) announce(ctx context.Context) error {
	if g.spec.DryRun {
		return nil
	}
	for _, h := range g.horizons {
		if err := g.s.noteCollected(ctx, h.project, h.lsn); err != nil {
			return err
		}
	}
	return nil
}

// sorted lists the pins up to the horizon; above it everything stays anyway.
func (p *segmentPins) sorted() []mvcc.LSN {
	var list []mvcc.LSN
	for lsn := range p.lsns {
		if lsn <= p.horizon {
			list = append(list, lsn)
		}
	}
	list = append(list, p.horizon)
	slices.Sort(list)
	return slices.Compact(list)
}

func (g *garbage) segments() ([]refs.Segment, error) {
	var list []refs.Segment
	lo, hi := refs.SegmentRange()
	err := g.s.eachRef(lo, hi, func(key, value []byte) error {
		rec, err := refs.DecodeSegment(key, value)
		list = append(list, rec)
		return err
	})
	return list, err
}

// drop removes a segment that nothing reaches. Its record goes last, so that a
// crash in between leaves a segment that the next collection finds again.
func (g *garbage) drop(ctx context.Context, seg mvcc.SegmentID) error {
	g.dropped++
	size, err := g.s.mv.SegmentDiskUsage(seg)
	if err != nil {
		return err
	}
	g.stats.Bytes += int64(size)
	if g.spec.DryRun {
		return nil
	}
	if err := g.s.mv.DropSegment(ctx, seg); err != nil {
		return err
	}
	c := &mvcc.Commit{Segment: seg, Refs: []refWrite{{Key: refs.SegmentKey(seg)}}}
	_, wait, err := g.s.mv.Apply(ctx, c)
	if err != nil {
		return err
	}
	g.s.mv.ForgetSegment(seg)
	return wait()
}

func (g *garbage) document() Doc {
	b := bsonraw.NewBuilder(nil)
	b.Bool("dryRun", g.spec.DryRun)
	b.Int64("segments", g.dropped)
	b.Int64("versions", g.stats.Versions)
	b.Int64("indexEntries", g.stats.IndexEntries)
	b.Int64("bytes", g.stats.Bytes)
	b.BeginArray("projects")
	for i, h := range g.horizons {
		b.BeginDoc(bsonraw.Index(i))
		b.String("name", h.name)
		if h.keep > 0 {
			b.String("keep", h.keep.String())
			b.Time("horizon", h.horizon)
		} else {
			b.Null("keep")
		}
		b.End()
	}
	b.End()
	return b.Finish()
}
