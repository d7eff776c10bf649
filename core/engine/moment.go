package engine

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// position finds the segment and LSN that a ref means.
//
// A moment by LSN or time is looked up where the branch pointed at that moment
// (its ref log tells), so that what a restore left behind stays readable under
// its own LSNs. A count goes back along what the branch sees now.
func (s *Store) position(ref refs.Ref) (*branch, wal.Position, error) {
	b, err := s.branch(ref.Project, ref.Branch)
	if err != nil {
		return nil, wal.Position{}, err
	}
	head := b.head.Load()
	at := wal.Position{Segment: head.lineage[0].Segment, LSN: head.lsn}
	switch m := ref.Moment; m.Kind {
	case refs.AtLSN:
		at, err = s.atLSN(b, head, m.LSN)
	case refs.AtTime:
		at, err = s.atTime(b, head, m.Time)
	case refs.Back:
		var ok bool
		at.LSN, ok, err = s.back(ref.Project, head.lineage, m.Back)
		if err == nil && !ok {
			err = errs.New(errs.MomentNotFound, "branch %q has fewer than %d commits", ref.Branch, m.Back+1)
		}
	case refs.Tag:
		at, err = s.atTag(b, m.Tag)
	}
	if err == nil && ref.Moment.Kind != refs.Tag {
		err = s.checkCollected(b, head, at.LSN)
	}
	if err != nil {
		return nil, at, err
	}
	at, err = s.origin(at)
	return b, at, err
}

// checkCollected fails for a moment whose versions garbage collection may have
// removed: it would show less than there was. Heads and tags are always whole.
func (s *Store) checkCollected(b *branch, head *headState, lsn mvcc.LSN) error {
	s.mu.RLock()
	collected := b.project.rec.Collected
	s.mu.RUnlock()
	if lsn >= collected || lsn >= head.lsn {
		return nil
	}
	lineage, err := s.mv.Lineage(head.lineage[0].Segment, min(collected, head.lsn))
	if err != nil {
		return err
	}
	// What stood when the horizon passed was kept, and stood since its commit.
	if newest, _, err := s.mv.LSNBack(lineage, 0); err != nil || newest <= lsn {
		return err
	}
	return errs.New(errs.HistoryRemoved, "the history of project %q before LSN %d was removed by garbage collection", b.project.rec.Name, collected).
		WithRemedy("moments with a tag stay; see argon tags list")
}

// origin names a position by the oldest segment that it can be named by: a
// segment that wrote nothing up to the LSN gives way to its parent. So what is
// forked there does not hang on a segment that it sees nothing of, and that
// garbage collection may take.
func (s *Store) origin(at wal.Position) (wal.Position, error) {
	lineage, err := s.mv.Lineage(at.Segment, at.LSN)
	if err == nil && len(lineage) > 0 {
		at.Segment = lineage[0].Segment
	}
	return at, err
}

// atLSN returns where a branch stood as of an LSN.
func (s *Store) atLSN(b *branch, head *headState, lsn mvcc.LSN) (wal.Position, error) {
	if lsn > s.mv.LastLSN() {
		return wal.Position{}, errs.New(errs.MomentNotFound, "LSN %d is in the future of branch %q", lsn, b.rec.Name).
			WithRemedy("its newest commit is %d", head.lsn)
	}
	for _, e := range s.moves(b) {
		if e.LSN <= lsn || lsn <= s.sameUpTo(&e) {
			continue // made before, or the branch looks the same there since
		}
		if err := s.checkKept(e.From.Segment, b, lsn); err != nil {
			return wal.Position{}, err
		}
		return wal.Position{Segment: e.From.Segment, LSN: min(lsn, e.From.LSN)}, nil
	}
	return wal.Position{Segment: head.lineage[0].Segment, LSN: min(lsn, head.lsn)}, nil
}

// checkKept fails if garbage collection has taken a segment.
func (s *Store) checkKept(seg mvcc.SegmentID, b *branch, moment any) error {
	_, ok, err := s.mv.GetRef(refs.SegmentKey(seg))
	if err == nil && !ok {
		err = errs.New(errs.HistoryRemoved, "what branch %q was at %v was restored away and then removed by garbage collection", b.rec.Name, moment)
	}
	return err
}

// moves returns the restores of a branch since it was made, oldest first.
func (s *Store) moves(b *branch) []refs.LogEntry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var moves []refs.LogEntry
	for _, e := range b.project.log {
		switch {
		case e.Branch != b.rec.Name:
		case e.Op == opCreate:
			moves = moves[:0] // an earlier branch of the same name is none of ours
		case e.Op == opRestore:
			moves = append(moves, e)
		}
	}
	return moves
}

// atTime returns where a branch stood at a time.
func (s *Store) atTime(b *branch, head *headState, t time.Time) (wal.Position, error) {
	at, err := s.inLineage(b, head.lineage[0].Segment, head.lsn, t)
	for _, e := range s.moves(b) {
		if err == nil && (!e.Time.After(t) || at.LSN < s.sameUpTo(&e)) {
			continue // made before, or the branch looks the same there since
		}
		if err := s.checkKept(e.From.Segment, b, t.UTC().Format(time.RFC3339)); err != nil {
			return wal.Position{}, err
		}
		return s.inLineage(b, e.From.Segment, e.From.LSN, t)
	}
	return at, err
}

func (s *Store) inLineage(b *branch, seg mvcc.SegmentID, max mvcc.LSN, t time.Time) (wal.Position, error) {
	lineage, err := s.mv.Lineage(seg, max)
	if err != nil {
		return wal.Position{}, err
	}
	lsn, ok, err := s.mv.LSNAt(lineage, t)
	if err == nil && !ok {
		err = errs.New(errs.MomentNotFound, "branch %q has no commit at or before %s", b.rec.Name, t.UTC().Format(time.RFC3339))
	}
	return wal.Position{Segment: seg, LSN: lsn}, err
}

// atTag returns where a tag points. A tag names a moment of its own branch.
func (s *Store) atTag(b *branch, name string) (wal.Position, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tag, ok := b.project.tags[name]
	if !ok {
		return wal.Position{}, unknown(errs.TagNotFound, "tag", name, keys(b.project.tags))
	}
	if tag.Branch != b.rec.Name {
		return wal.Position{}, errs.New(errs.TagNotFound, "tag %q is on branch %q, not on %q", name, tag.Branch, b.rec.Name).
			WithRemedy("say %s@%s", tag.Branch, name)
	}
	return wal.Position{Segment: tag.Segment, LSN: tag.LSN}, nil
}

// Snapshot opens a read-only view of a ref.
func (s *Store) Snapshot(ctx context.Context, ref refs.Ref) (*Snapshot, error) {
	head, err := s.headOf(ref)
	if err != nil {
		return nil, err
	}
	return &Snapshot{reader{
		store: s, ref: ref, lineage: head.lineage, lsn: head.lsn, catalog: head.catalog, now: s.clock(),
	}}, nil
}

// headOf returns the state that a ref means.
func (s *Store) headOf(ref refs.Ref) (*headState, error) {
	if ref.Moment.IsHead() {
		b, err := s.branch(ref.Project, ref.Branch)
		if err != nil {
			return nil, err
		}
		return b.head.Load(), nil
	}
	_, at, err := s.position(ref)
	if err != nil {
		return nil, err
	}
	return s.headAt(at.Segment, at.LSN)
}

// Resolve says which commit a ref means.
func (s *Store) Resolve(ctx context.Context, ref refs.Ref) (*Moment, error) {
	b, at, err := s.position(ref)
	if err != nil {
		return nil, err
	}
	lineage, err := s.mv.Lineage(at.Segment, at.LSN)
	if err != nil {
		return nil, err
	}
	m := &Moment{Ref: ref, LSN: at.LSN, HeadLSN: b.head.Load().lsn}
	if m.Time, err = s.timeOf(lineage, at.LSN); err != nil {
		return nil, err
	}
	m.FirstLSN, err = s.firstLSN(lineage)
	return m, err
}

// timeOf returns the time of the newest commit that a lineage sees up to lsn;
// the zero time if it sees none.
func (s *Store) timeOf(l mvcc.Lineage, lsn mvcc.LSN) (time.Time, error) {
	for _, span := range l {
		cur := s.mv.ReadLog(span.Segment, 0, min(span.Max, lsn), true)
		if cur.Next() {
			t := cur.Record().At()
			return t, cur.Close()
		}
		err := cur.Err()
		cur.Close()
		if err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, nil
}

// firstLSN returns the oldest commit of a lineage.
func (s *Store) firstLSN(l mvcc.Lineage) (mvcc.LSN, error) {
	for i := len(l) - 1; i >= 0; i-- {
		cur := s.mv.ReadLog(l[i].Segment, 0, l[i].Max, false)
		if cur.Next() {
			lsn := cur.LSN()
			return lsn, cur.Close()
		}
		err := cur.Err()
		cur.Close()
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}
