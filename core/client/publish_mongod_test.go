package client

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

// TestPublishThroughClients: a publish runs in the process that hosts the store,
// and whoever asked for it sees its progress, its result and its conflicts: an
// embedded client, an attached one, and one of a server on the network.
func TestPublishThroughClients(t *testing.T) {
	c, ctx := openTest(t), t.Context()
	clients := map[string]*Client{"here": c}
	if !attachedMode {
		remote, err := Open(ctx, "argon://"+serve(t, c), &Options{APIKey: keyOf(t, c)})
		require.NoError(t, err)
		defer remote.Close()
		clients["network"] = remote
	}
	uri, live := mongotest.URI(t), mongotest.Client(t).Database(mongotest.Database(t))
	main := c.Project("p").Branch("main")
	var docs []any
	for i := range 50 {
		docs = append(docs, d("_id", i, "n", 0))
	}
	_, err := main.Collection("c").InsertMany(ctx, docs, true)
	require.NoError(t, err)
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, live.Drop(ctx))
			_, err := live.Collection("c").InsertMany(ctx, docs)
			require.NoError(t, err)
			_, err = client.Project("p").Branches().Create(ctx, name, "main")
			require.NoError(t, err)
			branch := client.Project("p").Branch(name)
			_, err = branch.Run(ctx, d("update", "c", "updates", bson.A{d("q", d(), "u", d("$set", d("n", 1)), "multi", true)}))
			require.NoError(t, err)
			o := &PublishOptions{Database: live.Name(), Steps: 10}
			plan, err := branch.PublishPlan(ctx, uri, o)
			require.NoError(t, err)
			require.EqualValues(t, 50, plan.Counts.Updated)

			var seen []Progress
			report, err := branch.Publish(WithProgress(ctx, func(p Progress) { seen = append(seen, p) }), uri, o)
			require.NoError(t, err)
			require.EqualValues(t, 50, report.Counts.Written)
			require.NotEmpty(t, seen)
			n, err := live.Collection("c").CountDocuments(ctx, d("n", 1))
			require.NoError(t, err)
			require.EqualValues(t, 50, n)

			_, err = live.Collection("c").UpdateOne(ctx, d("_id", 3), d("$set", d("n", "other")))
			require.NoError(t, err)
			back, err := client.Publishes().Rollback(ctx, report.ID, uri)
			require.NoError(t, err)
			require.EqualValues(t, 49, back.Counts.RolledBack)
			_, err = branch.Publish(ctx, uri, o)
			require.Equal(t, errs.PublishConflict, errs.CodeOf(err))
			require.Len(t, PublishConflicts(err).Conflicts, 1)
			list, err := client.Publishes().List(ctx)
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.NoError(t, client.Publishes().Forget(ctx, report.ID))
		})
	}
}

// keyOf makes a key that may do everything.
func keyOf(t *testing.T, c *Client) string {
	t.Helper()
	reply, err := runText(t, c, t.Context(), "admin", `{'argonAPIKeyCreate': 'all', 'roles': [{'role': 'root', 'db': 'admin'}]}`)
	require.NoError(t, err)
	return reply.Get("key").Str()
}
