package engine

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettingsOutliveTheProcessAndCommitWithTheirTransaction(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s, err := Open(ctx, dir, nil)
	require.NoError(t, err)
	one, two := numbered(1), numbered(2)
	require.NoError(t, s.PutSetting(ctx, "user", "ada", one))
	require.NoError(t, s.PutSetting(ctx, "users", "not of this kind", two))

	_, err = s.Write(ctx, head("main"), CommitMeta{}, func(tx *Txn) error {
		require.NoError(t, tx.PutSetting("user", "bob", two))
		_, err := tx.Insert(ctx, "c", []Doc{numbered(1)}, true)
		return err
	})
	require.NoError(t, err)
	dropped := errors.New("dropped")
	_, err = s.Write(ctx, head("main"), CommitMeta{}, func(tx *Txn) error {
		require.NoError(t, tx.PutSetting("user", "ada", nil))
		return dropped
	})
	require.ErrorIs(t, err, dropped)
	require.NoError(t, s.Close())

	s, err = Open(ctx, dir, nil)
	require.NoError(t, err)
	defer s.Close()
	list, err := s.Settings(ctx, "user")
	require.NoError(t, err)
	require.Equal(t, []Setting{{"ada", one}, {"bob", two}}, list)

	require.NoError(t, s.PutSetting(ctx, "user", "ada", nil))
	_, ok, err := s.Setting(ctx, "user", "ada")
	require.NoError(t, err)
	require.False(t, ok)
	report, err := s.Check(ctx)
	require.NoError(t, err)
	require.Zero(t, report.Get("problems").Doc().Len())

	require.Error(t, s.PutSetting(ctx, "", "x", one))
	require.Error(t, s.PutSetting(ctx, "user", "x", Doc{1}))
}
