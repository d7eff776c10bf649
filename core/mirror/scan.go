package mirror

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// scanOptions say what to read.
type scanOptions struct {
	coll    string
	at      bson.Timestamp // zero: as it is
	process string         // of the source, that can go on where it was; or ""
	resume  bson.Raw       // go on behind it
}

// The size of an answer. With less, the two sides spend more on waking each other;
// with more, an answer no longer fits the processor's caches.
const (
	answerDocs  = 16_000
	answerBytes = 4 << 20
)

// answer is what the source sent at once.
type answer struct {
	docs   bsonraw.Doc // an array, in memory of its own
	resume bson.Raw    // where the source goes on behind them, if it told
	last   bool
	err    error
}

// scan reads a collection in the source's own order, ahead of its user by an answer.
// It speaks the commands find and getMore itself, since the driver's cursor does
// not show where the source goes on, and copies documents.
type scan struct {
	out     chan answer
	cancel  context.CancelFunc
	stopped <-chan struct{}
	source  *source
	db      *mongo.Database
	o       scanOptions
	size    int32
	id      int64
}

// scan begins to read. The last answer says so, or has the error.
func (s *source) scan(ctx context.Context, database string, o scanOptions) (*scan, error) {
	session, err := s.client.StartSession()
	if err != nil {
		return nil, err
	}
	sc := &scan{out: make(chan answer, 1), source: s, db: s.client.Database(database), o: o, size: s.answerSize(ctx, database, o.coll)}
	ctx, sc.cancel = context.WithCancel(ctx)
	sc.stopped = ctx.Done()
	go func() {
		defer close(sc.out)
		defer session.EndSession(context.WithoutCancel(ctx))
		ctx := mongo.NewSessionContext(ctx, session)
		defer sc.close(ctx)
		for last, first := false, true; !last; first = false {
			a := sc.next(ctx)
			if first && a.err == nil {
				a.err = sc.checkProcess(ctx)
			}
			last = a.last || a.err != nil
			a.last = last
			select {
			case sc.out <- a:
			case <-ctx.Done():
				return
			}
		}
	}()
	return sc, nil
}

// answerSize returns how many documents to ask for at once.
func (s *source) answerSize(ctx context.Context, database, coll string) int32 {
	var stats struct {
		Average float64 `bson:"avgObjSize"`
	}
	cmd := bson.D{{Key: "collStats", Value: coll}}
	if s.client.Database(database).RunCommand(ctx, cmd).Decode(&stats) != nil || stats.Average <= 0 {
		return 500 // without the right to ask
	}
	return int32(min(answerDocs, max(1, answerBytes/stats.Average)))
}

func (s *scan) find() bson.D {
	cmd := bson.D{{Key: "find", Value: s.o.coll}, {Key: "batchSize", Value: s.size}}
	if s.o.process != "" {
		cmd = append(cmd, bson.E{Key: "hint", Value: bson.D{{Key: "$natural", Value: 1}}}, bson.E{Key: "$_requestResumeToken", Value: true})
	}
	if s.o.resume != nil {
		cmd = append(cmd, bson.E{Key: "$_resumeAfter", Value: s.o.resume})
	}
	concern := bson.D{{Key: "level", Value: "majority"}}
	if !s.o.at.IsZero() {
		concern = bson.D{{Key: "level", Value: "snapshot"}, {Key: "atClusterTime", Value: s.o.at}}
	}
	return append(cmd, bson.E{Key: "readConcern", Value: concern})
}

// next asks for the next answer.
func (s *scan) next(ctx context.Context) answer {
	cmd, field := s.find(), "firstBatch"
	if s.id != 0 {
		cmd = bson.D{{Key: "getMore", Value: s.id}, {Key: "collection", Value: s.o.coll}, {Key: "batchSize", Value: s.size}}
		field = "nextBatch"
	}
	reply, err := s.db.RunCommand(ctx, cmd).Raw()
	if err != nil {
		s.id = 0
		return answer{err: err, last: true}
	}
	cursor := bsonraw.Doc(reply).Get("cursor").Doc()
	s.id, _ = cursor.Get("id").AsInt64()
	a := answer{docs: cursor.Get(field).Doc(), last: s.id == 0}
	if token := cursor.Get("postBatchResumeToken").Doc(); token != nil {
		a.resume = bson.Raw(token.Clone())
	}
	return a
}

// checkProcess fails where another process than was asked before has begun to
// answer: it has numbers of its own for the records.
func (s *scan) checkProcess(ctx context.Context) error {
	if s.o.process == "" {
		return nil
	}
	now, err := s.source.process(ctx)
	if err == nil && now != s.o.process {
		err = errs.New(errs.SourceUnavailable, "the source %s has another primary than a moment ago", s.source.name)
	}
	return err
}

// close ends the source's cursor, if it is open.
func (s *scan) close(ctx context.Context) {
	if s.id == 0 {
		return
	}
	kill := bson.D{{Key: "killCursors", Value: s.o.coll}, {Key: "cursors", Value: bson.A{s.id}}}
	_ = s.db.RunCommand(context.WithoutCancel(ctx), kill).Err() // it ends with its session anyway
}
