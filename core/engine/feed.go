package engine

import (
	"context"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// feed gives the durable commits of one branch, oldest first, from any LSN on.
//
// A branch's past is made of legs: what it saw on one segment with its
// ancestors, up to the next restore, which is itself a step from one state to
// another. The ref log tells the legs, so that a feed goes the way that the
// branch went, also through what a restore left behind.
type feed struct {
	s       *Store
	project *project
	name    string
	made    mvcc.LSN // the commit that made the branch

	after mvcc.LSN        // everything up to here was given
	read  int             // entries of the project's ref log that were looked at
	moves []refs.LogEntry // restores of the branch since it was made
	end   *refs.LogEntry  // its deletion, if it is over

	catalog *catalog        // as of after; the feed's own
	spans   mvcc.Lineage    // of the leg, leaf first
	at      int             // which span is read; the leg's end is at -1
	done    mvcc.SegmentID  // the leaf of the newest leg that was begun
	limit   mvcc.LSN        // up to where the leg is read
	next    *step           // what follows the leg, or nil
	cur     *mvcc.LogCursor // over spans[at]
}

// step is one thing that happened to a branch: a commit with its record, or a
// move from one state to another.
type step struct {
	lsn     mvcc.LSN
	ms      int64
	segment mvcc.SegmentID
	record  *wal.Record   // of a commit; good until the feed goes on
	lineage mvcc.Lineage  // of a commit: what it left, leaf first
	from    wal.Position  // of a move
	to      *wal.Position // nil: the branch is gone
}

// newFeed opens the feed of a branch made by a commit. A feed of a branch that is
// gone needs no more than its name and that LSN.
func (s *Store) newFeed(p *project, name string, made, after mvcc.LSN) *feed {
	return &feed{s: s, project: p, name: name, made: made, after: after, at: -1}
}

// feedOf opens the feed of a branch that is there.
func (s *Store) feedOf(ref refs.Ref, after mvcc.LSN) (*feed, error) {
	b, err := s.branch(ref.Project, ref.Branch)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	made := mvcc.LSN(0)
	for _, e := range b.project.log {
		if e.Branch == ref.Branch && e.Op == opCreate {
			made = e.LSN
		}
	}
	return s.newFeed(b.project, ref.Branch, made, after), nil
}

// ref names the branch.
func (f *feed) ref() refs.Ref { return refs.Ref{Project: f.project.rec.Name, Branch: f.name} }

// leaf returns the segment that the branch points to, or 0 if it is gone, and
// the commit that removed its project, or 0. What moved it there stands in the
// ref log, which is read under the same lock.
func (f *feed) leaf() (leaf mvcc.SegmentID, deleted mvcc.LSN) {
	f.s.mu.RLock()
	defer f.s.mu.RUnlock()
	f.readLog()
	if b := f.project.branches[f.name]; b != nil && f.end == nil {
		leaf = b.rec.Segment
	}
	return leaf, f.project.deleted
}

// readLog takes in the new entries of the ref log. The store's lock is held.
func (f *feed) readLog() {
	for ; f.read < len(f.project.log); f.read++ {
		e := &f.project.log[f.read]
		if e.Branch != f.name || e.LSN <= f.made || f.end != nil {
			continue
		}
		switch e.Op {
		case opRestore:
			f.moves = append(f.moves, *e)
		case opDelete, opCreate:
			gone := *e
			f.end = &gone
		}
	}
}

// place is the segment whose commits the feed waits for.
func (f *feed) place() mvcc.SegmentID {
	leaf, _ := f.leaf()
	return leaf
}

// Next returns the next step up to an LSN that is durable, or nil.
func (f *feed) Next(ctx context.Context, durable mvcc.LSN) (*step, error) {
	for {
		if f.at < 0 {
			more, err := f.beginLeg(durable)
			if err != nil || !more {
				return nil, err
			}
		}
		for f.at >= 0 {
			st, err := f.nextCommit(ctx)
			if st != nil || err != nil {
				return st, err
			}
		}
		f.after = max(f.after, f.limit)
		if st := f.next; st != nil {
			f.next, f.after = nil, st.lsn
			return st, nil
		}
	}
}

// beginLeg finds what is to be read next; false if there is nothing.
func (f *feed) beginLeg(durable mvcc.LSN) (bool, error) {
	leaf, err := f.leg(durable)
	if err != nil || leaf == 0 {
		return false, err
	}
	if f.next == nil {
		newest, err := f.s.mv.HeadLSN(leaf)
		if err != nil || f.limit <= f.after || newest <= f.after && f.done == leaf {
			return false, err
		}
	}
	if err := f.checkKept(leaf); err != nil {
		return false, err
	}
	if f.spans, err = f.s.mv.Lineage(leaf, max(f.limit, f.after)); err != nil {
		return false, err
	}
	if f.catalog == nil {
		if err := f.loadCatalog(leaf); err != nil {
			return false, err
		}
	}
	f.done = leaf
	f.at = len(f.spans) - 1
	for f.at > 0 && f.spans[f.at].Max <= f.after {
		f.at-- // all of it is past
	}
	return true, nil
}

// leg sets limit and next, and returns the leg's leaf; 0 if the branch is over.
//
// limit is never what the branch takes for its head: a commit may be durable,
// through a later one's sync, before its writer has published it there.
func (f *feed) leg(durable mvcc.LSN) (mvcc.SegmentID, error) {
	leaf, deleted := f.leaf()
	f.next = nil
	for i := range f.moves {
		e := &f.moves[i]
		if e.LSN <= f.after {
			continue
		}
		if skip, err := f.maySkip(e); err != nil {
			return 0, err
		} else if skip {
			continue
		}
		return e.From.Segment, f.endLeg(e, durable)
	}
	switch {
	case f.end != nil && f.end.LSN > f.after:
		return f.end.From.Segment, f.endLeg(f.end, durable)
	case leaf == 0:
		return 0, nil
	}
	f.limit = durable
	if deleted != 0 && deleted <= durable && deleted > f.after {
		f.next = &step{lsn: deleted, ms: f.s.mv.LastTime(), segment: leaf, from: wal.Position{Segment: leaf, LSN: deleted}}
	}
	return leaf, nil
}

// endLeg lets the leg end with a move, if that is durable.
func (f *feed) endLeg(e *refs.LogEntry, durable mvcc.LSN) error {
	f.limit = min(e.From.LSN, durable)
	last, err := f.lastMove(e)
	if err != nil || last.LSN > durable {
		return err
	}
	f.next = &step{lsn: last.LSN, ms: last.Time.UnixMilli(), segment: e.From.Segment, from: e.From}
	if last.Op == opRestore {
		to := last.To
		f.next.segment, f.next.to = to.Segment, &to
	}
	return nil
}

// lastMove goes on from a move over those that led away from what is gone by now:
// they are told as one.
func (f *feed) lastMove(e *refs.LogEntry) (*refs.LogEntry, error) {
	for e.Op == opRestore {
		_, kept, err := f.s.mv.GetRef(refs.SegmentKey(e.To.Segment))
		if kept || err != nil {
			return e, err
		}
		next := f.moveFrom(e.To.Segment)
		if next == nil {
			return e, nil
		}
		e = next
	}
	return e, nil
}

// moveFrom returns the move that led away from a segment, or nil.
func (f *feed) moveFrom(seg mvcc.SegmentID) *refs.LogEntry {
	for i := range f.moves {
		if f.moves[i].From.Segment == seg {
			return &f.moves[i]
		}
	}
	if f.end != nil && f.end.From.Segment == seg {
		return f.end
	}
	return nil
}

// maySkip reports whether a restore can be passed over: what it left behind is
// gone, and the feed has given nothing of it. It left no trace in what came
// after, so that who has not seen it can do without.
func (f *feed) maySkip(e *refs.LogEntry) (bool, error) {
	if f.after > f.s.sameUpTo(e) {
		return false, nil
	}
	_, ok, err := f.s.mv.GetRef(refs.SegmentKey(e.From.Segment))
	return err == nil && !ok, err
}

// loadCatalog reads the catalog as it was at the feed's beginning.
func (f *feed) loadCatalog(leaf mvcc.SegmentID) error {
	lineage, err := f.s.mv.Lineage(leaf, f.after)
	if err != nil {
		return err
	}
	if len(lineage) == 0 || f.after == 0 {
		f.catalog = emptyCatalog()
		return nil
	}
	cat, err := f.s.catalogs.get(f.s, lineage, f.after)
	if err == nil {
		f.catalog = cat.clone()
	}
	return err
}

// nextCommit reads the next record of the leg, and goes from an ancestor to its
// child at the end of its part.
func (f *feed) nextCommit(ctx context.Context) (*step, error) {
	span := f.spans[f.at]
	if f.cur == nil {
		f.cur = f.s.mv.ReadLog(span.Segment, f.after, min(span.Max, f.limit), false)
	}
	if err := ctxError(ctx); err != nil {
		return nil, err // before the cursor moves: who was stopped may go on later
	}
	if f.cur.Next() {
		rec := f.cur.Record()
		if rec == nil {
			return nil, f.cur.Err()
		}
		if err := f.checkCollected(rec.LSN); err != nil {
			return nil, err
		}
		f.after = rec.LSN
		lineage := append(mvcc.Lineage(nil), f.spans[f.at:]...)
		lineage[0].Max = rec.LSN
		return &step{lsn: rec.LSN, ms: rec.Time, segment: span.Segment, record: rec, lineage: lineage}, nil
	}
	err := f.cur.Close()
	f.cur = nil
	f.at--
	return nil, err
}

// checkKept fails if a segment is gone.
func (f *feed) checkKept(seg mvcc.SegmentID) error {
	_, ok, err := f.s.mv.GetRef(refs.SegmentKey(seg))
	if err == nil && !ok {
		err = historyLost(f.ref(), f.after)
	}
	return err
}

// checkCollected fails if garbage collection may have taken what stood before a
// commit that is to be told.
func (f *feed) checkCollected(lsn mvcc.LSN) error {
	f.s.mu.RLock()
	collected := f.project.rec.Collected
	f.s.mu.RUnlock()
	if lsn > collected {
		return nil // what stood when the horizon passed was kept, and stood until this commit
	}
	return historyLost(f.ref(), f.after)
}

func historyLost(ref refs.Ref, lsn mvcc.LSN) error {
	return errs.New(errs.ChangeStreamHistoryLost, "the history of branch %q of project %q after LSN %d was removed by garbage collection", ref.Branch, ref.Project, lsn).
		WithLabel("NonResumableChangeStreamError")
}

// rest lets go of what a feed holds open, while there is nothing to read.
func (f *feed) rest() {
	f.done = 0
	if f.cur != nil {
		f.cur.Close()
		f.cur = nil
	}
	f.at = -1
}
