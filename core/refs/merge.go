package refs

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

// kindMerge is the kind of the merge records, which say without reading the log
// which histories a segment has taken in. FROZEN; integers big-endian.
//
//	[15][segment 8][LSN 8]  →  [segment 8][LSN 8]
//
// The key is the merge commit, the value the head that it merged.
const kindMerge = 0x15

// MergeKey returns the key of the record of a merge commit.
func MergeKey(at wal.Position) []byte { return appendPosition([]byte{kindMerge}, at) }

// MergeRange returns the bounds of the merge records of all segments.
func MergeRange() (lo, hi []byte) { return []byte{kindMerge}, []byte{kindMerge + 1} }

// EncodeMerge returns the value of a merge record.
func EncodeMerge(merged wal.Position) []byte { return appendPosition(nil, merged) }

// DecodeMerge reads a merge record from its key and value.
func DecodeMerge(key, value []byte) (at, merged wal.Position, err error) {
	if len(key) != 17 || len(value) != 16 {
		return at, merged, errs.New(errs.StoreCorrupt, "a merge record of %d and %d bytes, not 17 and 16", len(key), len(value))
	}
	return readPosition(key[1:]), readPosition(value), nil
}

func appendPosition(dst []byte, p wal.Position) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Segment))
	return binary.BigEndian.AppendUint64(dst, uint64(p.LSN))
}

func readPosition(b []byte) wal.Position {
	return wal.Position{
		Segment: wal.SegmentID(binary.BigEndian.Uint64(b)),
		LSN:     wal.LSN(binary.BigEndian.Uint64(b[8:])),
	}
}
