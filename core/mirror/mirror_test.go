package mirror

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/refs"
)

// world is a store with a manager, and a database of the source.
type world struct {
	t     *testing.T
	dir   string
	store *engine.Store
	m     *Manager
	db    *mongo.Database
	uri   string
	opts  engine.Options
	kv    func() kv.Store // of tests that look after the disk
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), uri: mongotest.URI(t), db: mongotest.Client(t).Database(mongotest.Database(t))}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	opts := w.opts
	opts.Actor = "test"
	if w.kv != nil {
		opts.KV = w.kv()
	}
	store, err := engine.Open(w.t.Context(), w.dir, &opts)
	require.NoError(w.t, err)
	w.store = store
	level := slog.LevelError
	if os.Getenv("ARGON_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	w.m = New(w.t.Context(), store, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
}

func (w *world) close() {
	if w.store == nil {
		return
	}
	w.m.Close()
	doc, err := w.store.Check(context.WithoutCancel(w.t.Context()))
	require.NoError(w.t, err)
	require.Zero(w.t, doc.Get("problems").Doc().Len(), relaxed(doc))
	require.NoError(w.t, w.store.Close())
	w.store = nil
}

func (w *world) ctx() context.Context { return w.t.Context() }

// add defines and starts a mirror of the database into the project shop.
func (w *world) add(change ...func(*command.MirrorSpec)) {
	spec := &command.MirrorSpec{
		Name: "live", Source: w.uri,
		Databases: []command.MirrorDatabase{{Database: w.db.Name(), Project: "shop"}},
	}
	for _, fn := range change {
		fn(spec)
	}
	_, err := w.m.Add(w.ctx(), spec, engine.CommitMeta{Actor: "test"})
	require.NoError(w.t, err)
	w.start()
}

func (w *world) start() {
	_, err := w.m.Start(w.ctx(), "live", false)
	require.NoError(w.t, err)
}

// sync waits until the mirror has everything.
func (w *world) sync() statusDoc {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx(), time.Minute)
	defer cancel()
	doc, err := w.m.Status(ctx, "live", true)
	require.NoError(w.t, err, "%s", relaxed(marshal(w.status())))
	return decodeStatus(w.t, doc)
}

func (w *world) status() statusDoc {
	doc, err := w.m.Status(w.ctx(), "live", false)
	require.NoError(w.t, err)
	return decodeStatus(w.t, doc)
}

func decodeStatus(t *testing.T, doc bsonraw.Doc) statusDoc {
	var out struct{ Mirror statusDoc }
	require.NoError(t, bson.Unmarshal(doc, &out))
	return out.Mirror
}

// verify requires source and mirror to be the same.
func (w *world) verify() report {
	w.t.Helper()
	r := w.compare()
	require.True(w.t, r.Clean, "%+v", r.Documents)
	return r
}

func (w *world) compare() report {
	doc, err := w.m.Verify(w.ctx(), "live", 0)
	require.NoError(w.t, err)
	var out struct{ Verify report }
	require.NoError(w.t, bson.Unmarshal(doc, &out))
	return out.Verify
}

func (w *world) insert(coll string, docs ...any) {
	_, err := w.db.Collection(coll).InsertMany(w.ctx(), docs)
	require.NoError(w.t, err)
}

func (w *world) run(cmd bson.D) {
	require.NoError(w.t, w.db.RunCommand(w.ctx(), cmd).Err())
}

// find returns a collection of the branch at a moment, as JSON.
func (w *world) find(moment, coll string) []string {
	ref, err := refs.ParseRef("main" + moment)
	require.NoError(w.t, err)
	ref.Project = "shop"
	snap, err := w.store.Snapshot(w.ctx(), ref)
	require.NoError(w.t, err)
	defer snap.Close()
	cur, err := snap.Find(w.ctx(), coll, &engine.FindSpec{})
	require.NoError(w.t, err)
	return all(w.t, cur)
}

func all(t *testing.T, cur engine.Cursor) []string {
	defer cur.Close()
	var out []string
	for {
		doc, ok, err := cur.Next(t.Context())
		require.NoError(t, err)
		if !ok {
			return out
		}
		out = append(out, relaxed(doc))
	}
}

// log returns the branch's commits, newest first.
func (w *world) log() []string {
	cur, err := w.store.Log(w.ctx(), refs.Ref{Project: "shop", Branch: "main"}, nil)
	require.NoError(w.t, err)
	return all(w.t, cur)
}

func TestMirror(t *testing.T) {
	w := newWorld(t)
	w.insert("users", bson.M{"_id": 1, "n": 1}, bson.M{"_id": 2, "n": 2})
	w.add()
	w.sync()
	require.Equal(t, []string{`{"_id":1,"n":1}`, `{"_id":2,"n":2}`}, w.find("", "users"))
	w.verify()

	_, err := w.db.Collection("users").UpdateOne(w.ctx(), bson.M{"_id": 1}, bson.M{"$inc": bson.M{"n": 5}, "$set": bson.M{"a.b": 1}})
	require.NoError(t, err)
	_, err = w.db.Collection("users").DeleteOne(w.ctx(), bson.M{"_id": 2})
	require.NoError(t, err)
	w.sync()
	require.Equal(t, []string{`{"_id":1,"n":6,"a":{"b":1}}`}, w.find("", "users"))
	require.Equal(t, []string{`{"_id":1,"n":6,"a":{"b":1}}`, `{"_id":2,"n":2}`}, w.find("@-1", "users"))
	w.verify()

	_, err = w.store.Write(w.ctx(), refs.Ref{Project: "shop", Branch: "main"}, engine.CommitMeta{}, func(t *engine.Txn) error {
		_, err := t.Insert(w.ctx(), "users", []bsonraw.Doc{mongotest.Doc(`{"_id": 9}`)}, true)
		return err
	})
	require.Equal(t, errs.BranchProtected, errs.CodeOf(err))
	require.Contains(t, errs.As(err).Remedy, "branch")
}
