package columnar_test

import (
	"encoding/binary"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/argon-lab/argon/core/columnar"
)

// parted cuts documents into parts of these many.
func parted(t *testing.T, docs []byte, sizes ...int) (streams []*stream) {
	rest := docs
	for _, n := range sizes {
		s := &stream{}
		for range n {
			size := binary.LittleEndian.Uint32(rest)
			s.docs = append(s.docs, rest[:size]...)
			rest = rest[size:]
		}
		streams = append(streams, s)
	}
	require.Empty(t, rest)
	return streams
}

func openers(streams []*stream) (opens []columnar.OpenFunc) {
	for _, s := range streams {
		opens = append(opens, s.open)
	}
	return opens
}

// TestPartsAreTheStream checks every stage with a stream in parts.
func TestPartsAreTheStream(t *testing.T) {
	const n = 1000
	late := func(at int) []byte { return numberedButOne(n, at) }
	for name, c := range map[string]struct {
		docs   []byte
		buffer int64
		typ    string
		opens  int // of the last part
	}{
		"the guess holds":    {numbered(n, nil), 0, "int32", 1},
		"a value at the end": {late(n - 1), 0, "float64", 3},
		"buffer full, held":  {numbered(n, nil), 1000, "int32", 2},
		"buffer full, wrong": {late(n - 1), 1000, "float64", 2},
	} {
		t.Run(name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer mem.AssertSize(t, 0)
			whole := &stream{docs: c.docs}
			parts := parted(t, c.docs, 300, 0, 5, 395, 1, 299)
			r, err := columnar.NewReader(t.Context(), whole.open, columnar.Options{
				Allocator: mem, BatchRows: 10, Buffer: c.buffer, Workers: 2,
				Parts: func() ([]columnar.OpenFunc, error) { return openers(parts), nil },
			})
			require.NoError(t, err)
			require.Equal(t, c.typ, r.Schema().Field(0).Type.String())
			requireNumbered(t, r, n)
			r.Release()
			require.Equal(t, 1, whole.opened, "for the first guess")
			require.Equal(t, 1, whole.closed)
			for _, p := range parts {
				require.Equal(t, p.opened, p.closed)
			}
			require.LessOrEqual(t, parts[5].opened, c.opens)
		})
	}
}

// TestPartsReleaseEarly drops a reader of parts in any stage.
func TestPartsReleaseEarly(t *testing.T) {
	for _, buffer := range []int64{0, 1} {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		whole := &stream{docs: numbered(1000, nil)}
		parts := parted(t, whole.docs, 400, 400, 200)
		r, err := columnar.NewReader(t.Context(), whole.open, columnar.Options{
			Allocator: mem, BatchRows: 10, Buffer: buffer, Workers: 3,
			Parts: func() ([]columnar.OpenFunc, error) { return openers(parts), nil },
		})
		require.NoError(t, err)
		require.True(t, r.Next())
		r.Release()
		mem.AssertSize(t, 0)
		for _, p := range append(parts, whole) {
			require.Equal(t, p.opened, p.closed)
		}
	}
}
