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
	job     *job         // for batches that say how far the import is
}

// sink returns a sink in the name of the options' actor.
func (b *Branch) sink(o *ImportOptions) *sink {
	named := b
	if o.Actor != "" || o.Message != "" {
		named = b.As(o.Actor, o.Message)
	}
	return &sink{branch: named, upsert: o.Mode == "upsert"}
}

// begin does what an import's mode asks for before the first document: it
// empties the collection, or lets the collections of a dump be made anew.
func (s *sink) begin(ctx context.Context, o *ImportOptions, parts bool) error {
	if o.Mode != "replace" {
		return nil
	}
	if parts {
		s.replace = true
		return nil
	}
	_, err := s.branch.Collection(o.Collection).DeleteMany(ctx, bson.D{})
	return err
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
	switch {
	case s.branch.txn != nil: // where a document that is refused ends no transaction
		s.appendBatch(b, coll, docs)
	case s.upsert:
		appendUpserts(b, coll, docs)
		b.Bool("ordered", false)
	default:
		b.String("insert", coll)
		appendDocs(b, "documents", docs)
		b.Bool("ordered", false)
	}
	return s.store(ctx, b)
}

// InsertAt stores documents and how far the import is.
func (s *sink) InsertAt(ctx context.Context, coll string, docs []bsonraw.Doc, end transfer.Point) error {
	if err := s.job.rejects.flush(); err != nil {
		return err
	}
	size := 1024
	for _, d := range docs {
		size += len(d) + 16
	}
	b := bsonraw.NewBuilder(make([]byte, 0, size))
	s.appendBatch(b, coll, docs)
	name := s.job.name
	if s.job.parts {
		name += "#" + coll
	}
	b.String("state", name)
	state, err := marshal(s.job.state(end, false))
	if err != nil {
		return err
	}
	b.Doc("at", state)
	return s.store(ctx, b)
}

func (s *sink) appendBatch(b *bsonraw.Builder, coll string, docs []bsonraw.Doc) {
	b.String("argonImportBatch", coll)
	appendDocs(b, "documents", docs)
	if s.upsert {
		b.String("mode", "upsert")
	}
}

// store runs a command that stores documents.
func (s *sink) store(ctx context.Context, b *bsonraw.Builder) error {
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
	if txn := s.branch.txn; txn != nil {
		raw, err := marshal(txn.append(nil))
		if err != nil {
			return err
		}
		it := raw.Iter()
		for it.Next() {
			b.ValueBytes(it.Key(), it.Value())
		}
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
