package client

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wire"
)

// serve serves a client's store on TCP, to clients that have to authenticate.
func serve(t *testing.T, c *Client) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := wire.NewServer(&wire.Options{Host: c.Reach, Auth: true})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(context.WithoutCancel(t.Context()), l) }()
	t.Cleanup(func() {
		require.NoError(t, server.Shutdown(context.WithoutCancel(t.Context())))
		require.NoError(t, <-ended)
	})
	return l.Addr().String()
}

// A client of argon:// has the API of an embedded one, with what its key allows.
func TestClientOfAServer(t *testing.T) {
	host, err := Open(t.Context(), t.TempDir(), nil)
	require.NoError(t, err)
	defer host.Close()
	ctx := t.Context()
	_, err = host.Project("shop").Branch("main").Collection("users").InsertMany(ctx, []any{d("_id", 1), d("_id", 2)}, true)
	require.NoError(t, err)
	reply, err := runText(t, host, ctx, "admin", `{'argonAPIKeyCreate': 'reader', 'roles': [{'role': 'readAnyDatabase', 'db': 'admin'}]}`)
	require.NoError(t, err)
	key := reply.Get("key").Str()
	uri := "argon://" + serve(t, host)

	_, err = Open(ctx, uri, nil)
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%v", err)
	_, err = Open(ctx, uri, &Options{APIKey: "wrong"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "wrong")
	c, err := Open(ctx, uri, &Options{APIKey: key})
	require.NoError(t, err)
	users := c.Project("shop").Branch("main").Collection("users")
	n, err := users.Count(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	_, err = users.InsertOne(ctx, d("_id", 3))
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	place, err := c.Place(ctx)
	require.NoError(t, err)
	require.Equal(t, uri, "argon://"+place.Address)
	require.False(t, place.Hosting)
	cur, err := users.Find(ctx, nil, nil)
	require.Equal(t, []string{`{"_id": {"$numberInt":"1"}}`, `{"_id": {"$numberInt":"2"}}`}, texts(t, cur, err))
	require.NoError(t, c.Close())

	_, err = Open(ctx, "argon://127.0.0.1:1", nil)
	require.Equal(t, errs.ConnectionRefused, errs.CodeOf(err))
	require.Contains(t, err.Error(), "argon serve")
	for _, bad := range []string{"argon://", "argon://u:secret@host", "argon://host/?colour=blue", "argon://host/path"} {
		_, err := Open(ctx, bad, nil)
		require.Equal(t, errs.BadValue, errs.CodeOf(err), bad)
		require.NotContains(t, err.Error(), "secret")
	}
}

// What an attached client sends is checked as the store's own is.
func TestAttachedClientsErrors(t *testing.T) {
	if !attachedMode {
		t.Skip("for attached clients")
	}
	c := openTest(t)
	for _, raw := range []bsonraw.Doc{nil, {1, 2, 3}, {9, 0, 0, 0, 0}, append(bsonraw.EmptyDoc.Clone(), 0)} {
		_, err := c.RunCommand(t.Context(), "p", raw)
		require.Error(t, err)
	}
	_, err := runText(t, c, t.Context(), "p", `{'find': 'c', '$db': 'other'}`)
	require.Equal(t, errs.BadValue, errs.CodeOf(err))
	_, err = runText(t, c, t.Context(), "p", `{'fnd': 'c'}`)
	require.Contains(t, errs.As(err).RemedyText(), "find")
	require.NotContains(t, errs.As(err).Message, "did you mean")
}
