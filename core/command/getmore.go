package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

type getMoreArgs struct {
	id        int64
	coll      string
	batchSize *int64
}

func getMoreCommand() *Command {
	return definition[getMoreArgs]{
		Command: Command{
			Name: "getMore", Group: Query, traits: inTxn | awaits,
			Help:    "Returns the next batch of a cursor. On a change stream it waits for events, for a second or maxTimeMS. The cursor closes itself at the end, when its reply has the id 0.",
			Example: `{getMore: {$numberLong: "4611686018427387904"}, collection: "users", batchSize: 1000}`, DB: "shop",
		},
		access: anyUser[getMoreArgs](),
		fields: []field[getMoreArgs]{
			long("getMore", func(a *getMoreArgs) *int64 { return &a.id }).need().about("The cursor's id."),
			text("collection", func(a *getMoreArgs) *string { return &a.coll }).need().about("The collection that it is on."),
			optionalNatural("batchSize", func(a *getMoreArgs) **int64 { return &a.batchSize }).about("At most n documents; 0 or none: as many as fit into 16 MiB."),
			ignored[getMoreArgs]("term", "For replication within MongoDB.", bsonraw.Int64),
			ignored[getMoreArgs]("lastKnownCommittedOpTime", "For replication within MongoDB.", bsonraw.Object),
		},
		run: runGetMore,
	}.build()
}

func runGetMore(ctx context.Context, c *call, a *getMoreArgs) (bsonraw.Doc, error) {
	if err := readableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	if a.coll == "" {
		return nil, errs.New(errs.InvalidNamespace, "Collection names cannot be empty")
	}
	cur, err := c.d.cursors.checkOut(a.id)
	if err != nil {
		return nil, err
	}
	if err := c.mayUse(cur, a); err != nil {
		c.d.cursors.checkIn(cur, false, cur.used)
		return nil, err
	}
	c.d.cursors.own(cur, c.sess)
	size := int64(-1)
	if a.batchSize != nil && *a.batchSize > 0 {
		size = *a.batchSize
	}
	cur.batchBytes = int(c.g.batchBytes)
	b := c.reply(4096)
	b.BeginDoc("cursor")
	more, err := c.nextBatch(ctx, cur, b, size)
	id := cur.id
	if !more {
		id = 0
	}
	c.d.cursors.checkIn(cur, err != nil || !more, c.d.now())
	if err != nil {
		return nil, err
	}
	b.Int64("id", id)
	b.String("ns", cur.ns)
	b.End()
	return c.ok(), nil
}

// nextBatch appends the next batch. For a change stream maxTimeMS says how long to
// wait for events; for any other cursor it limits the time as for any command, and
// without it there is what the batches before have left of the query's limit.
func (c *call) nextBatch(ctx context.Context, cur *cursor, b *bsonraw.Builder, size int64) (bool, error) {
	if cur.stream.live != nil {
		wait := awaitTime
		if c.g.maxTime > 0 {
			wait = c.g.maxTime
		}
		return cur.appendEvents(ctx, b, "nextBatch", size, wait)
	}
	limit := c.g.maxTime
	if limit == 0 && cur.left > 0 {
		if err := c.d.fail.timesOut(); err != nil {
			return false, err
		}
		limit = cur.left
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
		if err := ctx.Err(); err != nil {
			return false, err
		}
	}
	more, err := cur.appendBatch(ctx, b, "nextBatch", size)
	cur.spend(c.d.now().Sub(c.op.started))
	return more, err
}

// mayUse checks that the cursor is this client's, session's and transaction's,
// and that the command names its collection.
func (c *call) mayUse(cur *cursor, a *getMoreArgs) error {
	switch {
	case cur.user != c.sess.user() || c.checked && !c.who.allows(cur.needs):
		return errs.New(errs.Unauthorized, "cursor id %d was not created by the authenticated user", a.id)
	case cur.ns != c.db+"."+a.coll:
		return errs.New(errs.Unauthorized, "Requested getMore on namespace '%s.%s', but cursor belongs to a different namespace %s", c.db, a.coll, cur.ns)
	case cur.hasLsid && !c.g.hasLsid:
		return errs.New(50737, "Cannot run getMore on cursor %d, which was created in session %s, without an lsid", a.id, cur.lsid)
	case !cur.hasLsid && c.g.hasLsid:
		return errs.New(50736, "Cannot run getMore on cursor %d, which was not created in a session, in session %s", a.id, c.g.lsid)
	case cur.hasLsid && cur.lsid != c.g.lsid:
		return errs.New(50738, "Cannot run getMore on cursor %d, which was created in session %s, in session %s", a.id, cur.lsid, c.g.lsid)
	case cur.txn != nil && c.txn == nil:
		return errs.New(50740, "Cannot run getMore on cursor %d, which was created in a transaction, without a txnNumber", a.id)
	case cur.txn == nil && c.txn != nil:
		return errs.New(50739, "Cannot run getMore on cursor %d, which was not created in a transaction, in transaction %d", a.id, c.g.txnNumber)
	}
	return nil
}

type killCursorsArgs struct {
	coll string
	ids  []int64
}

func killCursorsCommand() *Command {
	type args = killCursorsArgs
	return definition[args]{
		Command: Command{
			Name: "killCursors", Group: Query, traits: inTxn,
			Help:    "Closes cursors.",
			Example: `{killCursors: "users", cursors: [{$numberLong: "4611686018427387904"}]}`, DB: "shop",
		},
		access: anyUser[args](),
		fields: []field[args]{
			collection("killCursors", func(a *args) *string { return &a.coll }),
			kind("cursors", "array", []bsonraw.Type{bsonraw.Array}, readCursorIDs).need().about("The ids, as longs."),
		},
		run: runKillCursors,
	}.build()
}

func readCursorIDs(a *killCursorsArgs, v bsonraw.Value) error {
	it := v.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.Int64 {
			return errs.New(errs.TypeMismatch, wrongType, "killCursors.cursors", it.Key(), it.Value().Type.Name(), " 'long'")
		}
		a.ids = append(a.ids, it.Value().Int64())
	}
	return nil
}

func runKillCursors(_ context.Context, c *call, a *killCursorsArgs) (bsonraw.Doc, error) {
	if err := readableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	mine := func(cur *cursor) bool {
		return cur.user == c.sess.user() && cur.ns == c.db+"."+a.coll
	}
	var killed, missing []int64
	for _, id := range a.ids {
		if c.d.cursors.kill(id, mine) {
			killed = append(killed, id)
		} else {
			missing = append(missing, id)
		}
	}
	b := c.reply(128)
	appendLongs(b, "cursorsKilled", killed)
	appendLongs(b, "cursorsNotFound", missing)
	appendLongs(b, "cursorsAlive", nil)
	appendLongs(b, "cursorsUnknown", nil)
	return c.ok(), nil
}

func appendLongs(b *bsonraw.Builder, name string, list []int64) {
	b.BeginArray(name)
	for i, n := range list {
		b.Int64(bsonraw.Index(i), n)
	}
	b.End()
}
