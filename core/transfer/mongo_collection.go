package transfer

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// batch is a run of documents of one collection, in memory of its own.
type batch struct {
	docs []bsonraw.Doc
	size int
}

// read reads one collection: its options, its documents, its indexes.
func (m *mongoImport) read(ctx context.Context, s source) error {
	options := s.options
	if s.kind == "timeseries" {
		m.note("%s is a time series: its documents were imported into a plain collection", s.name)
		options = bsonraw.EmptyDoc
	}
	if err := m.collection(ctx, s.name, options); err != nil {
		return err
	}
	done := CollectionResult{Name: s.name}
	if err := m.documents(ctx, s, &done); err != nil {
		m.record(done)
		return err
	}
	err := m.indexes(ctx, s, &done)
	m.record(done)
	return err
}

func (m *mongoImport) record(done CollectionResult) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.result.Collections = append(m.result.Collections, done)
}

// documents streams the documents: one goroutine reads ahead of the sink.
func (m *mongoImport) documents(ctx context.Context, s source, done *CollectionResult) error {
	read := ctx
	if m.at != nil && s.kind == "collection" {
		session, err := m.client.StartSession(options.Session().SetSnapshot(true).SetSnapshotTime(*m.at))
		if err != nil {
			return err
		}
		defer session.EndSession(context.WithoutCancel(ctx))
		read = mongo.NewSessionContext(ctx, session)
	}
	cursor, err := m.db.Collection(s.name).Find(read, bson.D{})
	if err != nil {
		return err
	}
	batches := ordered.Start(read, ordered.Plan[*batch, *batch]{
		Workers: 1,
		Read:    func(ctx context.Context) (*batch, bool, error) { return m.nextBatch(ctx, cursor) },
		Close:   func() { cursor.Close(context.WithoutCancel(read)) },
		Work:    func() func(*batch) (*batch, error) { return func(b *batch) (*batch, error) { return b, nil } },
	})
	defer batches.Stop()
	for {
		b, ok, err := batches.Next()
		if !ok {
			return err
		}
		if err := m.insert(ctx, s, b, done); err != nil {
			return err
		}
	}
}

// nextBatch copies documents out of the cursor, which uses its memory again.
func (m *mongoImport) nextBatch(ctx context.Context, cursor *mongo.Cursor) (*batch, bool, error) {
	b := &batch{}
	arena := make([]byte, 0, blockBytes)
	for len(b.docs) < m.o.BatchDocs && b.size < batchBytes && cursor.Next(ctx) {
		d := cursor.Current
		if len(arena)+len(d) > cap(arena) {
			arena = make([]byte, 0, max(blockBytes, len(d)))
		}
		at := len(arena)
		arena = append(arena, d...)
		b.docs = append(b.docs, bsonraw.Doc(arena[at:len(arena):len(arena)]))
		b.size += len(d)
	}
	return b, len(b.docs) > 0, cursor.Err()
}

func (m *mongoImport) insert(ctx context.Context, s source, b *batch, done *CollectionResult) error {
	err := m.sink.Insert(ctx, s.name, b.docs)
	var rejects Rejects
	if err != nil && !errors.As(err, &rejects) {
		return err
	}
	stored := int64(len(b.docs) - len(rejects))
	done.Docs += stored
	done.Bytes += int64(b.size)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.result.Docs += stored
	m.result.Bytes += int64(b.size)
	m.result.Failed += int64(len(rejects))
	if m.o.Progress != nil {
		m.o.Progress(Progress{
			Collection: s.name, Docs: m.result.Docs, TotalDocs: max(m.totalDocs, m.result.Docs),
			Bytes: m.result.Bytes, TotalBytes: max(m.totalBytes, m.result.Bytes), Elapsed: time.Since(m.start),
		})
	}
	if len(rejects) > 0 && m.o.MaxErrors >= 0 && m.result.Failed > m.o.MaxErrors {
		id := ejson.AppendValue(nil, b.docs[rejects[0].Index].Get("_id"), ejson.Relaxed)
		return errs.New(errs.ImportFailed, "%s: the document with _id %s: %s", s.name, id, message(rejects[0].Err))
	}
	return nil
}

// indexes makes the indexes one by one, behind the documents: building one over
// what is there is faster, and one that the sink does not have stops no other.
func (m *mongoImport) indexes(ctx context.Context, s source, done *CollectionResult) error {
	cursor, err := m.db.Collection(s.name).Indexes().List(ctx)
	if err != nil {
		return err
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	for cursor.Next(ctx) {
		if s.kind == "timeseries" {
			continue
		}
		made, err := m.index(ctx, s.name, bsonraw.Doc(cursor.Current))
		if err != nil {
			return err
		}
		if made {
			done.Indexes++
		}
	}
	return cursor.Err()
}
