package mongotest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Error is a command's error as the server gave it. A write error is the first
// of "writeErrors".
type Error struct {
	Code    int32
	Name    string
	Message string
	Reply   bsonraw.Doc // the whole reply, where there is one
}

// Error returns the code and the message.
func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Code, e.Name, e.Message) }

var databases atomic.Int64

// Database returns the name of a database that no other test uses. It is
// dropped when the test ends.
func Database(t TB) string {
	t.Helper()
	client := Client(t)
	name := fmt.Sprintf("argon_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano()%1e9, databases.Add(1))
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = client.Database(name).Drop(ctx) })
	return name
}

// Run runs a command on a database and returns the reply as it came. The error
// is of the command or of its first write; a lost connection fails the test.
func Run(t TB, database string, command bsonraw.Doc) (bsonraw.Doc, *Error) {
	t.Helper()
	raw, err := Client(t).Database(database).RunCommand(t.Context(), bson.Raw(command)).Raw()
	var failed mongo.CommandError
	if errors.As(err, &failed) {
		return bsonraw.Doc(failed.Raw), &Error{failed.Code, failed.Name, failed.Message, bsonraw.Doc(failed.Raw)}
	}
	var write mongo.WriteException
	if errors.As(err, &write) {
		return bsonraw.Doc(write.Raw), writeError(bsonraw.Doc(write.Raw))
	}
	if err != nil {
		t.Fatalf("mongotest: %v: %s", err, JSON(command))
	}
	return bsonraw.Doc(raw), writeError(bsonraw.Doc(raw))
}

// writeError returns the first of a reply's writeErrors, or nil.
func writeError(reply bsonraw.Doc) *Error {
	it := reply.Get("writeErrors").Doc().Iter()
	if !it.Next() {
		return nil
	}
	first := it.Value().Doc()
	code, _ := first.Get("code").AsInt64()
	e := &Error{Code: int32(code), Reply: reply}
	if m := first.Get("errmsg"); m.Type == bsonraw.String {
		e.Message = m.Str()
	}
	return e
}

// Coll is a collection of the server that belongs to one test.
type Coll struct {
	t    TB
	db   string
	name string
}

// Collection returns an empty collection in a database of its own.
func Collection(t TB) *Coll {
	t.Helper()
	return &Coll{t: t, db: Database(t), name: "c"}
}

// Name returns the collection's name.
func (c *Coll) Name() string { return c.name }

// For returns the same collection with errors going to another test.
func (c *Coll) For(t TB) *Coll { return &Coll{t: t, db: c.db, name: c.name} }

// Run runs a command on the collection's database.
func (c *Coll) Run(command bsonraw.Doc) (bsonraw.Doc, *Error) {
	c.t.Helper()
	return Run(c.t, c.db, command)
}

// MustRun is Run of a command that may not fail.
func (c *Coll) MustRun(command bsonraw.Doc) bsonraw.Doc {
	c.t.Helper()
	reply, err := c.Run(command)
	if err != nil {
		c.t.Fatalf("%v: %s", err, JSON(command))
	}
	return reply
}

// Insert inserts documents, in order, in batches.
func (c *Coll) Insert(docs ...bsonraw.Doc) {
	c.t.Helper()
	for len(docs) > 0 {
		n := min(len(docs), 1000)
		b := bsonraw.NewBuilder(nil)
		b.String("insert", c.name)
		b.Array("documents", arrayOfDocs(docs[:n]))
		c.MustRun(b.Finish())
		docs = docs[n:]
	}
}

// Clear deletes all documents.
func (c *Coll) Clear() {
	c.t.Helper()
	c.MustRun(Docf(`{"delete": %q, "deletes": [{"q": {}, "limit": 0}]}`, c.name))
}

// Find runs find with the filter and these further fields of the command, which
// may be nil, and returns all documents.
func (c *Coll) Find(filter, more bsonraw.Doc) ([]bsonraw.Doc, *Error) {
	c.t.Helper()
	b := bsonraw.NewBuilder(nil)
	b.String("find", c.name)
	b.Doc("filter", filter)
	appendFields(b, more)
	if more.Get("batchSize").IsMissing() {
		b.Int32("batchSize", 1_000_000)
	}
	return c.all(b.Finish())
}

// Aggregate runs an aggregation and returns all documents.
func (c *Coll) Aggregate(stages ...bsonraw.Doc) ([]bsonraw.Doc, *Error) {
	c.t.Helper()
	return c.AggregateWith(nil, stages...)
}

// AggregateWith is Aggregate with further fields of the command.
func (c *Coll) AggregateWith(more bsonraw.Doc, stages ...bsonraw.Doc) ([]bsonraw.Doc, *Error) {
	c.t.Helper()
	b := bsonraw.NewBuilder(nil)
	b.String("aggregate", c.name)
	b.Array("pipeline", arrayOfDocs(stages))
	b.BeginDoc("cursor")
	b.Int32("batchSize", 1_000_000)
	b.End()
	appendFields(b, more)
	return c.all(b.Finish())
}

// all runs a command that answers with a cursor and reads it to its end.
func (c *Coll) all(command bsonraw.Doc) ([]bsonraw.Doc, *Error) {
	c.t.Helper()
	reply, err := c.Run(command)
	if err != nil {
		return nil, err
	}
	docs, id := batch(nil, reply, "firstBatch")
	for id != 0 {
		b := bsonraw.NewBuilder(nil)
		b.Int64("getMore", id)
		b.String("collection", c.name)
		if reply, err = c.Run(b.Finish()); err != nil {
			return nil, err
		}
		docs, id = batch(docs, reply, "nextBatch")
	}
	return docs, nil
}

func batch(docs []bsonraw.Doc, reply bsonraw.Doc, field string) ([]bsonraw.Doc, int64) {
	cursor := reply.Get("cursor").Doc()
	for _, v := range cursor.Get(field).Doc().Values() {
		docs = append(docs, v.Doc())
	}
	id, _ := cursor.Get("id").AsInt64()
	return docs, id
}

func arrayOfDocs(docs []bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	for i, d := range docs {
		b.Doc(bsonraw.Index(i), d)
	}
	return b.Finish()
}

func appendFields(b *bsonraw.Builder, d bsonraw.Doc) {
	it := d.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
}
