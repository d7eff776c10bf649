package mirror

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/refs"
)

// newPlainWorld takes the source for one before 6.0, whose streams do not show
// what becomes of the catalogue.
func newPlainWorld(t *testing.T) *world {
	w := newWorld(t)
	w.m.tuning.plain, w.m.tuning.pollEvery = true, 20*time.Millisecond
	return w
}

// eventually waits for something that polling brings.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		require.True(w.t, time.Now().Before(deadline), "%s: %s", what, relaxed(marshal(w.status())))
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *world) rename(from, to string) {
	cmd := bson.D{{Key: "renameCollection", Value: w.db.Name() + "." + from}, {Key: "to", Value: w.db.Name() + "." + to}}
	require.NoError(w.t, w.db.Client().Database("admin").RunCommand(w.ctx(), cmd).Err())
}

// TestPolledCatalogue follows everything that becomes of the catalogue where the
// stream shows drops and renames only.
func TestPolledCatalogue(t *testing.T) {
	w := newPlainWorld(t)
	w.insert("users", bson.M{"_id": 1, "n": 1})
	w.add()
	w.sync()

	w.run(bson.D{{Key: "create", Value: "checked"}, {Key: "validator", Value: bson.D{{Key: "k", Value: 1}}}})
	w.eventually("a collection that is empty", func() bool { return w.collection("checked") != nil })
	require.Contains(t, relaxed(w.collection("checked")), `{"k":1}`)
	w.run(bson.D{{Key: "collMod", Value: "checked"}, {Key: "validator", Value: bson.D{{Key: "k", Value: 2}}}})
	w.eventually("a collMod", func() bool { return strings.Contains(relaxed(w.collection("checked")), `{"k":2}`) })

	users := w.db.Collection("users")
	_, err := users.Indexes().CreateMany(w.ctx(), []mongo.IndexModel{
		{Keys: bson.D{{Key: "n", Value: 1}}, Options: options.Index().SetUnique(true)}, {Keys: bson.D{{Key: "m", Value: -1}}},
	})
	require.NoError(t, err)
	w.eventually("two indexes", func() bool { return w.indexes("users") == "m_-1,n_1" })
	require.NoError(t, users.Indexes().DropOne(w.ctx(), "n_1"))
	w.eventually("an index that was dropped", func() bool { return w.indexes("users") == "m_-1" })
	require.NoError(t, users.Indexes().DropOne(w.ctx(), "m_-1"))
	_, err = users.Indexes().CreateOne(w.ctx(), mongo.IndexModel{Keys: bson.D{{Key: "m", Value: -1}}, Options: options.Index().SetUnique(true).SetSparse(true)})
	require.NoError(t, err)
	w.eventually("another index of the same name", func() bool {
		snap, err := w.store.Snapshot(w.ctx(), w.ref("main"))
		require.NoError(t, err)
		defer snap.Close()
		c, err := snap.Collection(w.ctx(), "users")
		require.NoError(t, err)
		return len(c.Indexes) == 1 && c.Indexes[0].Unique
	})

	view := func(n int) bson.E {
		return bson.E{Key: "pipeline", Value: bson.A{bson.D{{Key: "$match", Value: bson.D{{Key: "n", Value: n}}}}}}
	}
	w.run(bson.D{{Key: "create", Value: "grown"}, {Key: "viewOn", Value: "users"}, view(1)})
	w.eventually("a view", func() bool { return len(w.find("", "grown")) == 1 })
	w.run(bson.D{{Key: "collMod", Value: "grown"}, {Key: "viewOn", Value: "users"}, view(2)})
	w.eventually("a changed view", func() bool { return len(w.find("", "grown")) == 0 })
	require.NoError(t, w.db.Collection("grown").Drop(w.ctx()))
	w.eventually("a view that was dropped", func() bool { return w.collection("grown") == nil })

	w.run(bson.D{{Key: "create", Value: "log"}, {Key: "capped", Value: true}, {Key: "size", Value: 4096}})
	w.eventually("a note", func() bool {
		return strings.Contains(strings.Join(w.status().Databases[0].Notes, "\n"), "log is a capped")
	})

	// The stream tells these.
	w.rename("checked", "moved")
	require.NoError(t, w.db.Collection("log").Drop(w.ctx()))
	w.sync()
	require.Nil(t, w.collection("checked"))
	require.Contains(t, relaxed(w.collection("moved")), `{"k":2}`)
	require.Nil(t, w.collection("log"))
	require.NoError(t, w.db.Drop(w.ctx()))
	w.sync()
	require.Nil(t, w.collection("moved"))
	w.insert("again", bson.M{"_id": 1})
	w.sync()
	w.verify()
	require.Contains(t, strings.Join(w.messages(), "\n"), "the definition of users, found by polling")
}

// TestPolledWhileItChanges makes, renames, indexes and drops collections all the
// time, and comes to the same in the end: a reading never undoes what the stream
// has shown since.
func TestPolledWhileItChanges(t *testing.T) {
	w := newPlainWorld(t)
	w.m.tuning.pollEvery = time.Millisecond
	r := seed(t)
	w.insert("users", bson.M{"_id": 1})
	w.add()
	goOn, n := lasting(t), 0
	for ; goOn(n, 120); n++ {
		definer(w.ctx(), w.db, r, n)
	}
	t.Logf("%d changes of the catalogue, compared in the end", n)
	w.sync()
	w.verify()
	w.eventually("all definitions", func() bool { return w.catalogue(true) == w.catalogue(false) })
	w.verify()
}

// catalogue lists collections, their validators and indexes: the source's or ours.
func (w *world) catalogue(source bool) string {
	var b strings.Builder
	src, err := connect(w.ctx(), w.uri, "test")
	require.NoError(w.t, err)
	defer src.close(w.ctx())
	l := newLane(w.store, w.lane().def, w.lane().Mapping, w.m.log)
	l.src = src
	if source {
		colls, err := l.list(w.ctx())
		require.NoError(w.t, err)
		for _, c := range colls {
			specs, err := l.indexes(w.ctx(), c.name)
			require.NoError(w.t, err)
			var names []string
			for _, s := range specs {
				names = append(names, text(s.Get("name")))
			}
			fmt.Fprintln(&b, c.name, c.options.Get("validator").IsMissing(), sorted(names))
		}
		return b.String()
	}
	snap, err := w.store.Snapshot(w.ctx(), refs.Ref{Project: "shop", Branch: "main"})
	require.NoError(w.t, err)
	defer snap.Close()
	colls, err := snap.Collections(w.ctx())
	require.NoError(w.t, err)
	for _, c := range colls {
		var names []string
		for _, s := range c.Indexes {
			names = append(names, s.Name)
		}
		fmt.Fprintln(&b, c.Name, c.Options.Get("validator").IsMissing(), sorted(names))
	}
	return b.String()
}

// TestPlainCopyOfWhatIsChanged catches up from a first copy without what newer
// streams tell: neither uuids nor definitions.
func TestPlainCopyOfWhatIsChanged(t *testing.T) {
	w := newPlainWorld(t)
	r := seed(t)
	for _, c := range []string{"a", "b", "c"} {
		w.fill(c, 4000)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 30 {
			definer(w.ctx(), w.db, r, n)
		}
		_ = w.db.Collection("b").Drop(w.ctx())
		_, _ = w.db.Collection("b").InsertOne(w.ctx(), bson.M{"_id": "new"})
		cmd := bson.D{{Key: "renameCollection", Value: w.db.Name() + ".c"}, {Key: "to", Value: w.db.Name() + ".moved"}}
		_ = w.db.Client().Database("admin").RunCommand(w.ctx(), cmd).Err()
		_, _ = w.db.Collection("a").DeleteMany(w.ctx(), bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: 3500}}}})
	}()
	w.add()
	<-done
	w.sync()
	w.verify()
}
