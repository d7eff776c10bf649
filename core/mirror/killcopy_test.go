package mirror

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
)

// fillLarge fills collections each of which is several runs, by the kinds of _ids
// that they have.
func (w *world) fillLarge(r *rand.Rand) (docs int64) {
	ids := map[string]func(i int) any{
		"ascending": func(i int) any { return i },
		"random":    func(int) any { return fmt.Sprintf("%016x", r.Uint64()) },
		"mixed": func(i int) any {
			return []any{i, float64(i) + 0.5, fmt.Sprint(i), bson.D{{Key: "i", Value: i}}, bson.ObjectID{1, byte(i >> 8), byte(i)}}[i%5]
		},
		"keyed": func(i int) any { return r.Int64() },
	}
	_, err := w.db.Collection("keyed").Indexes().CreateOne(w.ctx(), mongo.IndexModel{
		Keys: bson.D{{Key: "k", Value: 1}}, Options: options.Index().SetUnique(true),
	})
	require.NoError(w.t, err)
	for name, id := range ids {
		var all []any
		for i := range 2500 {
			all = append(all, bson.D{{Key: "_id", Value: id(i)}, {Key: "k", Value: i}, {Key: "text", Value: strings.Repeat("x", 3000+i)}})
		}
		w.insert(name, all...)
		docs += int64(len(all))
	}
	return docs
}

// killUntil kills the mirror's process, later and later after its start, until what
// it is at is done. The store is looked at each time.
func (w *world) killUntil(r *rand.Rand, done func() bool) (kills int) {
	run := &runner{t: w.t, dir: w.dir}
	for {
		run.start()
		time.Sleep(time.Duration(r.IntN(100)+20*kills) * time.Millisecond) // whatever it is at then
		run.stop()
		kills++
		w.open()
		if done() {
			return kills
		}
		w.close() // checks the store
	}
}

// TestKilledWhileItCopies kills the mirror's process again and again while it copies
// in large commits, and then while it re-syncs, as the source is written to. Nothing
// is stored twice and nothing is missing.
func TestKilledWhileItCopies(t *testing.T) {
	r, goOn := seed(t), lasting(t)
	for n := 0; goOn(n, 1); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) { killCopy(t, r) })
	}
}

func killCopy(t *testing.T, r *rand.Rand) {
	w := newWorld(t)
	docs := w.fillLarge(r)
	wr := newWriter(t, w.db.Client(), w.db.Collection("docs"), 0, r)
	stop := w.meanwhile(func() {
		wr.step(w.ctx())
		w.touch(wr.u.Rand)
	})
	w.add()
	w.close()
	copied := w.killUntil(r, func() bool { return w.status().Databases[0].Copied != nil })
	stop()
	w.start()
	require.Zero(t, w.sync().Gaps)
	w.verify()
	compared, commits := wr.check(w), len(w.log())

	// A third of what is here is lost.
	_, err := w.m.Stop(w.ctx(), "live")
	require.NoError(t, err)
	lost := w.lose("random", "keyed")
	w.resync()
	w.close()
	stop = w.meanwhile(func() { w.touch(wr.u.Rand) })
	resynced := w.killUntil(r, func() bool {
		phase := w.lane().phase()
		if phase == phaseResync {
			require.EqualValues(t, 2500-lost, w.count("random"), "what is not done is not to be seen")
		}
		return phase == phaseFollow
	})
	stop()
	w.start()
	w.sync()
	w.verify()
	labelled := 0
	for _, m := range w.messages() {
		if strings.HasPrefix(m, "re-sync by comparison") {
			labelled++
		}
	}
	require.Equal(t, 1, labelled)
	list, err := w.store.Branches(w.ctx(), "shop")
	require.NoError(t, err)
	require.Len(t, list, 1)
	t.Logf("%d documents copied through %d kills, in %d commits, re-synced through %d kills; %d states compared", docs, copied, commits, resynced, compared)
}

// meanwhile does something again and again, until what it returns is called.
func (w *world) meanwhile(fn func()) (stop func()) {
	over := make(chan struct{})
	var doing sync.WaitGroup
	doing.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				fn()
			}
		}
	})
	stop = sync.OnceFunc(func() { close(over); doing.Wait() })
	w.t.Cleanup(stop)
	return stop
}

// touch changes one of the documents that are copied.
func (w *world) touch(r *rand.Rand) {
	_, _ = w.db.Collection("ascending").UpdateOne(w.ctx(), bson.M{"_id": r.IntN(2500)}, bson.M{"$inc": bson.M{"n": 1}})
}

// lose deletes every third document of collections, behind the mirror's back, and
// returns how many of each.
func (w *world) lose(colls ...string) (each int) {
	gone := func(bsonraw.Doc) (bsonraw.Doc, []update.Change, error) { return nil, nil, nil }
	for _, coll := range colls {
		snap, err := w.store.Snapshot(w.ctx(), refs.Ref{Project: "shop", Branch: "main"})
		require.NoError(w.t, err)
		cur, err := snap.Find(w.ctx(), coll, &engine.FindSpec{})
		require.NoError(w.t, err)
		each = 0
		w.damage(func(t *engine.Txn) error {
			for i := 0; ; i++ {
				doc, ok, err := cur.Next(w.ctx())
				if err != nil || !ok {
					return err
				}
				if i%3 != 0 {
					continue
				}
				each++
				if err := t.Rewrite(coll, doc.Get("_id").Clone(), gone); err != nil {
					return err
				}
			}
		})
		require.NoError(w.t, cur.Close())
		snap.Close()
	}
	return each
}

// TestCopyThroughElections has the primary of three nodes step down while the copy is
// read, more than once: each node numbers the records in its own way.
func TestCopyThroughElections(t *testing.T) {
	defer func(size int) { commitBytes = size }(commitBytes)
	commitBytes = 1 << 20
	set := mongotest.NewSet(t, 3)
	_, goOn := seed(t), lasting(t)
	for n := 0; goOn(n, 1); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) { copyThroughElections(t, set, fmt.Sprint("copied", n)) })
	}
}

func copyThroughElections(t *testing.T, set *mongotest.Set, database string) {
	w := &world{t: t, dir: t.TempDir(), uri: set.URI, db: set.Client.Database(database)}
	w.open()
	t.Cleanup(w.close)
	const fillers, each = 4, 4000
	var filling sync.WaitGroup
	for f := range fillers { // at once, so that the nodes apply them in different orders
		filling.Go(func() {
			for at := 0; at < each; at += 50 {
				var docs []any
				for i := range 50 {
					docs = append(docs, bson.D{{Key: "_id", Value: fmt.Sprint(f, "-", at+i)}, {Key: "text", Value: strings.Repeat("x", 500)}})
				}
				_, err := w.db.Collection("many").InsertMany(w.ctx(), docs)
				assert.NoError(t, err)
			}
		})
	}
	filling.Wait()
	w.add()
	elections := 0
	for before := int64(0); w.status().Databases[0].Copied == nil; {
		w.eventually("more documents", func() bool { return w.done().Docs != before || w.lane().phase() == phaseFollow })
		before = w.done().Docs
		if elections < 2 && w.lane().phase() != phaseFollow {
			if err := set.StepDown(t.Context()); err != nil {
				t.Logf("step down: %v", err)
				continue
			}
			elections++
		}
	}
	w.sync()
	w.verify()
	require.EqualValues(t, fillers*each, w.count("many"))
	t.Logf("%d documents compared, copied through %d elections", fillers*each, elections)
	require.NoError(t, w.db.Drop(w.ctx()))
}
