package client

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Collection is a collection of a branch.
type Collection struct {
	branch *Branch
	name   string
}

// Name returns the collection's name.
func (c *Collection) Name() string { return c.name }

// WriteError is the failure of one document or statement of a batch.
type WriteError struct {
	Index   int    `bson:"index" json:"index"`
	Code    int32  `bson:"code" json:"code"`
	Message string `bson:"errmsg" json:"errmsg"`
}

// writeReply is what the write commands answer.
type writeReply struct {
	N         int64
	NModified int64 `bson:"nModified"`
	Upserted  []struct {
		Index int
		ID    Value `bson:"_id"`
	}
	WriteErrors []WriteError `bson:"writeErrors"`
	LSN         int64        `bson:"argonLSN"`
}

// err returns the first failure as an error.
func (r *writeReply) err() error {
	if len(r.WriteErrors) == 0 {
		return nil
	}
	we := r.WriteErrors[0]
	return errs.New(errs.Code(we.Code), "%s", we.Message)
}

// InsertResult is what an insert did.
type InsertResult struct {
	Inserted int64
	LSN      int64
	Errors   []WriteError
}

// InsertOne inserts a document.
func (c *Collection) InsertOne(ctx context.Context, doc any) (*InsertResult, error) {
	return c.InsertMany(ctx, []any{doc}, true)
}

// InsertMany inserts documents in one commit. Ordered, the first failure ends
// the batch. The error is that of the first document that failed; the result
// says how far it came.
func (c *Collection) InsertMany(ctx context.Context, docs []any, ordered bool) (*InsertResult, error) {
	list := make(bson.A, len(docs))
	for i, doc := range docs {
		raw, err := marshal(doc)
		if err != nil {
			return nil, err
		}
		list[i] = bson.Raw(raw)
	}
	var r writeReply
	f := newFields("insert", c.name).set("documents", list).set("ordered", ordered)
	if err := c.branch.run(ctx, f, &r); err != nil {
		return nil, err
	}
	return &InsertResult{Inserted: r.N, LSN: r.LSN, Errors: r.WriteErrors}, r.err()
}

// FindOptions of a find. Nil options are none.
type FindOptions struct {
	Projection, Sort any
	Skip, Limit      int64
	Hint             any // an index's name, or its key pattern
	Let              any
}

// Find finds the documents that match a filter; nil is all.
func (c *Collection) Find(ctx context.Context, filter any, o *FindOptions) (*Documents, error) {
	if o == nil {
		o = &FindOptions{}
	}
	f := newFields("find", c.name).document("filter", filter).document("projection", o.Projection).
		document("sort", o.Sort).num("skip", o.Skip).num("limit", o.Limit).document("let", o.Let)
	if o.Hint != nil {
		f.value("hint", o.Hint)
	}
	return c.branch.cursor(ctx, f)
}

// FindOne returns the first document that matches, or nil.
func (c *Collection) FindOne(ctx context.Context, filter any, o *FindOptions) (Document, error) {
	one := FindOptions{}
	if o != nil {
		one = *o
	}
	one.Limit = 1
	cur, err := c.Find(ctx, filter, &one)
	if err != nil {
		return nil, err
	}
	defer cur.Close()
	if !cur.Next(ctx) {
		return nil, cur.Err()
	}
	return append(Document(nil), cur.Current()...), nil
}

// Aggregate runs a pipeline, a slice of stages.
func (c *Collection) Aggregate(ctx context.Context, pipeline any) (*Documents, error) {
	f := newFields("aggregate", c.name).value("pipeline", pipeline).set("cursor", bson.D{})
	return c.branch.cursor(ctx, f)
}

// Count counts the documents that match; nil is all.
func (c *Collection) Count(ctx context.Context, filter any) (int64, error) {
	var reply struct{ N int64 }
	err := c.branch.run(ctx, newFields("count", c.name).document("query", filter), &reply)
	return reply.N, err
}

// Distinct returns the different values of a field among the documents that
// match.
func (c *Collection) Distinct(ctx context.Context, key string, filter any) ([]Value, error) {
	var reply struct{ Values []Value }
	err := c.branch.run(ctx, newFields("distinct", c.name).set("key", key).document("query", filter), &reply)
	return reply.Values, err
}

// UpdateResult is what an update did.
type UpdateResult struct {
	Matched, Modified int64
	UpsertedID        Value
	LSN               int64
}

// UpdateOptions of an update. Nil options are none.
type UpdateOptions struct {
	Upsert       bool
	ArrayFilters []any
}

// UpdateOne changes the first document that matches, by operators, a
// replacement or a pipeline.
func (c *Collection) UpdateOne(ctx context.Context, filter, update any, o *UpdateOptions) (*UpdateResult, error) {
	return c.update(ctx, filter, update, false, o)
}

// UpdateMany changes every document that matches.
func (c *Collection) UpdateMany(ctx context.Context, filter, update any, o *UpdateOptions) (*UpdateResult, error) {
	return c.update(ctx, filter, update, true, o)
}

func (c *Collection) update(ctx context.Context, filter, update any, multi bool, o *UpdateOptions) (*UpdateResult, error) {
	if o == nil {
		o = &UpdateOptions{}
	}
	q, err := marshal(filter)
	if err != nil {
		return nil, err
	}
	st := &fields{doc: bson.D{{Key: "q", Value: bson.Raw(q)}}}
	st.value("u", update).flag("multi", multi).flag("upsert", o.Upsert)
	if len(o.ArrayFilters) > 0 {
		st.value("arrayFilters", o.ArrayFilters)
	}
	if st.err != nil {
		return nil, st.err
	}
	var r writeReply
	if err := c.branch.run(ctx, newFields("update", c.name).set("updates", bson.A{st.doc}), &r); err != nil {
		return nil, err
	}
	res := &UpdateResult{Matched: r.N, Modified: r.NModified, LSN: r.LSN}
	if len(r.Upserted) > 0 {
		res.Matched, res.UpsertedID = 0, r.Upserted[0].ID
	}
	return res, r.err()
}

// DeleteOne deletes the first document that matches.
func (c *Collection) DeleteOne(ctx context.Context, filter any) (int64, error) {
	return c.delete(ctx, filter, 1)
}

// DeleteMany deletes every document that matches.
func (c *Collection) DeleteMany(ctx context.Context, filter any) (int64, error) {
	return c.delete(ctx, filter, 0)
}

func (c *Collection) delete(ctx context.Context, filter any, limit int) (int64, error) {
	q, err := marshal(filter)
	if err != nil {
		return 0, err
	}
	var r writeReply
	st := bson.D{{Key: "q", Value: bson.Raw(q)}, {Key: "limit", Value: limit}}
	if err := c.branch.run(ctx, newFields("delete", c.name).set("deletes", bson.A{st}), &r); err != nil {
		return 0, err
	}
	return r.N, r.err()
}

// CreateIndex makes an index and returns its name. Options holds the fields of
// the specification besides key, for example {unique: true}.
func (c *Collection) CreateIndex(ctx context.Context, key, options any) (string, error) {
	pattern, err := marshal(key)
	if err != nil {
		return "", err
	}
	extra, err := marshal(options)
	if err != nil {
		return "", err
	}
	b := bsonraw.NewBuilder(nil)
	b.Doc("key", pattern)
	name := indexName(pattern)
	if given := extra.Get("name"); given.Type == bsonraw.String {
		name = given.Str()
	} else {
		b.String("name", name)
	}
	it := extra.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
	return name, c.branch.run(ctx, newFields("createIndexes", c.name).set("indexes", bson.A{bson.Raw(b.Finish())}), nil)
}

// indexName makes the name that drivers give an index: a_1_b_-1.
func indexName(key bsonraw.Doc) string {
	name := ""
	it := key.Iter()
	for it.Next() {
		if name != "" {
			name += "_"
		}
		dir := "1"
		if n, ok := it.Value().AsFloat64(); ok && n < 0 {
			dir = "-1"
		} else if it.Value().Type == bsonraw.String {
			dir = it.Value().Str()
		}
		name += string(it.Key()) + "_" + dir
	}
	return name
}

// DropIndex drops an index by name; "*" drops all but the one on _id.
func (c *Collection) DropIndex(ctx context.Context, name string) error {
	return c.branch.run(ctx, newFields("dropIndexes", c.name).set("index", name), nil)
}

// Indexes lists the specifications of the indexes.
func (c *Collection) Indexes(ctx context.Context) ([]Document, error) {
	cur, err := c.branch.cursor(ctx, newFields("listIndexes", c.name))
	if err != nil {
		return nil, err
	}
	var docs []Document
	return docs, cur.All(ctx, &docs)
}

// Drop drops the collection.
func (c *Collection) Drop(ctx context.Context) error {
	return c.branch.run(ctx, newFields("drop", c.name), nil)
}
