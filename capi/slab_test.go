package main

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSlabs allocates, resizes and frees buffers of all sizes in any order: they
// are zeros, aligned, and nobody else's, and nothing stays.
func TestSlabs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, live := newSlabs(), map[int][]byte{}
		size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(smallBuffer-100, 1<<20),
			rapid.IntRange(largeBuffer-1, largeBuffer+1), rapid.IntRange(slabSize-pageSize, slabSize+pageSize))
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			pick := rapid.IntRange(0, i).Draw(t, "pick")
			if b, ok := live[pick]; !ok {
				b = s.Allocate(size.Draw(t, "size"))
				if len(bytes.Trim(b, "\x00")) > 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%bufferAlign != 0 {
					t.Fatal("not zeros, or not aligned")
				}
				live[pick] = fill(b, pick)
			} else if check(t, b, pick); rapid.Bool().Draw(t, "resize") {
				grown := s.Reallocate(size.Draw(t, "size"), b)
				check(t, grown[:min(len(b), len(grown))], pick)
				live[pick] = fill(grown, pick)
			} else {
				s.Free(b)
				delete(live, pick)
			}
		}
		for pick, b := range live {
			check(t, b, pick)
			s.Free(b)
		}
		if s.inUse != 0 || len(s.all) != 0 || s.current != nil {
			t.Fatal(s.inUse, "bytes stay, and slabs", len(s.all))
		}
	})
}

func fill(b []byte, with int) []byte {
	for i := range b {
		b[i] = byte(with) + 1
	}
	return b
}

func check(t *rapid.T, b []byte, with int) {
	if bytes.Count(b, []byte{byte(with) + 1}) != len(b) {
		t.Fatal("somebody else wrote to the buffer")
	}
}

func TestCacheShare(t *testing.T) {
	for memory, share := range map[int64]int64{0: 0, 1 << 30: 0, 8 << 30: 256 << 20, 64 << 30: 512 << 20} {
		require.Equal(t, share, cacheShare(memory))
	}
}
