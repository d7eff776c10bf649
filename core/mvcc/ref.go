package mvcc

import (
	"sync"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// GetRef returns a copy of the value of a ref record.
func (s *Store) GetRef(key []byte) (value []byte, ok bool, err error) {
	if err := s.usable(); err != nil {
		return nil, false, err
	}
	return s.kv.Get(key)
}

// ScanRefs calls fn for each ref record with lo ≤ key < hi, in order, until it
// returns an error or false. Key and value are good only during the call.
func (s *Store) ScanRefs(lo, hi []byte, reverse bool, fn func(key, value []byte) (bool, error)) (err error) {
	r, err := s.pool.take(s.LastLSN())
	if err != nil {
		return err
	}
	defer func() {
		if e := s.pool.put(r); err == nil {
			err = e
		}
	}()
	r.bound(lo, hi)
	first, next := r.First, r.Next
	if reverse {
		first, next = r.Last, r.Prev
	}
	for ok := first(); ok; ok = next() {
		value, err := r.Value()
		if err != nil {
			return err
		}
		if more, err := fn(r.Key(), value); err != nil || !more {
			return err
		}
	}
	return r.Err()
}

// segmentCache keeps segment records, which never change.
type segmentCache struct {
	store   *Store
	mu      sync.RWMutex
	records map[SegmentID]refs.Segment
}

// Segment returns the record of a segment.
func (s *Store) Segment(id SegmentID) (refs.Segment, error) {
	s.segments.mu.RLock()
	seg, ok := s.segments.records[id]
	s.segments.mu.RUnlock()
	if ok {
		return seg, nil
	}
	key := refs.SegmentKey(id)
	value, ok, err := s.GetRef(key)
	if err != nil {
		return refs.Segment{}, err
	}
	if !ok {
		return refs.Segment{}, errs.New(errs.StoreCorrupt, "segment %d has no record", id)
	}
	if seg, err = refs.DecodeSegment(key, value); err != nil {
		return refs.Segment{}, err
	}
	s.segments.mu.Lock()
	s.segments.records[id] = seg
	s.segments.mu.Unlock()
	return seg, nil
}

// Lineage returns what a branch on a segment can see at an LSN: the segment,
// its parent up to the fork, and so on. Segments that were forked above the
// LSN have nothing to show and are left out.
func (s *Store) Lineage(id SegmentID, at LSN) (Lineage, error) {
	var l Lineage
	for id != 0 {
		seg, err := s.Segment(id)
		if err != nil {
			return nil, err
		}
		if at > seg.Fork || seg.Parent == 0 {
			l = append(l, Span{id, at})
		}
		at = min(at, seg.Fork)
		if seg.Parent >= id {
			return nil, errs.New(errs.StoreCorrupt, "segment %d has the parent %d, which is not older", id, seg.Parent)
		}
		id = seg.Parent
	}
	return l, nil
}

// ForgetSegment makes the next Segment read the record again: its name may
// change, nothing else of it does, until it goes.
func (s *Store) ForgetSegment(id SegmentID) {
	s.segments.mu.Lock()
	defer s.segments.mu.Unlock()
	delete(s.segments.records, id)
}
