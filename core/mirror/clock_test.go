package mirror

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/refs"
)

// feed applies inserts of documents 1, 2, … whose events have these times of the
// source's clock, in seconds.
func feed(t *testing.T, l *lane, seconds ...int64) {
	for _, at := range seconds {
		l.events.Add(1)
		id := int32(l.events.Load())
		full, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
		require.NoError(t, err)
		token, err := bson.Marshal(bson.D{{Key: "_data", Value: fmt.Sprint(id)}})
		require.NoError(t, err)
		e := &event{op: "insert", coll: "c", id: bsonraw.Int32Value(id), full: full, token: token, at: 1<<32 + stamp(id), wall: at * 1000}
		require.NoError(t, l.applyBatch(t.Context(), &batch{groups: []group{{e}}}))
		l.events.Add(-1)
	}
}

// TestClocksJump has the source's clock go back and ours go anywhere. The order of
// commits is the source's, and moments by time ascend with it.
func TestClocksJump(t *testing.T) {
	w := &world{t: t, dir: t.TempDir()}
	ours := time.Unix(10_000, 0)
	w.opts.Clock = func() time.Time { return ours }
	w.open()
	t.Cleanup(w.close)
	l := newLane(w.store, &Definition{Name: "live"}, Mapping{Database: "shop", Project: "shop", Branch: "main"}, w.m.log)
	require.NoError(t, l.ensureBranch(t.Context()))

	feed(t, l, 1000, 2000)
	ours = time.Unix(500, 0) // back behind everything
	feed(t, l, 1500, 1900)   // the source's too
	ours = time.Unix(1_000_000, 0)
	feed(t, l, 2500)

	docs := func(at int64) int {
		snap, err := w.store.Snapshot(t.Context(), refs.Ref{Project: "shop", Branch: "main", Moment: refs.Moment{Kind: refs.AtTime, Time: time.Unix(at, 0)}})
		require.NoError(t, err)
		defer snap.Close()
		n, err := snap.Count(t.Context(), "c", &engine.CountSpec{})
		require.NoError(t, err)
		return int(n)
	}
	require.Equal(t, 1, docs(1000))
	require.Equal(t, 1, docs(1999), "what came while the clock was back is as late as what was before it")
	require.Equal(t, 4, docs(2000))
	require.Equal(t, 4, docs(2499))
	require.Equal(t, 5, docs(2500))

	// The log has the source's own times beside those of the commits.
	var times, walls []int64
	cur, err := w.store.Log(t.Context(), refs.Ref{Project: "shop", Branch: "main"}, nil)
	require.NoError(t, err)
	defer cur.Close()
	for {
		doc, ok, err := cur.Next(t.Context())
		require.NoError(t, err)
		if !ok {
			break
		}
		times = append(times, doc.Get("time").Int64()/1000)
		walls = append(walls, doc.Get("source").Doc().Get("wallTime").Int64()/1000)
	}
	require.Equal(t, []int64{2500, 2000, 2000, 2000, 1000}, times)
	require.Equal(t, []int64{2500, 1900, 1500, 2000, 1000}, walls)

	// A branch of it, and writes there, are of our clock.
	_, err = w.store.CreateBranch(t.Context(), "shop", "exp", refs.Ref{Project: "shop", Branch: "main"}, engine.CommitMeta{})
	require.NoError(t, err)
	_, err = w.store.Write(t.Context(), refs.Ref{Project: "shop", Branch: "exp"}, engine.CommitMeta{}, func(txn *engine.Txn) error {
		_, err := txn.DropCollection(t.Context(), "c")
		return err
	})
	require.NoError(t, err)
	head, err := w.store.Resolve(t.Context(), refs.Ref{Project: "shop", Branch: "exp"})
	require.NoError(t, err)
	require.Equal(t, ours, head.Time.In(ours.Location()))
}
