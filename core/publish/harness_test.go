package publish

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/internal/mongotest"
	"github.com/argon-lab/argon/core/refs"
)

// bench is a store with a project "shop", and a live database.
type bench struct {
	t     mongotest.TB
	store *engine.Store
	p     *Publisher
	uri   string
	db    *mongo.Database
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return benchOn(t, t.TempDir(), mongotest.URI(t), mongotest.Client(t))
}

func benchOn(t mongotest.TB, dir, uri string, client *mongo.Client) *bench {
	ctx := t.Context()
	store, err := engine.Open(ctx, dir, nil)
	require.NoError(fatal{t}, err)
	t.Cleanup(func() { store.Close() })
	b := &bench{t: t, store: store, p: New(store), uri: uri, db: client.Database(mongotest.Database(t))}
	return b
}

// fatal makes a TB one of testify's.
type fatal struct{ mongotest.TB }

func (f fatal) Errorf(format string, args ...any) { f.Fatalf(format, args...) }
func (f fatal) FailNow()                          { f.Fatalf("failed") }

func ref(t mongotest.TB, text string) refs.Ref {
	r, err := refs.ParseRef(text)
	require.NoError(fatal{t}, err)
	r.Project = "shop"
	return r
}

// write runs a function on a branch.
func (b *bench) write(branch string, do func(t *engine.Txn) error) {
	_, err := b.store.Write(b.t.Context(), ref(b.t, branch), engine.CommitMeta{}, do)
	require.NoError(fatal{b.t}, err)
}

// insert inserts documents into a branch.
func (b *bench) insert(branch, coll string, docs ...string) {
	b.write(branch, func(t *engine.Txn) error {
		list := make([]engine.Doc, len(docs))
		for i, d := range docs {
			list[i] = mongotest.Doc(d)
		}
		_, err := t.Insert(b.t.Context(), coll, list, true)
		return err
	})
}

// update updates a document of a branch.
func (b *bench) update(branch, coll, filter, update string) {
	b.write(branch, func(t *engine.Txn) error {
		_, err := t.Update(b.t.Context(), coll, &engine.UpdateSpec{Filter: mongotest.Doc(filter), Update: mongotest.Doc(update).Value(), Multi: true})
		return err
	})
}

func (b *bench) remove(branch, coll, filter string) {
	b.write(branch, func(t *engine.Txn) error {
		_, err := t.Delete(b.t.Context(), coll, &engine.DeleteSpec{Filter: mongotest.Doc(filter), Multi: true})
		return err
	})
}

func (b *bench) branch(name, from string) {
	_, err := b.store.CreateBranch(b.t.Context(), "shop", name, ref(b.t, from), engine.CommitMeta{})
	require.NoError(fatal{b.t}, err)
}

// goLive makes the live database what a branch is: collections, their options,
// indexes and documents.
func (b *bench) goLive(branch string) {
	ctx := b.t.Context()
	require.NoError(fatal{b.t}, b.db.Drop(ctx))
	snap, err := b.store.Snapshot(ctx, ref(b.t, branch))
	require.NoError(fatal{b.t}, err)
	defer snap.Close()
	colls, err := snap.Collections(ctx)
	require.NoError(fatal{b.t}, err)
	for _, c := range colls {
		w := bsonraw.NewBuilder(nil)
		w.String("create", c.Name)
		appendFields(w, c.Options)
		require.NoError(fatal{b.t}, b.db.RunCommand(ctx, bson.Raw(w.Finish())).Err())
		for _, def := range c.Indexes {
			a := &Action{Op: opCreateIndex, Collection: c.Name, After: rawOf(def.Options)}
			require.NoError(fatal{b.t}, b.db.RunCommand(ctx, bson.Raw(a.command(operator("w", bsonraw.Int32Value(1))))).Err())
		}
		var docs []any
		for _, d := range b.docs(snap, c.Name) {
			docs = append(docs, bson.Raw(d))
		}
		if len(docs) > 0 && !c.View {
			_, err = b.db.Collection(c.Name).InsertMany(ctx, docs)
			require.NoError(fatal{b.t}, err)
		}
	}
}

func (b *bench) docs(r engine.Reader, coll string) (docs []bsonraw.Doc) {
	ctx := b.t.Context()
	cur, err := r.Find(ctx, coll, &engine.FindSpec{Sort: operator("_id", bsonraw.Int32Value(1))})
	require.NoError(fatal{b.t}, err)
	defer cur.Close()
	for {
		d, ok, err := cur.Next(ctx)
		require.NoError(fatal{b.t}, err)
		if !ok {
			return docs
		}
		docs = append(docs, d.Clone())
	}
}

// live is the live database's documents, by collection.
func (b *bench) live() map[string][]bsonraw.Doc {
	ctx := b.t.Context()
	names, err := b.db.ListCollectionNames(ctx, bson.D{{Key: "type", Value: "collection"}})
	require.NoError(fatal{b.t}, err)
	all := map[string][]bsonraw.Doc{}
	for _, name := range names {
		if name == "system.views" {
			continue
		}
		all[name] = b.liveDocs(name)
	}
	return all
}

func (b *bench) liveDocs(name string) []bsonraw.Doc {
	ctx := b.t.Context()
	docs := []bsonraw.Doc{}
	t := &target{client: b.db.Client(), db: b.db}
	w := bsonraw.NewBuilder(nil)
	w.String("find", name)
	w.Doc("sort", operator("_id", bsonraw.Int32Value(1)))
	require.NoError(fatal{b.t}, t.each(ctx, w.Finish(), func(d bsonraw.Doc) error {
		docs = append(docs, d.Clone())
		return nil
	}))
	return docs
}

// onBranch is a branch's documents, by collection.
func (b *bench) onBranch(branch string) map[string][]bsonraw.Doc {
	ctx := b.t.Context()
	snap, err := b.store.Snapshot(ctx, ref(b.t, branch))
	require.NoError(fatal{b.t}, err)
	defer snap.Close()
	colls, err := snap.Collections(ctx)
	require.NoError(fatal{b.t}, err)
	all := map[string][]bsonraw.Doc{}
	for _, c := range colls {
		if !c.View {
			all[c.Name] = append([]bsonraw.Doc{}, b.docs(snap, c.Name)...)
		}
	}
	return all
}

// do runs a command on the live database.
func (b *bench) do(command string) bsonraw.Doc {
	raw, err := b.db.RunCommand(b.t.Context(), bson.Raw(mongotest.Doc(command))).Raw()
	require.NoError(fatal{b.t}, err)
	return bsonraw.Doc(raw)
}

// spec is a publish of a branch.
func (b *bench) spec(branch string) *Spec {
	return &Spec{Target: b.uri, Database: b.db.Name(), Source: ref(b.t, branch), List: 1000}
}

// same compares documents bit for bit.
func same(t mongotest.TB, want, got map[string][]bsonraw.Doc, args ...any) {
	require.Equal(fatal{t}, shown(want), shown(got), args...)
	require.Equal(fatal{t}, want, got, args...)
}

func shown(all map[string][]bsonraw.Doc) map[string][]string {
	out := map[string][]string{}
	for name, docs := range all {
		out[name] = []string{}
		for _, d := range docs {
			out[name] = append(out[name], mongotest.JSON(d))
		}
	}
	return out
}

// shop is the usual base: main with orders, a branch exp of it, and main live.
func (b *bench) shop(n int) {
	var docs []string
	for i := range n {
		docs = append(docs, fmt.Sprintf(`{"_id": %d, "n": %d, "s": "x", "in": {"a": 1, "b": [1, {"c": 1}]}}`, i, i))
	}
	b.insert("main", "orders", docs...)
	b.branch("exp", "main")
	b.goLive("main")
}
