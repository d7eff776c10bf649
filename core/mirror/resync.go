package mirror

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// lost marks a gap: the source's log no longer has what came behind our last
// commit. The mark is a commit of the branch.
func (l *lane) lost(ctx context.Context, cause error) error {
	l.mu.Lock()
	from := time.UnixMilli(l.position.Wall).UTC()
	if l.position.Wall == 0 {
		from = stampOf(l.state.Start).time()
	}
	l.mu.Unlock()
	reason := message(cause)
	if len(l.copies) > 0 { // the stream never was past them
		reason += "; the copy, or comparison, before took longer than the source's log reaches back: a larger oplog ends this"
	}
	now := time.Now().UTC()
	text := fmt.Sprintf("GAP: what the source did after %s until %s was not captured, since its log does not reach back so far: %s",
		from.Format(time.RFC3339), now.Format(time.RFC3339), reason)
	l.log.Error(text)
	at, err := l.src.now(ctx)
	if err != nil {
		return err
	}
	meta := l.meta(text)
	meta.Time = stampOf(at).time() // by the source's clock, as every commit of the branch
	_, err = l.store.Write(ctx, l.ref(), meta, func(t *engine.Txn) error {
		if err := t.PutSetting(stateKind, l.key("token"), nil); err != nil {
			return err
		}
		return l.changeIn(t, func(s *laneState) {
			s.Phase = phaseResync
			s.Gaps = append(s.Gaps, gap{From: from, Found: now, Reason: reason})
		})
	})
	if err != nil {
		return err
	}
	if l.def.OnGap == "stop" {
		return errs.Wrap(errStop, errs.MirrorGap, "%s", text).
			WithRemedy("argon mirror start %s --resync compares with the source and goes on", l.def.Name)
	}
	return nil
}

// A re-sync compares the branch with the source, range by range, on a hidden
// branch (engine.Stage): each batch of differences is a commit there, together
// with how far the comparison is. So it takes little memory at any size, and goes
// on where it was after a crash. Then the hidden branch takes the place of the
// lane's, in one commit, and the stream goes on from the time of the comparison.
//
// Rejected: one transaction on the branch itself, which has to fit into memory
// and begins again after a crash; and batches on the branch, whose readers would
// see states that the source never had.

// resyncing is how far a re-sync is, besides the copyStates of its collections.
type resyncing struct {
	Stage     string `bson:"stage"`     // the hidden branch
	Differing int64  `bson:"differing"` // documents so far
}

// resyncRun is a re-sync at work.
type resyncRun struct {
	l     *lane
	stage refs.Ref
}

// resync brings the branch in line with the source.
func (l *lane) resync(ctx context.Context) error {
	l.setStage(stageResyncing, nil)
	r, err := l.beginResync(ctx)
	if err != nil {
		return err
	}
	l.beginProgress()
	for {
		at, err := l.src.now(ctx)
		if err != nil {
			return err
		}
		colls, err := l.list(ctx)
		if err != nil {
			return err
		}
		todo, err := r.plan(ctx, colls)
		if err != nil {
			return err
		}
		// As with the first copy, what was made or renamed meanwhile shows in the
		// next list.
		if len(todo) == 0 {
			return r.publish(ctx, at, colls)
		}
		for _, c := range todo {
			if err := r.collection(ctx, c); err != nil {
				return err
			}
		}
	}
}

// beginResync goes on with the re-sync that is under way, or begins one.
func (l *lane) beginResync(ctx context.Context) (*resyncRun, error) {
	r := &resyncRun{l: l, stage: refs.Ref{Project: l.Project}}
	if have := l.state.Resync; have != nil {
		_, err := l.store.Branch(ctx, l.Project, have.Stage)
		if err == nil || !errs.Is(err, errs.BranchNotFound) {
			r.stage.Branch = have.Stage
			return r, err
		}
	}
	start, err := l.src.now(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.forgetCopies(ctx); err != nil {
		return nil, err
	}
	if r.stage.Branch, err = l.store.Stage(ctx, l.ref(), true, l.meta("")); err != nil {
		return nil, err
	}
	return r, l.change(ctx, func(s *laneState) {
		s.Start, s.Snapshot = start, l.src.snapshots() && !l.def.NoSnapshot
		s.Resync = &resyncing{Stage: r.stage.Branch}
		s.Refused, s.Refusals = nil, 0 // they are met again
	})
}

// plan compares what the source lists with what was compared, and returns what is
// left.
func (r *resyncRun) plan(ctx context.Context, colls []listed) ([]*copyState, error) {
	l := r.l
	at, err := l.src.now(ctx) // behind the list: what it names has this name then
	if err != nil {
		return nil, err
	}
	var todo []*copyState
	var settings []engine.SettingWrite
	copies := map[string]*copyState{}
	for _, c := range colls {
		if c.kind == kindView {
			continue
		}
		have := l.copies[c.name]
		if have == nil || have.UUID != c.uuid || have.Kind != c.kind {
			have = &copyState{Name: c.name, UUID: c.uuid, Kind: c.kind, Time: at, Progress: l.measure(ctx, c.name)}
			if have.Mixed = !l.state.Snapshot || c.kind != kindCollection; !have.Mixed {
				have.Since = at
			}
			settings = append(settings, engine.SettingWrite{Kind: stateKind, Name: l.key("copy", c.name), Doc: marshal(have)})
		}
		copies[c.name] = have
		if have.options = c.options; !have.Done {
			todo = append(todo, have)
		}
	}
	for name := range l.copies {
		if copies[name] == nil { // gone
			settings = append(settings, engine.SettingWrite{Kind: stateKind, Name: l.key("copy", name)})
		}
	}
	l.mu.Lock()
	l.copies = copies
	l.mu.Unlock()
	if len(settings) == 0 {
		return todo, nil
	}
	return todo, l.store.PutSettings(ctx, settings)
}

// write makes a commit of the hidden branch, at the time of the comparison.
func (r *resyncRun) write(ctx context.Context, message string, fn func(*engine.Txn) error) error {
	meta := r.l.meta(message)
	meta.Time, meta.Unsynced = stampOf(r.l.state.Start).time(), true // publish makes all of it durable
	_, err := r.l.store.Write(ctx, r.stage, meta, fn)
	return err
}

// collection brings one collection in line: its making, documents and indexes.
func (r *resyncRun) collection(ctx context.Context, c *copyState) error {
	l := r.l
	if !c.Begun {
		err := r.write(ctx, "the making of "+c.Name, func(t *engine.Txn) error {
			return l.alignCollection(ctx, t, listed{name: c.Name, kind: c.Kind, options: c.options})
		})
		if err != nil {
			return err
		}
	}
	was, read := string(c.Resume), l.state.Snapshot && c.Kind == kindCollection
	for tries := 1; ; tries++ {
		err := r.documents(ctx, c, read)
		if err == nil {
			break
		}
		if !isSnapshotGone(err) {
			return l.src.wrap(ctx, err)
		}
		if string(c.Resume) != was {
			tries, was = 1, string(c.Resume)
		}
		at, err := l.src.now(ctx)
		if err != nil {
			return err
		}
		read = read && tries < maxMoments
		l.mu.Lock()
		c.renew(at, read)
		l.mu.Unlock()
	}
	return r.end(ctx, c)
}

// end brings a collection's indexes in line and says that it is done.
func (r *resyncRun) end(ctx context.Context, c *copyState) error {
	l := r.l
	var specs []bsonraw.Doc
	if c.Kind == kindCollection {
		var err error
		if specs, err = l.indexes(ctx, c.Name); err != nil {
			return err
		}
	}
	return r.write(ctx, "the indexes of "+c.Name, func(t *engine.Txn) error {
		if c.Mixed {
			specs = slices.DeleteFunc(specs, isUnique) // endCatchUp makes them
		}
		if err := l.alignIndexes(ctx, t, c.Name, specs); err != nil {
			return err
		}
		l.mu.Lock()
		c.Done = true
		doc := marshal(c)
		l.mu.Unlock()
		return t.PutSetting(stateKind, l.key("copy", c.Name), doc)
	})
}

// documents compares what is left of a collection, in the order of _id.
func (r *resyncRun) documents(ctx context.Context, c *copyState, snapshot bool) error {
	l := r.l
	behind := bsonraw.Doc(c.Resume).Get("_id")
	theirs := sortedRead{database: l.Database, coll: c.Name, behind: behind}
	if snapshot {
		theirs.at = c.Time
	}
	chunks, end, err := l.src.readSorted(ctx, theirs)
	if err != nil {
		return err
	}
	defer end()
	snap, err := l.store.Snapshot(ctx, r.stage)
	if err != nil {
		return err
	}
	defer snap.Close()
	ours, err := snap.FindBehind(ctx, c.Name, behind)
	if err != nil {
		return err
	}
	defer ours.Close()
	b := resyncBatch{r: r, c: c}
	if err := mergeDocs(ctx, chunks, ours, func(theirs, mine bsonraw.Doc) error { return b.pair(ctx, theirs, mine) }); err != nil {
		return err
	}
	if !snapshot {
		at, err := l.src.now(ctx)
		if err != nil {
			return err
		}
		l.mu.Lock()
		c.Time = at
		l.mu.Unlock()
	}
	return b.flush(ctx)
}

// publish has the hidden branch take the lane's place.
func (r *resyncRun) publish(ctx context.Context, at bson.Timestamp, colls []listed) error {
	l := r.l
	var series []series
	err := r.write(ctx, "views and what was dropped", func(t *engine.Txn) (err error) {
		if series, err = l.readSeries(ctx, t); err != nil {
			return err
		}
		return r.rest(ctx, t, colls)
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	start := stampOf(l.state.Start)
	next := l.state
	next.Gaps = slices.Clone(l.state.Gaps)
	differing := next.Resync.Differing
	l.mu.Unlock()
	next.Phase, next.Listed, next.Series, next.Resync = phaseFollow, at, series, nil
	for i := range next.Gaps {
		if g := &next.Gaps[i]; !g.Synced {
			g.To, g.Docs, g.Synced = start.time(), differing, true
		}
	}
	meta := l.metaAt(start, fmt.Sprintf("re-sync by comparison with the source; %d documents differed", differing))
	lsn, err := l.store.Adopt(ctx, l.ref(), r.stage.Branch, meta, stateKind,
		engine.Setting{Name: l.key(), Doc: marshal(&next)}, engine.Setting{Name: l.key("token")})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.state, l.position = next, position{}
	l.mu.Unlock()
	l.log.Warn("re-synced", "documents", differing, "lsn", lsn)
	return l.change(ctx, func(s *laneState) { // to look it up by
		for i := range s.Gaps {
			if g := &s.Gaps[i]; g.LSN == 0 {
				g.LSN = int64(lsn)
			}
		}
	})
}

// rest drops what the source does not have, and brings views in line.
func (r *resyncRun) rest(ctx context.Context, t *engine.Txn, colls []listed) error {
	there := map[string]bool{}
	for _, c := range colls {
		there[c.name] = true
	}
	ours, err := t.Collections(ctx)
	if err != nil {
		return err
	}
	for _, c := range ours {
		if there[c.Name] {
			continue
		}
		n, err := t.Count(ctx, c.Name, &engine.CountSpec{})
		if err != nil {
			return err
		}
		if _, err := t.DropCollection(ctx, c.Name); err != nil {
			return err
		}
		if err := r.differ(t, n); err != nil {
			return err
		}
	}
	for _, c := range colls {
		if c.kind != kindView {
			continue
		}
		if err := r.l.alignCollection(ctx, t, c); err != nil {
			return err
		}
	}
	return nil
}

// differ counts documents that differed, as a part of a commit.
func (r *resyncRun) differ(t *engine.Txn, n int64) error {
	return r.l.changeIn(t, func(s *laneState) {
		now := *s.Resync
		now.Differing += n
		s.Resync = &now
	})
}
