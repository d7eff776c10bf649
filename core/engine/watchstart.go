package engine

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// start finds out where the stream begins, and opens its source.
func (w *ChangeStream) start(ctx context.Context) error {
	after, err := w.startingLSN(ctx)
	if err != nil {
		return err
	}
	w.scanned = changes.Token{LSN: after, N: changes.AllEvents}
	if w.skip.N != changes.AllEvents && w.skip.LSN > 0 {
		w.scanned = w.skip
	}
	if w.spec.Ref.Branch == "" {
		w.src, err = w.s.openMany(w.spec.Ref.Project, after)
		return err
	}
	one := &single{s: w.s, ref: w.spec.Ref, after: after}
	if err := one.open(); err != nil {
		return err
	}
	w.src = one
	w.scanned.Segment = w.skip.Segment
	if one.feed == nil || w.skip.Segment == 0 {
		return nil
	}
	return w.checkToken(one.feed)
}

// startingLSN returns the LSN up to which nothing is to be told.
func (w *ChangeStream) startingLSN(ctx context.Context) (mvcc.LSN, error) {
	spec := &w.spec
	token := spec.ResumeAfter
	if token == nil {
		token = spec.StartAfter
	}
	switch {
	case token != nil:
		return w.startBehind(*token, spec.ResumeAfter == nil)
	case spec.StartAt != nil:
		w.from = *spec.StartAt
		return w.lsnBefore(spec.StartAt.First())
	case spec.Since != nil:
		return w.lsnOf(ctx, *spec.Since)
	}
	return w.s.mv.DurableLSN(), nil
}

// startBehind begins behind a token.
func (w *ChangeStream) startBehind(t changes.Token, mayBeInvalidate bool) (mvcc.LSN, error) {
	if t.Part == changes.Invalidated && !mayBeInvalidate {
		return 0, errs.New(errs.InvalidResumeToken, "Attempting to resume a change stream using 'resumeAfter' is not allowed from an invalidate notification")
	}
	if t.LSN > w.s.mv.DurableLSN() {
		return 0, errs.New(errs.InvalidResumeToken, "the resume token is of LSN %d, and the newest commit of this store is %d", t.LSN, w.s.mv.DurableLSN()).
			WithRemedy("a token is good in the store that gave it")
	}
	w.skip, w.last = t, t
	if t.N == changes.AllEvents || t.LSN == 0 {
		return t.LSN, nil
	}
	return t.LSN - 1, nil
}

// checkToken sees that a token's commit is of the branch that is watched, as far as
// garbage collection left that to be seen: the feed tells what is missing.
func (w *ChangeStream) checkToken(f *feed) error {
	f.leaf()
	at := w.skip.LSN
	leaf := f.place()
	for i := len(f.moves) - 1; i >= 0; i-- {
		if f.moves[i].LSN > at || f.moves[i].LSN == at && w.skip.Segment == f.moves[i].From.Segment {
			leaf = f.moves[i].From.Segment
		}
	}
	for leaf != 0 && leaf != w.skip.Segment {
		_, kept, err := w.s.mv.GetRef(refs.SegmentKey(leaf))
		if err != nil || !kept {
			return err
		}
		seg, err := w.s.mv.Segment(leaf)
		if err != nil {
			return err
		}
		leaf = seg.Parent
	}
	if leaf == 0 {
		return errs.New(errs.InvalidResumeToken, "the resume token is of another branch than %q of project %q", w.spec.Ref.Branch, w.spec.Ref.Project)
	}
	return nil
}

// lsnBefore returns an LSN up to which every commit was made before a time.
func (w *ChangeStream) lsnBefore(ms int64) (mvcc.LSN, error) {
	s, ref := w.s, w.spec.Ref
	if ref.Branch != "" {
		b, err := s.branch(ref.Project, ref.Branch)
		if err == nil {
			return s.lsnAtMs(b, ms-1)
		}
		if isUnborn(err, ref) {
			err = nil
		}
		return 0, err
	}
	var leaves []mvcc.SegmentID
	s.mu.RLock()
	for name, p := range s.projects {
		if ref.Project == "" || ref.Project == name {
			for _, b := range p.branches {
				leaves = append(leaves, b.rec.Segment)
			}
		}
	}
	s.mu.RUnlock()
	least := s.mv.DurableLSN()
	for _, leaf := range leaves {
		first, err := w.firstSince(leaf, ms)
		if err != nil {
			return 0, err
		}
		if first != 0 {
			least = min(least, first-1)
		}
	}
	return least, nil
}

// firstSince returns a segment's oldest commit, its ancestors' among them, that was
// made at or after a time; 0 if there is none. Times ascend along a lineage, and
// not from one branch to another: a mirrored branch has those of its source.
func (w *ChangeStream) firstSince(leaf mvcc.SegmentID, ms int64) (mvcc.LSN, error) {
	lineage, err := w.s.mv.Lineage(leaf, mvcc.MaxLSN)
	if err != nil {
		return 0, err
	}
	before, _, err := w.s.mv.LSNAt(lineage, time.UnixMilli(ms-1))
	for i := len(lineage) - 1; i >= 0 && err == nil; i-- {
		cur := w.s.mv.ReadLog(lineage[i].Segment, before, lineage[i].Max, false)
		if cur.Next() {
			lsn := cur.LSN()
			return lsn, cur.Close()
		}
		err = cur.Close()
	}
	return 0, err
}

// lsnAtMs returns the newest commit of a branch at or before a time, 0 if there
// is none.
func (s *Store) lsnAtMs(b *branch, ms int64) (mvcc.LSN, error) {
	at, err := s.atTime(b, b.head.Load(), time.UnixMilli(ms))
	if errs.Is(err, errs.MomentNotFound) {
		return 0, nil
	}
	return at.LSN, err
}

// lsnOf resolves a moment.
func (w *ChangeStream) lsnOf(ctx context.Context, m refs.Moment) (mvcc.LSN, error) {
	ref := w.spec.Ref
	switch {
	case m.IsHead():
		return w.s.mv.DurableLSN(), nil
	case m.Kind == refs.AtLSN && m.LSN > w.s.mv.DurableLSN():
		return 0, errs.New(errs.MomentNotFound, "LSN %d is in the future; the newest commit is %d", m.LSN, w.s.mv.DurableLSN())
	case m.Kind == refs.AtLSN:
		return m.LSN, nil
	case m.Kind == refs.AtTime: // one before the first commit is the beginning
		return w.lsnBefore(m.Time.UnixMilli() + 1)
	case ref.Branch == "":
		return 0, errs.New(errs.InvalidMoment, "a stream of many branches starts at an LSN or a time, not at %q", m)
	}
	ref.Moment = m
	_, at, err := w.s.position(ref)
	return at.LSN, err
}
