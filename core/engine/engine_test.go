package engine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/refs"
)

func numbered(id int32, fields ...any) Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", id)
	for i := 0; i+1 < len(fields); i += 2 {
		switch v := fields[i+1].(type) {
		case int:
			b.Int32(fields[i].(string), int32(v))
		case string:
			b.String(fields[i].(string), v)
		case Doc:
			b.Doc(fields[i].(string), v)
		}
	}
	return b.Finish()
}

func head(branch string) refs.Ref { return refs.Ref{Project: "p", Branch: branch} }

func openTest(t *testing.T) *Store {
	s, err := Open(context.Background(), t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		checkStore(t, s)
		require.NoError(t, s.Close())
	})
	return s
}

func TestInsertAndRead(t *testing.T) {
	s, ctx := openTest(t), context.Background()
	lsn, err := s.Write(ctx, head("main"), CommitMeta{}, func(txn *Txn) error {
		res, err := txn.Insert(ctx, "c", []Doc{numbered(1, "a", 1), numbered(2, "a", 2)}, true)
		require.NoError(t, err)
		require.Empty(t, res.Errors)
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, lsn)
	_, err = s.CreateBranch(ctx, "p", "exp", head("main"), CommitMeta{})
	require.NoError(t, err)
	_, err = s.Write(ctx, head("exp"), CommitMeta{}, func(txn *Txn) error {
		_, err := txn.Insert(ctx, "c", []Doc{numbered(3)}, true)
		return err
	})
	require.NoError(t, err)
	for branch, want := range map[string]int64{"main": 2, "exp": 3} {
		snap, err := s.Snapshot(ctx, head(branch))
		require.NoError(t, err)
		n, err := snap.Count(ctx, "c", &CountSpec{})
		require.NoError(t, err)
		require.Equal(t, want, n)
		cur, err := snap.Find(ctx, "c", &FindSpec{})
		require.NoError(t, err)
		n = 0
		for {
			_, ok, err := cur.Next(ctx)
			require.NoError(t, err)
			if !ok {
				break
			}
			n++
		}
		require.Equal(t, want, n)
		require.NoError(t, cur.Close())
	}
}

// checkStore fails the test if a check of the store finds a problem.
func checkStore(t require.TestingT, s *Store) {
	doc, err := s.Check(context.Background())
	require.NoError(t, err)
	require.Empty(t, doc.Get("problems").Doc().Values(), "%s", index.Text(doc.Value()))
}
