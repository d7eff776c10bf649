package mvcc

import (
	"encoding/binary"
	"sort"
	"time"

	"github.com/argon-lab/argon/core/wal"
)

// LogCursor walks the log of one segment.
type LogCursor struct {
	store   *Store
	lo, hi  []byte
	reverse bool
	r       *reader
	begun   bool
	record  wal.Record
	decoded bool
	lsn     LSN
	raw     []byte
	failed  error
}

// ReadLog returns a cursor over the commits of a segment with from < LSN ≤ to,
// oldest first unless reverse.
func (s *Store) ReadLog(seg SegmentID, from, to LSN, reverse bool) *LogCursor {
	to = min(to, MaxLSN)
	from = min(from, to)
	return &LogCursor{
		store: s, reverse: reverse,
		lo: appendLogKey(nil, seg, from+1), hi: appendLogKey(nil, seg, to+1),
	}
}

// Next moves to the next record and reports whether there is one; if not, Err
// tells why.
func (c *LogCursor) Next() bool {
	if c.failed != nil {
		return false
	}
	if !c.begun {
		return c.begin()
	}
	if c.r == nil {
		return false
	}
	if c.reverse {
		return c.settle(c.r.Prev())
	}
	return c.settle(c.r.Next())
}

func (c *LogCursor) begin() bool {
	c.begun = true
	r, err := c.store.pool.take(c.store.LastLSN())
	if err != nil {
		c.failed = err
		return false
	}
	c.r = r
	r.bound(c.lo, c.hi)
	if c.reverse {
		return c.settle(r.Last())
	}
	return c.settle(r.First())
}

func (c *LogCursor) settle(ok bool) bool {
	c.decoded = false
	if !ok {
		c.failed = c.r.Err()
		return false
	}
	key := c.r.Key()
	if len(key) != segmentLen+8 {
		c.failed = corruptKey(key)
		return false
	}
	c.lsn = LSN(binary.BigEndian.Uint64(key[segmentLen:]))
	if c.raw, c.failed = c.r.Value(); c.failed != nil {
		return false
	}
	return true
}

// LSN returns the current commit's LSN.
func (c *LogCursor) LSN() LSN { return c.lsn }

// Time returns the current commit's time without decoding the record.
func (c *LogCursor) Time() (ms int64, err error) { return wal.TimeOf(c.raw) }

// Record returns the current record, good until the next Next; Clone it to keep
// it. It is nil if the record is damaged, and Err tells so.
func (c *LogCursor) Record() *wal.Record {
	if c.decoded {
		return &c.record
	}
	c.record.LSN = c.lsn
	if err := c.record.Decode(c.raw); err != nil {
		c.failed = err
		return nil
	}
	c.decoded = true
	return &c.record
}

// Err returns why Next returned false, or Record nil.
func (c *LogCursor) Err() error { return c.failed }

// Close releases the cursor and returns Err.
func (c *LogCursor) Close() error {
	err := c.store.pool.put(c.r)
	c.r, c.begun = nil, true
	if c.failed != nil {
		return c.failed
	}
	return err
}

// GetRecord returns the log record of a commit; false if the segment has none
// at this LSN.
func (s *Store) GetRecord(seg SegmentID, lsn LSN) (*wal.Record, bool, error) {
	value, ok, err := s.GetRef(appendLogKey(nil, seg, lsn))
	if err != nil || !ok {
		return nil, false, err
	}
	r := &wal.Record{LSN: lsn}
	if err := r.Decode(value); err != nil {
		return nil, false, err
	}
	return r, true, nil
}

// LSNAt returns the newest commit that the lineage sees and that was made at or
// before t; false if all are later. Times ascend with LSNs, so it searches.
func (s *Store) LSNAt(l Lineage, t time.Time) (LSN, bool, error) {
	until := t.UnixMilli()
	for _, span := range l {
		lsn, ok, err := s.lsnAt(span, until)
		if ok || err != nil {
			return lsn, ok, err
		}
	}
	return 0, false, nil
}

// lsnAt searches one segment by halves of the range of LSNs.
func (s *Store) lsnAt(span Span, until int64) (found LSN, ok bool, err error) {
	low, high := LSN(0), min(span.Max, s.LastLSN())
	n := sort.Search(int(high-low), func(i int) bool {
		// Is the first commit above low+i later than until?
		if err != nil {
			return true
		}
		c := s.ReadLog(span.Segment, low+LSN(i), high, false)
		defer c.Close()
		if !c.Next() {
			err = c.Err()
			return true
		}
		ms, e := c.Time()
		if err = e; err != nil {
			return true
		}
		if ms <= until {
			found, ok = max(found, c.LSN()), true
		}
		return ms > until
	})
	_ = n
	return found, ok, err
}

// LSNBack returns the commit n commits before the newest that the lineage sees;
// n = 0 is the newest. False if there are not so many.
func (s *Store) LSNBack(l Lineage, n uint64) (LSN, bool, error) {
	for _, span := range l {
		c := s.ReadLog(span.Segment, 0, span.Max, true)
		for c.Next() {
			if n == 0 {
				lsn := c.LSN()
				return lsn, true, c.Close()
			}
			n--
		}
		if err := c.Close(); err != nil {
			return 0, false, err
		}
	}
	return 0, false, nil
}
