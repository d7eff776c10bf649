package mirror

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
)

// scanOptions say what to read.
type scanOptions struct {
	coll      string
	at        bson.Timestamp // zero: as it is
	resumable bool
	resume    bson.Raw // go on behind it
}

// scan reads a collection in the source's own order, ahead of its user by a chunk.
// It speaks the commands find and getMore itself, since the driver's cursor does
// not show where the source goes on; and a chunk is the memory of an answer, so
// that documents are not copied.
func (s *source) scan(ctx context.Context, database string, o scanOptions) (*chunkReader, error) {
	session, err := s.client.StartSession()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &chunkReader{out: make(chan chunk, 1), cancel: cancel}
	sc := &scanner{db: s.client.Database(database), o: o, size: s.chunkSize(ctx, database, o.coll)}
	go func() {
		defer close(r.out)
		defer session.EndSession(context.WithoutCancel(ctx))
		ctx := mongo.NewSessionContext(ctx, session)
		defer sc.close(ctx)
		for last := false; !last; {
			c := sc.next(ctx)
			last = c.last
			select {
			case r.out <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	return r, nil
}

// chunkSize returns how many documents to ask for at once.
func (s *source) chunkSize(ctx context.Context, database, coll string) int32 {
	var stats struct {
		Average float64 `bson:"avgObjSize"`
	}
	cmd := bson.D{{Key: "collStats", Value: coll}}
	if s.client.Database(database).RunCommand(ctx, cmd).Decode(&stats) != nil || stats.Average <= 0 {
		return 500 // without the right to ask
	}
	return int32(min(copyDocs, max(1, copyBytes/stats.Average)))
}

type scanner struct {
	db   *mongo.Database
	o    scanOptions
	size int32
	id   int64
}

func (s *scanner) find() bson.D {
	cmd := bson.D{{Key: "find", Value: s.o.coll}, {Key: "batchSize", Value: s.size}}
	if s.o.resumable {
		cmd = append(cmd, bson.E{Key: "noCursorTimeout", Value: true}, bson.E{Key: "hint", Value: bson.D{{Key: "$natural", Value: 1}}}, bson.E{Key: "$_requestResumeToken", Value: true})
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

// next returns the next answer's documents.
func (s *scanner) next(ctx context.Context) chunk {
	cmd, field := s.find(), "firstBatch"
	if s.id != 0 {
		cmd = bson.D{{Key: "getMore", Value: s.id}, {Key: "collection", Value: s.o.coll}, {Key: "batchSize", Value: s.size}}
		field = "nextBatch"
	}
	reply, err := s.db.RunCommand(ctx, cmd).Raw()
	if err != nil {
		s.id = 0
		return chunk{err: err, last: true}
	}
	cursor := bsonraw.Doc(reply).Get("cursor").Doc()
	s.id, _ = cursor.Get("id").AsInt64()
	c := chunk{last: s.id == 0, docs: make([]bsonraw.Doc, 0, s.size)}
	for it := cursor.Get(field).Doc().Iter(); it.Next(); {
		c.docs = append(c.docs, it.Value().Doc())
	}
	if token := cursor.Get("postBatchResumeToken").Doc(); token != nil {
		c.resume = bson.Raw(token.Clone())
	}
	return c
}

// close ends the source's cursor, if it is open.
func (s *scanner) close(ctx context.Context) {
	if s.id == 0 {
		return
	}
	kill := bson.D{{Key: "killCursors", Value: s.o.coll}, {Key: "cursors", Value: bson.A{s.id}}}
	_ = s.db.RunCommand(context.WithoutCancel(ctx), kill).Err() // it ends with its session anyway
}
