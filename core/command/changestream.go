package command

import (
	"context"
	"strconv"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// changeStreamArgs are the fields of the stage $changeStream.
type changeStreamArgs struct {
	fullDocument string
	before       string
	resumeAfter  *changes.Token
	startAfter   *changes.Token
	startAt      *changes.Time
	since        *refs.Moment
	expanded     bool
	cluster      bool
	allBranches  bool
}

var changeStreamTable = newTable("$changeStream", []field[changeStreamArgs]{
	enumField("fullDocument", func(a *changeStreamArgs) *string { return &a.fullDocument }, "default", "updateLookup", "whenAvailable", "required").
		about("Whether updates come with the document."),
	enumField("fullDocumentBeforeChange", func(a *changeStreamArgs) *string { return &a.before }, "off", "whenAvailable", "required").
		about("Whether changes come with the document before."),
	tokenField("resumeAfter", func(a *changeStreamArgs) **changes.Token { return &a.resumeAfter }),
	tokenField("startAfter", func(a *changeStreamArgs) **changes.Token { return &a.startAfter }),
	kind("startAtOperationTime", "timestamp", []bsonraw.Type{bsonraw.Timestamp}, func(a *changeStreamArgs, v bsonraw.Value) error {
		t := timeOf(v)
		a.startAt = &t
		return nil
	}),
	kind("argonSince", "string, number or date", []bsonraw.Type{bsonraw.String, bsonraw.Int64, bsonraw.Int32, bsonraw.Double, bsonraw.DateTime},
		func(a *changeStreamArgs, v bsonraw.Value) error {
			m, err := moment(v)
			a.since = &m
			return err
		}),
	looseFlag("showExpandedEvents", func(a *changeStreamArgs) *bool { return &a.expanded }),
	looseFlag("allChangesForCluster", func(a *changeStreamArgs) *bool { return &a.cluster }),
	looseFlag("argonAllBranches", func(a *changeStreamArgs) *bool { return &a.allBranches }),
	ignored[changeStreamArgs]("showMigrationEvents", "There are no shards.", bsonraw.Boolean),
	ignored[changeStreamArgs]("allowToRunOnConfigDB", "For mongos.", bsonraw.Boolean),
})

// enumField is a string out of a few.
func enumField[A any](name string, at func(*A) *string, allowed ...string) field[A] {
	return kind(name, "string", []bsonraw.Type{bsonraw.String}, func(a *A, v bsonraw.Value) error {
		for _, s := range allowed {
			if v.Str() == s {
				*at(a) = s
				return nil
			}
		}
		return errs.New(errs.BadValue, "Enumeration value '%s' for field '$changeStream.%s' is not a valid value.", v.Str(), name)
	})
}

func tokenField(name string, at func(*changeStreamArgs) **changes.Token) field[changeStreamArgs] {
	return kind(name, "object", []bsonraw.Type{bsonraw.Object}, func(a *changeStreamArgs, v bsonraw.Value) error {
		t, err := changes.ParseToken(v.Doc())
		*at(a) = &t
		return err
	})
}

// timeOf reads a Timestamp.
func timeOf(v bsonraw.Value) changes.Time {
	sec, inc := v.Timestamp()
	return changes.Time{Seconds: sec, Increment: inc}
}

// isChangeStream reports whether a pipeline begins with $changeStream.
func isChangeStream(stages []bsonraw.Doc) bool {
	if len(stages) == 0 {
		return false
	}
	it := stages[0].Iter()
	return it.Next() && string(it.Key()) == "$changeStream"
}

// openChangeStream opens a change stream as an aggregate's cursor.
func (c *call) openChangeStream(ctx context.Context, a *aggregateArgs) (*stream, error) {
	args, err := readChangeStream(a.spec.Pipeline[0])
	if err != nil {
		return nil, err
	}
	if err := c.checkChangeStream(ctx, a, args); err != nil {
		return nil, err
	}
	spec := &engine.WatchSpec{
		Ref: c.ref, Collection: a.coll, Pipeline: a.spec.Pipeline[1:], Let: a.spec.Let,
		ResumeAfter: args.resumeAfter, StartAfter: args.startAfter, StartAt: args.startAt, Since: args.since,
		FullDocument: args.fullDocument != "" && args.fullDocument != "default",
		BeforeChange: args.before != "" && args.before != "off",
		Expanded:     args.expanded,
	}
	switch {
	case args.cluster:
		spec.Ref = refs.Ref{}
	case args.allBranches:
		spec.Ref = refs.Ref{Project: c.ref.Project}
	}
	w, err := c.d.store.Watch(ctx, spec)
	if err != nil {
		return nil, err
	}
	ns := c.db + "." + a.coll
	if a.coll == "" {
		ns = c.db + ".$cmd.aggregate"
	}
	return &stream{
		ns: ns, live: w, batchSize: a.cursor.batchSize,
		open: func(context.Context) (engine.Cursor, error) { return w, nil },
		done: func() { w.Close() },
	}, nil
}

func readChangeStream(stage bsonraw.Doc) (*changeStreamArgs, error) {
	it := stage.Iter()
	it.Next()
	if it.Value().Type != bsonraw.Object {
		return nil, errs.New(6188500, "$changeStream must take a nested object but found: $changeStream: %s", it.Value().Type.Name())
	}
	args := &changeStreamArgs{}
	if err := changeStreamTable.read(args, it.Value().Doc(), nil); err != nil {
		return nil, err
	}
	n := 0
	for _, given := range []bool{args.resumeAfter != nil, args.startAfter != nil, args.startAt != nil, args.since != nil} {
		if given {
			n++
		}
	}
	if n > 1 {
		return nil, errs.New(40674, "Only one type of resume option is allowed, but multiple were found.")
	}
	return args, nil
}

// checkChangeStream applies mongod's rules of where a change stream can be.
func (c *call) checkChangeStream(ctx context.Context, a *aggregateArgs, args *changeStreamArgs) error {
	switch {
	case c.g.autocommit == no:
		return errs.New(errs.OperationNotSupportedInTxn, "Operation not permitted in transaction :: caused by :: Aggregation stage $changeStream cannot run within a multi-document transaction.")
	case c.g.concern.level != "" && c.g.concern.level != "majority":
		return errs.New(errs.InvalidOptions, "Aggregation stage $changeStream cannot run with a readConcern other than 'majority'. Current readConcern: %s", c.g.concern.level)
	case args.cluster && (c.db != adminDB || a.coll != ""):
		return errs.New(errs.InvalidOptions, "A $changeStream with 'allChangesForCluster:true' may only be opened on the 'admin' database, and with no collection name; found %s.%s", c.db, a.coll)
	case args.cluster:
		return nil
	case isSystemDB(c.db):
		return errs.New(errs.InvalidNamespace, "$changeStream may not be opened on the internal %s database", c.db)
	case args.allBranches && a.coll != "":
		return errs.New(errs.InvalidOptions, "a $changeStream with 'argonAllBranches:true' may only be opened with no collection name; found %s.%s", c.db, a.coll)
	case a.coll == "":
		return nil
	}
	if err := validCollection(c.db, a.coll); err != nil {
		return err
	}
	return c.read(ctx, func(r engine.Reader) error {
		coll, err := r.Collection(ctx, a.coll)
		if err == nil && coll != nil && coll.View {
			err = errs.New(errs.CommandNotSupportedOnView, "Namespace %s.%s is a view, not a collection", c.db, a.coll)
		}
		return err
	})
}

// awaitTime is how long a getMore of a change stream waits where it does not say
// otherwise, as in MongoDB.
const awaitTime = time.Second

// appendEvents appends a batch of a change stream: what there is, at most size
// events (negative: as many as fit), and the token to resume behind them. It
// waits for the first one up to wait. False is the end of the stream.
func (c *cursor) appendEvents(ctx context.Context, b *bsonraw.Builder, name string, size int64, wait time.Duration) (more bool, err error) {
	w := c.stream.live
	last := w.Token().Doc()
	b.BeginArray(name)
	if size != 0 {
		if wait > 0 && c.pending == nil {
			if c.pending, err = awaitEvent(ctx, w, wait); err != nil {
				return false, err
			}
		}
		if last, err = c.appendReady(ctx, b, size, last); err != nil {
			return false, err
		}
	}
	b.End()
	if c.pending == nil {
		last = w.Token().Doc()
	}
	b.Doc("postBatchResumeToken", last)
	return c.pending != nil || !w.Ended(), nil
}

// appendReady appends the events that are there, and returns the last one's
// token. One that is too many is kept for the next batch.
func (c *cursor) appendReady(ctx context.Context, b *bsonraw.Builder, size int64, last bsonraw.Doc) (bsonraw.Doc, error) {
	var key [20]byte
	begin := b.Size()
	for n := int64(0); n != size; n++ {
		doc := c.pending
		if c.pending = nil; doc == nil {
			var ok bool
			var err error
			if doc, ok, err = c.stream.live.TryNext(ctx); err != nil || !ok {
				return last, err
			}
		}
		if n > 0 && b.Size()-begin+len(doc) > maxBatchBytes {
			c.pending = doc.Clone()
			break
		}
		b.ValueBytes(strconv.AppendInt(key[:0], n, 10), doc.Value())
		last = append(last[:0], doc.Get("_id").Data...)
	}
	return last, nil
}

// awaitEvent waits for an event; nil if none came in time, or at the end.
func awaitEvent(ctx context.Context, w *engine.ChangeStream, wait time.Duration) (bsonraw.Doc, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, errWaited)
	defer cancel()
	doc, ok, err := w.Next(ctx)
	if err != nil && context.Cause(ctx) == errWaited {
		return nil, nil
	}
	if err != nil || !ok {
		return nil, err
	}
	return doc, nil
}

// errWaited marks the end of an await, which is no error.
var errWaited = errs.New(errs.MaxTimeMSExpired, "no event came in time")
