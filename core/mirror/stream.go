package mirror

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
)

// group is the events of one entry of the source's log: they become one commit.
type group []*event

func (g group) last() *event { return g[len(g)-1] }

// batch is what the stream had at hand: whole groups, in order.
type batch struct {
	groups []group
	// token is where the stream stands behind the groups, at the cluster time
	// position; nil if it is not known to be beyond the last group.
	token    bsonraw.Doc
	position stamp
	// caughtUp says that the source had nothing more.
	caughtUp bool
	closed   bool // by the source: an invalidate
}

const (
	// awaitTime is how long the source may hold an answer back for events to
	// come. They are sent at once; an empty answer tells how far the source is.
	awaitTime = 500 * time.Millisecond
	// batchEvents and batchSize: what a batch of the server is asked to hold at
	// most, and the bytes at which it may have been cut off (it is at 16 MB).
	// With the batches that may wait they bound the mirror's memory; only a
	// transaction may be larger.
	batchEvents = 4000
	batchSize   = 8 << 20
)

// feedReader reads a change stream and cuts it into groups.
type feedReader struct {
	cs   *mongo.ChangeStream
	open group // may go on in the next batch

	fragments *bsonraw.Builder // fields of a large event that has not come whole; else nil

	count, size int // of the server's batch so far
}

// streamOptions of a lane's stream.
type streamOptions struct {
	token bsonraw.Doc // go on behind it, or else
	start stamp       // begin at it
	lean  bool        // leave out what makes events large
}

// openStream opens the change stream of a database.
func (s *source) openStream(ctx context.Context, database string, o streamOptions) (*feedReader, error) {
	opts := options.ChangeStream().SetMaxAwaitTime(awaitTime).SetBatchSize(batchEvents)
	if s.expanded() {
		opts.SetShowExpandedEvents(true)
	}
	if o.token != nil {
		opts.SetStartAfter(bson.Raw(o.token)) // as resumeAfter, and behind an invalidate too
	} else {
		at := o.start.timestamp()
		opts.SetStartAtOperationTime(&at)
	}
	stages := mongo.Pipeline{}
	if o.lean {
		stages = append(stages, bson.D{{Key: "$project", Value: bson.D{{Key: "fullDocument", Value: 0}, {Key: "updateDescription", Value: 0}}}})
	} else if s.splits() {
		stages = append(stages, bson.D{{Key: "$changeStreamSplitLargeEvent", Value: bson.D{}}})
	}
	cs, err := s.client.Database(database).Watch(ctx, stages, opts)
	if err != nil {
		return nil, err
	}
	return &feedReader{cs: cs}, nil
}

func (r *feedReader) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.cs.Close(ctx)
}

// next returns the next batch, at the latest after awaitTime. The first call to
// the source waits; what it sent is then taken without waiting.
func (r *feedReader) next(ctx context.Context) (*batch, error) {
	b := &batch{}
	arena := arena{}
	for {
		if !r.cs.TryNext(ctx) {
			if err := r.cs.Err(); err != nil {
				return b, err
			}
			b.closed = r.cs.ID() == 0
			r.finish(b, true)
			return b, nil
		}
		r.count++
		r.size += len(r.cs.Current)
		if doc := r.join(bsonraw.Doc(r.cs.Current)); doc != nil {
			r.add(b, parseEvent(arena.keep(doc)))
		}
		if r.cs.RemainingBatchLength() > 0 {
			continue
		}
		// A server's batch that is neither full of events nor of bytes ended
		// because there was nothing more.
		r.finish(b, r.count < batchEvents && r.size < batchSize)
		r.count, r.size = 0, 0
		if len(b.groups) > 0 {
			return b, nil
		}
	}
}

// join puts the fragments of a large event together again; nil until it is whole.
// Each fragment has some of the event's fields, and all are under the token of
// the last, behind which the stream goes on
// (https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStreamSplitLargeEvent/).
func (r *feedReader) join(doc bsonraw.Doc) bsonraw.Doc {
	split := doc.Get("splitEvent").Doc()
	if split == nil {
		return doc
	}
	if r.fragments == nil {
		r.fragments = bsonraw.NewBuilder(nil)
	}
	for it := doc.Iter(); it.Next(); {
		if key := string(it.Key()); key != "_id" && key != "splitEvent" {
			r.fragments.Value(key, it.Value())
		}
	}
	at, _ := split.Get("fragment").AsInt64()
	of, _ := split.Get("of").AsInt64()
	if at < of {
		return nil
	}
	whole := bsonraw.NewBuilder(nil)
	whole.Value("_id", doc.Get("_id"))
	for it := r.fragments.Finish().Iter(); it.Next(); {
		whole.Value(string(it.Key()), it.Value())
	}
	r.fragments = nil
	return whole.Finish()
}

// add puts an event into the open group, or closes that and opens another.
func (r *feedReader) add(b *batch, e *event) {
	if len(r.open) > 0 && !together(r.open.last(), e) {
		b.groups = append(b.groups, r.open)
		r.open = nil
	}
	r.open = append(r.open, e)
}

// finish ends a server's batch. The open group may go on in the next one only if
// this one was cut off for its size, and right behind the last event: a token
// that stands further tells that the entry is whole.
func (r *feedReader) finish(b *batch, caughtUp bool) {
	token := bsonraw.Doc(r.cs.ResumeToken())
	b.caughtUp = caughtUp
	if r.fragments != nil {
		return // the token stands within an event
	}
	if len(r.open) > 0 {
		beyond := token != nil && string(token) != string(r.open.last().token)
		if !caughtUp && !beyond {
			return
		}
		b.groups = append(b.groups, r.open)
		r.open = nil
	}
	if token != nil {
		b.token, b.position = token.Clone(), tokenStamp(token)
	}
}

// arena copies documents, since the driver uses its memory again.
type arena struct{ room []byte }

const arenaSize = 256 << 10

func (a *arena) keep(d bsonraw.Doc) bsonraw.Doc {
	if len(a.room)+len(d) > cap(a.room) {
		a.room = make([]byte, 0, max(arenaSize, len(d)))
	}
	at := len(a.room)
	a.room = append(a.room, d...)
	return bsonraw.Doc(a.room[at:len(a.room):len(a.room)])
}
