package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/errs"
)

func TestWatch(t *testing.T) {
	ctx := context.Background()
	c, err := client.Open(ctx, t.TempDir(), nil)
	require.NoError(t, err)
	defer c.Close()
	main := c.Project("shop").Branch("main")
	users := main.Collection("users")
	_, err = users.InsertOne(ctx, bson.D{{Key: "_id", Value: 0}})
	require.NoError(t, err)
	stream, err := users.Watch(ctx, nil, &client.WatchOptions{Since: "0", BatchSize: 2, BeforeChange: true})
	require.NoError(t, err)
	go func() {
		for i := range 5 {
			_, _ = users.InsertOne(ctx, bson.D{{Key: "_id", Value: i + 1}})
		}
	}()
	var tokens []client.Document
	for i := range 6 {
		require.True(t, stream.Next(ctx), "%v", stream.Err())
		var ev struct {
			Type string `bson:"operationType"`
			Key  struct {
				ID int `bson:"_id"`
			} `bson:"documentKey"`
		}
		require.NoError(t, stream.Decode(&ev))
		require.Equal(t, "insert", ev.Type)
		require.Equal(t, i, ev.Key.ID)
		tokens = append(tokens, stream.ResumeToken())
	}
	require.False(t, stream.TryNext(ctx))
	require.NoError(t, stream.Err())
	for i, token := range tokens {
		again, err := main.Watch(ctx, bson.A{bson.D{{Key: "$match", Value: bson.D{{Key: "operationType", Value: "insert"}}}}}, &client.WatchOptions{ResumeAfter: token})
		require.NoError(t, err)
		n := 0
		for again.TryNext(ctx) {
			n++
		}
		require.Equal(t, 5-i, n)
		require.NoError(t, again.Close(ctx))
		require.NotZero(t, client.LSNOf(token))
	}
	all, err := c.Watch(ctx, nil, nil)
	require.NoError(t, err)
	project, err := c.Project("shop").Watch(ctx, nil, nil)
	require.NoError(t, err)
	_, err = main.Run(ctx, bson.D{{Key: "drop", Value: "users"}})
	require.NoError(t, err)
	for _, s := range []*client.ChangeStream{all, project} {
		require.True(t, s.Next(ctx))
		require.Equal(t, "drop", s.Current().Lookup("operationType").StringValue())
		require.NoError(t, s.Close(ctx))
	}
	require.True(t, stream.Next(ctx))
	require.True(t, stream.Next(ctx))
	require.Equal(t, "invalidate", stream.Current().Lookup("operationType").StringValue())
	require.False(t, stream.Next(ctx))
	require.NoError(t, stream.Err())
	require.NoError(t, stream.Close(ctx))

	waiting, err := main.Watch(ctx, nil, nil)
	require.NoError(t, err)
	stopped, cancel := context.WithCancel(ctx)
	go cancel()
	require.False(t, waiting.Next(stopped))
	require.Equal(t, errs.Interrupted, errs.CodeOf(waiting.Err()))
}
