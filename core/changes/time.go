package changes

import "github.com/argon-lab/argon/core/wal"

// Time is a MongoDB Timestamp.
type Time struct {
	Seconds   uint32
	Increment uint32
}

// counterBits is how many bits of an LSN a Timestamp holds.
const counterBits = 32

// TimeOf returns the Timestamp of a commit from its LSN and its time in
// milliseconds since 1970.
func TimeOf(lsn wal.LSN, ms int64) Time {
	return Time{Seconds: seconds(ms), Increment: uint32(lsn)}
}

func seconds(ms int64) uint32 { return uint32(max(ms, 0) / 1000) }

// Compare is negative if t is before u, positive if it is after, else 0.
func (t Time) Compare(u Time) int {
	switch a, b := t.number(), u.number(); {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (t Time) number() uint64 { return uint64(t.Seconds)<<32 | uint64(t.Increment) }

// IsZero reports whether t is Timestamp(0, 0), which MongoDB does not take for a
// time.
func (t Time) IsZero() bool { return t == Time{} }

// First and Last are the bounds of the second, in milliseconds since 1970.
func (t Time) First() int64 { return int64(t.Seconds) * 1000 }

// Last is the last millisecond of the second.
func (t Time) Last() int64 { return t.First() + 999 }

// LSN returns the newest LSN whose Timestamp is at or before t. before is the
// newest commit made before t's second, within the newest made before its end;
// they bound the answer, and give the bits that a Timestamp lacks.
func (t Time) LSN(before, within wal.LSN) wal.LSN {
	if within <= before {
		return before
	}
	lsn := within>>counterBits<<counterBits | wal.LSN(t.Increment)
	return min(max(lsn, before), within)
}
