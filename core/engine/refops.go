package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

// applyRefs commits changes of refs, which wait for the disk outside every lock.
// install is called under s.mu once they are applied, to change the tables.
// entry is the move for the ref log, or nil.
func (s *Store) applyRefs(ctx context.Context, c *mvcc.Commit, p *project, entry *refs.LogEntry, install func(lsn mvcc.LSN)) error {
	if s.opts.ReadOnly {
		return errs.New(errs.StoreReadOnly, "the store in %s is open for reading only", s.dir)
	}
	if entry != nil {
		finish := c.Finish
		c.Finish = func(lsn mvcc.LSN, ms int64) (w []refWrite, err error) {
			entry.LSN, entry.Time = lsn, time.UnixMilli(ms).UTC()
			if finish != nil {
				w, err = finish(lsn, ms)
			}
			return append(w, refWrite{Key: refs.RefLogKey(p.rec.ID, lsn, 0), Value: entry.Encode()}), err
		}
	}
	s.mu.Lock()
	lsn, wait, err := s.mv.Apply(ctx, c)
	if err == nil {
		if entry != nil {
			p.log = append(p.log, *entry)
		}
		install(lsn)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return wait()
}

// refWrite is a change of a ref record.
type refWrite = mvcc.RefWrite

// CreateProject makes a project with its main branch.
func (s *Store) CreateProject(ctx context.Context, name string, meta CommitMeta) (*Project, error) {
	if err := refs.ValidProjectName(name); err != nil {
		return nil, err
	}
	p, err := s.ensureProject(ctx, name, s.meta(meta), true)
	if err != nil {
		return nil, err
	}
	return s.describeProject(p)
}

// EnsureProject makes a project unless it is there, as a first write does.
func (s *Store) EnsureProject(ctx context.Context, name string, meta CommitMeta) error {
	if _, err := s.project(name); !errs.Is(err, errs.ProjectNotFound) {
		return err
	}
	if err := refs.ValidProjectName(name); err != nil {
		return err
	}
	meta.Memory = nil // which is about what comes after
	_, err := s.ensureProject(ctx, name, s.meta(meta), false)
	return err
}

func (s *Store) ensureProject(ctx context.Context, name string, meta CommitMeta, fresh bool) (*project, error) {
	s.creating.Lock() // one at a time, so that two creations of one name meet
	defer s.creating.Unlock()
	if p, err := s.project(name); err == nil || !errs.Is(err, errs.ProjectNotFound) {
		if err == nil && fresh {
			return nil, errs.New(errs.ProjectExists, "a project named %q is there already", name)
		}
		return p, err
	}
	now := s.clock().UTC()
	p := &project{
		rec:      refs.Project{ID: s.mv.AllocProject(), Name: name, Created: now, Actor: meta.Actor},
		branches: map[string]*branch{}, tags: map[string]refs.TagRecord{},
	}
	seg := refs.Segment{ID: s.mv.AllocSegment(), Project: p.rec.ID, Created: now, Branch: refs.Main}
	b := &branch{project: p, rec: refs.Branch{
		Project: p.rec.ID, Name: refs.Main, Segment: seg.ID, Created: now, Actor: meta.Actor,
	}}
	c := &mvcc.Commit{Segment: seg.ID, Finish: func(lsn mvcc.LSN, _ int64) ([]refWrite, error) {
		p.rec.LSN, b.rec.LSN = lsn, lsn
		return []refWrite{
			{Key: refs.ProjectKey(name), Value: p.rec.Encode()},
			{Key: refs.BranchKey(p.rec.ID, refs.Main), Value: b.rec.Encode()},
			{Key: refs.SegmentKey(seg.ID), Value: seg.Encode()},
		}, nil
	}}
	entry := &refs.LogEntry{
		Project: p.rec.ID, Actor: meta.Actor, Op: opCreate, Branch: refs.Main,
		To: wal.Position{Segment: seg.ID},
	}
	meta.remember(c, nil)
	err := s.applyRefs(ctx, c, p, entry, func(mvcc.LSN) {
		p.branches[refs.Main] = b
		s.projects[name] = p
	})
	return p, err
}

// Projects lists the projects by name.
func (s *Store) Projects(ctx context.Context) ([]*Project, error) {
	s.mu.RLock()
	all := make([]*project, 0, len(s.projects))
	for _, p := range s.projects {
		all = append(all, p)
	}
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return nil, errClosed()
	}
	list := make([]*Project, 0, len(all))
	for _, p := range all {
		d, err := s.describeProject(p)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *Project) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (s *Store) describeProject(p *project) (*Project, error) {
	s.mu.RLock()
	d := &Project{Name: p.rec.Name, Created: p.rec.Created, Branches: len(p.branches)}
	segments := make([]mvcc.SegmentID, 0, len(p.branches))
	for _, b := range p.branches {
		segments = append(segments, b.rec.Segment)
		if s.isStage(p.rec.Name, b.rec.Name) {
			d.Branches--
		}
	}
	s.mu.RUnlock()
	for _, seg := range segments {
		lsn, err := s.mv.HeadLSN(seg)
		if err != nil {
			return nil, err
		}
		d.LSN = max(d.LSN, lsn)
	}
	return d, nil
}

// DeleteProject removes a project with its branches and tags. The data itself
// goes with the next garbage collection.
func (s *Store) DeleteProject(ctx context.Context, name string, meta CommitMeta) error {
	p, err := s.project(name)
	if err != nil {
		return err
	}
	s.mu.RLock()
	for _, b := range p.branches {
		if b.rec.Protected && !meta.Replica {
			defer s.mu.RUnlock()
			return errs.New(errs.BranchProtected, "branch %q of project %q is mirrored from another database", b.rec.Name, name).
				WithRemedy("remove the mirror first: argon mirror list, argon mirror remove NAME")
		}
		if b.rec.Merges {
			defer s.mu.RUnlock()
			return errs.New(errs.BranchProtected, "branch %q of project %q is protected", b.rec.Name, name).
				WithRemedy("take the protection away first: argon branches unprotect %s -p %s", b.rec.Name, name)
		}
	}
	c := &mvcc.Commit{Refs: []refWrite{{Key: refs.ProjectKey(name)}}}
	open := make([]*branch, 0, len(p.branches))
	for n, b := range p.branches {
		open = append(open, b)
		c.Segment = b.rec.Segment
		c.Refs = append(c.Refs, refWrite{Key: refs.BranchKey(p.rec.ID, n)})
	}
	for n := range p.tags {
		c.Refs = append(c.Refs, refWrite{Key: refs.TagKey(p.rec.ID, n)})
	}
	s.mu.RUnlock()
	slices.SortFunc(open, func(a, b *branch) int { return strings.Compare(a.rec.Name, b.rec.Name) })
	for _, b := range open {
		b.mu.Lock()
		defer b.mu.Unlock()
	}
	meta.remember(c, nil)
	err = s.applyRefs(ctx, c, p, nil, func(lsn mvcc.LSN) {
		delete(s.projects, name)
		p.deleted = lsn
		for _, b := range open {
			b.gone = true
		}
	})
	for _, b := range open {
		s.mv.Wake(b.rec.Segment)
	}
	return err
}

// CreateBranch makes a branch of a project at a ref (of the same project): one
// durable write, whatever the size of the data.
func (s *Store) CreateBranch(ctx context.Context, projectName, name string, from refs.Ref, meta CommitMeta) (*Branch, error) {
	if err := refs.ValidBranchName(name); err != nil {
		return nil, err
	}
	from.Project = projectName
	parent, at, err := s.position(from)
	if err != nil {
		return nil, err
	}
	p := parent.project
	now := s.clock().UTC()
	seg := refs.Segment{
		ID: s.mv.AllocSegment(), Project: p.rec.ID, Parent: at.Segment, Fork: at.LSN, Created: now, Branch: name,
	}
	b := &branch{project: p, rec: refs.Branch{
		Project: p.rec.ID, Name: name, Segment: seg.ID, Parent: parent.rec.Name, Fork: at.LSN,
		Created: now, Actor: s.meta(meta).Actor,
	}}
	s.creating.Lock()
	defer s.creating.Unlock()
	s.mu.RLock()
	taken := p.branches[name] != nil
	s.mu.RUnlock()
	if taken {
		return nil, errs.New(errs.BranchExists, "project %q has a branch named %q already", projectName, name)
	}
	if err := s.pointBranch(ctx, b, &seg, opCreate, wal.Position{}, meta); err != nil {
		return nil, err
	}
	return s.describeBranch(b)
}

// pointBranch makes a branch point to a new segment, as a creation or a restore.
func (s *Store) pointBranch(ctx context.Context, b *branch, seg *refs.Segment, op string, from wal.Position, meta CommitMeta) error {
	p, rec := b.project, b.rec
	rec.Segment, rec.Fork = seg.ID, seg.Fork
	c := &mvcc.Commit{Segment: seg.ID, Finish: func(lsn mvcc.LSN, _ int64) ([]refWrite, error) {
		rec.LSN = lsn
		return []refWrite{
			{Key: refs.BranchKey(p.rec.ID, rec.Name), Value: rec.Encode()},
			{Key: refs.SegmentKey(seg.ID), Value: seg.Encode()},
		}, nil
	}}
	entry := &refs.LogEntry{
		Project: p.rec.ID, Actor: rec.Actor, Op: op, Branch: rec.Name, From: from,
		To: wal.Position{Segment: seg.ID, LSN: seg.Fork},
	}
	if op == opRestore {
		meta.remember(c, movedDoc(entry))
	} else {
		meta.remember(c, nil)
	}
	return s.applyRefs(ctx, c, p, entry, func(mvcc.LSN) {
		b.rec = rec
		p.branches[rec.Name] = b
	})
}

// movedDoc says from and to which LSN a branch moved, for CommitMeta.Memory.
func movedDoc(e *refs.LogEntry) Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int64("from", int64(e.From.LSN))
	b.Int64("to", int64(e.To.LSN))
	return b.Finish()
}

// Branches lists the branches of a project by name.
func (s *Store) Branches(ctx context.Context, projectName string) ([]*Branch, error) {
	p, err := s.project(projectName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	open := make([]*branch, 0, len(p.branches))
	for _, b := range p.branches {
		if !s.isStage(projectName, b.rec.Name) {
			open = append(open, b)
		}
	}
	s.mu.RUnlock()
	list := make([]*Branch, 0, len(open))
	for _, b := range open {
		d, err := s.describeBranch(b)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *Branch) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Branch describes one branch.
func (s *Store) Branch(ctx context.Context, projectName, name string) (*Branch, error) {
	b, err := s.branch(projectName, name)
	if err != nil {
		return nil, err
	}
	return s.describeBranch(b)
}

func (s *Store) describeBranch(b *branch) (*Branch, error) {
	s.mu.RLock()
	rec := b.rec
	s.mu.RUnlock()
	head, err := s.mv.HeadLSN(rec.Segment)
	return &Branch{
		Project: b.project.rec.Name, Name: rec.Name, Parent: rec.Parent, ForkLSN: rec.Fork,
		HeadLSN: max(head, rec.Fork), Created: rec.Created, Actor: rec.Actor,
		Protected: rec.Protected || rec.Merges, Takes: takes(&rec),
	}, err
}

// takes says what changes a branch.
func takes(rec *refs.Branch) string {
	switch {
	case rec.Protected:
		return "mirror"
	case rec.Merges:
		return "merges"
	}
	return "writes"
}

// OnlyMerges makes a branch take merges and no other change, restoring and
// deleting it included, or ends that. It waits for writes that are under way; one
// that comes later, also of a transaction that is open, is refused.
func (s *Store) OnlyMerges(ctx context.Context, ref refs.Ref, on bool, meta CommitMeta) (*Branch, error) {
	b, err := s.branch(ref.Project, ref.Branch)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.gone:
		return nil, unknown(errs.BranchNotFound, "branch", ref.Branch, nil)
	case b.rec.Protected:
		return nil, errs.New(errs.BranchProtected, "branch %q of project %q is mirrored from another database, and takes nothing else", ref.Branch, ref.Project).
			WithRemedy("remove the mirror first: argon mirror list, argon mirror remove NAME")
	}
	rec := b.rec
	rec.Merges = on
	if err := s.protect(ctx, b, rec, meta); err != nil {
		return nil, err
	}
	return s.describeBranch(b)
}

// protect changes what a branch takes to what the record says. The branch's lock
// is held.
func (s *Store) protect(ctx context.Context, b *branch, rec refs.Branch, meta CommitMeta) error {
	if rec == b.rec {
		return nil
	}
	entry := &refs.LogEntry{
		Project: b.project.rec.ID, Actor: s.meta(meta).Actor, Op: opUnprotect, Branch: rec.Name,
		To: wal.Position{Segment: rec.Segment, LSN: b.head.Load().lsn},
	}
	if rec.Protected || rec.Merges {
		entry.Op = opProtect
	}
	c := &mvcc.Commit{Refs: []refWrite{{Key: refs.BranchKey(entry.Project, rec.Name), Value: rec.Encode()}}}
	meta.remember(c, nil)
	return s.applyRefs(ctx, c, b.project, entry, func(mvcc.LSN) { b.rec = rec })
}

// DeleteBranch removes a branch's name. What it wrote stays reachable through
// tags and branches made from it, and otherwise goes with garbage collection.
func (s *Store) DeleteBranch(ctx context.Context, projectName, name string, meta CommitMeta) error {
	b, err := s.branch(projectName, name)
	if err != nil {
		return err
	}
	if err := s.checkProtected(b, meta); err != nil {
		return err
	}
	if name == refs.Main {
		return errs.New(errs.BranchInUse, "the main branch of a project cannot be deleted").
			WithRemedy("delete the project, or restore the branch to an earlier moment")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return unknown(errs.BranchNotFound, "branch", name, nil)
	}
	p := b.project
	head := b.head.Load()
	c := &mvcc.Commit{Segment: b.rec.Segment, Refs: []refWrite{{Key: refs.BranchKey(p.rec.ID, name)}}}
	entry := &refs.LogEntry{
		Project: p.rec.ID, Actor: s.meta(meta).Actor, Op: opDelete, Branch: name,
		From: wal.Position{Segment: b.rec.Segment, LSN: head.lsn},
	}
	meta.remember(c, nil)
	return s.applyRefs(ctx, c, p, entry, func(mvcc.LSN) {
		b.gone = true
		delete(p.branches, name)
	})
}

// Restore makes a branch look as it did at the ref's moment, by pointing it to a
// new segment forked there: one durable write. What it leaves behind stays
// readable under its own LSNs. It returns the head that was left.
func (s *Store) Restore(ctx context.Context, ref refs.Ref, meta CommitMeta) (*Branch, mvcc.LSN, error) {
	if ref.Moment.IsHead() {
		return nil, 0, errs.New(errs.InvalidMoment, "a restore needs a moment to go back to")
	}
	b, at, err := s.position(ref)
	if err == nil {
		err = s.checkProtected(b, meta)
	}
	if err != nil {
		return nil, 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return nil, 0, unknown(errs.BranchNotFound, "branch", ref.Branch, nil)
	}
	old := b.head.Load()
	seg := refs.Segment{
		ID: s.mv.AllocSegment(), Project: b.project.rec.ID, Parent: at.Segment, Fork: at.LSN,
		Created: s.clock().UTC(), Branch: ref.Branch,
	}
	from := wal.Position{Segment: b.rec.Segment, LSN: old.lsn}
	if err := s.pointBranch(ctx, b, &seg, opRestore, from, meta); err != nil {
		return nil, 0, err
	}
	head, err := s.headAt(seg.ID, at.LSN)
	if err != nil {
		return nil, 0, err
	}
	b.head.Store(head)
	s.mv.Wake(from.Segment) // who waits for the branch waits there
	d, err := s.describeBranch(b)
	return d, old.lsn, err
}
