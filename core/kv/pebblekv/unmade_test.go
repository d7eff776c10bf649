package pebblekv

import (
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/errs"
)

// TestReadOnlyOfAStoreHalfMade stops the making of a store before each of its
// writes: who may only read what is there sees no store, or an empty one.
func TestReadOnlyOfAStoreHalfMade(t *testing.T) {
	for n := int64(1); ; n++ {
		mem := vfs.NewMem()
		var writes atomic.Int64
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && writes.Add(1) >= n {
				return syscall.EIO
			}
			return nil
		}))
		made, err := Open("/store", Options{FS: fs})
		if err == nil {
			require.Greater(t, n, int64(20))
			_ = made.Close()
			return
		}
		s, err := Open("/store", Options{FS: mem, ReadOnly: true})
		if errs.CodeOf(err) == errs.NotAStore {
			continue
		}
		require.NoError(t, err, "write %d", n)
		it, err := s.NewIter(nil, nil)
		require.NoError(t, err)
		require.False(t, it.First())
		require.NoError(t, it.Close())
		require.NoError(t, s.Close())
	}
}
