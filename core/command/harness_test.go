package command

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func TestMain(m *testing.M) { mongotest.Main(m) }

// door is a dispatcher on a store of its own, with a clock that the test turns.
type door struct {
	t     testing.TB
	store *engine.Store
	*Dispatcher
	sess *Session
	time time.Time
}

func newDoor(t testing.TB) *door {
	d := &door{t: t, time: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return d.time }
	var err error
	d.store, err = engine.Open(context.Background(), t.TempDir(), &engine.Options{Actor: "ada", Clock: clock})
	require.NoError(t, err)
	d.Dispatcher = newDispatcher(d.store, clock)
	d.sess = d.NewSession(SessionOptions{})
	t.Cleanup(func() {
		d.Dispatcher.Close()
		require.Zero(t, d.cursors.len())
		report, err := d.store.Check(context.Background())
		require.NoError(t, err)
		require.Zero(t, report.Get("problems").Doc().Len(), jsonOf(report))
		require.NoError(t, d.store.Close())
	})
	return d
}

func (d *door) advance(by time.Duration) { d.time = d.time.Add(by) }

func doc(t testing.TB, text string) bsonraw.Doc {
	t.Helper()
	out, err := ejson.ParseDoc(text)
	require.NoError(t, err, text)
	return out
}

func jsonOf(d bsonraw.Doc) string { return string(ejson.Append(nil, d, ejson.Relaxed)) }

// run runs a command that must succeed.
func (d *door) run(db, command string) bsonraw.Doc {
	d.t.Helper()
	reply, err := d.Run(context.Background(), d.sess, db, doc(d.t, command))
	require.NoError(d.t, err, command)
	require.NoError(d.t, bsonraw.ValidateDepth(reply, bsonraw.MaxDepth+6))
	return reply
}

// fail runs a command that must fail with this code.
func (d *door) fail(db, command string, code errs.Code) *errs.Error {
	d.t.Helper()
	_, err := d.Run(context.Background(), d.sess, db, doc(d.t, command))
	require.Error(d.t, err, command)
	require.Equal(d.t, code, errs.CodeOf(err), "%s: %v", command, err)
	return errs.As(err)
}

// batch returns the documents of a reply's batch as JSON, and the cursor's id.
func batch(reply bsonraw.Doc) (docs []string, id int64) {
	cur := reply.Get("cursor").Doc()
	list := cur.Get("firstBatch")
	if list.IsMissing() {
		list = cur.Get("nextBatch")
	}
	for _, v := range list.Doc().Values() {
		docs = append(docs, jsonOf(v.Doc()))
	}
	return docs, cur.Get("id").Int64()
}
