package pebblekv

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A table holds one kind of key, and no two sides of what TableEnd says: not when
// it is flushed, and not when it is compacted.
func TestTablesEnd(t *testing.T) {
	bound := []byte{0x20, 'm'}
	s := open(t, t.TempDir(), Options{TableEnd: func(start []byte) []byte {
		if len(start) > 0 && start[0] == 0x20 && bytes.Compare(start, bound) < 0 {
			return bound
		}
		return nil
	}})
	defer s.Close()
	side := func(key []byte) string { return fmt.Sprint(max(key[0], minKey[0]), bytes.Compare(key, bound) < 0) }
	check := func() {
		t.Helper()
		levels, err := s.db.SSTables()
		require.NoError(t, err)
		sides := map[string]bool{}
		for _, tables := range levels {
			for _, table := range tables {
				first, last := table.Smallest.UserKey, table.Largest.UserKey
				require.Equal(t, side(first), side(last), "%q to %q", first, last)
				sides[side(first)] = true
			}
		}
		require.Len(t, sides, 4)
	}
	for round := range 5 {
		for _, key := range []string{"\x01", "\x20a", "\x20m", "\x20z", "\x30"} {
			put(t, s, fmt.Sprintf("%s%d", key, round), "value")
		}
		put(t, s, "\x20a", "again")
		require.NoError(t, s.Flush())
		check()
	}
	require.NoError(t, s.Compact(context.Background(), nil, nil))
	check()
}
