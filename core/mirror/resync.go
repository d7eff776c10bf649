package mirror

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/update"
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
	now := time.Now().UTC()
	text := fmt.Sprintf("GAP: what the source did after %s until %s was not captured, since its log does not reach back so far: %s",
		from.Format(time.RFC3339), now.Format(time.RFC3339), message(cause))
	l.log.Error(text)
	_, err := l.store.Write(ctx, l.ref(), l.meta(text), func(t *engine.Txn) error {
		if err := t.PutSetting(stateKind, l.key("token"), nil); err != nil {
			return err
		}
		return l.changeIn(t, func(s *laneState) {
			s.Phase = phaseResync
			s.Gaps = append(s.Gaps, gap{From: from, Found: now, Reason: message(cause)})
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

// resync compares the branch with the source and records what differs as one
// commit, from which the stream goes on.
func (l *lane) resync(ctx context.Context) error {
	l.setStage(stageResyncing, nil)
	start, err := l.src.now(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.state.Start, l.state.Snapshot = start, l.src.snapshots() && !l.def.NoSnapshot
	l.mu.Unlock()
	colls, err := l.list(ctx)
	if err != nil {
		return err
	}
	r := resyncRun{l: l, copies: map[string]*copyState{}}
	var lsn int64
	at, err := l.store.Write(ctx, l.ref(), l.metaAt(stampOf(start), "re-sync by comparison with the source"), func(t *engine.Txn) error {
		return r.run(ctx, t, colls)
	})
	if err != nil {
		return err
	}
	lsn = int64(at)
	l.mu.Lock()
	l.copies, l.position = r.copies, position{}
	l.mu.Unlock()
	l.log.Warn("re-synced", "documents", r.differing, "lsn", lsn)
	return l.change(ctx, func(s *laneState) {
		for i := range s.Gaps {
			if g := &s.Gaps[i]; !g.Synced {
				g.To, g.LSN, g.Docs, g.Synced = stampOf(start).time(), lsn, r.differing, true
			}
		}
	})
}

// resyncRun is one comparison.
type resyncRun struct {
	l         *lane
	copies    map[string]*copyState
	differing int64
}

func (r *resyncRun) run(ctx context.Context, t *engine.Txn, colls []listed) error {
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
		r.differing += n
		if _, err := t.DropCollection(ctx, c.Name); err != nil {
			return err
		}
	}
	for _, c := range colls {
		if err := r.collection(ctx, t, c); err != nil {
			return err
		}
	}
	end, err := r.l.src.now(ctx)
	if err != nil {
		return err
	}
	for name, c := range r.copies {
		if err := t.PutSetting(stateKind, r.l.key("copy", name), marshal(c)); err != nil {
			return err
		}
	}
	t.Remark(fmt.Sprintf("%d documents differed", r.differing))
	if err := t.PutSetting(stateKind, r.l.key("token"), nil); err != nil {
		return err
	}
	return r.l.changeIn(t, func(s *laneState) { s.Phase, s.Listed = phaseFollow, end })
}

// collection brings one collection in line: its making, documents and indexes.
func (r *resyncRun) collection(ctx context.Context, t *engine.Txn, c listed) error {
	mine, err := t.Collection(ctx, c.name)
	if err != nil {
		return err
	}
	take, _ := held(c.options)
	if mine != nil && (mine.View != (c.kind == kindView) || mine.View && bsonraw.CompareDocs(mine.Options, take) != 0) {
		if _, err := t.DropCollection(ctx, c.name); err != nil {
			return err
		}
		mine = nil
	}
	if mine == nil {
		notes, err := createIn(ctx, t, c.name, c.options)
		if err == nil {
			err = r.l.notesIn(t, notes...)
		}
		if err != nil {
			return err
		}
	} else if err := r.options(ctx, t, mine, take); err != nil {
		return err
	}
	if c.kind != kindCollection {
		return nil
	}
	at := r.l.state.Start
	snapshot := r.l.state.Snapshot
	for tries := 1; ; tries++ {
		err := r.documents(ctx, t, c, at, snapshot)
		if err == nil {
			break
		}
		if !isSnapshotGone(err) {
			return r.l.src.wrap(ctx, err)
		}
		snapshot = snapshot && tries < maxMoments
		if at, err = r.l.src.now(ctx); err != nil { // compare the rest, and again what was compared, at a newer time
			return err
		}
	}
	r.copies[c.name] = &copyState{Name: c.name, UUID: c.uuid, Kind: c.kind, Time: at, Mixed: at != r.l.state.Start || !snapshot, Begun: true, Done: true}
	return r.indexes(ctx, t, c)
}

// options brings a collection's validator and the like in line.
func (r *resyncRun) options(ctx context.Context, t *engine.Txn, mine *engine.Collection, take bsonraw.Doc) error {
	b := bsonraw.NewBuilder(nil)
	n := 0
	for _, name := range []string{"validator", "validationLevel", "validationAction", "changeStreamPreAndPostImages"} {
		now, was := take.Get(name), mine.Options.Get(name)
		if bsonraw.Identical(now, was) {
			continue
		}
		if now.IsMissing() {
			now = bsonraw.EmptyDoc.Value()
			if name == "validationLevel" || name == "validationAction" {
				continue // without a validator they mean nothing
			}
		}
		b.Value(name, now)
		n++
	}
	if n == 0 {
		return nil
	}
	return t.ModifyCollection(ctx, mine.Name, b.Finish().Clone())
}

// documents compares a collection document by document, in the order of _id.
func (r *resyncRun) documents(ctx context.Context, t *engine.Txn, c listed, at bson.Timestamp, snapshot bool) error {
	chunks, end, err := readSorted(ctx, r.l.src, r.l.Database, c.name, at, snapshot)
	if err != nil {
		return err
	}
	defer end()
	ours, err := t.Find(ctx, c.name, &engine.FindSpec{})
	if err != nil {
		return err
	}
	defer ours.Close()
	a := applier{l: r.l, t: t}
	return mergeDocs(ctx, chunks, ours, func(theirs, mine bsonraw.Doc) error {
		if bytes.Equal(theirs, mine) {
			return nil
		}
		r.differing++
		id := theirs.Get("_id")
		if theirs == nil {
			id = mine.Get("_id")
		}
		e := &event{coll: c.name, id: id, full: theirs}
		return a.document(e, func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return e.full, nil, nil })
	})
}

// readSorted reads a collection of the source in the order of _id.
func readSorted(ctx context.Context, src *source, database, coll string, at bson.Timestamp, snapshot bool) (*chunkReader, func(), error) {
	read, endSession := ctx, func() {}
	if snapshot {
		var err error
		if read, endSession, err = src.snapshot(ctx, at); err != nil {
			return nil, nil, err
		}
	}
	find := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetAllowDiskUse(true).SetBatchSize(copyDocs).
		SetCollation(&options.Collation{Locale: "simple"})
	cursor, err := src.client.Database(database).Collection(coll).Find(read, bson.D{}, find)
	if err != nil {
		endSession()
		return nil, nil, err
	}
	chunks := readChunks(read, cursor)
	return chunks, func() {
		chunks.stop()
		endSession()
	}, nil
}

// mergeDocs walks two streams of documents in the order of _id and calls fn with
// each pair; nil stands for one that is not there.
func mergeDocs(ctx context.Context, chunks *chunkReader, ours engine.Cursor, fn func(theirs, mine bsonraw.Doc) error) error {
	mine, have, err := ours.Next(ctx)
	if err != nil {
		return err
	}
	next := func() error {
		mine, have, err = ours.Next(ctx)
		return err
	}
	for c := range chunks.out {
		if c.err != nil {
			return c.err
		}
		for _, theirs := range c.docs {
			key := bsonraw.AppendKey(nil, theirs.Get("_id"))
			order := 1
			for have {
				if order = bytes.Compare(bsonraw.AppendKey(nil, mine.Get("_id")), key); order >= 0 {
					break
				}
				if err := fn(nil, mine); err != nil {
					return err
				}
				if err := next(); err != nil {
					return err
				}
			}
			if !have || order > 0 {
				if err := fn(theirs, nil); err != nil {
					return err
				}
				continue
			}
			if err := fn(theirs, mine); err != nil {
				return err
			}
			if err := next(); err != nil {
				return err
			}
		}
	}
	for have {
		if err := fn(nil, mine); err != nil {
			return err
		}
		if err := next(); err != nil {
			return err
		}
	}
	return nil
}

// indexes makes and drops indexes until they are the source's.
func (r *resyncRun) indexes(ctx context.Context, t *engine.Txn, c listed) error {
	specs, err := r.l.indexes(ctx, c.name)
	if err != nil {
		return err
	}
	mine, err := t.Collection(ctx, c.name)
	if err != nil || mine == nil {
		return err
	}
	wanted := map[string]bsonraw.Doc{}
	for _, spec := range specs {
		wanted[text(spec.Get("name"))] = spec
	}
	for _, have := range mine.Indexes {
		spec, ok := wanted[have.Name]
		if ok {
			def, err := index.ParseDefinition(without(spec, "expireAfterSeconds"))
			if err != nil {
				continue // noted when it was met
			}
			if same, err := index.Same(have, def); same || err == nil && bsonraw.CompareDocs(have.KeyPattern(), def.KeyPattern()) == 0 {
				continue
			}
		}
		if _, err := t.DropIndexes(ctx, c.name, bsonraw.StringValue(have.Name)); err != nil {
			return err
		}
	}
	for _, spec := range specs {
		note, err := indexIn(ctx, t, c.name, spec)
		if errs.Is(err, errs.DuplicateKey) {
			continue // newer than what was compared: its own event makes it
		}
		if err == nil {
			err = r.l.notesIn(t, note)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
