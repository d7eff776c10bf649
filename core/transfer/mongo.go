package transfer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// MongoOptions of ImportMongo.
type MongoOptions struct {
	URI string
	// Database is the database to read; empty, the one that the URI names.
	Database string
	// Collections are those to read; empty, all of them.
	Collections []string
	// NoSnapshot reads each collection as it is when its turn comes, also where
	// the server could show all of them at one moment. A server keeps a moment
	// for five minutes unless it is told otherwise.
	NoSnapshot bool
	// Parallel is how many collections are read at once; 0 is 4.
	Parallel int
	// BatchDocs is the largest number of documents of one Insert; 0 is 2,000.
	BatchDocs int
	// MaxErrors is how many documents the sink may refuse before the import
	// ends: 0, the first one ends it; -1, any number may.
	MaxErrors int64
	// Progress may be nil.
	Progress func(Progress)
}

const defaultParallel = 4

// ImportMongo reads the collections of a MongoDB database once, with their
// options, validators and indexes, and its views, into a sink.
func ImportMongo(ctx context.Context, sink Sink, o MongoOptions) (DatabaseResult, error) {
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.BatchDocs <= 0 {
		o.BatchDocs = defaultBatchDocs
	}
	m := &mongoImport{restorer: restorer{sink: sink}, o: o, start: time.Now()}
	err := m.run(ctx)
	m.result.Notes = m.notes
	m.result.Elapsed = time.Since(m.start)
	slices.SortFunc(m.result.Collections, func(a, b CollectionResult) int { return compareText(a.Name, b.Name) })
	return m.result, asSource(ctx, err)
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// mongoImport is one run of ImportMongo.
type mongoImport struct {
	restorer
	o      MongoOptions
	start  time.Time
	client *mongo.Client
	db     *mongo.Database
	at     *bson.Timestamp // the moment that is read, or nil

	// mu of the restorer guards these, too.
	result     DatabaseResult
	totalDocs  int64
	totalBytes int64
}

// source is a collection or view of the server, as listCollections has it.
type source struct {
	name    string
	kind    string // collection, view, timeseries
	options bsonraw.Doc
}

func (m *mongoImport) run(ctx context.Context) error {
	if err := m.connect(ctx); err != nil {
		return err
	}
	defer m.client.Disconnect(context.WithoutCancel(ctx)) // closes its connections, at once
	sources, err := m.list(ctx)
	if err != nil {
		return err
	}
	if err := m.pin(ctx, sources); err != nil {
		return err
	}
	m.measure(ctx, sources)
	if err := m.readAll(ctx, sources); err != nil {
		return err
	}
	for _, s := range sources { // behind the collections that they show
		if s.kind == "view" {
			ok, err := m.view(ctx, s.name, s.options)
			if err != nil {
				return err
			}
			if ok {
				m.record(CollectionResult{Name: s.name, View: true})
			}
		}
	}
	return nil
}

func (m *mongoImport) connect(ctx context.Context) (err error) {
	parsed, err := connstring.ParseAndValidate(m.o.URI)
	if err != nil {
		return errs.Wrap(err, errs.SourceUnavailable, "the connection string")
	}
	if m.o.Database == "" {
		m.o.Database = parsed.Database
	}
	if m.o.Database == "" {
		return errs.New(errs.BadValue, "the connection string names no database").
			WithRemedy("write mongodb://host/database, or name the database")
	}
	clientOptions := options.Client().ApplyURI(m.o.URI).SetAppName("argon")
	if !parsed.ServerSelectionTimeoutSet {
		clientOptions.SetServerSelectionTimeout(selectionTimeout)
	}
	if m.client, err = mongo.Connect(clientOptions); err != nil {
		return err
	}
	m.db = m.client.Database(m.o.Database)
	if err = m.client.Ping(ctx, nil); err != nil {
		m.client.Disconnect(context.WithoutCancel(ctx))
		return errs.Wrap(err, errs.SourceUnavailable, "connecting to %v", parsed.Hosts)
	}
	return nil
}

// selectionTimeout is how long a server may take to answer at all.
const selectionTimeout = 10 * time.Second

// list returns the collections and views to read.
func (m *mongoImport) list(ctx context.Context) ([]source, error) {
	cursor, err := m.db.ListCollections(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	var sources []source
	for cursor.Next(ctx) {
		d := bsonraw.Doc(slices.Clone(cursor.Current))
		s := source{name: stringOf(d.Get("name")), kind: stringOf(d.Get("type")), options: d.Get("options").Doc()}
		if s.options == nil {
			s.options = bsonraw.EmptyDoc
		}
		asked := slices.Contains(m.o.Collections, s.name)
		if asked || len(m.o.Collections) == 0 && !isSystem(s.name) {
			sources = append(sources, s)
		}
	}
	if err := cursor.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(sources, func(a, b source) int { return compareText(a.name, b.name) })
	return sources, m.checkList(ctx, sources)
}

func stringOf(v bsonraw.Value) string {
	if v.Type != bsonraw.String {
		return ""
	}
	return v.Str()
}

func isSystem(name string) bool { return len(name) >= 7 && name[:7] == "system." }

// checkList reports names that are not there: an import that finds nothing is a
// mistake and no success.
func (m *mongoImport) checkList(ctx context.Context, sources []source) error {
	for _, name := range m.o.Collections {
		if !slices.ContainsFunc(sources, func(s source) bool { return s.name == name }) {
			return errs.New(errs.NamespaceNotFound, "the source has no collection %s.%s", m.o.Database, name)
		}
	}
	if len(sources) > 0 {
		return nil
	}
	err := errs.New(errs.NamespaceNotFound, "the source has no database %q, or nothing in it", m.o.Database)
	if names, failed := m.client.ListDatabaseNames(ctx, bson.D{}); failed == nil {
		err = err.WithRemedy("it has %v", names)
	}
	return err
}

// pin picks the moment to read at. A first read in a snapshot session has the
// server name it; every other session is then told it.
func (m *mongoImport) pin(ctx context.Context, sources []source) error {
	var hello struct {
		SetName string `bson:"setName"`
		Msg     string `bson:"msg"`
		Wire    int    `bson:"maxWireVersion"`
	}
	if err := m.db.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return err
	}
	const wireOfSnapshots = 13 // MongoDB 5.0
	i := slices.IndexFunc(sources, func(s source) bool { return s.kind == "collection" })
	switch {
	case i < 0 || m.o.NoSnapshot:
		return nil
	case hello.Wire < wireOfSnapshots || hello.SetName == "" && hello.Msg != "isdbgrid":
		m.note("the source is no replica set of MongoDB 5.0 or newer: its collections were read one after the other, not at one moment")
		return nil
	}
	session, err := m.client.StartSession(options.Session().SetSnapshot(true))
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	err = m.db.Collection(sources[i].name).FindOne(mongo.NewSessionContext(ctx, session), bson.D{}).Err()
	if err != nil && err != mongo.ErrNoDocuments {
		return err
	}
	at := session.SnapshotTime()
	m.at = &at
	m.result.Consistent, m.result.Time = true, time.Unix(int64(at.T), 0).UTC()
	return nil
}

// measure asks for the sizes, for the progress alone: a failure is none.
func (m *mongoImport) measure(ctx context.Context, sources []source) {
	if m.o.Progress == nil {
		return
	}
	for _, s := range sources {
		var stats struct {
			Count int64   `bson:"count"`
			Size  float64 `bson:"size"`
		}
		if s.kind != "view" && m.db.RunCommand(ctx, bson.D{{Key: "collStats", Value: s.name}}).Decode(&stats) == nil {
			m.totalDocs += stats.Count
			m.totalBytes += int64(stats.Size)
		}
	}
}

// readAll reads several collections at once. The first error ends all.
func (m *mongoImport) readAll(ctx context.Context, sources []source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan source)
	var group sync.WaitGroup
	for range min(m.o.Parallel, len(sources)) {
		group.Go(func() {
			for s := range work {
				if err := ordered.Guard(func() error { return m.read(ctx, s) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, s := range sources {
		if s.kind != "view" && ctx.Err() == nil {
			work <- s
		}
	}
	close(work)
	group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// asSource gives errors of the driver a code.
func asSource(ctx context.Context, err error) error {
	var server mongo.CommandError
	switch {
	case err == nil, errs.As(err) != nil:
		return err
	case ctx.Err() != nil:
		return ordered.Canceled(ctx)
	case errors.As(err, &server) && (server.Code == snapshotTooOld || server.Code == snapshotUnavailable):
		return errs.Wrap(err, errs.SourceUnavailable, "the source no longer has the moment that was being read").
			WithRemedy("raise minSnapshotHistoryWindowInSeconds on the source, or read without a snapshot")
	}
	return errs.Wrap(err, errs.SourceUnavailable, "reading the source")
}

const (
	snapshotTooOld      = 239
	snapshotUnavailable = 246
)
