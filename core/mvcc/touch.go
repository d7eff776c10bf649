package mvcc

import "sync"

// touches knows which collections each segment ever wrote to. Sets are read
// when first asked for, and kept up to date by commits.
type touches struct {
	store *Store
	mu    sync.RWMutex
	sets  map[SegmentID]map[CollectionID]struct{}
}

// has reports whether a segment ever wrote to a collection.
func (t *touches) has(seg SegmentID, c CollectionID) (bool, error) {
	t.mu.RLock()
	set, loaded := t.sets[seg]
	_, ok := set[c]
	t.mu.RUnlock()
	if loaded {
		return ok, nil
	}
	if err := t.load(seg); err != nil {
		return false, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok = t.sets[seg][c]
	return ok, nil
}

func (t *touches) isNew(seg SegmentID, c CollectionID) (bool, error) {
	ok, err := t.has(seg, c)
	return !ok, err
}

// add takes in the first touch of a commit that is applied but not visible yet.
// The commit has asked isNew, so the set is there.
func (t *touches) add(seg SegmentID, c CollectionID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if set, ok := t.sets[seg]; ok {
		set[c] = struct{}{}
	}
}

// load reads a segment's set. A commit that touches meanwhile adds to the set
// only once it is there, so the lock is held throughout.
func (t *touches) load(seg SegmentID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.sets[seg]; ok {
		return nil
	}
	r, err := t.store.pool.take(t.store.LastLSN())
	if err != nil {
		return err
	}
	lo := appendSegment(nil, kindTouch, seg)
	set := map[CollectionID]struct{}{}
	r.bound(lo, successor(lo))
	for ok := r.First(); ok; ok = r.Next() {
		if len(r.Key()) != headerLen {
			return corruptKey(r.Key())
		}
		set[collectionOf(r.Key())] = struct{}{}
	}
	if err := r.Err(); err != nil {
		_ = t.store.pool.put(r)
		return err
	}
	t.sets[seg] = set
	return t.store.pool.put(r)
}

func (t *touches) forget(seg SegmentID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sets, seg)
}

// Touched reports whether a segment ever wrote to a collection.
func (s *Store) Touched(seg SegmentID, c CollectionID) (bool, error) { return s.touched.has(seg, c) }

// Collections returns the collections that a segment ever wrote to.
func (s *Store) Collections(seg SegmentID) ([]CollectionID, error) {
	if _, err := s.touched.has(seg, 0); err != nil {
		return nil, err
	}
	s.touched.mu.RLock()
	defer s.touched.mu.RUnlock()
	var all []CollectionID
	for c := range s.touched.sets[seg] {
		all = append(all, c)
	}
	return all, nil
}

// heads knows the newest commits of segments.
type heads struct {
	store   *Store
	mu      sync.RWMutex
	logged  map[SegmentID]LSN // newest log record
	written map[SegmentID]LSN // newest commit by this process
}

func (h *heads) advance(seg SegmentID, lsn LSN, logged bool) {
	h.mu.Lock()
	h.written[seg] = lsn
	if logged {
		h.logged[seg] = lsn
	}
	h.mu.Unlock()
}

// newest returns an LSN that no commit in the segment is above.
func (h *heads) newest(seg SegmentID) LSN {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if lsn, ok := h.written[seg]; ok {
		return lsn
	}
	return h.store.opened
}

// HeadLSN returns the newest commit in the log of a segment, zero if there is
// none.
func (s *Store) HeadLSN(seg SegmentID) (LSN, error) {
	s.heads.mu.RLock()
	lsn, ok := s.heads.logged[seg]
	s.heads.mu.RUnlock()
	if ok {
		return lsn, nil
	}
	c := s.ReadLog(seg, 0, MaxLSN, true)
	defer c.Close()
	if c.Next() {
		lsn = c.LSN()
	}
	if err := c.Err(); err != nil {
		return 0, err
	}
	s.heads.mu.Lock()
	defer s.heads.mu.Unlock()
	if newer, ok := s.heads.logged[seg]; ok {
		return newer, nil
	}
	s.heads.logged[seg] = lsn
	return lsn, nil
}
