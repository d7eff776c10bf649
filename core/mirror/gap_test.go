package mirror

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
)

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// TestLostWindow stops a mirror, has the source's log lose what came next, and
// checks that the gap is marked, and what differs recorded as one commit.
func TestLostWindow(t *testing.T) {
	set := mongotest.NewSet(t, 1, "--oplogSize", "4", "--syncdelay", "1")
	w := &world{t: t, dir: t.TempDir(), uri: set.URI, db: set.Client.Database("shop")}
	w.open()
	w.m.tuning.windowEvery = 10 * time.Millisecond
	t.Cleanup(w.close)
	w.insert("users", bson.M{"_id": 1, "n": 1}, bson.M{"_id": 2, "n": 2}, bson.M{"_id": 3, "n": 3})
	w.insert("gone", bson.M{"_id": 1})
	w.add()
	w.sync()
	_, err := w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)

	_, err = w.db.Collection("users").UpdateOne(w.ctx(), bson.M{"_id": 1}, bson.M{"$set": bson.M{"n": 10}})
	require.NoError(t, err)
	_, err = w.db.Collection("users").DeleteOne(w.ctx(), bson.M{"_id": 2})
	require.NoError(t, err)
	w.insert("users", bson.M{"_id": 4, "n": 4})
	require.NoError(t, w.db.Collection("gone").Drop(w.ctx()))
	w.insert("fresh", bson.M{"_id": 1})
	overrun(t, set, stampOf(w.status().Databases[0].ClusterTime))

	w.start()
	s := w.sync()
	require.Equal(t, 1, s.Gaps)
	g := s.Databases[0].Gaps[0]
	require.True(t, g.Synced)
	require.EqualValues(t, 5, g.Docs)
	require.NotEmpty(t, g.Reason)
	require.Contains(t, s.Warnings[0], "were not captured")
	w.verify()
	log := strings.Join(w.log(), "\n")
	require.Contains(t, log, "GAP: what the source did after")
	require.Contains(t, log, "re-sync by comparison with the source; 5 documents differed")
	require.Equal(t, []string{`{"_id":1,"n":10}`, `{"_id":3,"n":3}`, `{"_id":4,"n":4}`}, w.find("", "users"))
	require.Contains(t, relaxed(w.m.Metrics()), `"gaps":1`)

	// and goes on from there
	w.insert("users", bson.M{"_id": 5})
	w.sync()
	w.verify()

	// The log is full, and reaches back for seconds.
	warned := func() bool {
		return strings.Contains(strings.Join(w.status().Warnings, "\n"), "the source's oplog reaches back only")
	}
	w.eventually("a warning", warned)
	require.Contains(t, relaxed(w.m.Metrics()), `"oplogWindowLow":true`)
	_, err = w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)
	w.lane().def.WindowMS = 1
	w.start()
	w.eventually("no warning", func() bool { return !warned() })
}

// overrun writes to another database until the source's log begins behind a time.
func overrun(t *testing.T, set *mongotest.Set, behind stamp) {
	c := set.Client.Database("other").Collection("filler")
	oplog := set.Client.Database("local").Collection("oplog.rs")
	text := strings.Repeat("x", 500_000)
	for range 1500 {
		_, err := c.InsertOne(t.Context(), bson.M{"text": text})
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond) // the log is kept back to the newest checkpoint, one a second
		var first struct {
			TS bson.Timestamp `bson:"ts"`
		}
		require.NoError(t, oplog.FindOne(t.Context(), bson.D{}).Decode(&first))
		if stampOf(first.TS) > behind {
			return
		}
	}
	t.Fatal("the oplog keeps everything")
}

// TestRefusedToken gives a mirror a token that the source does not know, and has
// it stop at gaps.
func TestRefusedToken(t *testing.T) {
	w := newWorld(t)
	w.insert("users", bson.M{"_id": 1})
	w.add(func(s *command.MirrorSpec) { s.OnGap = "stop" })
	w.sync()
	w.insert("users", bson.M{"_id": 2})
	w.sync()
	_, err := w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)
	l := w.lane()
	require.NoError(t, l.load(w.ctx())) // the token of the event; that of a moment without one would do for any source
	old := bsonraw.Doc(l.position.Token).Get("_data").Str()
	token, err := bson.Marshal(bson.D{{Key: "_data", Value: "8200000001" + old[10:]}})
	require.NoError(t, err)
	require.NoError(t, w.store.PutSetting(w.ctx(), stateKind, l.key("token"), positionDoc(token, 1<<32, 1000)))
	w.start()
	_, err = w.m.Status(w.ctx(), "live", true)
	require.Equal(t, errs.MirrorGap, errs.CodeOf(err), "%v", err)
	require.Contains(t, errs.As(err).Remedy, "--resync")
	require.Equal(t, stageFailed, w.status().State)
	require.False(t, w.status().Databases[0].Gaps[0].Synced)

	_, err = w.m.Start(w.ctx(), "live", true)
	require.NoError(t, err)
	s := w.sync()
	require.True(t, s.Databases[0].Gaps[0].Synced)
	w.verify()
}

func (w *world) lane() *lane {
	task, err := w.m.task(w.ctx(), "live")
	require.NoError(w.t, err)
	return task.lanes[0]
}

// TestVerifyNames damages the branch and checks that verify names the documents,
// and that a re-sync mends them.
func TestVerifyNames(t *testing.T) {
	w := newWorld(t)
	w.fill("many", 12_000)
	w.add()
	w.sync()
	meta := engine.CommitMeta{Replica: true}
	_, err := w.store.Write(w.ctx(), refs.Ref{Project: "shop", Branch: "main"}, meta, func(t *engine.Txn) error {
		for id, doc := range map[int32]string{5: `{"_id": 5}`, 7: "", 99999: `{"_id": 99999}`} {
			err := t.Rewrite("many", bsonraw.Int32Value(id), func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) {
				if doc == "" {
					return nil, nil, nil
				}
				return mongotest.Doc(doc), nil, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	w.insert("other", bson.M{"_id": 1}) // a commit of the source, with which it is compared
	r := w.compare()
	require.EqualValues(t, 3, r.Differing)
	var found []string
	for _, d := range r.Documents {
		found = append(found, d.Kind+" "+d.ID.String())
	}
	require.Equal(t, []string{`different {"$numberInt":"5"}`, `extra {"$numberInt":"99999"}`, `missing {"$numberInt":"7"}`}, sorted(found))
	many := r.Collections[0]
	require.Equal(t, 2, many.Compared)
	require.Len(t, many.Ranges, 2)
	_, err = w.m.Start(w.ctx(), "live", true)
	require.NoError(t, err)
	w.sync()
	w.verify()
}

// TestSourceTime checks that a moment of the branch is one of the source.
func TestSourceTime(t *testing.T) {
	w := newWorld(t)
	w.insert("users", bson.M{"_id": 1, "n": 0})
	w.add()
	w.sync()
	set := func(n int) time.Time {
		_, err := w.db.Collection("users").UpdateOne(w.ctx(), bson.M{"_id": 1}, bson.M{"$set": bson.M{"n": n}})
		require.NoError(t, err)
		w.sync()
		at := *w.status().Databases[0].SourceTime
		require.WithinDuration(t, time.Now(), at, time.Minute)
		return at
	}
	first := set(1)
	for !time.Now().After(first.Add(2 * time.Millisecond)) { // so that the next is later by the clock
		time.Sleep(time.Millisecond)
	}
	second := set(2)
	require.True(t, second.After(first))
	at := func(when time.Time) string {
		snap, err := w.store.Snapshot(w.ctx(), refs.Ref{Project: "shop", Branch: "main", Moment: refs.Moment{Kind: refs.AtTime, Time: when}})
		require.NoError(t, err)
		defer snap.Close()
		cur, err := snap.Find(w.ctx(), "users", &engine.FindSpec{})
		require.NoError(t, err)
		return all(t, cur)[0]
	}
	require.Equal(t, `{"_id":1,"n":1}`, at(second.Add(-time.Millisecond)))
	require.Equal(t, `{"_id":1,"n":2}`, at(second))
	head := w.log()[0]
	require.Contains(t, head, `"source":{"clusterTime":{"$timestamp":`)
	require.Contains(t, head, `"kind":"mirror"`)
	require.Contains(t, head, `"actor":"mirror:live"`)
}

// TestVerifyOfCapped compares a capped collection, which no moment can be read of,
// while it is written to; one that became capped is what it was made then.
func TestVerifyOfCapped(t *testing.T) {
	w := newWorld(t)
	w.run(bson.D{{Key: "create", Value: "log"}, {Key: "capped", Value: true}, {Key: "size", Value: 1 << 20}, {Key: "max", Value: 500}})
	w.fill("log", 400)
	w.fill("became", 100)
	w.add()
	w.sync()
	w.run(bson.D{{Key: "convertToCapped", Value: "became"}, {Key: "size", Value: 4096}})
	n := 400
	stop := w.meanwhile(func() {
		_, _ = w.db.Collection("log").InsertOne(w.ctx(), bson.D{{Key: "_id", Value: n}})
		n++
	})
	w.eventually("documents that are removed", func() bool { return w.count("log") == 500 && len(w.find("", "log")[0]) < 50 })
	for range 3 {
		r := w.verify()
		require.Len(t, r.Collections, 2, "%v", r.Notes)
		require.Contains(t, strings.Join(r.Notes, "\n"), "the source cannot read log at one moment")
	}
	w.damage(func(t *engine.Txn) error {
		for _, id := range []int32{99, 98} {
			err := t.Rewrite("became", bsonraw.Int32Value(id), func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return nil, nil, nil })
			if err != nil {
				return err
			}
		}
		return t.Rewrite("became", bsonraw.Int32Value(1000), func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) {
			return mongotest.Doc(`{"_id": 1000}`), nil, nil
		})
	})
	r := w.compare()
	stop()
	require.EqualValues(t, 3, r.Differing)
	var found []string
	for _, d := range r.Documents {
		found = append(found, d.Kind+" "+d.ID.String())
	}
	require.Equal(t, []string{`extra {"$numberInt":"1000"}`, `missing {"$numberInt":"98"}`, `missing {"$numberInt":"99"}`}, sorted(found))
	w.resync()
	w.sync()
	w.verify()
	_, err := w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)
	require.Contains(t, strings.Join(w.verify().Notes, "\n"), "compare while it runs")
}

// TestCopyOutlastsTheWindow has the source's log lose, while the first copy is read
// and then while the re-sync is, what came behind their beginnings. Each is a marked
// gap; both end, and what is there at the end is the source's.
func TestCopyOutlastsTheWindow(t *testing.T) {
	set := mongotest.NewSet(t, 1, "--oplogSize", "4", "--syncdelay", "1")
	w := &world{t: t, dir: t.TempDir(), uri: set.URI, db: set.Client.Database("shop")}
	w.open()
	t.Cleanup(w.close)
	w.fill("users", 5000)
	n := 0
	change := func() {
		n++
		_, err := w.db.Collection("users").UpdateOne(t.Context(), bson.M{"_id": n}, bson.M{"$set": bson.M{"n": n}})
		require.NoError(t, err)
		_, err = w.db.Collection("users").DeleteOne(t.Context(), bson.M{"_id": 4000 + n})
		require.NoError(t, err)
		w.insert("users", bson.M{"_id": -n})
	}
	outlast := func(start stamp) {
		change()
		overrun(t, set, start)
		change()
	}
	spec := &command.MirrorSpec{Name: "live", Source: w.uri, Databases: []command.MirrorDatabase{{Database: "shop"}}}
	_, err := w.m.Add(w.ctx(), spec, engine.CommitMeta{})
	require.NoError(t, err)
	src, err := connect(w.ctx(), w.uri, "test")
	require.NoError(t, err)
	defer src.close(w.ctx())
	l := w.lane()
	l.src = src
	require.NoError(t, l.firstCopy(w.ctx()))
	outlast(stampOf(l.state.Start))
	require.Equal(t, errs.MirrorGap, errs.CodeOf(l.follow(w.ctx())))
	require.NoError(t, l.lost(w.ctx(), errs.New(errs.MirrorGap, "the copy took too long")))
	require.NoError(t, l.resync(w.ctx()))
	outlast(stampOf(l.state.Start))

	w.start()
	s := w.sync()
	require.Equal(t, 2, s.Gaps)
	for _, g := range s.Databases[0].Gaps {
		require.True(t, g.Synced)
		require.False(t, g.From.After(g.Found))
	}
	require.Contains(t, strings.Join(s.Warnings, "\n"), "took longer than the source's log reaches back")
	w.verify()
	change()
	w.sync()
	w.verify()
	require.EqualValues(t, 5000, w.count("users"))
	gaps := 0
	for _, m := range w.messages() {
		if strings.HasPrefix(m, "GAP: ") {
			gaps++
		}
	}
	require.Equal(t, 2, gaps)
}
