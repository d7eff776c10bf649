package mirror

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/refs"
)

func (w *world) fill(coll string, n int) {
	for at := 0; at < n; at += 5000 {
		var docs []any
		for i := at; i < min(n, at+5000); i++ {
			docs = append(docs, bson.D{{Key: "_id", Value: i}, {Key: "text", Value: strings.Repeat("x", 100)}})
		}
		w.insert(coll, docs...)
	}
}

// TestCopyGoesOn stops a copy again and again and checks that it begins where it
// was: no chunk is stored twice.
func TestCopyGoesOn(t *testing.T) {
	defer func(size int) { commitBytes = size }(commitBytes)
	commitBytes = 3 << 20 // two or three commits, in runs
	w := newWorld(t)
	const n = 60_000
	w.fill("many", n)
	w.add()
	for stops := 0; w.status().Databases[0].Copied == nil; stops++ {
		_, err := w.m.Stop(w.ctx(), "live")
		require.NoError(t, err)
		w.close()
		w.open()
		before := w.done()
		w.start()
		for w.done().Docs == before.Docs && w.lane().phase() != phaseFollow {
			time.Sleep(time.Millisecond) // a copy has no event for the test to wait for
		}
		if s := w.status().Databases[0].Copy; s != nil {
			require.EqualValues(t, n, s.TotalDocs)
			require.GreaterOrEqual(t, s.Docs, before.Docs)
			require.Equal(t, s.Docs > before.Docs, s.Rate > 0)
		}
	}
	w.sync()
	chunks := 0
	for _, line := range w.log() {
		if strings.Contains(line, "first copy of many") {
			chunks++
		}
	}
	require.Greater(t, chunks, 1)
	require.LessOrEqual(t, chunks, n*130/commitBytes+2)
	w.verify()
}

// done is how much of the copy, or of a re-sync, is done.
func (w *world) done() progress {
	l := w.lane()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.progress()
}

// halfCopied copies a collection of n documents, and stops when it has some of them.
// One that was done by then is made again, larger.
func halfCopied(t *testing.T) (w *world, c *copyState, n int) {
	for n = 40_000; ; n *= 2 {
		w = newWorld(t)
		w.fill("many", n)
		w.add()
		w.eventually("some documents", func() bool { return w.done().Docs > 0 })
		_, err := w.m.Stop(w.ctx(), "live")
		require.NoError(t, err)
		require.NoError(t, w.lane().load(w.ctx()))
		if c = w.lane().copies["many"]; c != nil && !c.Done {
			require.NotEmpty(t, c.Process)
			return w, c, n
		}
		require.Less(t, n, 1_000_000, "each copy was done before it was stopped")
	}
}

// TestCopyOnAnotherMember goes on with a copy at another member of the source, to
// which the numbers of the records mean nothing.
func TestCopyOnAnotherMember(t *testing.T) {
	defer func(size int) { commitBytes = size }(commitBytes)
	commitBytes = 1 << 20
	w, c, n := halfCopied(t)
	record := c.Resume.Lookup("$recordId").AsInt64()
	c.Process = bson.NewObjectID().Hex()
	c.Resume = marshalRaw(bson.D{{Key: "$recordId", Value: record + 1000}})
	require.NoError(t, w.store.PutSetting(w.ctx(), stateKind, w.lane().key("copy", "many"), marshal(c)))
	w.start()
	w.sync()
	w.verify()
	require.EqualValues(t, n, w.count("many"))
}

// TestCopyGoesOnBehindNothing goes on with a copy whose last document the source has
// no more, and whose moment it does not keep.
func TestCopyGoesOnBehindNothing(t *testing.T) {
	defer func(size int) { commitBytes = size }(commitBytes)
	commitBytes = 1 << 20
	w, c, n := halfCopied(t)
	last := c.Resume.Lookup("$recordId").AsInt64() - 1
	gone, err := w.db.Collection("many").DeleteOne(w.ctx(), bson.D{{Key: "_id", Value: last}})
	require.NoError(t, err)
	require.EqualValues(t, 1, gone.DeletedCount)
	c.Time.T -= 3600
	require.NoError(t, w.store.PutSetting(w.ctx(), stateKind, w.lane().key("copy", "many"), marshal(c)))
	w.start()
	w.sync()
	w.verify()
	require.EqualValues(t, n-1, w.count("many"))
}

func marshalRaw(v any) bson.Raw { return bson.Raw(marshal(v)) }

// count returns how many documents a collection of the branch says that it has.
func (w *world) count(coll string) int64 {
	snap, err := w.store.Snapshot(w.ctx(), refs.Ref{Project: "shop", Branch: "main"})
	require.NoError(w.t, err)
	defer snap.Close()
	n, err := snap.Count(w.ctx(), coll, &engine.CountSpec{})
	require.NoError(w.t, err)
	return n
}

// TestCopyOfWhatIsChanged copies while everything is changed, dropped and renamed,
// at one moment and without, and catches up to a clean verify.
func TestCopyOfWhatIsChanged(t *testing.T) {
	for _, noSnapshot := range []bool{false, true} {
		t.Run(fmt.Sprint("noSnapshot ", noSnapshot), func(t *testing.T) {
			w := newWorld(t)
			r := seed(t)
			for _, c := range []string{"a", "b", "c", "docs"} {
				w.fill(c, 8000)
			}
			var group sync.WaitGroup
			for i := range 2 {
				wr := newWriter(t, mongotestClient(w), w.db.Collection("docs"), i, r)
				group.Go(func() {
					for range 150 {
						wr.step(w.ctx())
					}
				})
			}
			group.Go(func() {
				for n := range 30 {
					definer(w.ctx(), w.db, r, n)
				}
				_ = w.db.Collection("b").Drop(w.ctx())
				_ = w.db.Client().Database("admin").RunCommand(w.ctx(), bson.D{{Key: "renameCollection", Value: w.db.Name() + ".c"}, {Key: "to", Value: w.db.Name() + ".moved"}}).Err()
				_, _ = w.db.Collection("a").UpdateMany(w.ctx(), bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: 500}}}}, bson.D{{Key: "$set", Value: bson.D{{Key: "later", Value: true}}}})
				_, _ = w.db.Collection("a").DeleteMany(w.ctx(), bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: 7500}}}})
			})
			w.add(func(s *command.MirrorSpec) { s.NoSnapshot = noSnapshot })
			group.Wait()
			w.sync()
			w.verify()
			require.Equal(t, !noSnapshot, w.status().Databases[0].Snapshot)
		})
	}
}

func mongotestClient(w *world) *mongo.Client { return w.db.Client() }

// TestCopyOfDefinitions copies everything that a database can hold besides
// documents, and follows changes of it.
func TestCopyOfDefinitions(t *testing.T) {
	w := newWorld(t)
	w.insert("users", bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}, {Key: "at", Value: bson.DateTime(1)}})
	w.run(bson.D{{Key: "create", Value: "log"}, {Key: "capped", Value: true}, {Key: "size", Value: 4096}})
	w.run(bson.D{{Key: "create", Value: "series"}, {Key: "timeseries", Value: bson.D{{Key: "timeField", Value: "t"}}}})
	w.run(bson.D{{Key: "create", Value: "clustered"}, {Key: "clusteredIndex", Value: bson.D{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "unique", Value: true}}}})
	w.run(bson.D{{Key: "create", Value: "french"}, {Key: "collation", Value: bson.D{{Key: "locale", Value: "fr"}}}})
	w.run(bson.D{{Key: "create", Value: "grown"}, {Key: "viewOn", Value: "users"}, {Key: "pipeline", Value: bson.A{bson.D{{Key: "$match", Value: bson.D{{Key: "n", Value: 1}}}}}}})
	w.run(bson.D{{Key: "create", Value: "checked"}, {Key: "validator", Value: bson.D{{Key: "n", Value: bson.D{{Key: "$gt", Value: 0}}}}}})
	w.insert("log", bson.M{"_id": 1})
	w.insert("series", bson.D{{Key: "t", Value: bson.DateTime(5)}, {Key: "v", Value: 1}})
	w.insert("clustered", bson.M{"_id": 5}, bson.M{"_id": "x"})
	w.insert("french", bson.M{"_id": "é"}, bson.M{"_id": "z"}, bson.M{"_id": "e"})
	_, err := w.db.Collection("users").Indexes().CreateMany(w.ctx(), []mongo.IndexModel{
		{Keys: bson.D{{Key: "n", Value: 1}}, Options: options.Index().SetUnique(true)},
		{Keys: bson.D{{Key: "text", Value: "text"}}},
		{Keys: bson.D{{Key: "at", Value: 1}}, Options: options.Index().SetExpireAfterSeconds(1 << 30)},
	})
	require.NoError(t, err)
	w.add()
	w.sync()
	w.verify()
	require.Equal(t, []string{`{"_id":1,"n":1,"at":{"$date":"1970-01-01T00:00:00.001Z"}}`}, w.find("", "grown"))
	require.Len(t, w.find("", "series"), 1)
	notes := strings.Join(w.status().Databases[0].Notes, "\n")
	for _, want := range []string{
		"log is a capped collection", "series is a time series", "clustered is a clustered collection", "french is with a collation",
		"index text_text of users is kept as a note only", "index at_1 of users expires documents",
	} {
		require.Contains(t, notes, want)
	}
	require.Equal(t, "at_1,n_1", w.indexes("users"))
	list := w.status().Databases[0].Series
	require.Len(t, list, 1)
	require.Equal(t, "series", list[0].Collection)
	require.EqualValues(t, 1, list[0].Docs)
	require.WithinDuration(t, time.Now(), list[0].Read, time.Minute)

	// and now as they are changed
	_, err = w.db.Collection("users").Indexes().CreateOne(w.ctx(), mongo.IndexModel{Keys: bson.D{{Key: "z", Value: -1}}, Options: options.Index().SetSparse(true)})
	require.NoError(t, err)
	require.NoError(t, w.db.Collection("users").Indexes().DropOne(w.ctx(), "n_1"))
	w.run(bson.D{{Key: "collMod", Value: "checked"}, {Key: "validator", Value: bson.D{{Key: "m", Value: 1}}}})
	w.run(bson.D{{Key: "create", Value: "late"}, {Key: "validator", Value: bson.D{{Key: "k", Value: 1}}}})
	w.insert("late", bson.M{"_id": 1, "k": 1})
	require.NoError(t, w.db.Client().Database("admin").RunCommand(w.ctx(), bson.D{{Key: "renameCollection", Value: w.db.Name() + ".late"}, {Key: "to", Value: w.db.Name() + ".latest"}}).Err())
	require.NoError(t, w.db.Collection("log").Drop(w.ctx()))
	w.run(bson.D{{Key: "create", Value: "series2"}, {Key: "timeseries", Value: bson.D{{Key: "timeField", Value: "t"}}}})
	w.insert("series2", bson.D{{Key: "t", Value: bson.DateTime(5)}, {Key: "v", Value: 1}})
	w.insert("series", bson.D{{Key: "t", Value: bson.DateTime(6)}, {Key: "v", Value: 2}})
	w.sync()
	w.verify()
	require.Len(t, w.status().Databases[0].Series, 2)
	require.Empty(t, w.find("", "series2"))
	require.NoError(t, w.db.Collection("series2").Drop(w.ctx()))
	for v := range 2 { // without _ids
		w.run(bson.D{{Key: "insert", Value: "series"}, {Key: "documents", Value: bson.A{bson.D{{Key: "t", Value: bson.DateTime(7)}, {Key: "v", Value: v}}}}})
	}
	for range 2 { // a re-sync reads them again
		w.resync()
		s := w.sync().Databases[0]
		require.Len(t, s.Series, 1)
		require.EqualValues(t, 4, s.Series[0].Docs)
		require.Zero(t, s.Refusals)
		require.Len(t, w.find("", "series"), 4)
	}
	w.verify()
	require.Equal(t, "at_1,z_-1", w.indexes("users"))
	require.Contains(t, relaxed(w.collection("checked")), `{"m":1}`)
	require.Contains(t, relaxed(w.collection("latest")), `{"k":1}`)
	require.Nil(t, w.collection("late"))
	require.Nil(t, w.collection("log"))

	require.NoError(t, w.db.Drop(w.ctx()))
	w.insert("again", bson.M{"_id": 1})
	w.sync()
	w.verify()
	require.Nil(t, w.collection("users"))
	require.Equal(t, []string{`{"_id":1}`}, w.find("", "again"))
}

// collection returns the options of a collection of the branch, nil if there is
// none.
func (w *world) collection(name string) bsonraw.Doc {
	snap, err := w.store.Snapshot(w.ctx(), refs.Ref{Project: "shop", Branch: "main"})
	require.NoError(w.t, err)
	defer snap.Close()
	c, err := snap.Collection(w.ctx(), name)
	require.NoError(w.t, err)
	if c == nil {
		return nil
	}
	return c.Options
}

func (w *world) indexes(coll string) string {
	snap, err := w.store.Snapshot(w.ctx(), refs.Ref{Project: "shop", Branch: "main"})
	require.NoError(w.t, err)
	defer snap.Close()
	c, err := snap.Collection(w.ctx(), coll)
	require.NoError(w.t, err)
	var names []string
	for _, d := range c.Indexes {
		names = append(names, d.Name)
	}
	return strings.Join(sorted(names), ",")
}
