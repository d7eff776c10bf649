package engine

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/merge"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// MergePlan works out a merge without carrying it out: {plan: {from, into, base,
// oursLSN, theirsLSN, upToDate, counts, changes, conflicts}}.
func (s *Store) MergePlan(ctx context.Context, spec *MergeSpec) (Doc, error) {
	b, err := s.mergeTarget(ctx, spec)
	if err != nil {
		return nil, err
	}
	t := s.newTxn(b, spec.Meta)
	defer t.release()
	m, err := s.planMerge(ctx, spec, t)
	if err != nil {
		return nil, err
	}
	return m.document("plan"), nil
}

// Merge brings what From has and Into has not into Into, as one commit, or fails
// with MergeConflict and changes nothing: {merged, upToDate, lsn, counts, …}.
func (s *Store) Merge(ctx context.Context, spec *MergeSpec) (Doc, error) {
	b, err := s.mergeTarget(ctx, spec)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	var m *merger
	lsn, wait, err := s.writeLocked(ctx, b, spec.Meta, func(t *Txn) error {
		if m, err = s.planMerge(ctx, spec, t); err != nil || m.upToDate {
			return err
		}
		t.meta.Kind = wal.KindMerge
		t.merge = m.theirsAt
		if err := m.plan.checkResolved(); err != nil || spec.Meta.Memory == nil {
			return err
		}
		m.lsn = laterLSN
		t.result = m.document("")
		return nil
	})
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if lsn != 0 {
		if err := wait(); err != nil {
			return nil, err
		}
	}
	m.lsn = lsn
	return m.document(""), nil
}

func (s *Store) mergeTarget(ctx context.Context, spec *MergeSpec) (*branch, error) {
	spec.From.Project, spec.Into.Project = spec.Project, spec.Project
	spec.Meta.merging = true
	if _, err := s.branch(spec.Project, spec.Into.Branch); err != nil {
		return nil, err
	}
	return s.writableBranch(ctx, spec.Into, spec.Meta)
}

// merger is a merge being planned: theirs into the transaction's branch.
type merger struct {
	*plan
	s           *Store
	spec        *MergeSpec
	base        *ancestor
	baseCatalog *catalog
	baseAt      wal.Position
	theirs      *reader
	theirsAt    wal.Position
	theirsView  *mvcc.View
	oursTouched touches
	upToDate    bool
	lsn         mvcc.LSN
	// target gives, for a collection of theirs, the one of ours that its
	// documents go to; nil where they go nowhere.
	target map[mvcc.CollectionID]*Collection
}

// planMerge fills the transaction with what the merge writes.
func (s *Store) planMerge(ctx context.Context, spec *MergeSpec, t *Txn) (*merger, error) {
	theirsAt, err := s.positionOf(spec.From)
	if err != nil {
		return nil, err
	}
	oursAt := wal.Position{Segment: t.lineage[0].Segment, LSN: t.lsn}
	if err := checkExpected("branch "+spec.Into.Branch, spec.Resolve.ExpectOurs, oursAt.LSN); err != nil {
		return nil, err
	}
	if err := checkExpected("branch "+spec.From.Branch, spec.Resolve.ExpectTheirs, theirsAt.LSN); err != nil {
		return nil, err
	}
	ours, err := s.knowledgeOf(oursAt)
	if err != nil {
		return nil, err
	}
	theirs, err := s.knowledgeOf(theirsAt)
	if err != nil {
		return nil, err
	}
	m := &merger{s: s, spec: spec, theirsAt: theirsAt, target: map[mvcc.CollectionID]*Collection{}}
	if m.plan, err = newPlan(t, spec.Resolve); err != nil {
		return nil, err
	}
	if m.base, err = s.common(ours, theirs); err != nil {
		return nil, err
	}
	defer m.base.close()
	if m.baseAt, err = m.base.newest(); err != nil {
		return nil, err
	}
	if m.upToDate, err = s.covers(ours, theirs); err != nil || m.upToDate {
		return m, err
	}
	return m, m.work(ctx, ours, theirs)
}

// work merges the catalog, then the documents.
func (m *merger) work(ctx context.Context, ours, theirs knowledge) (err error) {
	if m.baseCatalog, err = m.base.collections(ctx); err != nil {
		return err
	}
	if m.theirs, err = m.s.readerAt(m.theirsAt); err != nil {
		return err
	}
	m.theirsView = m.theirs.newView()
	defer m.theirsView.Close()
	if m.oursTouched, err = m.s.touched(ctx, ours, theirs); err != nil {
		return err
	}
	theirsTouched, err := m.s.touched(ctx, theirs, ours)
	if err != nil {
		return err
	}
	if err := m.catalog(ctx, theirsTouched); err != nil {
		return err
	}
	cids := make([]mvcc.CollectionID, 0, len(theirsTouched))
	for cid := range theirsTouched {
		if cid >= firstUserID && m.target[cid] != nil {
			cids = append(cids, cid)
		}
	}
	slices.SortFunc(cids, func(a, b mvcc.CollectionID) int {
		return strings.Compare(m.target[a].Name, m.target[b].Name)
	})
	for _, cid := range cids {
		if err := m.documents(ctx, cid, theirsTouched[cid]); err != nil {
			return err
		}
	}
	return m.finish()
}

// documents merges the documents of one collection of theirs.
func (m *merger) documents(ctx context.Context, cid mvcc.CollectionID, docs map[string]*touch) error {
	coll := m.target[cid]
	rule, err := mergeRule(coll)
	if err != nil {
		return err
	}
	oursTouched := m.oursTouched[coll.ID]
	for n, key := range sortedDocs(docs) {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		if err := m.document1(ctx, cid, coll, key, docs[key], oursTouched[key], rule); err != nil {
			return err
		}
	}
	return nil
}

// mergeRule returns how a collection merges.
func mergeRule(c *Collection) (merge.Rule, error) {
	spec := c.Options.Get("merge")
	if spec.IsMissing() {
		return merge.DefaultRule, nil
	}
	return merge.ParseRule(spec.Doc())
}

// document1 merges one document. One that ours did not touch becomes what
// theirs has: everything ours knows of it, theirs knows too.
func (m *merger) document1(ctx context.Context, cid mvcc.CollectionID, coll *Collection, key string, theirs, ours *touch, rule merge.Rule) error {
	oursDoc, err := m.t.get(m.t.view, coll.ID, []byte(key))
	if err != nil {
		return err
	}
	theirsDoc, err := docAt(m.theirsView, cid, key)
	if err != nil {
		return err
	}
	w := planned{coll: coll, id: theirs.id, before: oursDoc, after: theirsDoc, theirs: theirsDoc, changes: theirs.changes}
	if ours != nil {
		if w.base, err = m.baseDoc(ctx, cid, coll, key); err != nil {
			return err
		}
		r := merge.Document(w.base, oursDoc, theirsDoc, ours.changes, theirs.changes, rule)
		r, decided, complete, err := m.settle(coll.Name, theirs.id, r)
		if err != nil || !complete {
			return err
		}
		w.after, w.changes, w.decided = r.Doc, r.Changes, decided
	}
	if touchesWhole(w.changes) && w.before != nil && w.after != nil {
		w.changes = update.DiffDocs(w.before, w.after)
	}
	if bytes.Equal(w.before, w.after) && len(w.decided) == 0 {
		return nil // nothing to write, and no decision to remember
	}
	for _, d := range []*Doc{&w.before, &w.after, &w.base, &w.theirs} {
		if *d != nil {
			*d = m.t.keep(*d)
		}
	}
	return m.write(w)
}

// touchesWhole reports whether changes say of a document as a whole that it was
// inserted or deleted, without saying what it was.
func touchesWhole(changes []update.Change) bool {
	return slices.ContainsFunc(changes, func(c update.Change) bool { return c.Path == "" && c.Operand.IsMissing() })
}

// baseDoc reads the common ancestor of a document, whose collection the base may
// know under theirs' number or under ours'.
func (m *merger) baseDoc(ctx context.Context, cid mvcc.CollectionID, coll *Collection, key string) (Doc, error) {
	if m.baseCatalog.byID[cid] == nil {
		cid = coll.ID
	}
	if m.baseCatalog.byID[cid] == nil {
		return nil, nil
	}
	return m.base.doc(ctx, cid, key)
}

// document makes the reply: of a plan under a name, of a merge without.
func (m *merger) document(name string) Doc {
	b := bsonraw.NewBuilder(nil)
	if name != "" {
		b.BeginDoc(name)
	} else {
		b.Bool("merged", m.lsn != 0)
		b.Int64("lsn", int64(m.lsn))
	}
	b.String("from", m.spec.From.String())
	b.String("into", m.spec.Into.String())
	b.Bool("upToDate", m.upToDate)
	b.BeginDoc("base")
	b.String("branch", m.s.branchOfSegment(m.baseAt.Segment))
	b.Int64("lsn", int64(m.baseAt.LSN))
	b.End()
	b.Int64("oursLSN", int64(m.t.lsn))
	b.Int64("theirsLSN", int64(m.theirsAt.LSN))
	m.describe(b)
	if name != "" {
		b.End()
	}
	return b.Finish()
}

// branchOfSegment returns the branch that a segment was made for.
func (s *Store) branchOfSegment(seg mvcc.SegmentID) string {
	rec, err := s.mv.Segment(seg)
	if err != nil {
		return ""
	}
	return rec.Branch
}
