package mirror

import (
	"bytes"
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/update"
)

// sortedRead says what to read in the order of _id.
type sortedRead struct {
	database, coll string
	at             bson.Timestamp // zero: as it is,
	after          bson.Timestamp // but not as it was before this
	behind         bsonraw.Value  // begin behind it, or at the beginning
}

// readSorted reads a collection of the source in the order of _id.
func (s *source) readSorted(ctx context.Context, o sortedRead) (*chunkReader, func(), error) {
	read, endSession := ctx, func() {}
	if !o.at.IsZero() {
		var err error
		if read, endSession, err = s.snapshot(ctx, o.at); err != nil {
			return nil, nil, err
		}
	}
	if !o.after.IsZero() {
		var err error
		if read, endSession, err = s.behind(ctx, o.after); err != nil {
			return nil, nil, err
		}
	}
	filter := bson.D{}
	if !o.behind.IsMissing() {
		// {_id: {$gt: x}} would end with the _ids of x's type; this does not, and
		// is a range of the index too, from 5.0 on.
		literal := bson.D{{Key: "$literal", Value: rawValue(o.behind)}}
		filter = bson.D{{Key: "$expr", Value: bson.D{{Key: "$gt", Value: bson.A{"$_id", literal}}}}}
	}
	find := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetAllowDiskUse(true).SetBatchSize(copyDocs).
		SetCollation(&options.Collation{Locale: "simple"})
	cursor, err := s.client.Database(o.database).Collection(o.coll).Find(read, filter, find)
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

// compareEvery is how many documents may be compared before it is stored how far
// the comparison is; with differences it is stored at each copyBytes of them.
const compareEvery = 100_000

// resyncBatch gathers the differences of a stretch of a collection.
type resyncBatch struct {
	r       *resyncRun
	c       *copyState
	changes []event // the documents as the source has them; without one it is gone
	size    int
	seen    int
	read    int // bytes of what was seen
	last    bsonraw.Value
}

func (b *resyncBatch) pair(ctx context.Context, theirs, mine bsonraw.Doc) error {
	if b.c.Kind == kindSeries {
		theirs = idFirst(theirs)
	}
	doc := theirs
	if theirs == nil {
		doc = mine
	}
	id := doc.Get("_id")
	b.last = bsonraw.Value{Type: id.Type, Data: append(b.last.Data[:0], id.Data...)}
	b.seen++
	b.read += len(doc)
	if !bytes.Equal(theirs, mine) {
		b.changes = append(b.changes, event{coll: b.c.Name, id: id.Clone(), full: theirs})
		b.size += len(doc)
	}
	if b.size < copyBytes && len(b.changes) < copyDocs && b.seen < compareEvery {
		return nil
	}
	return b.flush(ctx)
}

// idFirst returns a document of a time series as a collection has it: its _id, which
// may stand anywhere there, in front.
func idFirst(doc bsonraw.Doc) bsonraw.Doc {
	id := doc.Get("_id")
	if id.IsMissing() {
		return doc
	}
	b := bsonraw.NewBuilder(make([]byte, 0, len(doc)))
	b.Value("_id", id)
	for it := doc.Iter(); it.Next(); {
		if string(it.Key()) != "_id" {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

// flush makes a commit of the differences and of how far the comparison is. While
// unique keys move from one document to another they may be there twice, so
// the indexes give way until all documents are as they are to be.
func (b *resyncBatch) flush(ctx context.Context) error {
	if b.seen == 0 {
		return nil
	}
	err := b.write(ctx, false)
	if errors.Is(err, errTaken) {
		err = b.write(ctx, true)
	}
	if err != nil {
		return err
	}
	b.changes, b.size, b.seen, b.read = nil, 0, 0, 0
	return nil
}

func (b *resyncBatch) write(ctx context.Context, free bool) error {
	l, c := b.r.l, b.c
	id := bsonraw.NewBuilder(nil)
	id.Value("_id", b.last)
	l.mu.Lock()
	next := *c
	if next.Begun = true; c.Kind != kindSeries { // whose _ids need not be unique, nor there
		next.Resume = bson.Raw(id.Finish())
	}
	next.Progress.add(b.seen, b.read)
	l.mu.Unlock()
	err := b.r.write(ctx, "differences of "+c.Name, func(t *engine.Txn) error {
		if free {
			if err := dropUnique(ctx, t, c.Name); err != nil {
				return err
			}
		}
		a := applier{l: l, t: t, strict: true}
		for i := range b.changes {
			e := &b.changes[i]
			if e.id.IsMissing() {
				if err := b.insert(ctx, t, e.full); err != nil {
					return err
				}
				continue
			}
			if err := a.document(e, func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return e.full, nil, nil }); err != nil {
				return err
			}
		}
		if err := b.r.differ(t, int64(len(b.changes))); err != nil {
			return err
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

// insert stores a document of a time series that has no _id, under one of ours. It
// is met again as another one by the next comparison, which takes this one out.
func (b *resyncBatch) insert(ctx context.Context, t *engine.Txn, doc bsonraw.Doc) error {
	docs, err := b.r.l.sift(t, b.c.Name, []bsonraw.Doc{doc})
	if err != nil || len(docs) == 0 {
		return err
	}
	res, err := t.Insert(ctx, b.c.Name, docs, false)
	if err != nil {
		return err
	}
	return b.r.l.refuseIn(t, b.c.Name, docs, res.Errors)
}

// errTaken is of a document whose key of a unique index another one has.
var errTaken = errs.New(errs.DuplicateKey, "a key of a unique index is taken")
