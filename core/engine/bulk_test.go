package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

func bulkDoc(i int, text string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", int32(i))
	b.String("text", text)
	return b.Finish()
}

// TestInsertBulk inserts enough for a run, out of order, beside what Insert does,
// and looks at both alike: documents, counts, history, the state before.
func TestInsertBulk(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s, err := engine.Open(ctx, dir, nil)
	require.NoError(t, err)
	ref := refs.Ref{Project: "shop", Branch: "main"}
	meta := engine.CommitMeta{Replica: true}
	const n = 3000
	text := strings.Repeat("x", 1000)
	write := func(fn func(*engine.Txn) error) mvcc.LSN {
		lsn, err := s.Write(ctx, ref, meta, fn)
		require.NoError(t, err)
		return lsn
	}
	before := write(func(txn *engine.Txn) error {
		_, err := txn.Insert(ctx, "docs", []bsonraw.Doc{bulkDoc(-1, "first")}, true)
		return err
	})
	var bulk engine.Bulk
	insert := func(from, to int, fresh bool) (done bool) {
		bulk.Reset()
		for i := to - 1; i >= from; i-- {
			bulk.Add(bulkDoc(i, text))
		}
		_, err := s.Write(ctx, ref, meta, func(txn *engine.Txn) error {
			var err error
			done, err = txn.InsertBulk(ctx, "docs", &bulk, fresh)
			return err
		})
		require.NoError(t, err)
		return done
	}
	require.True(t, insert(0, n, false))
	require.False(t, insert(n-1, n+5, false), "one of them is there already")
	require.True(t, insert(n, n+5, true), "too little for a run")
	for range 2 { // as it is, and opened again
		snap, err := s.Snapshot(ctx, ref)
		require.NoError(t, err)
		count, err := snap.Count(ctx, "docs", &engine.CountSpec{})
		require.NoError(t, err)
		require.EqualValues(t, n+6, count)
		cur, err := snap.Find(ctx, "docs", &engine.FindSpec{})
		require.NoError(t, err)
		for i := -1; ; i++ {
			doc, ok, err := cur.Next(ctx)
			require.NoError(t, err)
			if !ok {
				require.Equal(t, n+5, i)
				break
			}
			id, _ := doc.Get("_id").AsInt64()
			require.EqualValues(t, i, id)
		}
		require.NoError(t, cur.Close())
		snap.Close()
		past := ref
		past.Moment = refs.Moment{Kind: refs.AtLSN, LSN: before}
		snap, err = s.Snapshot(ctx, past)
		require.NoError(t, err)
		count, err = snap.Count(ctx, "docs", &engine.CountSpec{})
		require.NoError(t, err)
		require.EqualValues(t, 1, count)
		snap.Close()
		history, err := s.History(ctx, ref, "docs", bsonraw.Int32Value(7))
		require.NoError(t, err)
		_, ok, err := history.Next(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		_, ok, err = history.Next(ctx)
		require.NoError(t, err)
		require.False(t, ok, "one state")
		require.NoError(t, history.Close())
		doc, err := s.Check(ctx)
		require.NoError(t, err)
		require.Zero(t, doc.Get("problems").Doc().Len())
		require.NoError(t, s.Close())
		s, err = engine.Open(ctx, dir, nil)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
}

// TestInsertBulkRefuses what only Insert can do, and leaves nothing.
func TestInsertBulkRefuses(t *testing.T) {
	ctx := context.Background()
	s, err := engine.Open(ctx, t.TempDir(), nil)
	require.NoError(t, err)
	defer s.Close()
	none := errors.New("nothing is to be committed")
	swapped := bsonraw.NewBuilder(nil)
	swapped.Int32("a", 1)
	swapped.Int32("_id", 1)
	broken := bulkDoc(1, "text")
	broken[len(broken)-3] = 0xFF // in the text
	good := bulkDoc(2, "text")
	try := func(meta engine.CommitMeta, coll string, docs ...bsonraw.Doc) bool {
		done := false
		_, err := s.Write(ctx, refs.Ref{Project: "shop", Branch: "main"}, meta, func(txn *engine.Txn) error {
			require.NoError(t, txn.CreateCollection(ctx, "plain", nil))
			require.NoError(t, txn.CreateCollection(ctx, "indexed", nil))
			spec := bsonraw.NewBuilder(nil)
			spec.BeginDoc("key")
			spec.Int32("a", 1)
			spec.End()
			spec.String("name", "a_1")
			_, _, err := txn.CreateIndexes(ctx, "indexed", []bsonraw.Doc{spec.Finish()})
			require.NoError(t, err)
			var bulk engine.Bulk
			for _, doc := range docs {
				bulk.Add(doc)
			}
			done, err = txn.InsertBulk(ctx, coll, &bulk, true)
			require.NoError(t, err)
			return none
		})
		require.ErrorIs(t, err, none)
		return done
	}
	replica := engine.CommitMeta{Replica: true}
	require.True(t, try(replica, "plain", good))
	for name, docs := range map[string][]bsonraw.Doc{
		"no document": nil, "the same twice": {good, good}, "_id not first": {swapped.Finish(), good},
		"not UTF-8": {broken, good}, "cut off": {good[:len(good)-1]},
	} {
		require.False(t, try(replica, "plain", docs...), name)
	}
	require.False(t, try(replica, "indexed", good))
	require.False(t, try(replica, "absent", good))
	require.False(t, try(engine.CommitMeta{}, "plain", good), "validators have a say")
}
