package mvcc

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/errs"
)

// state is the record under stateKey: what the store has given out. FROZEN.
//
//	[01][last LSN 8][last time 8][limit 8][segment 8][collection 4][index 4][project 4]
//	[02] the same, then [source time 8]
//
// The second form is written from the first commit on that brought its time
// along (Commit.Time). Source time is the highest of those: our own clock is
// above it unless a source's clock is ahead of ours.
//
// It is written with every commit, so that opening a store reads one key and
// not the end of every segment's log. The last four are the highest ids given
// out. An id goes into the batch of the commit that uses it, so one that never
// became durable was never used.
//
// limit is an LSN that no commit may pass before a higher limit is durable. A
// commit is visible before it is synced; if a crash takes it, its LSN may have
// been seen, so it must not be given out again. After a crash numbering goes on
// above the limit, and in a store closed in order limit is the last LSN. (To
// sync before making visible was rejected: writers could not share syncs.)
type state struct {
	last       LSN
	time       int64
	limit      LSN
	segment    SegmentID
	collection CollectionID
	index      IndexID
	project    ProjectID
	source     int64
}

const (
	stateVersion = 0x01
	stateLen     = 1 + 4*8 + 3*4

	sourceStateVersion = 0x02
	sourceStateLen     = stateLen + 8

	// limitAhead is how far the limit runs ahead of the last LSN: the most
	// LSNs that a crash leaves unused.
	limitAhead = 256
)

// size is how many bytes encode writes.
func (s *state) size() int {
	if s.source != 0 {
		return sourceStateLen
	}
	return stateLen
}

func (s *state) encode(dst []byte) {
	dst[0] = stateVersion
	if s.source != 0 {
		dst[0] = sourceStateVersion
		binary.BigEndian.PutUint64(dst[stateLen:], uint64(s.source))
	}
	binary.BigEndian.PutUint64(dst[1:], uint64(s.last))
	binary.BigEndian.PutUint64(dst[9:], uint64(s.time))
	binary.BigEndian.PutUint64(dst[17:], uint64(s.limit))
	binary.BigEndian.PutUint64(dst[25:], uint64(s.segment))
	binary.BigEndian.PutUint32(dst[33:], uint32(s.collection))
	binary.BigEndian.PutUint32(dst[37:], uint32(s.index))
	binary.BigEndian.PutUint32(dst[41:], uint32(s.project))
}

func decodeState(value []byte) (state, error) {
	first := len(value) == stateLen && value[0] == stateVersion
	second := len(value) == sourceStateLen && value[0] == sourceStateVersion
	if !first && !second {
		return state{}, errs.New(errs.StoreCorrupt, "the state record does not decode: %x", value)
	}
	st := state{
		last:       LSN(binary.BigEndian.Uint64(value[1:])),
		time:       int64(binary.BigEndian.Uint64(value[9:])),
		limit:      LSN(binary.BigEndian.Uint64(value[17:])),
		segment:    SegmentID(binary.BigEndian.Uint64(value[25:])),
		collection: CollectionID(binary.BigEndian.Uint32(value[33:])),
		index:      IndexID(binary.BigEndian.Uint32(value[37:])),
		project:    ProjectID(binary.BigEndian.Uint32(value[41:])),
	}
	if second {
		st.source = int64(binary.BigEndian.Uint64(value[stateLen:]))
	}
	return st, nil
}
