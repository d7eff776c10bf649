package engine

import (
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// Write runs fn in a transaction on the head of a branch, under the branch's
// lock, and commits what it wrote as one commit, even where fn returned nil
// after some of its statements failed. It returns the commit's LSN, or zero if
// nothing was written. It returns once the commit is durable. A write to a
// project that is not there makes it.
func (s *Store) Write(ctx context.Context, ref refs.Ref, meta CommitMeta, fn func(*Txn) error) (mvcc.LSN, error) {
	lsn, wait, err := s.WriteNoWait(ctx, ref, meta, fn)
	if err != nil || lsn == 0 {
		return lsn, err
	}
	return lsn, wait()
}

// WriteNoWait is Write that returns once the commit is visible. It is durable once
// wait has returned, which is called exactly once if there is an LSN.
func (s *Store) WriteNoWait(ctx context.Context, ref refs.Ref, meta CommitMeta, fn func(*Txn) error) (lsn mvcc.LSN, wait func() error, err error) {
	b, err := s.writableBranch(ctx, ref, meta)
	if err != nil {
		return 0, nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.writeLocked(ctx, b, meta, fn)
}

func (s *Store) writeLocked(ctx context.Context, b *branch, meta CommitMeta, fn func(*Txn) error) (mvcc.LSN, func() error, error) {
	if b.gone {
		return 0, nil, unknown(errs.BranchNotFound, "branch", b.rec.Name, nil)
	}
	t := s.newTxn(b, meta)
	defer t.release()
	if err := fn(t); err != nil {
		return 0, nil, err
	}
	return t.commitLocked(ctx)
}

// Begin opens an interactive transaction on the head of a branch. It is
// optimistic: it takes no lock, sees the branch as it was, and fails with
// MongoDB's write conflict where another writer was first.
func (s *Store) Begin(ctx context.Context, ref refs.Ref, meta CommitMeta) (*Txn, error) {
	b, err := s.writableBranch(ctx, ref, meta)
	if err != nil {
		return nil, err
	}
	t := s.newTxn(b, meta)
	t.interactive = true
	return t, nil
}

// writableBranch finds the branch that a write is for.
func (s *Store) writableBranch(ctx context.Context, ref refs.Ref, meta CommitMeta) (*branch, error) {
	if s.opts.ReadOnly {
		return nil, errs.New(errs.StoreReadOnly, "the store in %s is open for reading only", s.dir)
	}
	if !ref.Moment.IsHead() {
		return nil, errs.New(errs.PinnedMoment, "%s is a past moment of branch %q, and takes no writes", ref, ref.Branch).
			WithRemedy("create a branch from it: argon branches create NAME -p %s --from %s", ref.Project, ref)
	}
	b, err := s.branch(ref.Project, ref.Branch)
	if errs.Is(err, errs.ProjectNotFound) && ref.Branch == refs.Main {
		if err = s.EnsureProject(ctx, ref.Project, meta); err == nil {
			b, err = s.branch(ref.Project, ref.Branch)
		}
	}
	if err != nil {
		return nil, err
	}
	return b, s.checkProtected(b, meta)
}

// checkProtected fails for a branch that takes no direct writes, unless the commit
// is of the kind that it takes.
func (s *Store) checkProtected(b *branch, meta CommitMeta) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return b.refuse(meta)
}

// refuse is checkProtected where the branch's or the store's lock is held.
func (b *branch) refuse(meta CommitMeta) error {
	project, name := b.project.rec.Name, b.rec.Name
	switch {
	case b.rec.Protected && !meta.Replica:
		return errs.New(errs.BranchProtected, "branch %q of project %q is mirrored from another database and takes no direct writes", name, project).
			WithRemedy("branch from it, and write there: argon branches create NAME -p %s --from %s", project, name)
	case b.rec.Merges && !meta.merging && !meta.Replica:
		return errs.New(errs.BranchProtected, "branch %q of project %q is protected and takes merges only", name, project).
			WithRemedy("write to a branch of it and merge that: argon branches create NAME -p %s --from %s; or argon branches unprotect %s -p %s", project, name, name, project)
	}
	return nil
}

// commitLocked applies a transaction's writes. The branch's lock is held; the
// caller waits for the disk after giving it up.
func (t *Txn) commitLocked(ctx context.Context) (mvcc.LSN, func() error, error) {
	if t.over.isEmpty() && t.bulk == nil && len(t.refs) == 0 && t.merge.Segment == 0 {
		return 0, nil, nil
	}
	head := t.branch.head.Load()
	if t.branch.gone {
		return 0, nil, unknown(errs.BranchNotFound, "branch", t.ref.Branch, nil)
	}
	if err := t.branch.refuse(t.meta); err != nil { // it may have been protected since
		return 0, nil, err
	}
	if head != t.base {
		if err := t.revalidate(head); err != nil {
			return 0, nil, err
		}
	}
	c, err := t.build(ctx, head)
	if err != nil {
		return 0, nil, err
	}
	if len(c.Writes) == 0 && t.merge.Segment == 0 && len(t.refs) == 0 {
		return 0, nil, nil // all of it cancelled out
	}
	lsn, wait, err := t.store.mv.Apply(ctx, c)
	if err != nil {
		return 0, nil, err
	}
	cat := head.catalog
	if t.ddl {
		cat = t.catalog
	}
	t.branch.head.Store(head.advance(lsn, cat))
	if t.merge.Segment != 0 {
		t.store.noteMerge(c.Segment, lsn, t.merge)
	}
	return lsn, wait, nil
}

// build makes the commit of everything in the overlay. Until it is applied, here
// and while it is encoded, it can be stopped.
func (t *Txn) build(ctx context.Context, head *headState) (*mvcc.Commit, error) {
	rec := &wal.Record{
		Kind: t.meta.Kind, Actor: t.meta.Actor, Message: t.meta.Message, Session: t.meta.Session, Parent: t.merge,
		Source: t.meta.Source,
	}
	if rec.Kind == 0 {
		rec.Kind = wal.KindWrite
	}
	c := &mvcc.Commit{Segment: head.lineage[0].Segment, Record: rec, Refs: t.refs, Unsynced: t.unsynced}
	if !t.meta.Time.IsZero() {
		c.Time = t.meta.Time.UnixMilli()
	}
	if t.merge.Segment != 0 {
		c.Finish = func(lsn mvcc.LSN, _ int64) ([]refWrite, error) {
			return []refWrite{{
				Key:   refs.MergeKey(wal.Position{Segment: c.Segment, LSN: lsn}),
				Value: refs.EncodeMerge(t.merge),
			}}, nil
		}
	}
	if len(t.along) > 0 {
		finish := c.Finish
		c.Finish = func(lsn mvcc.LSN, ms int64) (w []refWrite, err error) {
			if finish != nil {
				w, err = finish(lsn, ms)
			}
			for _, fn := range t.along {
				w = append(w, fn(lsn))
			}
			return w, err
		}
	}
	t.meta.remember(c, t.result)
	for _, cid := range t.over.collections() {
		if err := t.buildCollection(ctx, c, cid, t.over.colls[cid]); err != nil {
			return nil, err
		}
	}
	if err := t.buildCounts(c, head); err != nil {
		return nil, err
	}
	if t.bulk != nil {
		t.bulk.addTo(c)
	}
	return c, nil
}

// buildCollection adds one collection's writes to a commit.
func (t *Txn) buildCollection(ctx context.Context, c *mvcc.Commit, cid mvcc.CollectionID, co *collOverlay) error {
	var err error
	c.Writes = slices.Grow(c.Writes, co.docs.Len()+1) // and the count
	c.Record.Ops = slices.Grow(c.Record.Ops, co.docs.Len())
	keys := make([]byte, 0, co.docs.Len()*usualKey)
	co.docs.Scan(func(key string, p *pendingDoc) bool {
		if p.doc == nil && !p.existed {
			if len(p.decided) > 0 {
				c.Record.Ops = append(c.Record.Ops, wal.Op{
					Collection: cid, ID: p.id, Kind: wal.Delete, Form: wal.ByDifference, Changes: encodeChanges(true, nil, onWhole),
				})
			}
			return true // came and went
		}
		at := len(keys)
		keys = append(keys, key...)
		c.Writes = append(c.Writes, mvcc.Write{Collection: cid, IDKey: keys[at:len(keys):len(keys)], Doc: p.doc})
		if len(c.Writes)%checkEvery == 0 {
			if err = ctxError(ctx); err != nil {
				return false
			}
		}
		var op wal.Op
		if op, err = t.logOp(cid, key, p); err == nil {
			c.Record.Ops = append(c.Record.Ops, op)
		}
		return err == nil
	})
	for ix, entries := range co.indexes {
		entries.Scan(func(key string, e pendingEntry) bool {
			c.IndexWrites = append(c.IndexWrites, mvcc.IndexWrite{
				Collection: cid, Index: ix, Delete: e.deleted,
				Key: []byte(key[:e.fields]), IDKey: []byte(key[e.fields:]),
			})
			return true
		})
	}
	return err
}

// logOp makes the log's entry for a document.
func (t *Txn) logOp(cid mvcc.CollectionID, key string, p *pendingDoc) (wal.Op, error) {
	op := wal.Op{Collection: cid, ID: p.id}
	switch {
	case p.doc == nil:
		op.Kind = wal.Delete
	case !p.existed:
		op.Kind = wal.Insert
	default:
		return t.logUpdate(op, key, p)
	}
	if len(p.decided) > 0 {
		op.Changes = encodeChanges(true, nil, onWhole)
	}
	return op, nil
}

// onWhole says in the log that a resolution decided on an insert or a delete.
var onWhole = []update.Change{{Kind: update.Unset}}

func (t *Txn) logUpdate(op wal.Op, key string, p *pendingDoc) (wal.Op, error) {
	op.Kind, op.Form = wal.Update, p.form
	changes := p.changes
	if p.replaced {
		old, ok, err := t.view.Get(op.Collection, []byte(key))
		if err != nil || !ok {
			return op, err
		}
		changes = update.DiffDocs(old.Doc, p.doc)
	}
	op.Changes = encodeChanges(t.merge.Segment != 0, changes, p.decided)
	return op, nil
}

// buildCounts adds the new numbers of documents to a commit. They are absolute
// and follow from the head's, which only the holder of the branch's lock moves.
func (t *Txn) buildCounts(c *mvcc.Commit, head *headState) error {
	v := t.view
	if head != t.base {
		v = t.store.mv.NewView(head.lineage)
		defer v.Close()
	}
	for _, cid := range t.over.collections() {
		delta := t.over.colls[cid].count
		if cid < firstUserID || delta == 0 {
			continue
		}
		n, err := count(v, cid)
		if err != nil {
			return err
		}
		c.Writes = append(c.Writes, mvcc.Write{
			Collection: sysCounts,
			IDKey:      bsonraw.AppendKey(nil, bsonraw.Int64Value(int64(cid))),
			Doc:        encodeCount(cid, n+delta),
		})
	}
	return nil
}

// revalidate checks an interactive transaction against what was committed since
// its snapshot: first committer wins.
func (t *Txn) revalidate(head *headState) error {
	if head.catalog != t.base.catalog {
		return writeConflict("a collection or index was changed at or before LSN %d", head.lsn)
	}
	fresh := &reader{store: t.store, lineage: head.lineage, catalog: head.catalog}
	v := fresh.newView()
	defer v.Close()
	for cid, co := range t.over.colls {
		var err error
		co.docs.Scan(func(key string, _ *pendingDoc) bool {
			err = t.checkUnchanged(head, cid, []byte(key))
			return err == nil
		})
		if err != nil {
			return err
		}
		if err := t.revalidateUnique(fresh, v, cid, co); err != nil {
			return err
		}
	}
	return nil
}

// revalidateUnique looks for keys of unique indexes that were taken meanwhile.
func (t *Txn) revalidateUnique(fresh *reader, v *mvcc.View, cid mvcc.CollectionID, co *collOverlay) error {
	coll := t.catalog.byID[cid]
	if coll == nil {
		return nil
	}
	for _, def := range coll.Indexes {
		entries := co.indexes[mvcc.IndexID(def.ID)]
		if !def.Unique || entries == nil {
			continue
		}
		var err error
		entries.Scan(func(key string, e pendingEntry) bool {
			if e.deleted {
				return true
			}
			var taken bool
			taken, err = findOther(fresh, v, cid, mvcc.IndexID(def.ID), key[:e.fields], []byte(key[e.fields:]))
			if taken {
				err = writeConflict("a key of the unique index %q was taken meanwhile", def.Name)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noteMerge remembers a merge commit.
func (s *Store) noteMerge(seg mvcc.SegmentID, lsn mvcc.LSN, merged wal.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.merges[seg] = append(s.merges[seg], mergeEdge{lsn, merged})
}
