package engine

import (
	"context"
	"fmt"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// maxProblems bounds how many problems a check lists; all are counted.
const maxProblems = 100

// Check reads the whole store and reports what does not fit together:
// {problems: [text], checked: {keys, documents, deletions, indexEntries,
// logRecords, refs, bytes, collections, problems}}. The error is for a check
// that could not go on, for example because of a checksum that does not hold.
func (s *Store) Check(ctx context.Context) (Doc, error) {
	c := &check{s: s, ctx: ctx}
	stats, err := s.mv.Check(ctx, mvcc.CheckOptions{
		Report:    func(p mvcc.Problem) bool { c.problem("%s", p); return true },
		Collected: s.collectedUpTo,
	})
	if err != nil {
		return nil, err
	}
	if err := c.heads(); err != nil {
		return nil, err
	}
	b := bsonraw.NewBuilder(nil)
	b.BeginArray("problems")
	for i, text := range c.problems {
		b.String(bsonraw.Index(i), text)
	}
	b.End()
	b.BeginDoc("checked")
	b.Int64("keys", stats.Keys)
	b.Int64("documents", stats.Documents)
	b.Int64("deletions", stats.Deletions)
	b.Int64("indexEntries", stats.IndexEntries)
	b.Int64("logRecords", stats.LogRecords)
	b.Int64("refs", stats.Refs)
	b.Int64("bytes", stats.Bytes)
	b.Int64("collections", c.collections)
	b.Int64("problems", c.found)
	b.End()
	return b.Finish(), nil
}

// check looks at what only the engine knows: counts and indexes at the heads of
// branches and at tags.
type check struct {
	s           *Store
	ctx         context.Context
	problems    []string
	found       int64
	collections int64
}

func (c *check) problem(format string, args ...any) {
	if c.found++; len(c.problems) < maxProblems {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}

func (c *check) heads() error {
	c.s.mu.RLock()
	var ats []wal.Position
	for _, p := range c.s.projects {
		for _, b := range p.branches {
			ats = append(ats, wal.Position{Segment: b.rec.Segment, LSN: mvcc.MaxLSN})
		}
		for _, t := range p.tags {
			ats = append(ats, wal.Position{Segment: t.Segment, LSN: t.LSN})
		}
	}
	c.s.mu.RUnlock()
	seen := map[wal.Position]bool{} // branches without commits of their own repeat their parent
	for _, at := range ats {
		lineage, err := c.s.mv.Lineage(at.Segment, at.LSN)
		if err != nil {
			return err
		}
		key := wal.Position{Segment: lineage[0].Segment, LSN: lineage[0].Max}
		if seen[key] {
			continue
		}
		seen[key] = true
		if err := c.lineage(lineage); err != nil {
			return err
		}
	}
	return nil
}

// lineage checks every collection that a lineage shows.
func (c *check) lineage(l mvcc.Lineage) error {
	v := c.s.mv.NewView(l)
	defer v.Close()
	cat, err := loadCatalog(v)
	if err != nil {
		return err
	}
	for _, coll := range cat.sorted() {
		if coll.View {
			continue
		}
		c.collections++
		if err := c.count(v, coll); err != nil {
			return err
		}
		for _, def := range coll.Indexes {
			if _, err := c.index(l, coll, def); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *check) count(v *mvcc.View, coll *Collection) error {
	want, err := count(v, coll.ID)
	if err != nil {
		return err
	}
	var n int64
	cur := v.Scan(coll.ID, nil, nil, false)
	defer cur.Close()
	for cur.Next() {
		if n++; n%checkEvery == 0 {
			if err := ctxError(c.ctx); err != nil {
				return err
			}
		}
	}
	if n != want {
		c.problem("collection %q has %d documents, and its count says %d", coll.Name, n, want)
	}
	return cur.Err()
}

func (c *check) index(l mvcc.Lineage, coll *Collection, def *index.Definition) (entries int64, err error) {
	keys := func(doc bsonraw.Doc, emit func([]byte)) error {
		_, err := def.KeysOf(doc, emit)
		return err
	}
	return c.s.mv.CheckIndex(c.ctx, l, coll.ID, mvcc.IndexID(def.ID), keys, func(p mvcc.Problem) bool {
		c.problem("index %q of collection %q: %s", def.Name, coll.Name, p)
		return true
	})
}

// collectedUpTo returns the LSN up to which garbage collection may have removed
// versions of a segment.
func (s *Store) collectedUpTo(seg mvcc.SegmentID) mvcc.LSN {
	rec, err := s.mv.Segment(seg)
	if err != nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range s.projects {
		if p.rec.ID == rec.Project {
			return p.rec.Collected
		}
	}
	return mvcc.MaxLSN // of a deleted project
}

// noteCollected remembers up to which LSN a project's history may have gone.
func (s *Store) noteCollected(ctx context.Context, p *project, upTo mvcc.LSN) error {
	if upTo <= p.rec.Collected {
		return nil
	}
	rec := p.rec
	rec.Collected = upTo
	c := &mvcc.Commit{Segment: p.branches[refs.Main].rec.Segment, Refs: []refWrite{{Key: refs.ProjectKey(rec.Name), Value: rec.Encode()}}}
	return s.applyRefs(ctx, c, p, nil, func(mvcc.LSN) { p.rec.Collected = upTo })
}
