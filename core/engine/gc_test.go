package engine

import (
	"context"
	"testing"

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
