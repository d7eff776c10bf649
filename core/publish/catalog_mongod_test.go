package publish

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/internal/mongotest"
)

func (b *bench) indexes(coll string) (names []string) {
	specs, err := b.db.Collection(coll).Indexes().ListSpecifications(b.t.Context())
	require.NoError(fatal{b.t}, err)
	for _, s := range specs {
		names = append(names, s.Name)
	}
	return names
}

func reportOf(t *testing.T, err error) *Report {
	e := errs.As(err)
	require.NotNil(t, e, "%v", err)
	require.Equal(t, errs.PublishConflict, e.Code, "%v", err)
	var r Report
	require.NoError(t, bson.Unmarshal(e.Details, &r))
	return &r
}

// Collections and indexes: made, renamed, changed; dropped only where that is
// allowed, and then without losing what the base did not have.
func TestCatalog(t *testing.T) {
	b := newBench(t)
	b.insert("main", "a", `{"_id": 1, "n": 1}`)
	b.insert("main", "gone", `{"_id": 1}`, `{"_id": 2}`)
	b.write("main", func(txn *engine.Txn) error {
		_, _, err := txn.CreateIndexes(t.Context(), "a", []engine.Doc{mongotest.Doc(`{"key": {"n": 1}, "name": "old"}`)})
		return err
	})
	b.branch("exp", "main")
	b.goLive("main")
	before := b.whole()
	b.write("exp", func(txn *engine.Txn) error {
		ctx := t.Context()
		if _, err := txn.DropIndexes(ctx, "a", bsonraw.StringValue("old")); err != nil {
			return err
		}
		if _, _, err := txn.CreateIndexes(ctx, "a", []engine.Doc{mongotest.Doc(`{"key": {"n": -1}, "name": "new", "unique": true}`)}); err != nil {
			return err
		}
		if err := txn.RenameCollection(ctx, "a", "b", false); err != nil {
			return err
		}
		if _, err := txn.DropCollection(ctx, "gone"); err != nil {
			return err
		}
		if err := txn.CreateCollection(ctx, "v", mongotest.Doc(`{"viewOn": "b", "pipeline": [{"$match": {"n": 2}}]}`)); err != nil {
			return err
		}
		return txn.CreateCollection(ctx, "valid", mongotest.Doc(`{"validator": {"n": {"$gt": 0}}}`))
	})
	b.insert("exp", "b", `{"_id": 2, "n": 2}`)

	plan, err := b.p.Plan(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.Contains(t, strings.Join(plan.Notes, "\n"), "dropCollection gone: collections are dropped only where that is allowed")
	held, err := b.p.Publish(t.Context(), b.spec("exp"))
	require.NoError(t, err)
	require.Equal(t, []string{"_id_", "old", "new"}, b.indexes("b"))
	require.Len(t, b.live()["gone"], 2)
	require.NotContains(t, b.live(), "a")
	_, err = b.p.Rollback(t.Context(), &Again{ID: held.ID})
	require.NoError(t, err)
	require.Equal(t, before, b.whole())

	spec := b.spec("exp")
	spec.AllowDrop = true
	dropped, err := b.p.Publish(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, []string{"_id_", "new"}, b.indexes("b"))
	same(t, b.onBranch("exp"), b.live())
	var view struct{ N int }
	require.NoError(t, b.db.Collection("v").FindOne(t.Context(), bson.D{}).Decode(&view))
	require.Equal(t, 2, view.N)
	_, err = b.p.Rollback(t.Context(), &Again{ID: dropped.ID})
	require.NoError(t, err)
	require.Equal(t, before, b.whole())

	// What others wrote into a collection that is to go is not lost with it.
	b.do(`{"insert": "gone", "documents": [{"_id": 3}]}`)
	report := reportOf(t, func() error { _, err := b.p.Publish(t.Context(), spec); return err }())
	require.Equal(t, stateStopped, report.State)
	require.Contains(t, report.Conflicts[0].Message, "1 documents that the base did not have")
	require.Len(t, b.live()["gone"], 1)
	b.do(`{"delete": "gone", "deletes": [{"q": {}, "limit": 0}]}`)
	_, err = b.p.Resume(t.Context(), &Again{ID: report.ID})
	require.NoError(t, err)
	require.NotContains(t, b.live(), "gone")
}

// What the server refuses is a conflict: a unique index that the live documents
// violate, a validator, a key that is taken, a view in the place of a collection.
func TestRefusals(t *testing.T) {
	servers2(t, func(t *testing.T, b *bench) {
		b.insert("main", "a", `{"_id": 1, "n": 1}`, `{"_id": 2, "n": 2}`)
		b.insert("main", "v", `{"_id": 1}`)
		b.branch("exp", "main")
		b.goLive("main")
		b.do(`{"createIndexes": "a", "indexes": [{"key": {"n": 1}, "name": "n_1", "unique": true}]}`)
		b.do(`{"collMod": "a", "validator": {"bad": {"$exists": false}}}`)
		b.do(`{"drop": "v"}`)
		b.do(`{"create": "v", "viewOn": "a", "pipeline": []}`)
		b.do(`{"create": "t", "timeseries": {"timeField": "at"}}`)
		b.do(`{"create": "u"}`)
		b.do(`{"insert": "u", "documents": [{"_id": 5, "k": 1}, {"_id": 6, "k": 1}]}`)
		b.update("exp", "a", `{"_id": 1}`, `{"$set": {"n": 2}}`)
		b.update("exp", "a", `{"_id": 2}`, `{"$set": {"bad": 1, "n": 2}}`)
		b.insert("exp", "a", `{"_id": 3, "bad": 1}`, `{"_id": 4, "n": 4}`)
		b.insert("exp", "v", `{"_id": 2}`)
		b.insert("exp", "t", `{"_id": 1, "at": {"$date": 0}}`)
		b.write("exp", func(txn *engine.Txn) error {
			_, _, err := txn.CreateIndexes(t.Context(), "u", []engine.Doc{mongotest.Doc(`{"key": {"k": 1}, "name": "k_1", "unique": true}`)})
			return err
		})
		spec := b.spec("exp")
		spec.SkipConflicts = true
		report, err := b.p.Publish(t.Context(), spec)
		require.NoError(t, err)
		kinds := map[string]int{}
		for _, c := range report.Conflicts {
			kinds[c.Collection+" "+c.Kind]++
			if c.Kind == kindRefused {
				require.Contains(t, c.ErrInfo.String(), "failingDocumentId", c.Message)
			}
		}
		require.Equal(t, map[string]int{
			"a duplicateKey": 1, "a refused": 2, "v collection": 1, "t catalog": 1, "t collection": 1, "u duplicateKey": 1,
		}, kinds)
		require.EqualValues(t, 1, report.Counts.Written, "all that can be")
		require.Len(t, b.liveDocs("a"), 3)
		require.Equal(t, []string{"_id_"}, b.indexes("u"))
	})
}

// A deleted collection is brought back, with its options, indexes and documents;
// documents by filter; and what moved on since is a conflict.
func TestRestore(t *testing.T) {
	b := newBench(t)
	b.shop(5)
	b.write("main", func(txn *engine.Txn) error {
		if err := txn.ModifyCollection(t.Context(), "orders", mongotest.Doc(`{"validator": {"n": {"$gte": 0}}}`)); err != nil {
			return err
		}
		_, _, err := txn.CreateIndexes(t.Context(), "orders", []engine.Doc{mongotest.Doc(`{"key": {"n": 1}, "name": "n_1", "unique": true}`)})
		return err
	})
	b.goLive("main")
	good := b.whole()
	b.write("main", func(txn *engine.Txn) error { _, err := txn.DropCollection(t.Context(), "orders"); return err })
	b.do(`{"drop": "orders"}`)
	restore := func(at string) *Spec {
		s := b.spec("main@" + at)
		s.Restore = true
		return s
	}
	report, err := b.p.Publish(t.Context(), restore("-1"))
	require.NoError(t, err)
	require.Equal(t, "restore", report.Kind)
	require.Equal(t, good, b.whole())

	// Dropped and made anew under the same name: still the same collection.
	b.insert("main", "orders", `{"_id": 1, "n": 100}`, `{"_id": 9, "n": 9}`)
	b.do(`{"delete": "orders", "deletes": [{"q": {"_id": {"$ne": 1}}, "limit": 0}]}`)
	b.do(`{"update": "orders", "updates": [{"q": {"_id": 1}, "u": {"_id": 1, "n": 100}}]}`)
	b.do(`{"insert": "orders", "documents": [{"_id": 9, "n": 9}]}`)
	spec := restore("-2")
	spec.Filter = mongotest.Doc(`{"_id": {"$lte": 3}}`)
	report, err = b.p.Publish(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, Counts{Inserted: 3, Updated: 1, Already: report.Counts.Already, Written: 4, Catalog: report.Counts.Catalog}, report.Counts)
	require.Len(t, b.liveDocs("orders"), 5)

	b.do(`{"update": "orders", "updates": [{"q": {"_id": 9}, "u": {"$set": {"late": 1}}}]}`)
	got := reportOf(t, func() error { _, err := b.p.Publish(t.Context(), restore("-2")); return err }())
	require.EqualValues(t, 1, got.Counts.Conflicts)
	require.Equal(t, "late", got.Conflicts[0].Path)
}

func servers2(t *testing.T, do func(t *testing.T, b *bench)) {
	t.Run("replica set", func(t *testing.T) { do(t, newBench(t)) })
	t.Run("standalone", func(t *testing.T) {
		uri, client := mongotest.Standalone(t)
		do(t, benchOn(t, t.TempDir(), uri, client))
	})
}
