package mirror

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// The kinds of what a database holds, as listCollections names them.
const (
	kindCollection = "collection"
	kindView       = "view"
	kindSeries     = "timeseries"
)

// listed is a collection or view of the source.
type listed struct {
	name, kind, uuid string
	options          bsonraw.Doc
}

// list returns what the mirror follows of a database.
func (l *lane) list(ctx context.Context) ([]listed, error) {
	cursor, err := l.src.client.Database(l.Database).ListCollections(ctx, bson.D{})
	if err != nil {
		return nil, l.src.wrap(ctx, err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	var all []listed
	for cursor.Next(ctx) {
		d := bsonraw.Doc(slices.Clone(cursor.Current))
		c := listed{name: text(d.Get("name")), kind: text(d.Get("type")), options: d.Get("options").Doc()}
		c.uuid = uuidOf(d.Get("info").Doc().Get("uuid"))
		if c.options == nil {
			c.options = bsonraw.EmptyDoc
		}
		if l.def.wants(l.Database, c.name) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b listed) int { return strings.Compare(a.name, b.name) })
	return all, l.src.wrap(ctx, cursor.Err())
}

// notHeld are options of collections that change what a server does with them,
// and that have no part in holding what it did.
var notHeld = map[string]string{
	"capped": "a capped collection: what the source removes is removed here",
	"size":   "", "max": "",
	"timeseries":         "a time series: change streams do not show what becomes of its documents, so it stays as it was read (a re-sync reads it again)",
	"expireAfterSeconds": "documents expire: what the source removes is removed here",
	"clusteredIndex":     "a clustered collection, which every collection is here",
	"encryptedFields":    "with encrypted fields: they are held as they are encrypted",
	"autoIndexId":        "", "idIndex": "", "uuid": "", "flags": "", "temp": "", "viewOn!": "",
	"storageEngine": "", "indexOptionDefaults": "",
}

// held parts the options that we take from those that are kept as a note.
func held(options bsonraw.Doc) (take bsonraw.Doc, notes []string) {
	b := bsonraw.NewBuilder(nil)
	for it := options.Iter(); it.Next(); {
		why, out := notHeld[string(it.Key())]
		if string(it.Key()) == "collation" && text(it.Value().Doc().Get("locale")) != "simple" {
			why, out = "with a collation, which queries here do not have", true
		}
		if !out {
			b.ValueBytes(it.Key(), it.Value())
			continue
		}
		if why != "" && it.Value().Truthy() {
			notes = append(notes, why)
		}
	}
	return b.Finish().Clone(), notes
}

// seriesOptions returns what a collection was made with. Streams show the making of
// a time series as that of a view of its buckets.
func seriesOptions(detail bsonraw.Doc) (options bsonraw.Doc, isSeries bool) {
	if !strings.HasPrefix(text(detail.Get("viewOn")), "system.buckets.") {
		return detail, false
	}
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("timeseries")
	for it := detail.Get("pipeline").Doc().Iter(); it.Next(); {
		unpack := it.Value().Doc().Get("$_internalUnpackBucket").Doc()
		for _, name := range []string{"timeField", "metaField"} {
			if v := unpack.Get(name); !v.IsMissing() {
				b.Value(name, v)
			}
		}
	}
	b.End()
	return b.Finish().Clone(), true
}

func relaxed(d bsonraw.Doc) string { return string(ejson.Append(nil, d, ejson.Relaxed)) }

// heldNote says what of a collection's options we do not have; "" is nothing.
func heldNote(name string, why []string, options bsonraw.Doc) string {
	if len(why) == 0 {
		return ""
	}
	return fmt.Sprintf("%s is %s; its options at the source are %s", name, strings.Join(why, "; "), relaxed(options))
}

// createIn makes a collection or view in a transaction with the options that we
// hold, and returns what has to be noted.
func createIn(ctx context.Context, t *engine.Txn, name string, options bsonraw.Doc) (notes []string, err error) {
	take, why := held(options)
	notes = append(notes, heldNote(name, why, options))
	err = t.CreateCollection(ctx, name, take)
	if err != nil && transfer.IsRefusal(err) {
		if take.Get("viewOn").Type == bsonraw.String {
			return append(notes, fmt.Sprintf("view %s is kept as a note only: %s: %s", name, relaxed(options), message(err))), nil
		}
		notes = append(notes, fmt.Sprintf("%s was made without its options %s: %s", name, relaxed(take), message(err)))
		err = t.CreateCollection(ctx, name, bsonraw.EmptyDoc)
	}
	return notes, err
}

func message(err error) string {
	if e := errs.As(err); e != nil {
		return e.Message
	}
	return err.Error()
}

// indexes returns the definitions of a collection's indexes, _id's excepted.
func (l *lane) indexes(ctx context.Context, coll string) ([]bsonraw.Doc, error) {
	cursor, err := l.src.client.Database(l.Database).Collection(coll).Indexes().List(ctx)
	if err != nil {
		if serverCode(err) == codeNoNamespace {
			return nil, nil // dropped meanwhile
		}
		return nil, l.src.wrap(ctx, err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	var specs []bsonraw.Doc
	for cursor.Next(ctx) {
		spec := transfer.CleanIndex(bsonraw.Doc(cursor.Current)).Clone()
		if text(spec.Get("name")) != "_id_" {
			specs = append(specs, spec)
		}
	}
	return specs, l.src.wrap(ctx, cursor.Err())
}

// indexIn makes an index in a transaction, without what we do not have of it,
// and returns what has to be noted.
func indexIn(ctx context.Context, t *engine.Txn, coll string, spec bsonraw.Doc) (note string, err error) {
	spec = transfer.CleanIndex(spec).Clone()
	_, _, err = t.CreateIndexes(ctx, coll, []bsonraw.Doc{spec})
	if err == nil || !transfer.IsRefusal(err) && !errs.In(err, errs.Exists) {
		return "", err
	}
	if expires := spec.Get("expireAfterSeconds"); !expires.IsMissing() {
		if _, _, e := t.CreateIndexes(ctx, coll, []bsonraw.Doc{without(spec, "expireAfterSeconds")}); e == nil {
			return fmt.Sprintf("index %s of %s expires documents at the source, and is an index only here: what the source removes is removed here", text(spec.Get("name")), coll), nil
		}
	}
	return fmt.Sprintf("index %s of %s is kept as a note only: %s: %s", text(spec.Get("name")), coll, relaxed(spec), message(err)), nil
}

func without(d bsonraw.Doc, name string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for it := d.Iter(); it.Next(); {
		if string(it.Key()) != name {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish().Clone()
}

// notesIn keeps notes as a part of a commit.
func (l *lane) notesIn(t *engine.Txn, notes ...string) error {
	var fresh []string
	l.mu.Lock()
	for _, n := range notes {
		if n != "" && !slices.Contains(l.state.Notes, n) && !slices.Contains(fresh, n) {
			fresh = append(fresh, n)
		}
	}
	l.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	for _, n := range fresh {
		l.log.Warn(n)
	}
	return l.changeIn(t, func(s *laneState) { s.Notes = append(s.Notes, fresh...) })
}
