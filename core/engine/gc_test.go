package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
)

// TestGCOfDroppedCollections checks that the data of a dropped collection stays
// while a moment that is kept has the collection, and goes with the last.
func TestGCOfDroppedCollections(t *testing.T) {
	s, ctx := openTest(t), context.Background()
	write := func(branch string, fn func(txn *Txn) error) {
		_, err := s.Write(ctx, head(branch), CommitMeta{}, fn)
		require.NoError(t, err)
	}
	write("main", func(txn *Txn) error {
		for _, coll := range []string{"gone", "stays"} {
			_, err := txn.Insert(ctx, coll, []Doc{numbered(1, "a", 1), numbered(2, "a", 2), numbered(3, "a", 3)}, true)
			require.NoError(t, err)
		}
		keys := bsonraw.NewBuilder(nil)
		keys.BeginDoc("key")
		keys.Int32("a", 1)
		keys.End()
		keys.String("name", "a_1")
		_, _, err := txn.CreateIndexes(ctx, "gone", []Doc{keys.Finish()})
		return err
	})
	_, err := s.CreateBranch(ctx, "p", "exp", head("main"), CommitMeta{})
	require.NoError(t, err)
	drop := func(branch string) {
		write(branch, func(txn *Txn) error {
			_, err := txn.DropCollection(ctx, "gone")
			return err
		})
	}
	gc := func(dryRun bool) (versions, entries int64) {
		doc, err := s.GC(ctx, &GCSpec{Keep: 1, DryRun: dryRun})
		require.NoError(t, err)
		return doc.Get("versions").Int64(), doc.Get("indexEntries").Int64()
	}
	drop("main")
	gc(false)
	snap, err := s.Snapshot(ctx, head("exp"))
	require.NoError(t, err)
	cur, err := snap.Find(ctx, "gone", &FindSpec{})
	require.Len(t, allOf(t, cur, err), 3, "the other branch has it")

	drop("exp")
	versions, entries := gc(true)
	require.GreaterOrEqual(t, versions, int64(3))
	require.Equal(t, int64(3), entries)
	again, _ := gc(true)
	require.Equal(t, versions, again, "a dry run removes nothing")
	removed, removedEntries := gc(false)
	require.Equal(t, versions, removed)
	require.Equal(t, entries, removedEntries)
	none, noEntries := gc(true)
	require.Zero(t, none)
	require.Zero(t, noEntries)
	snap, err = s.Snapshot(ctx, head("main"))
	require.NoError(t, err)
	cur, err = snap.Find(ctx, "stays", &FindSpec{})
	require.Len(t, allOf(t, cur, err), 3)
}

// TestGCOfIndexes checks that the entries of a dropped index go once no kept
// moment has it, and those of a build that failed at once, and that a dry run says
// so to the number.
func TestGCOfIndexes(t *testing.T) {
	s, ctx := openTest(t), context.Background()
	write := func(fn func(txn *Txn) error) error {
		_, err := s.Write(ctx, head("main"), CommitMeta{}, fn)
		return err
	}
	index := func(path string, unique bool) error {
		spec := bsonraw.NewBuilder(nil)
		spec.Doc("key", stage(path, bsonraw.Int32Value(1)))
		spec.String("name", path)
		spec.Bool("unique", unique)
		return write(func(txn *Txn) error {
			_, _, err := txn.CreateIndexes(ctx, "c", []Doc{spec.Finish()})
			return err
		})
	}
	gc := func(keep time.Duration, dryRun bool) (versions, entries int64) {
		doc, err := s.GC(ctx, &GCSpec{Keep: keep, DryRun: dryRun})
		require.NoError(t, err)
		return doc.Get("versions").Int64(), doc.Get("indexEntries").Int64()
	}
	both := func(keep time.Duration) (entries int64) {
		versions, entries := gc(keep, true)
		removedVersions, removed := gc(keep, false)
		require.Equal(t, entries, removed)
		require.Equal(t, versions, removedVersions)
		_, none := gc(keep, true)
		require.Zero(t, none)
		return entries
	}
	require.NoError(t, write(func(txn *Txn) error {
		_, err := txn.Insert(ctx, "c", []Doc{numbered(1, "a", 1), numbered(2, "a", 1), numbered(3, "a", 3)}, true)
		return err
	}))
	require.NoError(t, index("stays", false))
	require.NoError(t, index("a", false))
	require.Error(t, index("a", true), "another index of that name")
	require.NoError(t, write(func(txn *Txn) error {
		_, err := txn.Update(ctx, "c", &UpdateSpec{Filter: stage("_id", bsonraw.Int32Value(1)), Update: stage("$set", stage("a", bsonraw.Int32Value(9)).Value()).Value()})
		return err
	}))
	require.Zero(t, both(0))

	spec := bsonraw.NewBuilder(nil)
	spec.Doc("key", stage("k", bsonraw.Int32Value(1)))
	spec.String("name", "k")
	spec.Bool("unique", true)
	failed := write(func(txn *Txn) error {
		_, _, err := txn.CreateIndexes(ctx, "c", []Doc{spec.Finish()})
		during, entries := gc(0, true)
		require.Zero(t, during+entries, "an index that is being built stays")
		return err
	})
	require.ErrorContains(t, failed, "E11000")
	require.Equal(t, int64(3), both(0), "although all history is kept")

	require.NoError(t, write(func(txn *Txn) error {
		_, err := txn.DropIndexes(ctx, "c", bsonraw.StringValue("a"))
		return err
	}))
	require.Zero(t, both(0), "the past has it")
	require.Equal(t, int64(5), both(1), "an update has replaced one")
	snap, err := s.Snapshot(ctx, head("main"))
	require.NoError(t, err)
	defer snap.Close()
	cur, err := snap.Find(ctx, "c", &FindSpec{Filter: stage("stays", bsonraw.NullValue), Hint: bsonraw.StringValue("stays")})
	require.Len(t, allOf(t, cur, err), 3)
}
