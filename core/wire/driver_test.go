package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func connect(t *testing.T, v *served, extra string) *mongo.Client {
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + v.addr + "/?" + extra).SetServerSelectionTimeout(5 * time.Second))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, client.Disconnect(ctx))
	})
	return client
}

// TestADayWithTheGoDriver is what the tests in Python do with their clients.
func TestADayWithTheGoDriver(t *testing.T) {
	for _, extra := range []string{"", "compressors=snappy", "compressors=zstd"} {
		t.Run(extra, func(t *testing.T) {
			client := connect(t, serve(t, Options{}), extra)
			users := client.Database("shop").Collection("users")
			work(t, users)
			transactions(t, client, users)
			stream(t, users)
			files(t, client.Database("shop"))
			branches(t, client)
		})
	}
}

func work(t *testing.T, users *mongo.Collection) {
	ctx := t.Context()
	many := make([]any, 500)
	for i := range many {
		many[i] = bson.D{{Key: "_id", Value: i}, {Key: "n", Value: i % 7}}
	}
	_, err := users.InsertMany(ctx, many)
	require.NoError(t, err)
	res, err := users.BulkWrite(ctx, []mongo.WriteModel{
		mongo.NewInsertOneModel().SetDocument(bson.D{{Key: "_id", Value: "x"}}),
		mongo.NewUpdateManyModel().SetFilter(bson.D{{Key: "n", Value: 3}}).SetUpdate(bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 10}}}}),
		mongo.NewDeleteOneModel().SetFilter(bson.D{{Key: "_id", Value: 1}}),
	})
	require.NoError(t, err)
	require.Equal(t, int64(71), res.ModifiedCount)
	_, err = users.InsertOne(ctx, bson.D{{Key: "_id", Value: "x"}})
	require.True(t, mongo.IsDuplicateKeyError(err))
	name, err := users.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "n", Value: 1}}})
	require.NoError(t, err)
	require.Equal(t, "n_1", name)
	cur, err := users.Find(ctx, bson.D{{Key: "n", Value: 13}}, options.Find().SetBatchSize(10))
	require.NoError(t, err)
	var found []bson.M
	require.NoError(t, cur.All(ctx, &found))
	require.Len(t, found, 71)
	cur, err = users.Aggregate(ctx, mongo.Pipeline{{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$n"}}}}})
	require.NoError(t, err)
	require.NoError(t, cur.All(ctx, &found))
	require.Len(t, found, 8)
}

func transactions(t *testing.T, client *mongo.Client, users *mongo.Collection) {
	ctx := t.Context()
	set := func(ctx context.Context, n int) error {
		_, err := users.UpdateOne(ctx, bson.D{{Key: "_id", Value: 2}}, bson.D{{Key: "$set", Value: bson.D{{Key: "t", Value: n}}}})
		return err
	}
	session, err := client.StartSession()
	require.NoError(t, err)
	defer session.EndSession(ctx)
	_, err = session.WithTransaction(ctx, func(ctx context.Context) (any, error) { return nil, set(ctx, 1) })
	require.NoError(t, err)
	mine := errors.New("mine")
	_, err = session.WithTransaction(ctx, func(ctx context.Context) (any, error) { return nil, errors.Join(set(ctx, 2), mine) })
	require.ErrorIs(t, err, mine)
	var doc struct{ T int }
	require.NoError(t, users.FindOne(ctx, bson.D{{Key: "_id", Value: 2}}).Decode(&doc))
	require.Equal(t, 1, doc.T)

	other, err := client.StartSession()
	require.NoError(t, err)
	defer other.EndSession(ctx)
	require.NoError(t, session.StartTransaction())
	require.NoError(t, other.StartTransaction())
	require.NoError(t, set(mongo.NewSessionContext(ctx, session), 3))
	err = set(mongo.NewSessionContext(ctx, other), 4)
	if err == nil {
		require.NoError(t, session.CommitTransaction(ctx))
		err = other.CommitTransaction(ctx)
	} else {
		require.NoError(t, session.CommitTransaction(ctx))
	}
	var labeled mongo.LabeledError
	require.ErrorAs(t, err, &labeled)
	require.True(t, labeled.HasErrorLabel("TransientTransactionError"))
}

func stream(t *testing.T, users *mongo.Collection) {
	ctx := t.Context()
	var change struct {
		OperationType string
		DocumentKey   bson.M
	}
	s, err := users.Watch(ctx, mongo.Pipeline{})
	require.NoError(t, err)
	_, err = users.InsertOne(ctx, bson.D{{Key: "_id", Value: "seen"}})
	require.NoError(t, err)
	require.True(t, s.Next(ctx))
	require.NoError(t, s.Decode(&change))
	require.Equal(t, "insert", change.OperationType)
	token := s.ResumeToken()
	require.NoError(t, s.Close(ctx))
	_, err = users.DeleteOne(ctx, bson.D{{Key: "_id", Value: "seen"}})
	require.NoError(t, err)
	s, err = users.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetResumeAfter(token))
	require.NoError(t, err)
	require.True(t, s.Next(ctx))
	require.NoError(t, s.Decode(&change))
	require.Equal(t, "delete", change.OperationType)
	require.NoError(t, s.Close(ctx))
}

func files(t *testing.T, db *mongo.Database) {
	bucket := db.GridFSBucket()
	data := bytes.Repeat([]byte("argon"), 100_000)
	id, err := bucket.UploadFromStream(t.Context(), "f", bytes.NewReader(data))
	require.NoError(t, err)
	down, err := bucket.OpenDownloadStream(t.Context(), id)
	require.NoError(t, err)
	got, err := io.ReadAll(down)
	require.NoError(t, err)
	require.Equal(t, data, got)
}

func branches(t *testing.T, client *mongo.Client) {
	ctx := t.Context()
	shop := client.Database("shop")
	var at struct{ LSN int64 }
	require.NoError(t, shop.RunCommand(ctx, bson.D{{Key: "argonResolve", Value: "main"}}).Decode(&at))
	require.NoError(t, shop.RunCommand(ctx, bson.D{{Key: "argonBranchCreate", Value: "exp"}}).Err())
	before, err := shop.Collection("users").CountDocuments(ctx, bson.D{})
	require.NoError(t, err)
	_, err = client.Database("shop~exp").Collection("users").DeleteMany(ctx, bson.D{})
	require.NoError(t, err)
	past := client.Database("shop~exp~" + strconv.FormatInt(at.LSN, 10)).Collection("users")
	for _, c := range []*mongo.Collection{shop.Collection("users"), past} {
		n, err := c.CountDocuments(ctx, bson.D{})
		require.NoError(t, err)
		require.Equal(t, before, n)
	}
	_, err = past.InsertOne(ctx, bson.D{})
	require.ErrorContains(t, err, "argonBranchCreate")
	names, err := client.ListDatabaseNames(ctx, bson.D{})
	require.NoError(t, err)
	require.Equal(t, []string{"shop", "shop~exp"}, names)
}
