package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// A stage is a hidden branch that a load of any size is written to, batch by
// batch, before all of it becomes visible at once: Adopt makes the branch that
// it was made from point to the stage's segment. What others committed to that
// branch meanwhile is merged into the stage first, so that the cost follows
// their changes and not the load.
//
// Rejected: one transaction (it would have to fit into memory), and a merge of
// the stage into the branch (it would write everything twice, and needs all of
// it in one batch).
//
// The moments between the batches are none of the branch's: the entry in the ref
// log sends an LSN or a time from before the adoption to what the branch was
// then; the log and a count back from the head take the load for one commit.

// stageKind is the kind of settings that stages have: project/branch → {created,
// keep}. The setting is there before the branch and goes with it, so that Open
// finds what a crash has left.
const stageKind = "importStage"

// maxStageAge is how long a stage that may be resumed waits for it.
const maxStageAge = 14 * 24 * time.Hour

func stageName(project, name string) string { return project + "/" + name }

// Stage makes a stage for a branch. keep lets it outlive this opening of the
// store, for a load that goes on later.
func (s *Store) Stage(ctx context.Context, ref refs.Ref, keep bool, meta CommitMeta) (string, error) {
	b, err := s.writableBranch(ctx, ref, meta) // makes the project, as a first write does
	if err != nil {
		return "", err
	}
	var id [8]byte
	rand.Read(id[:]) //nolint:errcheck // it never fails
	name := "import-" + hex.EncodeToString(id[:])
	doc := bsonraw.NewBuilder(nil)
	doc.Time("created", s.clock())
	doc.Bool("keep", keep)
	full := stageName(ref.Project, name)
	if err := s.PutSetting(ctx, stageKind, full, doc.Finish()); err != nil {
		return "", err
	}
	s.hide(full, true)
	if _, err := s.CreateBranch(ctx, ref.Project, name, refs.Ref{Branch: b.rec.Name}, meta); err != nil {
		return "", err
	}
	return name, nil
}

func (s *Store) hide(full string, hidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stages == nil {
		s.stages = map[string]bool{}
	}
	if hidden {
		s.stages[full] = true
	} else {
		delete(s.stages, full)
	}
}

// isStage reports whether a branch is a stage. The store's lock is held.
func (s *Store) isStage(project, name string) bool { return s.stages[stageName(project, name)] }

func (s *Store) checkStage(project, name string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.isStage(project, name) {
		return unknown(errs.BranchNotFound, "stage", name, nil)
	}
	return nil
}

// DropStage removes a stage and what was written to it.
func (s *Store) DropStage(ctx context.Context, project, name string, meta CommitMeta) error {
	if err := s.checkStage(project, name); err != nil {
		return err
	}
	err := s.DeleteBranch(ctx, project, name, meta)
	if err != nil && !errs.Is(err, errs.BranchNotFound) && !errs.Is(err, errs.ProjectNotFound) {
		return err
	}
	if err := s.PutSetting(ctx, stageKind, stageName(project, name), nil); err != nil {
		return err
	}
	s.hide(stageName(project, name), false)
	return nil
}

// dropStages removes the stages of loads that ended with the process that ran
// them.
func (s *Store) dropStages(ctx context.Context) error {
	list, err := s.Settings(ctx, stageKind)
	if err != nil {
		return err
	}
	for _, set := range list {
		s.hide(set.Name, true)
		created := set.Doc.Get("created")
		if set.Doc.Get("keep").Truthy() && created.Type == bsonraw.DateTime && s.clock().Sub(created.Time()) < maxStageAge || s.opts.ReadOnly {
			continue
		}
		project, name, _ := strings.Cut(set.Name, "/")
		if err := s.DropStage(ctx, project, name, CommitMeta{}); err != nil {
			return err
		}
	}
	return nil
}

// maxAdoptions bounds how often the branch may move on while a stage takes in
// what was committed to it.
const maxAdoptions = 1000

// Adopt makes everything on a stage visible on the branch that it was made for,
// at the LSN that it returns, and removes the stage's name. Settings of a kind
// may go into the same commit.
func (s *Store) Adopt(ctx context.Context, ref refs.Ref, stage string, meta CommitMeta, kind string, settings ...Setting) (mvcc.LSN, error) {
	if err := s.checkStage(ref.Project, stage); err != nil {
		return 0, err
	}
	into, err := s.writableBranch(ctx, ref, meta)
	if err != nil {
		return 0, err
	}
	from, err := s.branch(ref.Project, stage)
	if err != nil {
		return 0, err
	}
	var also []refWrite
	for _, set := range settings {
		w, err := settingWrite(kind, set.Name, set.Doc)
		if err != nil {
			return 0, err
		}
		also = append(also, w)
	}
	for range maxAdoptions {
		lsn, done, err := s.adopt(ctx, into, from, meta, also)
		if done || err != nil {
			return lsn, err
		}
		_, err = s.Merge(ctx, &MergeSpec{
			Project: ref.Project, From: refs.Ref{Branch: into.rec.Name}, Into: refs.Ref{Branch: stage}, Meta: meta,
		})
		if err != nil {
			return 0, err
		}
	}
	return 0, writeConflict("branch %q moves on faster than an import can take it in", into.rec.Name)
}

// adopt is one try; done is false where the branch has commits that the stage
// does not know.
func (s *Store) adopt(ctx context.Context, into, from *branch, meta CommitMeta, also []refWrite) (lsn mvcc.LSN, done bool, err error) {
	first, second := into, from // in the order of DeleteProject
	if second.rec.Name < first.rec.Name {
		first, second = second, first
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	if into.gone || from.gone {
		return 0, false, unknown(errs.BranchNotFound, "branch", into.rec.Name, nil)
	}
	oldHead, newHead := into.head.Load(), from.head.Load()
	old := wal.Position{Segment: oldHead.lineage[0].Segment, LSN: oldHead.lsn}
	ours, err := s.knowledgeOf(wal.Position{Segment: newHead.lineage[0].Segment, LSN: newHead.lsn})
	if err != nil {
		return 0, false, err
	}
	theirs, err := s.knowledgeOf(old)
	if err != nil {
		return 0, false, err
	}
	if known, err := s.covers(ours, theirs); err != nil || !known {
		return 0, false, err
	}
	lsn, err = s.repoint(ctx, into, from, old, newHead, meta, also)
	return lsn, err == nil, err
}

// repoint moves a branch to a stage's segment, in one commit. Both locks are
// held.
func (s *Store) repoint(ctx context.Context, into, from *branch, old wal.Position, head *headState, meta CommitMeta, also []refWrite) (lsn mvcc.LSN, err error) {
	p, rec := into.project, into.rec
	seg, err := s.mv.Segment(from.rec.Segment)
	if err != nil {
		return 0, err
	}
	seg.Branch, rec.Segment, rec.Fork = rec.Name, seg.ID, seg.Fork
	actor := s.meta(meta).Actor
	at := wal.Position{Segment: seg.ID, LSN: head.lsn}
	gone := refs.LogEntry{Project: p.rec.ID, Actor: actor, Op: opDelete, Branch: from.rec.Name, From: at}
	// The record makes the commit one of the segment's log, so that its LSN is the
	// branch's newest, also after the store is opened again: at that of the last
	// batch the branch was still what it was before.
	c := &mvcc.Commit{Segment: seg.ID, Refs: also, Record: &wal.Record{
		Kind: meta.Kind, Actor: actor, Message: meta.Message, Session: meta.Session, Source: meta.Source,
	}, Finish: func(lsn mvcc.LSN, ms int64) ([]refWrite, error) {
		rec.LSN, gone.LSN, gone.Time = lsn, lsn, time.UnixMilli(ms).UTC()
		return []refWrite{
			{Key: refs.BranchKey(p.rec.ID, rec.Name), Value: rec.Encode()},
			{Key: refs.BranchKey(p.rec.ID, from.rec.Name)},
			{Key: refs.SegmentKey(seg.ID), Value: seg.Encode()},
			{Key: refs.SettingKey(stageKind, stageName(p.rec.Name, from.rec.Name))},
			{Key: refs.RefLogKey(p.rec.ID, lsn, 1), Value: gone.Encode()},
		}, nil
	}}
	if c.Record.Kind == 0 {
		c.Record.Kind = wal.KindImport
	}
	if !meta.Time.IsZero() {
		c.Time = meta.Time.UnixMilli()
	}
	// For whoever looks back it is a restore: a step from one state to another.
	entry := &refs.LogEntry{Project: p.rec.ID, Actor: actor, Op: opRestore, Branch: rec.Name, From: old, To: at}
	err = s.applyRefs(ctx, c, p, entry, func(at mvcc.LSN) {
		lsn = at
		p.log = append(p.log, gone)
		into.rec, from.gone = rec, true
		delete(p.branches, from.rec.Name)
		delete(s.stages, stageName(p.rec.Name, from.rec.Name))
		into.head.Store(head.advance(at, head.catalog))
	})
	s.mv.ForgetSegment(seg.ID)
	return lsn, err
}

// loads are the segments of a project that were adopted, and the LSNs of the
// commits that did it: below these the segments hold the batches of loads.
type loads map[mvcc.SegmentID]mvcc.LSN

// shownAt is the LSN at which what a segment has at one became visible: the
// batches of a load are all of the one commit that adopted it.
func (l loads) shownAt(seg mvcc.SegmentID, lsn mvcc.LSN) mvcc.LSN {
	return max(lsn, l[seg])
}

// shown is a version as of the commit that made it visible.
func (l loads) shown(v mvcc.Version) mvcc.Version {
	v.LSN = l.shownAt(v.Segment, v.LSN)
	return v
}

// adoptions returns a project's loads.
func (s *Store) adoptions(project string) (loads, error) {
	list := loads{}
	for seg, lsn := range s.moved(project) {
		// A move of a branch to a segment is in that segment's own log only if it was
		// an adoption.
		_, ok, err := s.mv.GetRecord(seg, lsn)
		if err != nil {
			return nil, err
		}
		if ok {
			list[seg] = lsn
		}
	}
	return list, nil
}

// moved returns the segments that branches of a project were first moved to.
func (s *Store) moved(project string) loads {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.projects[project]
	if p == nil {
		return nil
	}
	list := loads{}
	for i := range p.log {
		if e := &p.log[i]; e.Op == opRestore {
			if _, ok := list[e.To.Segment]; !ok {
				list[e.To.Segment] = e.LSN
			}
		}
	}
	return list
}

// back returns the commit n commits before the newest that a lineage sees, a load
// being one.
func (s *Store) back(project string, l mvcc.Lineage, n uint64) (mvcc.LSN, bool, error) {
	adopted, err := s.adoptions(project)
	if err != nil {
		return 0, false, err
	}
	for _, span := range l {
		cur := s.mv.ReadLog(span.Segment, 0, span.Max, true)
		for cur.Next() {
			lsn := cur.LSN()
			if n == 0 {
				return lsn, true, cur.Close()
			}
			if n--; adopted[span.Segment] == lsn {
				break
			}
		}
		if err := cur.Close(); err != nil {
			return 0, false, err
		}
	}
	return 0, false, nil
}

// sameUpTo is the highest LSN at which a branch looks the same before and after
// a move: that at which the new segment leaves the old ones.
func (s *Store) sameUpTo(e *refs.LogEntry) mvcc.LSN {
	seg, err := s.mv.Segment(e.To.Segment)
	if err != nil {
		return e.To.LSN // collected since; that of a restore was its fork
	}
	return min(e.To.LSN, seg.Fork)
}
