package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
)

// TestACommandBesideOthersWaitsOutside checks that a write of a client that others
// use comes back before it is durable, holds the client until it is settled, and
// is there then; and that a client with one caller waits inside.
func TestACommandBesideOthersWaitsOutside(t *testing.T) {
	client := openStore(t)
	insert := insertCommand("a", document1("n", 1))
	require.Nil(t, runCommand(client, "shop", insert, 0).rest, "alone")
	gathered := runCommand(client, "shop", insert, -1)
	require.NotNil(t, gathered.rest, "alone, but gathered with others")
	require.Equal(t, ok, gathered.rest.settle().status)

	c, err := use(client) // somebody else
	require.NoError(t, err)
	a := runCommand(client, "shop", insert, 0)
	require.Equal(t, ok, a.status, "%s", a.doc)
	require.NotNil(t, a.rest)
	require.True(t, a.rest.pending.Any())
	n, _ := bsonraw.Doc(a.doc).Get("n").AsInt64()
	require.Equal(t, int64(1), n)

	c.mu.Lock()
	require.Equal(t, 2, c.users, "closing has to wait for it")
	c.mu.Unlock()
	require.Equal(t, ok, a.rest.settle().status)
	c.leave()
	require.Zero(t, c.users)
}

// TestASyncThatFailsIsTheAnswer checks that a commit that cannot be made durable
// fails its command, whichever way it waits.
func TestASyncThatFailsIsTheAnswer(t *testing.T) {
	broken := errs.New(errs.StoreIO, "the disk is gone")
	c := newConnection(&fake{run: func(ctx context.Context, _ string, _ bsonraw.Doc) (bsonraw.Doc, error) {
		doc := document1("ok", 1)
		return doc, command.Settle(ctx, func() error { return broken })
	}})
	require.NoError(t, c.enter())
	alone := c.runUnsettled("shop", nil, false)
	require.Equal(t, failed, alone.status)
	require.Contains(t, string(alone.doc), "the disk is gone")

	require.NoError(t, c.enter())
	require.NoError(t, c.enter())
	beside := c.runUnsettled("shop", nil, false)
	require.Equal(t, ok, beside.status)
	late := beside.rest.settle()
	require.Equal(t, failed, late.status)
	require.Contains(t, string(late.doc), "the disk is gone")
	c.leave()
	require.Zero(t, c.users)
}
