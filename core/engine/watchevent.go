package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/errs"
)

// show makes the document of an event, if the stream shows it.
func (w *ChangeStream) show(ev *event) (Doc, bool, error) {
	if !w.wants(ev) {
		return nil, false, nil
	}
	token := changes.Token{LSN: w.u.step.lsn, N: ev.n, Segment: w.u.step.segment}
	if w.passed(token) {
		return nil, false, nil
	}
	if ev.kind == eventDiffer {
		differs, err := w.u.differ(ev)
		if err != nil || !differs {
			return nil, false, err
		}
	}
	w.pending, w.id = token, token.Doc()
	doc, err := w.document(ev)
	if err == nil && w.invalidates(ev) {
		w.queueInvalidate()
	}
	return doc, err == nil, err
}

// passed reports whether an event is at or before the one to resume behind. Of one
// that was split, parts may be left.
func (w *ChangeStream) passed(t changes.Token) bool {
	if w.skip.LSN == t.LSN && w.skip.N == t.N {
		return w.skip.Part == 0 || w.skip.Part == changes.Invalidated
	}
	return t.Compare(w.skip) < 0
}

// wants reports whether the stream shows events of this kind and collection.
func (w *ChangeStream) wants(ev *event) bool {
	if !w.spec.Expanded && ev.isExpanded() {
		return false
	}
	only := w.spec.Collection
	return only == "" || ev.coll == only || ev.to == only && ev.kind == eventRename
}

// invalidates reports whether an event is the end of the stream.
func (w *ChangeStream) invalidates(ev *event) bool {
	switch ev.kind {
	case eventDropDatabase:
		return w.spec.Ref.Branch != ""
	case eventDrop, eventRename:
		return w.spec.Collection != ""
	}
	return false
}

func (w *ChangeStream) queueInvalidate() {
	token := w.pending
	token.Part = changes.Invalidated
	b := bsonraw.NewBuilder(nil)
	token.Append(b, "_id")
	w.appendHead(b, eventInvalidate)
	w.queue = append(w.queue, b.Finish())
}

// appendHead appends what all events have behind their token.
func (w *ChangeStream) appendHead(b *bsonraw.Builder, kind string) {
	st := w.u.step
	t := changes.TimeOf(st.lsn, st.ms)
	b.String("operationType", kind)
	b.Value("clusterTime", bsonraw.TimestampValue(t.Seconds, t.Increment))
	wall := st.ms
	if st.record != nil && w.u.rec.Source != nil && w.u.rec.Source.Wall != 0 {
		wall = w.u.rec.Source.Wall
	}
	b.Time("wallTime", time.UnixMilli(wall))
}

// document makes an event's document.
func (w *ChangeStream) document(ev *event) (Doc, error) {
	b := &w.buf
	b.Reset()
	b.Doc("_id", w.id)
	w.appendHead(b, ev.kind)
	if coll := ev.collection(); w.spec.Expanded && coll != nil && !coll.View {
		coll.appendUUID(b, "collectionUUID")
	}
	if ev.ddl != nil {
		db := w.u.f.dbName()
		appendNamespace(b, "ns", db, ev.coll)
		if ev.kind == eventRename {
			appendNamespace(b, "to", db, ev.to)
		}
		if w.spec.Expanded {
			ev.ddl.appendDescription(b, db)
		}
		return b.Finish(), nil
	}
	if err := w.appendDocuments(b, ev); err != nil {
		return nil, err
	}
	w.appendSession(b)
	return b.Finish(), nil
}

// appendDocuments appends what happened to a document.
func (w *ChangeStream) appendDocuments(b *bsonraw.Builder, ev *event) error {
	update := ev.kind == eventUpdate
	wantAfter := ev.kind == eventInsert || ev.kind == eventReplace || update
	wantBefore := w.spec.BeforeChange && ev.kind != eventInsert
	pre, post, err := w.u.images(ev, wantBefore || update && w.u.needsBefore(ev), wantAfter)
	if err != nil {
		return err
	}
	if wantAfter && post == nil || wantBefore && pre == nil {
		return historyLost(w.u.f.ref(), w.u.step.lsn-1)
	}
	if wantAfter && (!update || w.spec.FullDocument) {
		b.Doc("fullDocument", post)
	}
	appendNamespace(b, "ns", w.u.f.dbName(), ev.coll)
	b.BeginDoc("documentKey")
	b.Value("_id", ev.id)
	b.End()
	if update {
		d, err := w.u.describe(ev, pre, post)
		if err != nil {
			return err
		}
		d.Append(b, "updateDescription", w.spec.Expanded)
	}
	if wantBefore {
		b.Doc("fullDocumentBeforeChange", pre)
	}
	return nil
}

// noUser is the digest of no user's name, which MongoDB has in the ids of sessions
// without authentication.
var noUser = sha256.Sum256(nil)

// Lengths of what a commit remembers of its session: the UUID, and behind it, for
// a transaction, its number.
const (
	sessionLen     = 16
	transactionLen = sessionLen + 8
)

// SessionOf makes what a commit remembers of a session; txnNumber is that of a
// transaction, or negative.
func SessionOf(id [16]byte, txnNumber int64) []byte {
	b := slices.Clone(id[:])
	if txnNumber >= 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(txnNumber))
	}
	return b
}

// appendSession appends the session of a transaction.
func (w *ChangeStream) appendSession(b *bsonraw.Builder) {
	if w.u.rec == nil {
		return
	}
	if from := w.u.rec.Source; from != nil && len(from.Session) > 0 {
		b.Doc("lsid", from.Session)
		b.Int64("txnNumber", from.Txn)
		return
	}
	if len(w.u.rec.Session) != transactionLen {
		return
	}
	session := w.u.rec.Session
	b.BeginDoc("lsid")
	b.Value("id", bsonraw.BinaryValue(4, session[:sessionLen]))
	b.Value("uid", bsonraw.BinaryValue(0, noUser[:]))
	b.End()
	b.Int64("txnNumber", int64(binary.BigEndian.Uint64(session[sessionLen:])))
}

// splitEvent cuts an event that is larger than a document may be into parts, each
// with whole fields of it: the smaller fields first, as in MongoDB.
func (w *ChangeStream) splitEvent(doc Doc) error {
	type field struct {
		key   []byte
		value Value
	}
	var fields []field
	for it := doc.Iter(); it.Next(); {
		if string(it.Key()) != "_id" {
			fields = append(fields, field{it.Key(), it.Value()})
		}
	}
	slices.SortStableFunc(fields, func(a, b field) int { return len(a.value.Data) - len(b.value.Data) })
	var groups [][]field
	room := 0
	for _, f := range fields {
		size := len(f.key) + len(f.value.Data) + 2
		if size > maxPart {
			return errs.New(errs.ChangeStreamFatalError, "field %q of an event has %d bytes, more than a part of an event can hold", f.key, size).
				WithLabel("NonResumableChangeStreamError")
		}
		if size > room {
			groups = append(groups, nil)
			room = maxPart
		}
		room -= size
		groups[len(groups)-1] = append(groups[len(groups)-1], f)
	}
	for i, group := range groups {
		token := w.pending
		token.Part = uint16(i + 1)
		if token.Compare(w.skip) <= 0 {
			continue
		}
		b := bsonraw.NewBuilder(nil)
		token.Append(b, "_id")
		b.BeginDoc("splitEvent")
		b.Int32("fragment", int32(i+1))
		b.Int32("of", int32(len(groups)))
		b.End()
		for _, f := range group {
			b.ValueBytes(f.key, f.value)
		}
		w.parts = append(w.parts, b.Finish())
	}
	w.last = w.pending
	return nil
}

// maxPart is what the fields of a part may take.
const maxPart = bsonraw.MaxDocSize - 1<<10

// nextPart hands out the next part of a split event.
func (w *ChangeStream) nextPart() (Doc, bool, error) {
	doc := w.parts[0]
	w.parts = w.parts[1:]
	t, err := changes.ParseToken(doc.Get("_id").Doc())
	w.last = t
	return doc, err == nil, err
}
