package transfer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/transfer"
)

// database makes a database of the test's own.
func database(t *testing.T) *mongo.Database {
	db := mongotest.Client(t).Database(strings.NewReplacer("/", "_", " ", "_").Replace(t.Name()))
	t.Cleanup(func() { _ = db.Drop(context.Background()) })
	return db
}

func run(t *testing.T, db *mongo.Database, cmd bson.D) {
	require.NoError(t, db.RunCommand(t.Context(), cmd).Err())
}

func fillMany(t *testing.T, c *mongo.Collection, n int) {
	var docs []any
	for i := range n {
		docs = append(docs, bson.D{{Key: "_id", Value: i}, {Key: "text", Value: strings.Repeat("x", 200)}})
		if len(docs) == 10_000 || i == n-1 {
			_, err := c.InsertMany(t.Context(), docs)
			require.NoError(t, err)
			docs = docs[:0]
		}
	}
}

func TestImportMongo(t *testing.T) {
	db := database(t)
	const n = 25_000
	fillMany(t, db.Collection("many"), n)
	zoo := parse(t, texts...)
	for _, d := range zoo {
		_, err := db.Collection("zoo").InsertOne(t.Context(), bson.Raw(d))
		require.NoError(t, err)
	}
	run(t, db, bson.D{{Key: "create", Value: "checked"}, {Key: "validator", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gte", Value: 0}}}}}, {Key: "validationLevel", Value: "moderate"}})
	run(t, db, bson.D{{Key: "create", Value: "seen"}, {Key: "viewOn", Value: "many"}, {Key: "pipeline", Value: bson.A{bson.D{{Key: "$limit", Value: 3}}}}})
	run(t, db, bson.D{{Key: "create", Value: "empty"}})
	run(t, db, bson.D{{Key: "create", Value: "series"}, {Key: "timeseries", Value: bson.D{{Key: "timeField", Value: "t"}}}})
	_, err := db.Collection("series").InsertOne(t.Context(), bson.D{{Key: "t", Value: bson.DateTime(5)}, {Key: "v", Value: 1}})
	require.NoError(t, err)
	_, err = db.Collection("many").Indexes().CreateMany(t.Context(), []mongo.IndexModel{
		{Keys: bson.D{{Key: "text", Value: 1}, {Key: "n", Value: -1}}, Options: options.Index().SetSparse(true)},
		{Keys: bson.D{{Key: "text", Value: "text"}}},
		{Keys: bson.D{{Key: "u", Value: 1}}, Options: options.Index().SetName("mine").SetPartialFilterExpression(bson.D{{Key: "u", Value: bson.D{{Key: "$gt", Value: 5}}}}).SetUnique(true)},
	})
	require.NoError(t, err)

	sink := &memory{indexError: func(spec bsonraw.Doc) error {
		if v := spec.Get("weights"); !v.IsMissing() {
			return errs.New(errs.CannotCreateIndex, "text indexes are not supported")
		}
		return nil
	}}
	var last transfer.Progress
	r, err := transfer.ImportMongo(t.Context(), sink, transfer.MongoOptions{
		URI: mongotest.URI(t), Database: db.Name(),
		Progress: func(p transfer.Progress) {
			require.Greater(t, p.Docs, last.Docs)
			last = p
		},
	})
	require.NoError(t, err)
	require.True(t, r.Consistent)
	require.False(t, r.Time.IsZero())
	require.EqualValues(t, n+len(zoo)+1, r.Docs)
	require.Equal(t, r.Docs, last.Docs)
	require.Equal(t, r.Docs, last.TotalDocs)
	var names []string
	for _, c := range r.Collections {
		names = append(names, fmt.Sprintf("%s %v %d %d", c.Name, c.View, c.Docs, c.Indexes))
	}
	require.Equal(t, []string{"checked false 0 0", "empty false 0 0", "many false 25000 2", "seen true 0 0", "series false 1 0", fmt.Sprintf("zoo false %d 0", len(zoo))}, names)
	require.Len(t, r.Notes, 2)
	require.Contains(t, strings.Join(r.Notes, "\n"), "index text_text of many was left out: text indexes are not supported")
	require.Contains(t, strings.Join(r.Notes, "\n"), "series is a time series")
	require.Equal(t, "seen", sink.order[len(sink.order)-1])

	require.Equal(t, `{"validator":{"n":{"$gte":0}},"validationLevel":"moderate"}`, text(sink.get("checked").options))
	require.Equal(t, `{"viewOn":"many","pipeline":[{"$limit":3}]}`, text(sink.get("seen").options))
	require.Equal(t, `{"key":{"text":1,"n":-1},"name":"text_1_n_-1","sparse":true}`, text(sink.get("many").indexes[0]))
	require.Equal(t, `{"key":{"u":1},"name":"mine","unique":true,"partialFilterExpression":{"u":{"$gt":5}}}`, text(sink.get("many").indexes[1]))
	for i, d := range sink.get("many").docs {
		require.EqualValues(t, i, d.Get("_id").Int32())
	}
	for i, d := range zoo {
		require.Equal(t, []byte(d), []byte(sink.get("zoo").docs[i]))
	}
}

func text(d bsonraw.Doc) string { return string(ejson.Append(nil, d, ejson.Relaxed)) }

// texts have one value of every type that mongod stores.
var texts = []string{
	`{"_id":1,"d":1.5,"s":"é","o":{"x":{"y":[1,null]}},"a":[],"b":{"$binary":{"base64":"AQID","subType":"80"}},"oid":{"$oid":"57e193d7a9cc81b4027498b5"}}`,
	`{"_id":"two","t":true,"date":{"$date":{"$numberLong":"-1"}},"n":null,"re":{"$regularExpression":{"pattern":"^a","options":"i"}},"js":{"$code":"f()"}}`,
	`{"_id":{"k":3},"i":5,"ts":{"$timestamp":{"t":1,"i":2}},"l":{"$numberLong":"5"},"dec":{"$numberDecimal":"1.50"},"min":{"$minKey":1},"max":{"$maxKey":1},"nan":{"$numberDouble":"NaN"}}`,
	`{"_id":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"},"sym":{"$symbol":"s"},"und":{"$undefined":true},"scope":{"$code":"f","$scope":{"z":1}}}`,
}

// TestImportMongoSnapshot changes every collection once reading has begun and
// checks that nothing of that is seen.
func TestImportMongoSnapshot(t *testing.T) {
	db := database(t)
	for _, name := range []string{"a", "b", "c"} {
		fillMany(t, db.Collection(name), 3000)
	}
	changed := false
	sink := &memory{refuse: func(bsonraw.Doc) error {
		if changed {
			return nil
		}
		changed = true
		for _, name := range []string{"a", "b", "c"} {
			if _, err := db.Collection(name).UpdateMany(context.Background(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "text", Value: "new"}}}}); err != nil {
				return err
			}
			if _, err := db.Collection(name).InsertOne(context.Background(), bson.D{{Key: "_id", Value: -1}}); err != nil {
				return err
			}
		}
		return nil
	}}
	r, err := transfer.ImportMongo(t.Context(), sink, transfer.MongoOptions{URI: mongotest.URI(t), Database: db.Name(), Parallel: 1, BatchDocs: 100})
	require.NoError(t, err)
	require.True(t, r.Consistent)
	require.EqualValues(t, 9000, r.Docs)
	for _, name := range []string{"a", "b", "c"} {
		for _, d := range sink.get(name).docs {
			require.NotEqual(t, "new", d.Get("text").Str())
		}
	}
}

func TestImportMongoChoices(t *testing.T) {
	db := database(t)
	fillMany(t, db.Collection("a"), 10)
	fillMany(t, db.Collection("b"), 10)
	uri := mongotest.URI(t)

	sink := &memory{}
	r, err := transfer.ImportMongo(t.Context(), sink, transfer.MongoOptions{URI: uri, Database: db.Name(), Collections: []string{"b"}, NoSnapshot: true})
	require.NoError(t, err)
	require.False(t, r.Consistent)
	require.Equal(t, []string{"b"}, sink.order)

	_, err = transfer.ImportMongo(t.Context(), sink, transfer.MongoOptions{URI: uri, Database: db.Name(), Collections: []string{"b", "nope"}})
	require.Equal(t, errs.NamespaceNotFound, errs.CodeOf(err))
	require.ErrorContains(t, err, "nope")
	_, err = transfer.ImportMongo(t.Context(), sink, transfer.MongoOptions{URI: uri, Database: "not_there"})
	require.Equal(t, errs.NamespaceNotFound, errs.CodeOf(err))
	require.ErrorContains(t, err, db.Name())

	_, err = transfer.ImportMongo(t.Context(), &memory{refuse: duplicate("text")}, transfer.MongoOptions{URI: uri, Database: db.Name(), Collections: []string{"a"}})
	require.Equal(t, errs.ImportFailed, errs.CodeOf(err))
	require.ErrorContains(t, err, "a: the document with _id 1: E11000")
	r, err = transfer.ImportMongo(t.Context(), &memory{refuse: duplicate("text")}, transfer.MongoOptions{URI: uri, Database: db.Name(), Collections: []string{"a"}, MaxErrors: -1})
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Docs)
	require.EqualValues(t, 9, r.Failed)
}

// TestImportMongoStops checks that an error of the sink, and a canceled
// context, end all collections.
func TestImportMongoStops(t *testing.T) {
	db := database(t)
	for i := range 6 {
		fillMany(t, db.Collection(fmt.Sprint("c", i)), 2000)
	}
	full := failingSink{&memory{}, errs.New(errs.OutOfDiskSpace, "full")}
	_, err := transfer.ImportMongo(t.Context(), full, transfer.MongoOptions{URI: mongotest.URI(t), Database: db.Name(), BatchDocs: 10})
	require.Equal(t, errs.OutOfDiskSpace, errs.CodeOf(err))

	ctx, cancel := context.WithCancel(t.Context())
	sink := &memory{refuse: func(bsonraw.Doc) error { cancel(); return nil }}
	_, err = transfer.ImportMongo(ctx, sink, transfer.MongoOptions{URI: mongotest.URI(t), Database: db.Name(), BatchDocs: 10})
	require.Equal(t, errs.Interrupted, errs.CodeOf(err), err)
}

type failingSink struct {
	*memory
	err error
}

func (f failingSink) Insert(context.Context, string, []bsonraw.Doc) error { return f.err }

func TestImportMongoUnreachable(t *testing.T) {
	for uri, code := range map[string]errs.Code{
		"mongodb://127.0.0.1:1/db?serverSelectionTimeoutMS=200": errs.SourceUnavailable,
		"mongodb://127.0.0.1:1/":                                errs.BadValue,
		"http://127.0.0.1":                                      errs.SourceUnavailable,
	} {
		_, err := transfer.ImportMongo(t.Context(), &memory{}, transfer.MongoOptions{URI: uri})
		require.Equal(t, code, errs.CodeOf(err), err)
	}
	for _, uri := range []string{
		"mongodb://user:s3cret@127.0.0.1:1/db?serverSelectionTimeoutMS=200",
		"mongodb://user:s3cret%zz@127.0.0.1:1/db", "mongodb://user:s3cret/@127.0.0.1:1/db", "mongo://user:s3cret@h/db",
		"mongodb://user:s3cret@h:99999999/db", "mongodb://user:s3cret@h/db?tls=maybe", "mongodb+srv://user:s3cret@h:1/db",
	} {
		_, err := transfer.ImportMongo(t.Context(), &memory{}, transfer.MongoOptions{URI: uri})
		require.Error(t, err, uri)
		require.NotContains(t, err.Error(), "s3cret")
	}
}
