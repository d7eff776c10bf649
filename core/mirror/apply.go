package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/publish"
	"github.com/argon-lab/argon/core/update"
)

// applier applies the events of one group in a transaction.
type applier struct {
	l *lane
	t *engine.Txn
	// strict has a key of a unique index that is taken be errTaken, for who does
	// not apply writes in the source's order.
	strict bool
}

// describe is the message of a group's commit: of changes of documents it is
// empty, since the log lists them, unless they are what a publish of this store
// wrote there.
func (l *lane) describe(ctx context.Context, g group) (string, error) {
	if first := g[0]; first.lsid != nil && first.txn != 0 {
		id, ok, err := publish.Published(ctx, l.store, first.lsid, first.txn)
		if ok {
			return "publish " + id, nil
		}
		if err != nil {
			return "", err
		}
	}
	return describe(g), nil
}

func describe(g group) string {
	for _, e := range g {
		switch e.op {
		case "insert", "update", "replace", "delete":
		case "rename":
			return "rename " + e.coll + " to " + e.to
		case "dropDatabase":
			return "drop of the database"
		case "modify":
			return "collMod " + e.coll
		default:
			return e.op + " " + e.coll
		}
	}
	return ""
}

func (a *applier) apply(ctx context.Context, e *event) error {
	switch e.op {
	case "insert", "replace":
		if e.fetched != "" {
			return a.fetch(ctx, e, e.fetched)
		}
		return a.document(e, func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return e.full, nil, nil })
	case "update":
		return a.update(ctx, e)
	case "delete":
		if a.missing(ctx, e.coll) {
			return nil
		}
		return a.document(e, func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return nil, nil, nil })
	}
	return a.define(ctx, e)
}

// missing reports whether a collection is not there: a delete makes none.
func (a *applier) missing(ctx context.Context, coll string) bool {
	c, err := a.t.Collection(ctx, coll)
	return err == nil && c == nil
}

// document gives a document its new state. One that we cannot hold is taken out,
// since an old state in its place would be a lie, and named in the status.
func (a *applier) document(e *event, fn func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error)) error {
	err := a.t.Rewrite(e.coll, e.id, fn)
	if err == nil {
		return a.l.accept(a.t, func(r *refusal) bool { return r.is(e.coll, e.id) })
	}
	if !errs.In(err, errs.Invalid) && !errs.Is(err, errs.DuplicateKey) || err == errAmbiguous {
		return err
	}
	if a.strict && errs.Is(err, errs.DuplicateKey) {
		return errTaken
	}
	a.t.Remark(fmt.Sprintf("a document of %s cannot be held: %s", e.coll, message(err)))
	gone := func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return nil, nil, nil }
	if !a.missingID(e) {
		if err := a.t.Rewrite(e.coll, e.id, gone); err != nil {
			return err
		}
	}
	return a.l.changeIn(a.t, func(s *laneState) { a.l.refuse(s, e.coll, e.id, err) })
}

// missingID reports whether an event names no document that could be here.
func (a *applier) missingID(e *event) bool {
	return e.id.IsMissing() || bsonraw.ValidateID(e.id) != nil
}

// update applies what changed to our own last version.
func (a *applier) update(ctx context.Context, e *event) error {
	why := ""
	err := a.document(e, func(before bsonraw.Doc) (bsonraw.Doc, []update.Change, error) {
		if before == nil {
			why = "the document was not here"
			return nil, nil, nil
		}
		after, changes, err := applyDelta(before, e.delta)
		if err != nil {
			why = message(err)
			return before, nil, nil
		}
		return after, changes, nil
	})
	if err != nil || why == "" {
		return err
	}
	if a.l.lenient(e) && why != message(errAmbiguous) {
		return nil // a later event of the copy's time brings what is missing
	}
	return a.fetch(ctx, e, why)
}

// fetch reads a document's state from the source and says so in the commit. It is
// the state behind the event where the source still has a snapshot of that time;
// else the present one, which may be newer.
func (a *applier) fetch(ctx context.Context, e *event, why string) error {
	raw, then, err := a.l.src.document(ctx, a.l.Database, e)
	if err != nil {
		return a.l.src.wrap(ctx, err)
	}
	how := "as it was then"
	if then {
		how = "at the time of the change"
	}
	a.t.Remark("a document of " + e.coll + " was re-read from the source, " + how + ": " + why)
	a.l.mu.Lock()
	a.l.refetched++
	a.l.mu.Unlock()
	if raw == nil && a.missing(ctx, e.coll) {
		return nil
	}
	return a.document(e, func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) {
		return raw, nil, nil
	})
}

// define applies an event of the catalogue. One that the copy's list showed
// already finds things as they are to be.
func (a *applier) define(ctx context.Context, e *event) error {
	switch e.op {
	case "create":
		return a.create(ctx, e)
	case "drop":
		if _, err := a.t.DropCollection(ctx, e.coll); err != nil {
			return err
		}
		if err := a.l.accept(a.t, func(r *refusal) bool { return r.Collection == e.coll }); err != nil {
			return err
		}
		return a.l.setSeries(a.t, e.coll, 0)
	case "dropDatabase":
		if err := a.t.DropDatabase(ctx); err != nil {
			return err
		}
		return a.l.changeIn(a.t, func(s *laneState) { s.Series, s.Refused, s.Refusals = nil, nil, 0 })
	case "rename":
		return a.rename(ctx, e)
	case "createIndexes":
		return a.createIndexes(ctx, e)
	case "dropIndexes":
		return a.dropIndexes(ctx, e)
	case "modify":
		return a.modify(ctx, e)
	}
	return a.l.notesIn(a.t, fmt.Sprintf("an event %q of %s at the source means nothing here", e.op, e.coll))
}

func (a *applier) create(ctx context.Context, e *event) error {
	if !a.missing(ctx, e.coll) {
		return nil
	}
	options, isSeries := seriesOptions(e.detail)
	notes, err := createIn(ctx, a.t, e.coll, options)
	if err != nil {
		return err
	}
	if isSeries {
		if err := a.l.setSeries(a.t, e.coll, e.at); err != nil {
			return err
		}
	}
	return a.l.notesIn(a.t, notes...)
}

// conversion is in the name of the collection that convertToCapped fills, before it
// takes the place of the other one. Streams do not show what it is filled with.
const conversion = ".convertToCapped."

func (a *applier) rename(ctx context.Context, e *event) error {
	from, to := a.l.def.wants(a.l.Database, e.coll), a.l.def.wants(a.l.Database, e.to)
	switch {
	case from && !to:
		_, err := a.t.DropCollection(ctx, e.coll)
		return err
	case to && !from:
		return a.appear(ctx, e, "which is followed from here on")
	case strings.Contains(e.coll, conversion):
		if _, err := a.t.DropCollection(ctx, e.coll); err != nil {
			return err
		}
		return a.appear(ctx, e, "which was made a capped one")
	case a.missing(ctx, e.coll):
		return nil
	}
	return a.t.RenameCollection(ctx, e.coll, e.to, true)
}

func (a *applier) createIndexes(ctx context.Context, e *event) error {
	for _, v := range e.detail.Get("indexes").Doc().Values() {
		if text(v.Doc().Get("name")) == "_id_" {
			continue
		}
		note, err := indexIn(ctx, a.t, e.coll, v.Doc())
		if errs.Is(err, errs.DuplicateKey) {
			note, err = fmt.Sprintf("the unique index %s of %s does not fit the documents here: %s", text(v.Doc().Get("name")), e.coll, message(err)), nil
		}
		if err == nil {
			err = a.l.notesIn(a.t, note)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) dropIndexes(ctx context.Context, e *event) error {
	for _, v := range e.detail.Get("indexes").Doc().Values() {
		_, err := a.t.DropIndexes(ctx, e.coll, v.Doc().Get("name"))
		if err != nil && !errs.In(err, errs.NotFound) {
			return err
		}
	}
	return nil
}

func (a *applier) modify(ctx context.Context, e *event) error {
	if a.missing(ctx, e.coll) {
		return nil
	}
	err := a.t.ModifyCollection(ctx, e.coll, e.detail)
	if err == nil || !errs.In(err, errs.Invalid) && !errs.In(err, errs.Unsupported) && !errs.In(err, errs.NotFound) {
		return err
	}
	return a.l.notesIn(a.t, fmt.Sprintf("a collMod of %s is kept as a note only: %s: %s", e.coll, relaxed(e.detail), message(err)))
}

// appear copies a collection that a rename brought without showing its documents: as it
// was at that moment, or, where the source no longer has that, as it is.
func (a *applier) appear(ctx context.Context, e *event, why string) error {
	if _, err := a.t.DropCollection(ctx, e.to); err != nil {
		return err
	}
	colls, err := a.l.list(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(colls, func(c listed) bool { return c.name == e.to })
	if i < 0 {
		return nil // gone again
	}
	notes, err := createIn(ctx, a.t, e.to, colls[i].options)
	if err == nil {
		err = a.l.notesIn(a.t, notes...)
	}
	if err != nil {
		return err
	}
	a.t.Remark("copied " + e.to + ", " + why)
	err = a.copyInto(ctx, e.to, e.at)
	if isSnapshotGone(err) {
		a.t.Remark("as it is now")
		err = a.copyInto(ctx, e.to, 0)
	}
	if err != nil {
		return a.l.src.wrap(ctx, err)
	}
	specs, err := a.l.indexes(ctx, e.to)
	for _, spec := range specs {
		note, err := indexIn(ctx, a.t, e.to, spec)
		if err == nil {
			err = a.l.notesIn(a.t, note)
		}
		if err != nil && !errs.Is(err, errs.DuplicateKey) {
			return err
		}
	}
	return err
}

// copyInto inserts a collection's documents as of a cluster time; 0 is now.
func (a *applier) copyInto(ctx context.Context, coll string, at stamp) error {
	read := ctx
	if at != 0 && a.l.src.snapshots() {
		session, end, err := a.l.src.snapshot(ctx, at.timestamp())
		if err != nil {
			return err
		}
		defer end()
		read = session
	}
	cursor, err := a.l.src.client.Database(a.l.Database).Collection(coll).Find(read, bson.D{})
	if err != nil {
		return err
	}
	chunks := readChunks(read, cursor)
	defer chunks.stop()
	for c := range chunks.out {
		if c.err != nil {
			return c.err
		}
		for _, doc := range c.docs {
			e := &event{coll: coll, id: doc.Get("_id"), full: doc}
			err := a.document(e, func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return e.full, nil, nil })
			if err != nil {
				return err
			}
		}
	}
	return nil
}
