package client

import (
	"context"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/transfer"
)

// sink takes what is imported into a branch: each batch is one command.
type sink struct {
	branch *Branch
	upsert bool
	// replace drops each collection before it is made.
	replace bool
	lsn     atomic.Int64 // of the newest commit
}

// sink returns a sink in the name of the options' actor.
func (b *Branch) sink(o *ImportOptions) *sink {
	named := b
	if o.Actor != "" || o.Message != "" {
		named = b.As(o.Actor, o.Message)
	}
	return &sink{branch: named, upsert: o.Mode == "upsert"}
}

// begin empties the collection where the mode says so.
func (s *sink) begin(ctx context.Context, o *ImportOptions) error {
	switch o.Mode {
	case "", "insert", "upsert":
		return nil
	case "replace":
		_, err := s.branch.Collection(o.Collection).DeleteMany(ctx, bson.D{})
		return err
	}
	return errs.New(errs.BadValue, "an import's mode is insert, upsert or replace, not %q", o.Mode)
}

// CreateCollection makes a collection or a view.
func (s *sink) CreateCollection(ctx context.Context, name string, options bsonraw.Doc) error {
	if s.replace {
		drop := bsonraw.NewBuilder(nil)
		drop.String("drop", name)
		if err := s.run(ctx, drop, nil); err != nil && !errs.Is(err, errs.NamespaceNotFound) {
			return err
		}
	}
	b := bsonraw.NewBuilder(nil)
	b.String("create", name)
	it := options.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
	return s.run(ctx, b, nil)
}

// CreateIndexes makes indexes.
func (s *sink) CreateIndexes(ctx context.Context, coll string, specs []bsonraw.Doc) error {
	b := bsonraw.NewBuilder(nil)
	b.String("createIndexes", coll)
	appendDocs(b, "indexes", specs)
	return s.run(ctx, b, nil)
}

// Insert stores documents; those that are refused come back as Rejects.
func (s *sink) Insert(ctx context.Context, coll string, docs []bsonraw.Doc) error {
	size := 256
	for _, d := range docs {
		size += len(d) + 64
	}
	b := bsonraw.NewBuilder(make([]byte, 0, size))
	if s.upsert {
		appendUpserts(b, coll, docs)
	} else {
		b.String("insert", coll)
		appendDocs(b, "documents", docs)
	}
	b.Bool("ordered", false)
	var rejects transfer.Rejects
	err := s.run(ctx, b, func(reply bsonraw.Doc) {
		for _, v := range reply.Get("writeErrors").Doc().Values() {
			rejects = append(rejects, rejected(v.Doc()))
		}
	})
	if err == nil && len(rejects) > 0 {
		return rejects
	}
	return err
}

// appendUpserts makes an update that replaces each document by its _id. One
// without an _id is new in any case.
func appendUpserts(b *bsonraw.Builder, coll string, docs []bsonraw.Doc) {
	b.String("update", coll)
	b.BeginArray("updates")
	for i, d := range docs {
		id := d.Get("_id")
		if id.IsMissing() {
			id = bsonraw.ObjectIDValue(bson.NewObjectID())
		}
		b.BeginDoc(bsonraw.Index(i))
		b.BeginDoc("q")
		b.BeginDoc("_id")
		b.Value("$eq", id)
		b.End()
		b.End()
		b.Doc("u", d)
		b.Bool("upsert", true)
		b.End()
	}
	b.End()
}

func rejected(we bsonraw.Doc) transfer.Reject {
	index, _ := we.Get("index").AsInt64()
	code, _ := we.Get("code").AsInt64()
	message := ""
	if m := we.Get("errmsg"); m.Type == bsonraw.String {
		message = m.Str()
	}
	return transfer.Reject{Index: int(index), Err: errs.New(errs.Code(code), "%s", message)}
}

func appendDocs(b *bsonraw.Builder, name string, docs []bsonraw.Doc) {
	b.BeginArray(name)
	for i, d := range docs {
		b.Doc(bsonraw.Index(i), d)
	}
	b.End()
}

// run finishes a command, runs it, and remembers its LSN.
func (s *sink) run(ctx context.Context, b *bsonraw.Builder, read func(reply bsonraw.Doc)) error {
	if who := s.branch; who.actor != "" || who.message != "" {
		b.BeginDoc("$argon")
		if who.actor != "" {
			b.String("actor", who.actor)
		}
		if who.message != "" {
			b.String("message", who.message)
		}
		b.End()
	}
	reply, err := s.branch.project.c.RunCommand(ctx, s.branch.Database(), b.Finish())
	if err != nil {
		return err
	}
	if lsn, ok := reply.Get("argonLSN").AsInt64(); ok {
		for {
			last := s.lsn.Load()
			if lsn <= last || s.lsn.CompareAndSwap(last, lsn) {
				break
			}
		}
	}
	if read != nil {
		read(reply)
	}
	return nil
}
