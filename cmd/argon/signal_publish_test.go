//go:build unix

package main

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Ctrl-C in a publish says how to go on, and that publishes the rest.
func TestInterruptedPublish(t *testing.T) {
	uri, c := live(t)
	const n = 5000
	docs := make([]bson.D, n)
	for i := range docs {
		docs[i] = bson.D{{Key: "_id", Value: i}, {Key: "s", Value: "old"}}
	}
	orders := c.Database("shop").Collection("orders")
	_, err := orders.InsertMany(t.Context(), docs)
	require.NoError(t, err)

	store, target := filepath.Join(t.TempDir(), "store"), uri+"/shop?directConnection=true"
	argon := func(args ...string) {
		t.Helper()
		_, stderr, code := runWith(t.Context(), t, nil, append(args, "-p", "shop", "--store", store)...)
		require.Equal(t, 0, code, stderr)
	}
	argon("import", target)
	argon("branches", "create", "fix")
	argon("run", "-b", "fix", `{update: "orders", updates: [{q: {}, u: {$set: {s: "new"}}, multi: true}]}`)
	p := newProgram(t, store, "publish", "fix", "-p", "shop", "--to", target, "--yes")
	require.NoError(t, p.Start())
	published := func() int64 {
		got, err := orders.CountDocuments(t.Context(), bson.D{{Key: "s", Value: "new"}})
		require.NoError(t, err)
		return got
	}
	for published() == 0 {
		require.NoError(t, t.Context().Err())
	}
	if code := p.interrupt(); code != 0 {
		require.Equal(t, 130, code, p.stderr.String())
		again := regexp.MustCompile(`argon publish --resume ([\w-]+)`).FindStringSubmatch(p.stderr.String())
		require.NotNil(t, again, p.stderr.String())
		argon("publish", "--resume", again[1])
	}
	require.EqualValues(t, n, published())
}
