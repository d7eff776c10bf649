package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
)

const (
	defaultParallel = 4
	// maxMoments is how many moments in a row a collection is tried at.
	maxMoments = 3
)

// A collection is read in the order in which the source has it, which costs the
// source least; each answer tells where the next goes on ($_requestResumeToken,
// since 4.4), and that is stored with the chunk. It is a record's number, which means
// nothing to another member of the source: there, the collection is read once more.
// Collections are read beside each other, and each by one reader: what it inserts
// mostly ascends then, and so needs no compaction. Rejected: ranges of _id in
// parallel. They are read through the index at twice the cost, and make the store
// merge what they interleave.

// firstCopy copies the database, or what is left to copy.
func (l *lane) firstCopy(ctx context.Context) error {
	l.setStage(stageCopying, nil)
	l.beginProgress()
	if l.phase() == "" {
		if err := l.beginCopy(ctx); err != nil {
			return err
		}
	}
	for round := 0; ; round++ {
		at, err := l.src.now(ctx)
		if err != nil {
			return err
		}
		colls, err := l.list(ctx)
		if err != nil {
			return err
		}
		todo, err := l.planCopy(ctx, colls)
		if err != nil {
			return err
		}
		// What was dropped, renamed or made while it was copied shows in the
		// next list; the copy is over when a list shows nothing new.
		if len(todo) == 0 {
			return l.endCopy(ctx, at, colls)
		}
		if err := l.runCopies(ctx, todo); err != nil {
			return err
		}
	}
}

// beginCopy chooses the moment of the copy.
func (l *lane) beginCopy(ctx context.Context) error {
	start, err := l.src.now(ctx)
	if err != nil {
		return err
	}
	snapshot := l.src.snapshots() && !l.def.NoSnapshot
	if err := l.change(ctx, func(s *laneState) {
		*s = laneState{Phase: phaseCopy, Start: start, Snapshot: snapshot}
	}); err != nil {
		return err
	}
	if !snapshot {
		return l.note(ctx, "the first copy was read without snapshots, while the stream was buffered: its states up to "+stampOf(start).time().Format(time.RFC3339)+" are not all at one moment")
	}
	return nil
}

// planCopy compares what the source lists with what was copied, and returns what
// is left.
func (l *lane) planCopy(ctx context.Context, colls []listed) ([]*copyState, error) {
	there := map[string]listed{}
	for _, c := range colls {
		there[c.name] = c
	}
	for name, c := range l.copies {
		now, ok := there[name]
		restart := c.Begun && !c.Done && c.Resume == nil // nobody knows where it was
		if ok && now.uuid == c.UUID && now.kind == c.Kind && !restart {
			continue
		}
		if err := l.dropCopy(ctx, name); err != nil {
			return nil, err
		}
	}
	var todo []*copyState
	for _, c := range colls {
		if c.kind == kindView {
			continue
		}
		if l.copies[c.name] == nil {
			if err := l.addCopy(ctx, c); err != nil {
				return nil, err
			}
		}
		if plan := l.copies[c.name]; !plan.Done {
			todo = append(todo, plan)
		}
	}
	return todo, nil
}

// dropCopy undoes the copy of a collection that the source has no more.
func (l *lane) dropCopy(ctx context.Context, name string) error {
	_, err := l.store.Write(ctx, l.ref(), l.metaAt(stampOf(l.state.Start), "the source dropped "+name+" while it was copied"), func(t *engine.Txn) error {
		if _, err := t.DropCollection(ctx, name); err != nil {
			return err
		}
		return t.PutSetting(stateKind, l.key("copy", name), nil)
	})
	l.mu.Lock()
	delete(l.copies, name)
	l.mu.Unlock()
	return err
}

// addCopy makes a collection and plans its copy.
func (l *lane) addCopy(ctx context.Context, c listed) error {
	plan := &copyState{Name: c.name, UUID: c.uuid, Kind: c.kind, Progress: l.measure(ctx, c.name)}
	_, err := l.store.Write(ctx, l.ref(), l.metaAt(stampOf(l.state.Start), ""), func(t *engine.Txn) error {
		notes, err := createIn(ctx, t, c.name, c.options)
		if err == nil {
			err = l.notesIn(t, notes...)
		}
		if err != nil {
			return err
		}
		return t.PutSetting(stateKind, l.key("copy", c.name), marshal(plan))
	})
	if err == nil {
		l.mu.Lock()
		l.copies[c.name] = plan
		l.mu.Unlock()
	}
	return err
}

func rawValue(v bsonraw.Value) bson.RawValue {
	if v.IsMissing() {
		return bson.RawValue{Type: bson.TypeNull} // a zero type cannot be written
	}
	return bson.RawValue{Type: bson.Type(v.Type), Value: slices.Clone(v.Data)}
}

// runCopies copies collections, several at once. The first error ends all.
func (l *lane) runCopies(ctx context.Context, todo []*copyState) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan *copyState)
	var workers sync.WaitGroup
	n := int(l.def.Parallel)
	if n <= 0 {
		n = defaultParallel
	}
	n = min(n, len(todo))
	l.loadBytes = commitBytes / n
	for range n {
		workers.Go(func() {
			for c := range work {
				if err := l.copyCollection(ctx, c); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, c := range todo {
		if ctx.Err() == nil {
			work <- c
		}
	}
	close(work)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// copyCollection copies what is left of a collection. Where the source no longer
// has the moment that it was being read at, the rest is read at a newer one.
func (l *lane) copyCollection(ctx context.Context, c *copyState) error {
	l.mu.Lock()
	if c.Time.IsZero() {
		c.Time = l.state.Start
	}
	snapshot := l.state.Snapshot && c.Kind == kindCollection
	c.Mixed = c.Mixed || !snapshot
	l.mu.Unlock()
	was := string(c.Resume)
	for tries := 1; ; tries++ {
		err := l.readCollection(ctx, c, snapshot)
		if serverCode(err) == codeKeyNotFound { // the record behind which it was to go on
			l.mu.Lock()
			c.again()
			l.mu.Unlock()
			continue
		}
		if !isSnapshotGone(err) {
			return l.src.wrap(ctx, err)
		}
		if string(c.Resume) != was {
			tries, was = 1, string(c.Resume) // it went on for a while
		}
		at, err := l.src.now(ctx)
		if err != nil {
			return err
		}
		// What has not this moment either, as a capped collection, has none.
		snapshot = snapshot && tries < maxMoments
		l.mu.Lock()
		c.renew(at, snapshot)
		l.mu.Unlock()
	}
}

// readCollection reads and stores what is left.
func (l *lane) readCollection(ctx context.Context, c *copyState, snapshot bool) error {
	process := ""
	if c.Kind == kindCollection {
		var err error
		if process, err = l.src.process(ctx); err != nil {
			return err
		}
	}
	l.mu.Lock()
	if c.Resume != nil && c.Process != process {
		c.again()
	}
	c.Process = process
	o := scanOptions{coll: c.Name, resume: c.Resume, process: process}
	if snapshot {
		o.at = c.Time
	}
	l.mu.Unlock()
	scan, err := l.src.scan(ctx, l.Database, o)
	if err != nil {
		return err
	}
	loads := scan.gather(l.loadBytes)
	defer loads.stop()
	for load := range loads.out {
		if load.err != nil {
			return load.err
		}
		if load.last && !snapshot {
			at, err := l.src.now(ctx)
			if err != nil {
				return err
			}
			l.mu.Lock()
			c.Time = at
			l.mu.Unlock()
		}
		if err := l.storeLoad(ctx, c, load); err != nil {
			return err
		}
		loads.done(load)
	}
	return nil
}

// storeLoad stores documents together with how far the copy is.
func (l *lane) storeLoad(ctx context.Context, c *copyState, load *load) error {
	meta := l.metaAt(stampOf(c.Time), "first copy of "+c.Name)
	meta.Unsynced = true
	l.mu.Lock()
	next := *c
	l.mu.Unlock()
	next.Resume, next.Begun, next.Done = load.resume, true, load.last
	next.Progress.add(load.bulk.Len(), load.bulk.Size())
	_, err := l.store.Write(ctx, l.ref(), meta, func(t *engine.Txn) error {
		if done, err := t.InsertBulk(ctx, c.Name, &load.bulk, !c.Mixed); err != nil {
			return err
		} else if !done {
			if err := l.insertOneByOne(ctx, t, c, load.bulk.Docs()); err != nil {
				return err
			}
		}
		return t.PutSetting(stateKind, l.key("copy", c.Name), marshal(&next))
	})
	if err == nil {
		l.mu.Lock()
		*c = next
		l.mu.Unlock()
	}
	return err
}

// sift refuses, in a commit, the documents that we do not hold, and returns the
// others, in the memory of docs.
func (l *lane) sift(t *engine.Txn, coll string, docs []bsonraw.Doc) (rest []bsonraw.Doc, err error) {
	rest = slices.DeleteFunc(docs, func(d bsonraw.Doc) bool {
		bad := bsonraw.Validate(d)
		if bad == nil {
			return false
		}
		err = errors.Join(err, l.changeIn(t, func(s *laneState) { l.refuse(s, coll, d.Get("_id"), bad) }))
		return true
	})
	return rest, err
}

// insertOneByOne stores documents some of which need a closer look.
func (l *lane) insertOneByOne(ctx context.Context, t *engine.Txn, c *copyState, docs []bsonraw.Doc) error {
	docs, err := l.sift(t, c.Name, docs)
	if err != nil || len(docs) == 0 {
		return err
	}
	res, err := t.Insert(ctx, c.Name, docs, false)
	if err != nil {
		return err
	}
	failed := res.Errors
	if c.Mixed { // one that moved since may have been met before
		if failed, err = replaceMet(t, c.Name, docs, failed); err != nil {
			return err
		}
	}
	return l.refuseIn(t, c.Name, docs, failed)
}

// replaceMet replaces documents that are here already, and returns the failures
// that are left.
func replaceMet(t *engine.Txn, coll string, docs []bsonraw.Doc, failed []engine.WriteError) (rest []engine.WriteError, err error) {
	for _, f := range failed {
		if !errs.Is(f.Err, errs.DuplicateKey) {
			rest = append(rest, f)
			continue
		}
		doc := docs[f.Index]
		err := t.Rewrite(coll, doc.Get("_id"), func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return doc, nil, nil })
		if err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// refuseIn keeps, in a commit, which of its documents could not be stored.
func (l *lane) refuseIn(t *engine.Txn, coll string, docs []bsonraw.Doc, failed []engine.WriteError) error {
	if len(failed) == 0 {
		return nil
	}
	return l.changeIn(t, func(s *laneState) {
		for _, f := range failed {
			l.refuse(s, coll, docs[f.Index].Get("_id"), f.Err)
		}
	})
}

// endCopy makes indexes and views, and hands over to the stream.
func (l *lane) endCopy(ctx context.Context, at bson.Timestamp, colls []listed) error {
	newest := stampOf(l.state.Start)
	for _, c := range l.copies {
		newest = max(newest, stampOf(c.Time))
	}
	for _, c := range colls {
		if err := l.copyIndexes(ctx, newest, c); err != nil {
			return err
		}
	}
	for _, c := range colls { // behind the collections that they show
		if c.kind == kindView {
			if err := l.createView(ctx, newest, c); err != nil {
				return err
			}
		}
	}
	_, err := l.store.Write(ctx, l.ref(), l.metaAt(newest, fmt.Sprintf("first copy of %s is done: %d collections", l.Database, len(l.copies))), func(t *engine.Txn) error {
		series, err := l.readSeries(ctx, t)
		if err != nil {
			return err
		}
		return l.changeIn(t, func(s *laneState) {
			s.Phase, s.Listed, s.Copied, s.Series = phaseFollow, at, time.Now().UTC(), series
		})
	})
	return err
}

func (l *lane) copyIndexes(ctx context.Context, at stamp, c listed) error {
	if c.kind != kindCollection {
		return nil
	}
	specs, err := l.indexes(ctx, c.name)
	if err != nil {
		return err
	}
	if plan := l.copies[c.name]; plan != nil && plan.Mixed {
		specs = slices.DeleteFunc(specs, isUnique) // endCatchUp makes them
	}
	for _, spec := range specs {
		_, err := l.store.Write(ctx, l.ref(), l.metaAt(at, "index "+text(spec.Get("name"))+" of "+c.name), func(t *engine.Txn) error {
			note, err := indexIn(ctx, t, c.name, spec)
			if err != nil {
				return err
			}
			return l.notesIn(t, note)
		})
		// An index that is newer than the copy may not fit it yet; its own event
		// makes it then.
		if err != nil && !errs.Is(err, errs.DuplicateKey) {
			return err
		}
	}
	return nil
}

func (l *lane) createView(ctx context.Context, at stamp, c listed) error {
	_, err := l.store.Write(ctx, l.ref(), l.metaAt(at, "view "+c.name), func(t *engine.Txn) error {
		notes, err := createIn(ctx, t, c.name, c.options)
		if err == nil {
			err = l.notesIn(t, notes...)
		}
		return err
	})
	if errs.Is(err, errs.NamespaceExists) {
		return nil
	}
	return err
}

// ensureBranch makes the branch that the lane writes to, empty.
func (l *lane) ensureBranch(ctx context.Context) error {
	if err := l.store.EnsureProject(ctx, l.Project, l.meta("")); err != nil {
		return err
	}
	_, err := l.store.Branch(ctx, l.Project, l.Branch)
	if errs.Is(err, errs.BranchNotFound) {
		_, err = l.store.CreateBranch(ctx, l.Project, l.Branch, refs.Ref{Project: l.Project, Branch: refs.Main}, l.meta(""))
	}
	return err
}
