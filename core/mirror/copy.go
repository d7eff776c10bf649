package mirror

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

const (
	defaultParallel = 4
	// splitBytes is the size from which a collection is copied in ranges.
	splitBytes = 64 << 20
	maxRanges  = 32
)

// firstCopy copies the database, or what is left to copy.
func (l *lane) firstCopy(ctx context.Context) error {
	l.setStage(stageCopying, nil)
	l.copyBegan.Store(time.Now().UnixMilli())
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

// job is a range to copy.
type job struct {
	c *copyState
	r *copyRange
}

// planCopy compares what the source lists with what was copied, and returns what
// is left.
func (l *lane) planCopy(ctx context.Context, colls []listed) ([]job, error) {
	there := map[string]listed{}
	for _, c := range colls {
		there[c.name] = c
	}
	for name, c := range l.copies {
		now, ok := there[name]
		restart := !c.Plain && slices.ContainsFunc(c.Ranges, func(r *copyRange) bool { return !r.Done && !r.At.IsZero() })
		if ok && now.uuid == c.UUID && now.kind == c.Kind && !restart {
			continue
		}
		if err := l.dropCopy(ctx, name); err != nil {
			return nil, err
		}
	}
	var todo []job
	for _, c := range colls {
		if c.kind == kindView {
			continue
		}
		if l.copies[c.name] == nil {
			if err := l.addCopy(ctx, c); err != nil {
				return nil, err
			}
		}
		for _, r := range l.copies[c.name].Ranges {
			if !r.Done {
				todo = append(todo, job{l.copies[c.name], r})
			}
		}
	}
	return todo, nil
}

// dropCopy undoes the copy of a collection that the source has no more.
func (l *lane) dropCopy(ctx context.Context, name string) error {
	_, err := l.store.Write(ctx, l.ref(), l.meta("the source dropped "+name+" while it was copied"), func(t *engine.Txn) error {
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
	plan := &copyState{Name: c.name, UUID: c.uuid, Kind: c.kind, Plain: c.plainID()}
	var stats struct {
		Count int64   `bson:"count"`
		Size  float64 `bson:"size"`
	}
	// For the progress and the number of ranges alone: a failure is none.
	if l.src.client.Database(l.Database).RunCommand(ctx, bson.D{{Key: "collStats", Value: c.name}}).Decode(&stats) == nil {
		l.copyTotal.Add(stats.Count)
		l.copyTotalBytes.Add(int64(stats.Size))
	}
	plan.Ranges = []*copyRange{{}}
	if c.plainID() && stats.Size > splitBytes {
		var err error
		if plan.Ranges, err = l.split(ctx, c.name, min(maxRanges, int(stats.Size/splitBytes)+1)); err != nil {
			return err
		}
	}
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

// split chooses ranges of about the same size from a sample of _ids.
func (l *lane) split(ctx context.Context, coll string, n int) ([]*copyRange, error) {
	cursor, err := l.src.client.Database(l.Database).Collection(coll).Aggregate(ctx, bson.A{
		bson.D{{Key: "$sample", Value: bson.D{{Key: "size", Value: 20 * n}}}},
		bson.D{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
	})
	if err != nil {
		return nil, l.src.wrap(ctx, err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	var ids []bsonraw.Value
	for cursor.Next(ctx) {
		ids = append(ids, bsonraw.Doc(cursor.Current).Get("_id").Clone())
	}
	if err := cursor.Err(); err != nil {
		return nil, l.src.wrap(ctx, err)
	}
	slices.SortFunc(ids, bsonraw.Compare)
	ids = slices.CompactFunc(ids, bsonraw.Equal)
	ranges := []*copyRange{{}}
	for i := 1; i < n && len(ids) >= n; i++ {
		cut := rawValue(ids[i*len(ids)/n])
		ranges[len(ranges)-1].Hi = cut
		ranges = append(ranges, &copyRange{Lo: cut})
	}
	return ranges, nil
}

func rawValue(v bsonraw.Value) bson.RawValue {
	return bson.RawValue{Type: bson.Type(v.Type), Value: slices.Clone(v.Data)}
}

func valueOf(v bson.RawValue) bsonraw.Value {
	return bsonraw.Value{Type: bsonraw.Type(v.Type), Data: v.Value}
}

// runCopies copies ranges, several at once. The first error ends all.
func (l *lane) runCopies(ctx context.Context, todo []job) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan job)
	var workers sync.WaitGroup
	n := int(l.def.Parallel)
	if n <= 0 {
		n = defaultParallel
	}
	for range min(n, len(todo)) {
		workers.Go(func() {
			for j := range work {
				if err := l.copyRange(ctx, j); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, j := range todo {
		if ctx.Err() == nil {
			work <- j
		}
	}
	close(work)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// copyRange copies one range. Where the source no longer has the moment that it
// was being read at, what is left becomes a range at a newer one.
func (l *lane) copyRange(ctx context.Context, j job) error {
	for {
		err := l.readRange(ctx, j)
		if !isSnapshotGone(err) {
			return l.src.wrap(ctx, err)
		}
		at, err := l.src.now(ctx)
		if err != nil {
			return err
		}
		l.mu.Lock()
		if j.r.At.IsZero() {
			j.r.Time = at
		} else {
			rest := &copyRange{Lo: j.r.At, After: true, Hi: j.r.Hi, Time: at}
			j.r.Hi, j.r.Done = j.r.At, true
			i := slices.Index(j.c.Ranges, j.r)
			j.c.Ranges = slices.Insert(j.c.Ranges, i+1, rest)
			j.r = rest
		}
		l.mu.Unlock()
	}
}

// readRange reads what is left of a range at its time.
func (l *lane) readRange(ctx context.Context, j job) error {
	l.mu.Lock()
	snapshot := l.state.Snapshot && j.c.Kind == kindCollection
	if j.r.Time.IsZero() {
		j.r.Time = l.state.Start
	}
	at, from, hi := j.r.Time, j.r.Lo, j.r.Hi
	after := j.r.After
	if !j.r.At.IsZero() {
		from, after = j.r.At, true
	}
	l.mu.Unlock()
	read := ctx
	if snapshot {
		session, end, err := l.src.snapshot(ctx, at)
		if err != nil {
			return err
		}
		defer end()
		read = session
	}
	find := options.Find().SetBatchSize(copyDocs)
	if j.c.Kind == kindCollection {
		find.SetSort(bson.D{{Key: "_id", Value: 1}}).SetAllowDiskUse(true)
	}
	if !from.IsZero() {
		find.SetMin(bson.D{{Key: "_id", Value: from}})
	}
	if !hi.IsZero() {
		find.SetMax(bson.D{{Key: "_id", Value: hi}})
	}
	if !from.IsZero() || !hi.IsZero() {
		find.SetHint(bson.D{{Key: "_id", Value: 1}})
	}
	cursor, err := l.src.client.Database(l.Database).Collection(j.c.Name).Find(read, bson.D{}, find)
	if err != nil {
		return err
	}
	chunks := readChunks(read, cursor)
	defer chunks.stop()
	for c := range chunks.out {
		if c.err != nil {
			return c.err
		}
		docs := c.docs
		if after && len(docs) > 0 && bsonraw.Equal(docs[0].Get("_id"), valueOf(from)) {
			docs = docs[1:]
		}
		after = false
		if err := l.storeChunk(ctx, j, docs, c.last); err != nil {
			return err
		}
	}
	return nil
}

// storeChunk stores documents together with how far the copy is.
func (l *lane) storeChunk(ctx context.Context, j job, docs []bsonraw.Doc, last bool) error {
	size := int64(0)
	for _, d := range docs {
		size += int64(len(d))
	}
	meta := l.metaAt(stampOf(j.r.Time), "first copy of "+j.c.Name)
	_, err := l.store.Write(ctx, l.ref(), meta, func(t *engine.Txn) error {
		var failed []engine.WriteError
		if len(docs) > 0 {
			res, err := t.Insert(ctx, j.c.Name, docs, false)
			if err != nil {
				return err
			}
			failed = res.Errors
		}
		l.mu.Lock()
		if len(docs) > 0 {
			j.r.At = rawValue(docs[len(docs)-1].Get("_id"))
		}
		j.r.Done = last
		doc := marshal(j.c)
		l.mu.Unlock()
		if err := l.refuseIn(t, j.c.Name, docs, failed); err != nil {
			return err
		}
		return t.PutSetting(stateKind, l.key("copy", j.c.Name), doc)
	})
	if err == nil {
		l.copied.Add(int64(len(docs)))
		l.copyBytes.Add(size)
	}
	return err
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
		for _, r := range c.Ranges {
			newest = max(newest, stampOf(r.Time))
		}
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
	docs, size := l.copied.Load(), l.copyBytes.Load()
	_, err := l.store.Write(ctx, l.ref(), l.metaAt(newest, fmt.Sprintf("first copy of %s is done: %d collections", l.Database, len(l.copies))), func(t *engine.Txn) error {
		return l.changeIn(t, func(s *laneState) {
			s.Phase, s.Listed, s.Copied = phaseFollow, at, time.Now().UTC()
			s.Docs, s.Bytes = s.Docs+docs, s.Bytes+size
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

// skipRange says up to when events are in the copy of a range of _ids.
type skipRange struct {
	lo    []byte // encoded _id; nil is open
	after bool   // lo itself is of the range before
	until stamp
}

// prepareCatchUp makes, of what the copy was read at, what tells which events it
// holds already.
func (l *lane) prepareCatchUp() {
	l.skip, l.known = nil, nil
	if len(l.copies) == 0 {
		return
	}
	l.skip, l.known = map[string][]skipRange{}, map[string]string{}
	l.copyEnd = stampOf(l.state.Listed)
	for name, c := range l.copies {
		if c.UUID != "" {
			l.known[c.UUID] = name
		}
		for _, r := range c.Ranges {
			s := skipRange{after: r.After, until: stampOf(r.Time)}
			l.copyEnd = max(l.copyEnd, s.until)
			if !r.Lo.IsZero() {
				s.lo = bsonraw.AppendKey(nil, valueOf(r.Lo))
			}
			l.skip[name] = append(l.skip[name], s)
		}
	}
}

// copiedUntil returns up to when a document's events are in the copy.
func (l *lane) copiedUntil(coll string, id bsonraw.Value) stamp {
	ranges := l.skip[coll]
	if len(ranges) == 1 {
		return ranges[0].until
	}
	key := bsonraw.AppendKey(nil, id)
	for i := len(ranges) - 1; i >= 0; i-- {
		r := ranges[i]
		if c := bytes.Compare(key, r.lo); r.lo == nil || c > 0 || c == 0 && !r.after {
			return r.until
		}
	}
	return 0
}

// endCatchUp forgets the copy once the stream is past it.
func (l *lane) endCatchUp(ctx context.Context) error {
	for name := range l.copies {
		if err := l.store.PutSetting(ctx, stateKind, l.key("copy", name), nil); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.copies = map[string]*copyState{}
	l.mu.Unlock()
	l.skip, l.known = nil, nil
	return nil
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
