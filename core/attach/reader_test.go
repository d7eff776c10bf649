package attach

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// A client that only reads is in nobody's way, although it came first.
func TestAReaderThatCameFirst(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, dir, nil).Close())
	reader, other := open(t, dir, &Options{ReadOnly: true}), open(t, dir, &Options{ReadOnly: true})
	defer other.Close()
	writer := open(t, dir, nil)
	defer writer.Close()
	insert := parse(`{"insert": "c", "documents": [{"_id": 1}]}`)
	_, err := writer.Run(t.Context(), "p", insert)
	require.NoError(t, err)
	for _, r := range []*Shared{reader, other} {
		reply, err := r.Run(t.Context(), "p", parse(`{"count": "c"}`))
		require.NoError(t, err)
		require.EqualValues(t, 1, reply.Get("n").Int32())
		for _, cmd := range []string{`{"insert": "c", "documents": [{"_id": 2}]}`, `{"argonBranchCreate": "b"}`} {
			_, err = r.Run(t.Context(), "p", parse(cmd))
			require.Equal(t, errs.StoreReadOnly, errs.CodeOf(err), "%s: %v", cmd, err)
		}
	}
	require.NoError(t, reader.Close())
	_, err = writer.Run(t.Context(), "p", parse(`{"insert": "c", "documents": [{"_id": 2}]}`))
	require.NoError(t, err)
}

// Opening for reading makes no store.
func TestAReaderOfNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	_, err := Open(t.Context(), dir, &Options{ReadOnly: true})
	require.Equal(t, errs.NotAStore, errs.CodeOf(err), "%v", err)
	_, err = os.Stat(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
}
