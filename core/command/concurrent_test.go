package command

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// Many clients write, read, run transactions that conflict, and leave cursors
// behind; the counters add up to what was acknowledged.
func TestManyClients(t *testing.T) {
	d := newDoor(t)
	d.run("p", `{"insert": "counters", "documents": [{"_id": 0, "n": 0}, {"_id": 1, "n": 0}]}`)
	const clients, rounds = 8, 30
	var committed, conflicts atomic.Int64
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			c := &client{t: t, d: d, sess: d.NewSession(SessionOptions{Actor: fmt.Sprint(n)}), n: n}
			for round := range rounds {
				c.increment(round, &committed, &conflicts)
				c.readBack(round)
			}
			c.sess.Close()
		})
	}
	wg.Wait()
	require.EqualValues(t, clients*rounds, committed.Load()+conflicts.Load())
	docs, _ := batch(d.run("p", `{"find": "counters", "projection": {"_id": 0}}`))
	each := fmt.Sprintf(`{"n":%d}`, committed.Load())
	require.Equal(t, []string{each, each}, docs)
	docs, _ = batch(d.run("p", `{"aggregate": "log", "pipeline": [{"$count": "n"}], "cursor": {}}`))
	require.Equal(t, []string{fmt.Sprintf(`{"n":%d}`, clients*rounds)}, docs)
}

// client is one of them, with a logical session of its own.
type client struct {
	t    *testing.T
	d    *door
	sess *Session
	n    int
}

func (c *client) run(db, format string, args ...any) (bsonraw.Doc, error) {
	return c.d.Run(context.Background(), c.sess, db, doc(c.t, fmt.Sprintf(format, args...)))
}

// increment adds one to both counters in a transaction.
func (c *client) increment(round int, committed, conflicts *atomic.Int64) {
	txn := fmt.Sprintf(`"lsid": {"id": {"$uuid": "00000000-0000-4000-8000-%012d"}}, "txnNumber": {"$numberLong": "%d"}, "autocommit": false`, c.n, round+1)
	for id := range 2 {
		start := ""
		if id == 0 {
			start = `, "startTransaction": true`
		}
		_, err := c.run("p", `{"update": "counters", "updates": [{"q": {"_id": %d}, "u": {"$inc": {"n": 1}}}], %s%s}`, id, txn, start)
		if err != nil {
			c.conflict(err, conflicts)
			return
		}
	}
	if _, err := c.run("admin", `{"commitTransaction": 1, %s}`, txn); err != nil {
		c.conflict(err, conflicts)
		return
	}
	committed.Add(1)
}

func (c *client) conflict(err error, conflicts *atomic.Int64) {
	if !errs.Is(err, errs.WriteConflict) {
		c.t.Errorf("client %d: %v", c.n, err)
	}
	conflicts.Add(1)
}

// readBack inserts a document and reads some, in batches, not always to the end.
func (c *client) readBack(round int) {
	if _, err := c.run("p", `{"insert": "log", "documents": [{"_id": "%d-%d"}]}`, c.n, round); err != nil {
		c.t.Error(err)
	}
	reply, err := c.run("p", `{"find": "log", "batchSize": 2}`)
	if err != nil {
		c.t.Error(err)
		return
	}
	for _, id := batch(reply); id != 0; _, id = batch(reply) {
		if reply, err = c.run("p", `{"getMore": {"$numberLong": "%d"}, "collection": "log", "batchSize": 3}`, id); err != nil {
			c.t.Error(err)
			return
		}
		if round%3 == 0 {
			return // leave it behind
		}
		if round%3 == 1 {
			if _, err := c.run("p", `{"killCursors": "log", "cursors": [{"$numberLong": "%d"}]}`, id); err != nil {
				c.t.Error(err)
			}
			return
		}
	}
}
