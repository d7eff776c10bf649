package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// allOf reads a cursor to its end.
func allOf(t *testing.T, cur Cursor, err error) (docs []string) {
	t.Helper()
	require.NoError(t, err)
	for {
		doc, ok, err := cur.Next(t.Context())
		require.NoError(t, err)
		if !ok {
			require.NoError(t, cur.Close())
			return docs
		}
		docs = append(docs, string(doc))
	}
}

func TestFindPartsAreTheFind(t *testing.T) {
	s, ctx := openTest(t), context.Background()
	text := bsonraw.NewBuilder(nil)
	text.String("s", fmt.Sprintf("%0400d", 0))
	pad := text.Finish()
	write := func(branch string, from, to, step int) {
		_, err := s.Write(ctx, head(branch), CommitMeta{}, func(txn *Txn) error {
			var docs []Doc
			for i := from; i < to; i += step {
				docs = append(docs, numbered(int32(i), "n", i%7, "pad", pad, "x", fmt.Sprint(i*7919)))
			}
			_, err := txn.Insert(ctx, "c", docs, true)
			return err
		})
		require.NoError(t, err)
	}
	for i := range 12 {
		write("main", i*10_000, (i+1)*10_000, 2)
	}
	require.NoError(t, s.Compact(ctx))
	_, err := s.CreateBranch(ctx, "p", "exp", head("main"), CommitMeta{})
	require.NoError(t, err)
	write("exp", 1, 50_000, 200)
	_, err = s.Write(ctx, head("exp"), CommitMeta{}, func(txn *Txn) error {
		_, err := txn.Delete(ctx, "c", &DeleteSpec{Filter: numbered(500)})
		return err
	})
	require.NoError(t, err)

	odd := bsonraw.NewBuilder(nil)
	odd.Int32("n", 3)
	byN := odd.Finish()
	x := bsonraw.NewBuilder(nil)
	x.Int32("x", 1)
	justX := x.Finish()
	for _, branch := range []string{"main", "exp"} {
		snap, err := s.Snapshot(ctx, refs.Ref{Project: "p", Branch: branch})
		require.NoError(t, err)
		for _, spec := range []*FindSpec{{}, {Filter: byN}, {Projection: justX}} {
			parts, err := snap.FindParts(ctx, "c", spec)
			require.NoError(t, err)
			require.Greater(t, len(parts), minParts)
			var got []string
			for _, open := range parts {
				cur, err := open(ctx)
				got = append(got, allOf(t, cur, err)...)
			}
			cur, err := snap.Find(ctx, "c", spec)
			require.Equal(t, allOf(t, cur, err), got, branch)
			n, err := snap.Count(ctx, "c", &CountSpec{Filter: spec.Filter})
			require.NoError(t, err)
			require.EqualValues(t, len(got), n)
		}
		stopped, stop := context.WithCancel(ctx)
		stop()
		_, err = snap.Count(stopped, "c", &CountSpec{Filter: byN})
		require.Equal(t, errs.Interrupted, errs.CodeOf(err))
		for _, spec := range []*FindSpec{{Limit: 5}, {Skip: 1}, {Sort: justX}, {Filter: numbered(4)}} {
			parts, err := snap.FindParts(ctx, "c", spec)
			require.NoError(t, err)
			require.Empty(t, parts)
		}
	}
}

// TestFindBehind goes on behind any _id, whatever the types.
func TestFindBehind(t *testing.T) {
	s := newScenario(t)
	ids := []string{`1`, `2.5`, `3`, `"a"`, `"b"`, `{"x":1}`, `true`}
	for _, id := range ids {
		s.insert("main", "c", `{"_id":`+id+`}`)
	}
	snap, err := s.store.Snapshot(s.ctx, s.ref("main"))
	require.NoError(t, err)
	defer snap.Close()
	cur, err := snap.FindBehind(s.ctx, "c", Value{})
	all := allOf(t, cur, err)
	require.Len(t, all, len(ids))
	for i, doc := range all {
		cur, err := snap.FindBehind(s.ctx, "c", Doc(doc).Get("_id"))
		require.Equal(t, all[i+1:], append([]string{}, allOf(t, cur, err)...))
	}
	cur, err = snap.FindBehind(s.ctx, "none", bsonraw.Int32Value(1))
	require.Empty(t, allOf(t, cur, err))
}
