package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/merge"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// UndoPlan works out an undo without carrying it out: {plan: {…}} as MergePlan.
func (s *Store) UndoPlan(ctx context.Context, spec *UndoSpec) (Doc, error) {
	b, err := s.writableBranch(ctx, spec.Ref, spec.Meta)
	if err != nil {
		return nil, err
	}
	t := s.newTxn(b, spec.Meta)
	defer t.release()
	u, err := s.planUndo(ctx, spec, t)
	if err != nil {
		return nil, err
	}
	return u.document("plan"), nil
}

// Undo takes back what chosen commits did, as a new commit: history is added
// to, never rewritten. Where a later commit touched the same path, that is a
// conflict as in a merge (ours is the branch as it is, theirs the undone state),
// unless operators commute.
func (s *Store) Undo(ctx context.Context, spec *UndoSpec) (Doc, error) {
	b, err := s.writableBranch(ctx, spec.Ref, spec.Meta)
	if err != nil {
		return nil, err
	}
	var u *undoer
	lsn, err := s.Write(ctx, b.ref(), spec.Meta, func(t *Txn) error {
		if u, err = s.planUndo(ctx, spec, t); err != nil {
			return err
		}
		t.meta.Kind = wal.KindUndo
		if err := u.checkResolved(); err != nil || spec.Meta.Memory == nil {
			return err
		}
		u.lsn = laterLSN
		t.result = u.document("")
		return nil
	})
	if err != nil {
		return nil, err
	}
	u.lsn = lsn
	return u.document(""), nil
}

// undoer is an undo being planned.
type undoer struct {
	*plan
	s       *Store
	spec    *UndoSpec
	commits int64
	began   bool        // a target was found
	load    *wal.Record // what adopted the segment that is read; nil
	targets touches     // what is undone
	others  touches     // what else was done to those documents since
	// shared are collections that commits which stay have written to since.
	shared map[mvcc.CollectionID]bool
	first  map[docKey]mvcc.LSN
	lsn    mvcc.LSN
}

type docKey struct {
	coll mvcc.CollectionID
	id   string
}

// planUndo fills the transaction with what the undo writes.
func (s *Store) planUndo(ctx context.Context, spec *UndoSpec, t *Txn) (*undoer, error) {
	if spec.From == 0 && spec.To == 0 && spec.Actor == "" && spec.Since.IsZero() && spec.Until.IsZero() {
		return nil, errs.New(errs.BadValue, "an undo needs an LSN, a range of LSNs, times or an actor")
	}
	if err := checkExpected("branch "+spec.Ref.Branch, spec.Resolve.ExpectOurs, t.lsn); err != nil {
		return nil, err
	}
	p, err := newPlan(t, spec.Resolve)
	if err != nil {
		return nil, err
	}
	u := &undoer{plan: p, s: s, spec: spec, targets: touches{}, others: touches{}, shared: map[mvcc.CollectionID]bool{}, first: map[docKey]mvcc.LSN{}}
	if err := u.read(ctx); err != nil {
		return nil, err
	}
	if u.commits == 0 {
		return nil, errs.New(errs.MomentNotFound, "no commit of branch %q is among those to undo", spec.Ref.Branch)
	}
	if err := u.catalog(ctx); err != nil {
		return nil, err
	}
	for _, cid := range sortedCollections(u.targets) {
		if coll := t.catalog.byID[cid]; coll != nil && cid >= firstUserID {
			if err := u.documents(ctx, coll); err != nil {
				return nil, err
			}
		}
	}
	return u, u.finish()
}

// chosen reports whether a commit is to be undone.
func (u *undoer) chosen(rec *wal.Record) bool {
	spec := u.spec
	switch {
	case rec.LSN < spec.From, spec.To != 0 && rec.LSN > spec.To:
		return false
	case spec.Actor != "" && rec.Actor != spec.Actor:
		return false
	case !spec.Since.IsZero() && rec.At().Before(spec.Since):
		return false
	case !spec.Until.IsZero() && rec.At().After(spec.Until):
		return false
	}
	return true
}

// read goes through the branch's log, oldest first, and sorts what it finds into
// targets and others. Before the first target nothing is of interest.
func (u *undoer) read(ctx context.Context) error {
	adopted, err := u.s.adoptions(u.spec.Ref.Project)
	if err != nil {
		return err
	}
	spans := slices.Clone(u.t.lineage)
	slices.Reverse(spans)
	for _, span := range spans {
		from := max(u.spec.From, 1) - 1
		if u.load, err = u.loadOf(span, adopted); err != nil {
			return err
		}
		if u.load != nil && u.load.LSN > from {
			from = 0 // its batches are of that commit
		}
		cur := u.s.mv.ReadLog(span.Segment, from, span.Max, false)
		for n := 1; cur.Next(); n++ {
			if n%checkEvery == 0 {
				if err := ctxError(ctx); err != nil {
					cur.Close()
					return err
				}
			}
			if err := u.readRecord(cur.Record()); err != nil {
				cur.Close()
				return err
			}
		}
		err := cur.Err()
		cur.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// loadOf returns the commit that adopted a span's segment, nil if none did.
func (u *undoer) loadOf(span mvcc.Span, adopted loads) (*wal.Record, error) {
	at := adopted[span.Segment]
	if at == 0 || at > span.Max {
		return nil, nil
	}
	rec, _, err := u.s.mv.GetRecord(span.Segment, at)
	return rec, err
}

func (u *undoer) readRecord(rec *wal.Record) error {
	into, chosen := u.others, false
	if load := u.load; load != nil && rec.LSN < load.LSN {
		chosen = u.chosen(load)
		u.began = u.began || chosen
	} else if chosen = u.chosen(rec); chosen {
		u.commits++
		u.began = true
	}
	switch {
	case chosen:
		into = u.targets
	case !u.began:
		return nil
	}
	for i := range rec.Ops {
		op := &rec.Ops[i]
		if !chosen {
			u.shared[op.Collection] = true
		}
		key := docKey{op.Collection, string(bsonraw.AppendKey(nil, op.ID))}
		if _, known := u.first[key]; !known {
			if !chosen {
				continue // others' changes before the first undone one are part of "before"
			}
			u.first[key] = rec.LSN
		}
		changes, _, err := opChanges(rec, op)
		if err != nil {
			return err
		}
		into.add(op, changes)
	}
	return nil
}

// around returns a document before and after a commit.
func (u *undoer) around(key docKey, lsn mvcc.LSN) (before, after Doc, err error) {
	versions, err := u.s.mv.Versions(u.t.lineage, key.coll, []byte(key.id))
	if err != nil {
		return nil, nil, err
	}
	for _, v := range versions {
		if v.LSN == lsn {
			after = v.Doc
		}
		if v.LSN < lsn {
			return v.Doc, after, nil
		}
	}
	return nil, after, nil
}

// documents undoes the changes to one collection's documents.
func (u *undoer) documents(ctx context.Context, coll *Collection) error {
	rule, err := mergeRule(coll)
	if err != nil {
		return err
	}
	docs := u.targets[coll.ID]
	for n, key := range sortedDocs(docs) {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		if err := u.document1(coll, key, docs[key], rule); err != nil {
			return err
		}
	}
	return nil
}

func (u *undoer) document1(coll *Collection, key string, target *touch, rule merge.Rule) error {
	head, err := u.t.get(u.t.view, coll.ID, []byte(key))
	if err != nil {
		return err
	}
	if head != nil {
		head = u.t.keep(head)
	}
	dk := docKey{coll.ID, key}
	before, _, err := u.around(dk, u.first[dk])
	if err != nil {
		return err
	}
	var others []update.Change
	if o := u.others[coll.ID][key]; o != nil {
		others = o.changes
	}
	r := merge.Revert(head, before, target.changes, others, rule)
	r, _, complete, err := u.settle(coll.Name, target.id, r)
	if err != nil || !complete || bytes.Equal(head, r.Doc) {
		return err
	}
	w := planned{coll: coll, id: target.id, before: head, after: r.Doc, changes: r.Changes, theirs: before}
	if w.after != nil {
		w.after = u.t.keep(w.after)
	}
	return u.write(w)
}

// sortedCollections lists the collections of touches by number.
func sortedCollections(ts touches) []mvcc.CollectionID {
	cids := make([]mvcc.CollectionID, 0, len(ts))
	for cid := range ts {
		cids = append(cids, cid)
	}
	slices.Sort(cids)
	return cids
}

// document makes the reply: of a plan under a name, of an undo without.
func (u *undoer) document(name string) Doc {
	b := bsonraw.NewBuilder(nil)
	if name != "" {
		b.BeginDoc(name)
	} else {
		b.Bool("undone", u.lsn != 0)
		b.Int64("lsn", int64(u.lsn))
	}
	b.String("branch", u.spec.Ref.Branch)
	b.Int64("commits", u.commits)
	b.Int64("oursLSN", int64(u.t.lsn))
	u.describe(b)
	if name != "" {
		b.End()
	}
	return b.Finish()
}
