package client

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/command"
)

// Transaction is a transaction on a branch, for one goroutine at a time.
type Transaction struct {
	c       *Client
	lsid    bson.D
	started bool
}

// Transaction runs fn with the branch in a transaction: its reads are of one
// moment, its writes are one commit, or nothing if fn returns an error. Where
// another writer was first the error is WriteConflict, and the whole may be run
// again. It returns the LSN of the commit, 0 if nothing was written.
func (b *Branch) Transaction(ctx context.Context, fn func(ctx context.Context, b *Branch) error) (int64, error) {
	id := command.NewSessionID()
	t := &Transaction{c: b.project.c, lsid: bson.D{{Key: "id", Value: bson.Binary{Subtype: 4, Data: id[:]}}}}
	inside := *b
	inside.txn = t
	err := fn(ctx, &inside)
	// The session is ended even where ctx is over, so that nothing stays open.
	defer t.end(context.WithoutCancel(ctx))
	if err != nil || !t.started {
		return 0, err
	}
	var reply struct {
		LSN int64 `bson:"argonLSN"`
	}
	err = t.c.run(ctx, adminDB, t.append(bson.D{{Key: "commitTransaction", Value: 1}}), &reply)
	return reply.LSN, err
}

// append adds the fields that put a command into the transaction.
func (t *Transaction) append(cmd bson.D) bson.D {
	cmd = append(cmd,
		bson.E{Key: "lsid", Value: t.lsid},
		bson.E{Key: "txnNumber", Value: int64(1)},
		bson.E{Key: "autocommit", Value: false},
	)
	if !t.started {
		t.started = true
		cmd = append(cmd, bson.E{Key: "startTransaction", Value: true})
	}
	return cmd
}

// end drops the session, and with it a transaction that was not committed. It
// fails only on a client that is closed, which has dropped the session already.
func (t *Transaction) end(ctx context.Context) {
	_ = t.c.run(ctx, adminDB, bson.D{{Key: "endSessions", Value: bson.A{t.lsid}}}, nil)
}
