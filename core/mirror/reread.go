package mirror

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
)

// document reads the document of an event as it was behind it; then says that
// this is what it is. Where the source has no snapshot of that time any more, it
// is the document as it is now. Nil is none.
func (s *source) document(ctx context.Context, database string, e *event) (doc bsonraw.Doc, then bool, err error) {
	if s.snapshots() && e.at != 0 {
		concern := bson.D{{Key: "level", Value: "snapshot"}, {Key: "atClusterTime", Value: e.at.timestamp()}}
		doc, err = s.findOne(ctx, database, e, concern)
		if err == nil || !isSnapshotGone(err) {
			return doc, true, err
		}
	}
	doc, err = s.findOne(ctx, database, e, bson.D{{Key: "level", Value: "majority"}})
	return doc, false, err
}

// findOne speaks the command itself, since the driver's FindOne takes no cluster
// time.
func (s *source) findOne(ctx context.Context, database string, e *event, concern bson.D) (bsonraw.Doc, error) {
	session, err := s.client.StartSession()
	if err != nil {
		return nil, err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	cmd := bson.D{
		{Key: "find", Value: e.coll},
		{Key: "filter", Value: bson.D{{Key: "_id", Value: rawValue(e.id)}}},
		{Key: "limit", Value: 1},
		{Key: "singleBatch", Value: true},
		{Key: "readConcern", Value: concern},
	}
	reply, err := s.client.Database(database).RunCommand(mongo.NewSessionContext(ctx, session), cmd).Raw()
	if err != nil {
		return nil, err
	}
	for _, v := range bsonraw.Doc(reply).Get("cursor").Doc().Get("firstBatch").Doc().Values() {
		return v.Doc().Clone(), nil
	}
	return nil, nil
}
