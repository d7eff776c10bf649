package mvcc

// The times of commits. LSNAt searches a segment by halves, so within a segment
// times never descend. Our own clock's readings are kept from descending store
// wide (state.time). A commit that brings its time along (Commit.Time) has that
// one, so that a moment of a mirrored branch means what it meant at the source,
// raised to that of the commit before it on its segment where the source's
// clock went back. It does not move our own clock: a source an hour ahead makes
// no commit of another branch an hour late.
//
// So only a segment that such commits are on, or that stands on one, may have a
// newest commit later than our clock. state.source, the highest time ever
// brought along, tells cheaply that none is; else the segment's own newest time
// is looked up once and then kept in commit.floors.

// timeFor returns the time of a commit, and raises st.source for one that brings
// its own. The commit lock is held.
func (s *Store) timeFor(c *Commit, st *state) (int64, error) {
	ms := st.time
	if c.Time != 0 {
		ms = c.Time
		st.source = max(st.source, c.Time)
	}
	if c.Record == nil || c.Time == 0 && ms >= st.source {
		return ms, nil
	}
	floor, err := s.floor(c.Segment)
	return max(ms, floor), err
}

// floor returns the time of the newest commit that a segment's head sees.
func (s *Store) floor(seg SegmentID) (int64, error) {
	if ms, ok := s.commit.floors[seg]; ok {
		return ms, nil
	}
	lineage, err := s.Lineage(seg, s.LastLSN())
	if err != nil {
		return 0, err
	}
	for _, span := range lineage {
		cur := s.ReadLog(span.Segment, 0, span.Max, true)
		if !cur.Next() {
			if err := cur.Close(); err != nil {
				return 0, err
			}
			continue
		}
		ms, err := cur.Time()
		cur.Close()
		s.commit.floors[seg] = ms
		return ms, err
	}
	s.commit.floors[seg] = 0
	return 0, nil
}

// raiseFloor keeps a floor that was looked up at the newest commit's time.
func (s *Store) raiseFloor(c *Commit, st *state, ms int64) {
	if c.Record == nil || len(s.commit.floors) == 0 {
		return
	}
	if ms > st.source && ms == st.time {
		delete(s.commit.floors, c.Segment) // our own clock is ahead again
		return
	}
	if _, ok := s.commit.floors[c.Segment]; ok {
		s.commit.floors[c.Segment] = ms
	}
}
