package engine

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

func insertOne(s *Store, t testing.TB, branch string, n int32) (mvcc.LSN, error) {
	return s.Write(t.Context(), head(branch), CommitMeta{}, func(tx *Txn) error {
		res, err := tx.Insert(t.Context(), "c", []Doc{numbered(n)}, true)
		if err == nil && len(res.Errors) > 0 {
			err = res.Errors[0].Err
		}
		return err
	})
}

// A protected branch changes by merges and by nothing else, also after the store
// was opened again.
func TestOnlyMergesChangeAProtectedBranch(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s, err := Open(ctx, dir, nil)
	require.NoError(t, err)
	for n := range int32(2) {
		_, err = insertOne(s, t, "main", n)
		require.NoError(t, err)
	}
	_, err = s.CreateBranch(ctx, "p", "exp", head("main"), CommitMeta{})
	require.NoError(t, err)
	open, err := s.Begin(ctx, head("main"), CommitMeta{})
	require.NoError(t, err)
	_, err = open.Insert(ctx, "c", []Doc{numbered(7)}, true)
	require.NoError(t, err)

	br, err := s.OnlyMerges(ctx, head("main"), true, CommitMeta{})
	require.NoError(t, err)
	require.True(t, br.Protected)
	require.Equal(t, "merges", br.Takes)
	require.NoError(t, s.Close())
	s, err = Open(ctx, dir, nil)
	require.NoError(t, err)
	defer s.Close()

	refused := func(err error) {
		t.Helper()
		require.Equal(t, errs.BranchProtected, errs.CodeOf(err), "%v", err)
	}
	_, err = insertOne(s, t, "main", 2)
	refused(err)
	_, err = s.Begin(ctx, head("main"), CommitMeta{})
	refused(err)
	_, err = s.Undo(ctx, &UndoSpec{Ref: head("main"), From: 1})
	refused(err)
	back := head("main")
	back.Moment = refs.Moment{Kind: refs.Back, Back: 1}
	_, _, err = s.Restore(ctx, back, CommitMeta{})
	refused(err)
	refused(s.DeleteProject(ctx, "p", CommitMeta{}))
	_, err = s.OnlyMerges(ctx, head("exp"), true, CommitMeta{})
	require.NoError(t, err)
	refused(s.DeleteBranch(ctx, "p", "exp", CommitMeta{}))
	_, err = s.OnlyMerges(ctx, head("exp"), false, CommitMeta{})
	require.NoError(t, err)

	_, err = insertOne(s, t, "exp", 3)
	require.NoError(t, err)
	_, err = s.Merge(ctx, &MergeSpec{Project: "p", From: head("exp"), Into: head("main")})
	require.NoError(t, err)
	snap, err := s.Snapshot(ctx, head("main"))
	require.NoError(t, err)
	defer snap.Close()
	n, err := snap.Count(ctx, "c", &CountSpec{})
	require.NoError(t, err)
	require.EqualValues(t, 3, n)

	_, err = s.OnlyMerges(ctx, head("main"), false, CommitMeta{})
	require.NoError(t, err)
	_, err = insertOne(s, t, "main", 4)
	require.NoError(t, err)
}

// A transaction that was open before the branch was protected cannot commit.
func TestOpenTransactionsMeetTheProtection(t *testing.T) {
	ctx, s := t.Context(), openTest(t)
	_, err := insertOne(s, t, "main", 1)
	require.NoError(t, err)
	tx, err := s.Begin(ctx, head("main"), CommitMeta{})
	require.NoError(t, err)
	_, err = tx.Insert(ctx, "c", []Doc{numbered(2)}, true)
	require.NoError(t, err)
	_, err = s.OnlyMerges(ctx, head("main"), true, CommitMeta{})
	require.NoError(t, err)
	_, err = tx.Commit(ctx)
	require.Equal(t, errs.BranchProtected, errs.CodeOf(err))
}

// Once the branch is protected, the head stands still, whatever writers are on
// their way.
func TestNoWriteSlipsThrough(t *testing.T) {
	s := openTest(t)
	_, err := insertOne(s, t, "main", 0)
	require.NoError(t, err)
	var next atomic.Int32
	var wg sync.WaitGroup
	started := make(chan struct{}, 4)
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				_, err := insertOne(s, t, "main", next.Add(1))
				if n == 0 {
					started <- struct{}{}
				}
				if err != nil {
					assert.Equal(t, errs.BranchProtected, errs.CodeOf(err))
					return
				}
			}
		})
	}
	for range 4 {
		<-started
	}
	br, err := s.OnlyMerges(t.Context(), head("main"), true, CommitMeta{})
	require.NoError(t, err)
	wg.Wait()
	after, err := s.Branch(t.Context(), "p", "main")
	require.NoError(t, err)
	require.Equal(t, br.HeadLSN, after.HeadLSN)
}
