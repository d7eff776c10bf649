package mirror

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
)

// damage changes the branch behind the mirror's back, as a gap would.
func (w *world) damage(fn func(t *engine.Txn) error) {
	_, err := w.store.Write(w.ctx(), refs.Ref{Project: "shop", Branch: "main"}, engine.CommitMeta{Replica: true}, fn)
	require.NoError(w.t, err)
}

// empty deletes documents of a collection of the branch.
func (w *world) empty(coll string, from, to int32) {
	w.damage(func(t *engine.Txn) error {
		for id := from; id < to; id++ {
			err := t.Rewrite(coll, bsonraw.Int32Value(id), func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return nil, nil, nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) resync() {
	_, err := w.m.Start(w.ctx(), "live", true)
	require.NoError(w.t, err)
}

// TestResyncGoesOn stops a re-sync again and again: it goes on where it was, shows
// nothing before it is done, and is one commit.
func TestResyncGoesOn(t *testing.T) {
	w := newWorld(t)
	const n = 24_000
	w.fill("many", n)
	w.insert("users", bson.M{"_id": 1}, bson.M{"_id": "x"})
	w.add()
	w.sync()
	w.insert("users", bson.M{"_id": 2}) // an event behind the copy, which ends its progress
	w.eventually("the end of the copy's progress", func() bool { return w.done().Docs == 0 })
	w.empty("many", 0, n)
	_, err := w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)
	commits := len(w.log())

	w.resync()
	before := int64(0)
	for w.lane().phase() == phaseResync {
		require.Empty(t, w.find("", "many"))
		for w.done().Docs <= before && w.lane().phase() == phaseResync {
			time.Sleep(time.Millisecond) // a comparison has no event for the test to wait for
		}
		_, err := w.m.Stop(w.ctx(), "live")
		require.NoError(t, err)
		if w.lane().phase() == phaseResync {
			require.Greater(t, w.done().Docs, before)
			require.LessOrEqual(t, w.done().Docs, int64(n+3), "what was compared is not compared again")
			before = w.done().Docs
		}
		w.close()
		w.open()
		w.start()
	}
	w.sync()
	w.verify()
	var labelled int
	for _, line := range w.log() {
		if strings.Contains(line, "re-sync by comparison with the source; 24000 documents differed") {
			labelled++
		}
	}
	require.Equal(t, 1, labelled)
	require.Equal(t, commits+1, len(w.log()))
	list, err := w.store.Branches(w.ctx(), "shop")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Empty(t, w.find("@-1", "many"))
}

// TestResyncOfEverything brings definitions, unique keys that have moved from one
// document to another, and views in line.
func TestResyncOfEverything(t *testing.T) {
	w := newWorld(t)
	users := w.db.Collection("users")
	w.insert("users", bson.M{"_id": 1, "k": "a"}, bson.M{"_id": 2, "k": "b"}, bson.M{"_id": "x", "k": "c"})
	_, err := users.Indexes().CreateOne(w.ctx(), mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}}, Options: options.Index().SetUnique(true)})
	require.NoError(t, err)
	w.run(bson.D{{Key: "create", Value: "grown"}, {Key: "viewOn", Value: "users"}, {Key: "pipeline", Value: bson.A{}}})
	w.insert("gone", bson.M{"_id": 1}, bson.M{"_id": 2})
	w.add()
	w.sync()
	_, err = w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)

	for _, step := range [][2]any{{1, "-"}, {2, "a"}, {1, "b"}} { // a and b change places
		_, err = users.UpdateOne(w.ctx(), bson.M{"_id": step[0]}, bson.M{"$set": bson.M{"k": step[1]}})
		require.NoError(t, err)
	}
	_, err = users.DeleteOne(w.ctx(), bson.M{"_id": "x"})
	require.NoError(t, err)
	require.NoError(t, w.db.Collection("gone").Drop(w.ctx()))
	w.run(bson.D{{Key: "collMod", Value: "grown"}, {Key: "viewOn", Value: "users"}, {Key: "pipeline", Value: bson.A{bson.D{{Key: "$match", Value: bson.D{{Key: "_id", Value: 2}}}}}}})
	w.run(bson.D{{Key: "collMod", Value: "users"}, {Key: "validator", Value: bson.D{{Key: "k", Value: bson.D{{Key: "$type", Value: "string"}}}}}})
	w.resync()
	s := w.sync()
	require.Zero(t, s.Databases[0].Refusals)
	w.verify()
	require.Equal(t, "k_1", w.indexes("users"))
	require.Equal(t, []string{`{"_id":2,"k":"a"}`}, w.find("", "grown"))
	require.Contains(t, relaxed(w.collection("users")), "$type")
	require.Nil(t, w.collection("gone"))
	require.Contains(t, w.messages()[0], "re-sync by comparison with the source; 5 documents differed")
}

// TestRemoveWithinResync leaves nothing of a re-sync that was not done.
func TestRemoveWithinResync(t *testing.T) {
	w := newWorld(t)
	w.insert("users", bson.M{"_id": 1})
	w.add()
	w.sync()
	_, err := w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)
	l := w.lane()
	src, err := connect(w.ctx(), w.uri, "test")
	require.NoError(t, err)
	defer src.close(w.ctx())
	l.src = src
	r, err := l.beginResync(w.ctx())
	require.NoError(t, err)
	require.NoError(t, w.m.Remove(w.ctx(), "live", engine.CommitMeta{}))
	_, err = w.store.Branch(w.ctx(), "shop", r.stage.Branch)
	require.Error(t, err)
}

// TestVerifyTakesMoments compares every range at a moment of its own while the
// source is written to.
func TestVerifyTakesMoments(t *testing.T) {
	w := newWorld(t)
	w.fill("many", 2*verifyRange+5)
	w.add()
	w.sync()
	src, err := connect(w.ctx(), w.uri, "test")
	require.NoError(t, err)
	defer src.close(w.ctx())
	v := &verifier{src: src, limit: 10, store: w.store, report: report{}}
	over := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
				_, _ = w.db.Collection("many").UpdateOne(w.ctx(), bson.M{"_id": n * 37 % (2 * verifyRange)}, bson.M{"$set": bson.M{"n": n}})
			}
		}
	}()
	require.NoError(t, v.lane(w.ctx(), w.lane()))
	close(over)
	<-stopped
	require.Zero(t, v.report.Differing, "%+v", v.report.Documents)
	moments := v.report.Databases[0].Moments
	require.Len(t, moments, 3)
	for i, m := range moments {
		require.Equal(t, 1, m.Ranges)
		require.Positive(t, m.LSN)
		if i > 0 {
			require.Greater(t, stampOf(m.ClusterTime), stampOf(moments[i-1].ClusterTime))
		}
	}
	require.EqualValues(t, 2*verifyRange+5, v.report.Collections[0].Documents)
	require.Equal(t, 3, v.report.Collections[0].Compared)
}
