package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// event is one change before it becomes a document: what happened, and where to
// read the states before and after.
type event struct {
	n    uint32
	kind string // MongoDB's operationType
	coll string // "" for the database
	to   string // of a rename
	id   Value
	key  []byte            // encoded _id
	cid  mvcc.CollectionID // after; 0 for the catalog's
	was  mvcc.CollectionID // before
	op   *wal.Op           // of a commit's own operation
	ddl  *catalogEvent
}

// unfolding is the events of one step, in order. They are numbered over all
// collections and kinds, whatever a stream shows of them: first those of the
// catalog, then documents.
type unfolding struct {
	f    *feed
	step *step
	rec  *wal.Record // the feed's, or a copy of its own once the feed rests
	own  bool

	catalog []catalogEvent
	dropped map[mvcc.CollectionID]bool
	revived []*Collection // collections that came back with documents that no operation names
	diff    *diffCursor   // of a move
	key     []byte

	n         uint32 // number of the next event
	catalogAt int
	opAt      int
	scan      *mvcc.Cursor // over the first of revived
	told      []byte       // the encoded _id of its newest document
	before    *mvcc.View
	after     *mvcc.View
}

// unfold begins the events of a step, and moves the feed's catalog on.
func (f *feed) unfold(ctx context.Context, st *step) (*unfolding, error) {
	u := &unfolding{f: f, step: st, rec: st.record, dropped: map[mvcc.CollectionID]bool{}}
	if st.record == nil {
		return u, u.move(ctx)
	}
	return u, u.commit()
}

// commit prepares the events of a commit.
func (u *unfolding) commit() error {
	touched, err := u.catalogOps()
	if err != nil || len(touched) == 0 {
		return err
	}
	now := u.f.catalog.clone()
	for cid := range touched {
		if err := u.reload(now, cid); err != nil {
			return err
		}
	}
	u.compareCatalogs(now, u.step.record.Kind == wal.KindDropDatabase)
	return u.findRevived()
}

// catalogOps finds the collections whose catalog entries a commit touched.
func (u *unfolding) catalogOps() (map[mvcc.CollectionID]bool, error) {
	var touched map[mvcc.CollectionID]bool
	for i := range u.rec.Ops {
		op := &u.rec.Ops[i]
		if op.Collection >= firstUserID {
			continue
		}
		id := op.ID
		if op.Collection == sysIndexes {
			id = id.Doc().Get("c")
		}
		cid, ok := id.AsInt64()
		if !ok || op.Collection == sysCounts {
			continue
		}
		if touched == nil {
			touched = map[mvcc.CollectionID]bool{}
		}
		touched[mvcc.CollectionID(cid)] = true
	}
	return touched, nil
}

// reload reads a collection's catalog entries as the commit left them.
func (u *unfolding) reload(now *catalog, cid mvcc.CollectionID) error {
	if old := now.byID[cid]; old != nil {
		now.remove(old)
	}
	version, ok, err := u.afterView().Get(sysCollections, bsonraw.AppendKey(nil, bsonraw.Int64Value(int64(cid))))
	if err != nil || !ok {
		return err
	}
	coll, err := decodeCollection(version.Doc.Clone())
	if err != nil {
		return err
	}
	lo := bsonraw.AppendKey(nil, indexDocID(cid, ""))
	hi := bsonraw.AppendKey(nil, indexDocID(cid+1, ""))
	cur := u.afterView().Scan(sysIndexes, lo, hi, false)
	defer cur.Close()
	for cur.Next() {
		of, def, err := decodeIndex(cur.Doc().Clone())
		if err != nil {
			return err
		}
		if of == cid {
			coll.Indexes = append(coll.Indexes, def)
		}
	}
	now.byName[coll.Name], now.byID[cid] = coll, coll
	return cur.Err()
}

// findRevived looks for collections that are there again with what they held:
// a drop leaves documents where they are, and to undo it writes the catalog only.
func (u *unfolding) findRevived() error {
	for i := range u.catalog {
		e := &u.catalog[i]
		if e.kind != eventCreate || e.after.View {
			continue
		}
		cur := u.beforeView().Scan(e.after.ID, nil, nil, false)
		if cur.Next() {
			u.revived = append(u.revived, e.after)
		}
		if err := cur.Close(); err != nil {
			return err
		}
	}
	return nil
}

// move prepares the events of a restore, or of the branch's end.
func (u *unfolding) move(ctx context.Context) (err error) {
	st := u.step
	if st.to == nil {
		u.compareCatalogs(emptyCatalog(), true)
		return nil
	}
	if u.diff, err = u.f.s.compare(ctx, st.from, *st.to, ""); err != nil {
		if lost := u.f.checkKept(st.to.Segment); lost != nil {
			return lost // since the step was read
		}
		return err
	}
	u.before, u.after = u.diff.baseView, u.diff.targetView
	u.compareCatalogs(u.diff.target.catalog.clone(), false)
	return u.findRevived()
}

// next returns the next event, or nil at the end.
func (u *unfolding) next(ctx context.Context) (*event, error) {
	if u.catalogAt < len(u.catalog) {
		e := &u.catalog[u.catalogAt]
		u.catalogAt++
		u.n++
		ev := &event{n: u.n - 1, kind: e.kind, coll: e.name, ddl: e}
		if e.kind == eventRename {
			ev.to = e.after.Name
		}
		return ev, nil
	}
	for u.opAt < u.opCount() {
		if u.opAt%checkEvery == checkEvery-1 {
			if err := ctxError(ctx); err != nil {
				return nil, err
			}
		}
		u.opAt++
		u.n++
		ev := u.operation(u.opAt - 1)
		if ev != nil {
			ev.n = u.n - 1
			return ev, nil
		}
	}
	return u.nextRevived(ctx)
}

func (u *unfolding) opCount() int {
	if u.diff != nil {
		return len(u.diff.todo)
	}
	if u.rec == nil {
		return 0
	}
	return len(u.rec.Ops)
}

// operation returns the event of a document, or nil if it has none: of the
// catalog, of a collection that is gone with its documents or comes back whole.
func (u *unfolding) operation(i int) *event {
	if u.diff != nil {
		item := &u.diff.todo[i]
		if item.target == 0 || u.isRevived(item.target) {
			return nil
		}
		return &event{kind: eventDiffer, coll: item.coll, id: item.id, key: []byte(item.key), cid: item.target, was: item.base}
	}
	op := &u.rec.Ops[i]
	if op.Collection < firstUserID || op.KeptAway() {
		return nil
	}
	coll := u.f.catalog.byID[op.Collection]
	if coll == nil || u.isRevived(coll.ID) {
		return nil
	}
	ev := &event{coll: coll.Name, id: op.ID, cid: coll.ID, was: coll.ID, op: op}
	switch {
	case op.Kind == wal.Insert:
		ev.kind = eventInsert
	case op.Kind == wal.Delete:
		ev.kind = eventDelete
	case op.Form == wal.ByReplacement:
		ev.kind = eventReplace
	case op.Form == wal.ByDifference:
		ev.kind = eventDiffer
	default:
		ev.kind = eventUpdate
	}
	u.key = bsonraw.AppendKey(u.key[:0], op.ID)
	ev.key = u.key
	return ev
}

func (u *unfolding) isRevived(cid mvcc.CollectionID) bool {
	return slices.ContainsFunc(u.revived, func(c *Collection) bool { return c.ID == cid })
}

// nextRevived returns the documents of collections that came back.
func (u *unfolding) nextRevived(ctx context.Context) (*event, error) {
	for len(u.revived) > 0 {
		coll := u.revived[0]
		if u.scan == nil {
			u.scan = u.afterView().Scan(coll.ID, nil, nil, false)
			if u.told != nil {
				u.scan.Seek(append(u.told, 0)) // behind it: keys end by themselves
			}
		}
		if err := ctxError(ctx); err != nil {
			return nil, err
		}
		if u.scan.Next() {
			u.n++
			u.told = append(u.told[:0], u.scan.IDKey()...)
			return &event{
				n: u.n - 1, kind: eventInsert, coll: coll.Name, id: u.scan.Doc().Get("_id").Clone(), key: u.told, cid: coll.ID,
			}, nil
		}
		err := u.scan.Close()
		u.scan, u.told = nil, nil
		if err != nil {
			return nil, err
		}
		u.revived = u.revived[1:]
	}
	return nil, nil
}

// afterView shows what the step left.
func (u *unfolding) afterView() *mvcc.View {
	if u.after == nil {
		u.after = u.f.s.mv.NewView(u.step.lineage)
	}
	return u.after
}

// beforeView shows what was before the step.
func (u *unfolding) beforeView() *mvcc.View {
	if u.before == nil {
		lineage := slices.Clone(u.step.lineage)
		lineage[0].Max--
		u.before = u.f.s.mv.NewView(lineage)
	}
	return u.before
}

// images reads the states of an event's document. The bytes are good until the
// next read of the same view.
func (u *unfolding) images(ev *event, before, after bool) (pre, post Doc, err error) {
	if before && ev.was != 0 {
		version, ok, err := u.beforeView().Get(ev.was, ev.key)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			pre = version.Doc
		}
	}
	if after && ev.cid != 0 {
		version, ok, err := u.afterView().Get(ev.cid, ev.key)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			post = version.Doc
		}
	}
	return pre, post, nil
}

// differ decides what a difference of two states is; false if they are equal.
func (u *unfolding) differ(ev *event) (bool, error) {
	pre, post, err := u.images(ev, true, true)
	if err != nil || bytes.Equal(pre, post) {
		return false, err
	}
	switch {
	case pre == nil:
		ev.kind = eventInsert
	case post == nil:
		ev.kind = eventDelete
	case u.rec != nil && u.rec.Kind != wal.KindMerge && u.rec.Kind != wal.KindUndo && changes.IsReplacement(pre, post):
		ev.kind = eventReplace // as mongod tells it
	default:
		ev.kind = eventUpdate
	}
	return true, nil
}

// describe tells what an update did.
func (u *unfolding) describe(ev *event, pre, post Doc) (*changes.Description, error) {
	if ev.op == nil || ev.op.Form == wal.ByDifference {
		return changes.FromDocs(pre, post), nil
	}
	list, _, err := opChanges(u.rec, ev.op)
	if err != nil {
		return nil, err
	}
	return changes.FromChanges(pre, post, list), nil
}

// needsBefore reports whether the description of an update needs the state
// before: where paths have parents that may be new, or arrays grew.
func (u *unfolding) needsBefore(ev *event) bool {
	if ev.op == nil || ev.op.Form != wal.ByOperators {
		return true
	}
	list, _, err := opChanges(u.rec, ev.op)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(list, func(c update.Change) bool {
		return c.Kind == update.Push || len(update.SplitPath(c.Path)) != 1
	})
}

// rest lets go of what is held open.
func (u *unfolding) rest() {
	if u.scan != nil {
		u.scan.Close()
		u.scan = nil
	}
	if !u.own && u.step.record != nil {
		u.rec = u.step.record.Clone()
	}
	u.own = true
	if u.diff != nil {
		return // its views are those of the difference, which goes on
	}
	u.closeViews()
}

func (u *unfolding) closeViews() {
	if u.before != nil {
		u.before.Close()
	}
	if u.after != nil {
		u.after.Close()
	}
	u.before, u.after = nil, nil
}

// close ends the events of the step.
func (u *unfolding) close() {
	if u.scan != nil {
		u.scan.Close()
		u.scan = nil
	}
	if u.diff != nil {
		u.diff.Close()
		u.before, u.after = nil, nil
		return
	}
	u.closeViews()
}

// dbName is how the branch's database is called.
func (f *feed) dbName() string { return refs.FormatDBName(f.ref()) }
