package mvcc

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/wal"
)

// Write is a new version of one document.
type Write struct {
	Collection CollectionID
	IDKey      []byte      // bsonraw.AppendKey of the _id
	Doc        bsonraw.Doc // nil: the document is deleted
}

// IndexWrite makes or removes one entry of a secondary index.
type IndexWrite struct {
	Collection CollectionID
	Index      IndexID
	Key        []byte // the encoded fields, without the _id
	IDKey      []byte
	Delete     bool
}

// RefWrite sets a ref record, or deletes it where Value is nil. Keys are those
// of core/refs.
type RefWrite struct {
	Key   []byte
	Value []byte
}

// Commit is what is applied as one. At most one write may name a document, and
// at most one index write an entry; Apply may change their order. The caller keeps
// the bytes and may reuse them once Apply has returned.
type Commit struct {
	Segment     SegmentID
	Writes      []Write
	IndexWrites []IndexWrite
	// Record is written to the log of Segment; nil writes none. Its LSN and
	// Time are set by Apply.
	Record *wal.Record
	// Time, in milliseconds since 1970, is when the commit was made where it
	// comes from; zero for our own clock. See time.go.
	Time int64
	// Unsynced applies the commit without asking for a sync: it is durable at
	// the latest with the next commit that is waited for, or with Sync.
	Unsynced bool
	Refs     []RefWrite
	// Finish, if set, is called under the commit lock once LSN and time are
	// assigned, and returns further ref records, which may contain them. It
	// must be quick and must not call the store. An error abandons the commit.
	Finish func(lsn LSN, timeMs int64) ([]RefWrite, error)
}

// Version is one state of a document.
type Version struct {
	LSN     LSN
	Segment SegmentID
	Doc     bsonraw.Doc // nil: deleted
}

// Apply assigns the commit's LSN and time, applies it and returns before it is
// durable: it is visible to views made from now on, and wait returns once it is
// durable. wait must be called exactly once.
//
// Only the numbering, the encoding and the hand-over to the key-value store
// happen under the commit lock; so writers that wait at the same time share
// one sync. The versions of a large commit are encoded before (run.go).
func (s *Store) Apply(ctx context.Context, c *Commit) (lsn LSN, wait func() error, err error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, errs.Wrap(err, errs.Interrupted, "the commit was not begun")
	}
	run, err := s.newBulk(ctx, c)
	defer run.close()
	if err != nil {
		return 0, nil, err
	}
	s.commit.Lock()
	defer s.commit.Unlock()
	return s.apply(ctx, c, run)
}

// apply is Apply under the commit lock.
func (s *Store) apply(ctx context.Context, c *Commit, run *bulk) (lsn LSN, wait func() error, err error) {
	if err := s.usable(); err != nil {
		return 0, nil, err
	}
	lsn = s.commit.next
	if err := s.ensureLimit(lsn); err != nil {
		return 0, nil, err
	}
	if err := run.settle(ctx, c, lsn); err != nil {
		return 0, nil, err
	}
	st := s.nextState(lsn)
	ms, err := s.timeFor(c, &st)
	if err != nil {
		return 0, nil, err
	}
	b := s.kv.NewBatch()
	touched, err := s.encode(ctx, b, c, &st, ms, run)
	if err != nil {
		b.Close()
		return 0, nil, err
	}
	size := b.Size() + run.join(b)
	limit := s.commit.state.limit
	unsynced := c.Unsynced && st.limit == limit
	if unsynced {
		err = s.kv.Apply(b, false)
	} else {
		wait, err = s.kv.ApplyNoWait(b)
	}
	if err != nil {
		return 0, nil, err
	}
	s.publish(c, &st, touched, size)
	s.raiseFloor(c, &st, ms)
	if unsynced {
		return lsn, noWait, nil
	}
	if st.limit != limit {
		wait = s.raiseDurable(wait, st.limit)
	}
	return lsn, s.commits.settled(c.Segment, lsn, wait), nil
}

func noWait() error { return nil }

// Sync makes everything applied so far durable, and tells those who wait for
// commits on a segment.
func (s *Store) Sync(seg SegmentID) error {
	s.commit.Lock()
	if err := s.usable(); err != nil {
		s.commit.Unlock()
		return err
	}
	st := s.commit.state
	b := s.kv.NewBatch()
	putState(b, &st)
	wait, err := s.kv.ApplyNoWait(b)
	s.commit.Unlock()
	if err != nil {
		return err
	}
	return s.commits.settled(seg, st.last, wait)()
}

// ensureLimit makes sure that lsn may be given out (state.go). It rarely has
// to wait, since commits carry a higher limit long before the old is reached.
func (s *Store) ensureLimit(lsn LSN) error {
	if lsn > MaxLSN-limitAhead {
		return errs.New(errs.InternalError, "the store has used up its %d LSNs", MaxLSN)
	}
	if lsn <= LSN(s.durable.Load()) {
		return nil
	}
	st := s.commit.state
	st.limit = lsn + limitAhead
	if err := s.writeState(st); err != nil {
		return err
	}
	s.commit.state.limit = st.limit
	s.durable.Store(uint64(st.limit))
	return nil
}

// nextState is the state record of the commit with this LSN.
func (s *Store) nextState(lsn LSN) state {
	st := s.commit.state
	st.last = lsn
	if st.time = max(st.time, s.now().UnixMilli()); uint32(lsn) == 0 {
		// MongoDB's name of a moment has 32 bits for what counts the commits
		// within a second: where they start again, so does a second.
		st.time = max(st.time, (s.commit.state.time/1000+1)*1000)
	}
	if lsn+limitAhead/2 > st.limit {
		st.limit = lsn + limitAhead
	}
	s.ids.Lock()
	st.segment, st.collection, st.index, st.project = s.ids.segment, s.ids.collection, s.ids.index, s.ids.project
	s.ids.Unlock()
	return st
}

func (s *Store) raiseDurable(wait func() error, limit LSN) func() error {
	return func() error {
		if err := wait(); err != nil {
			return err
		}
		for {
			now := s.durable.Load()
			if uint64(limit) <= now || s.durable.CompareAndSwap(now, uint64(limit)) {
				return nil
			}
		}
	}
}

// encode writes what of the commit is not in its run into a batch, and returns the
// collections that the segment touches for the first time. A large commit can be
// stopped here for the last time: from then on it is, or is not, as a whole.
func (s *Store) encode(ctx context.Context, b kv.Batch, c *Commit, st *state, ms int64, run *bulk) (touched []CollectionID, err error) {
	first := firstTouches{store: s, batch: b, lsn: st.last}
	for i := range c.Writes {
		w := &c.Writes[i]
		if err := notStopped(ctx, i); err != nil {
			return nil, err
		}
		if !run.has(w.Collection) {
			putVersion(b, c.Segment, w, st.last)
		}
		if err := first.note(c.Segment, w.Collection); err != nil {
			return nil, err
		}
	}
	for i := range c.IndexWrites {
		w := &c.IndexWrites[i]
		if err := notStopped(ctx, i); err != nil {
			return nil, err
		}
		if !run.has(w.Collection) {
			putEntry(b, c.Segment, w, st.last)
		}
		if err := first.note(c.Segment, w.Collection); err != nil {
			return nil, err
		}
	}
	if c.Record != nil {
		c.Record.LSN, c.Record.Time = st.last, ms
		s.commit.key = c.Record.Append(s.commit.key[:0])
		b.Set(appendLogKey(nil, c.Segment, st.last), s.commit.key)
	}
	putRefs(b, c.Refs)
	if c.Finish != nil {
		more, err := c.Finish(st.last, ms)
		if err != nil {
			return nil, err
		}
		putRefs(b, more)
	}
	putState(b, st)
	return first.found, nil
}

// notStopped looks every so many writes whether the commit is still wanted.
func notStopped(ctx context.Context, n int) error {
	if n%1024 == 0 && ctx.Err() != nil {
		return errs.Wrap(ctx.Err(), errs.Interrupted, "the commit was stopped before it was applied")
	}
	return nil
}

// firstTouches writes down, in a batch, which collections a segment touches for
// the first time. Runs of writes to one collection ask once.
type firstTouches struct {
	store *Store
	batch kv.Batch
	lsn   LSN
	found []CollectionID
	last  CollectionID
	asked bool
}

func (f *firstTouches) note(seg SegmentID, c CollectionID) error {
	if f.asked && f.last == c || slices.Contains(f.found, c) {
		return nil
	}
	f.last, f.asked = c, true
	isNew, err := f.store.touched.isNew(seg, c)
	if err == nil && isNew {
		f.found = append(f.found, c)
		f.batch.Set(touchKey(seg, c), binary.BigEndian.AppendUint64(nil, uint64(f.lsn)))
	}
	return err
}

func putVersion(b kv.Batch, seg SegmentID, w *Write, lsn LSN) {
	key, value := b.SetDeferred(headerLen+len(w.IDKey)+1+kv.SuffixLen, 1+len(w.Doc))
	w.appendKey(key[:0], seg, lsn)
	w.appendValue(value[:0])
}

func (w *Write) appendKey(dst []byte, seg SegmentID, lsn LSN) []byte {
	return appendVersionKey(dst, seg, w.Collection, w.IDKey, lsn)
}

func (w *Write) appendValue(dst []byte) []byte {
	if w.Doc == nil {
		return append(dst, flagDeleted)
	}
	return append(append(dst, flagPresent), w.Doc...)
}

func putEntry(b kv.Batch, seg SegmentID, w *IndexWrite, lsn LSN) {
	size := 1 + uvarintLen(uint64(len(w.IDKey)))
	key, value := b.SetDeferred(indexLen+len(w.Key)+len(w.IDKey)+1+kv.SuffixLen, size)
	w.appendKey(key[:0], seg, lsn)
	w.appendValue(value[:0])
}

func (w *IndexWrite) appendKey(dst []byte, seg SegmentID, lsn LSN) []byte {
	dst = appendIndexHeader(dst, seg, w.Collection, w.Index)
	return kv.AppendVersion(append(append(dst, w.Key...), w.IDKey...), uint64(lsn))
}

func (w *IndexWrite) appendValue(dst []byte) []byte {
	flag := byte(flagPresent)
	if w.Delete {
		flag = flagDeleted
	}
	return binary.AppendUvarint(append(dst, flag), uint64(len(w.IDKey)))
}

func putRefs(b kv.Batch, writes []RefWrite) {
	for _, w := range writes {
		if w.Value == nil {
			b.Delete(w.Key)
		} else {
			b.Set(w.Key, w.Value)
		}
	}
}

// publish makes an applied commit visible. What views consult beside the
// key-value store learns of it first.
func (s *Store) publish(c *Commit, st *state, touched []CollectionID, size int) {
	for _, coll := range touched {
		s.touched.add(c.Segment, coll)
	}
	s.heads.advance(c.Segment, st.last, c.Record != nil)
	s.recent.add(c, st.last)
	s.names.add(c)
	s.commit.state = *st
	s.commit.next = st.last + 1
	s.time.Store(st.time)
	s.latest.Store(max(st.time, st.source))
	s.last.Store(uint64(st.last))
	s.pool.wrote(size)
}

// BulkIndexEntry is an index entry of a document that exists already.
type BulkIndexEntry struct {
	Segment SegmentID
	LSN     LSN
	IndexWrite
}

// BulkIndex writes entries of an index under construction, all of one segment,
// at LSNs that have passed, without waiting for the disk. Nobody can see them
// before the index's catalog entry is committed; they are durable at the
// latest when that commit is.
func (s *Store) BulkIndex(ctx context.Context, entries []BulkIndexEntry) error {
	if err := ctx.Err(); err != nil {
		return errs.Wrap(err, errs.Interrupted, "the index build was stopped")
	}
	s.commit.Lock()
	defer s.commit.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	b := s.kv.NewBatch()
	first := firstTouches{store: s, batch: b}
	for i := range entries {
		e := &entries[i]
		putEntry(b, e.Segment, &e.IndexWrite, e.LSN)
		first.lsn = e.LSN
		if err := first.note(e.Segment, e.Collection); err != nil {
			b.Close()
			return err
		}
	}
	// The index's id goes along: entries that outlive a crash must keep their
	// id from being given to another index.
	st := s.commit.state
	s.ids.Lock()
	st.segment, st.collection, st.index, st.project = s.ids.segment, s.ids.collection, s.ids.index, s.ids.project
	s.ids.Unlock()
	putState(b, &st)
	size := b.Size()
	if err := s.kv.Apply(b, false); err != nil {
		return err
	}
	for _, c := range first.found {
		s.touched.add(entries[0].Segment, c)
	}
	s.commit.state = st
	s.pool.wrote(size)
	// Pooled iterators take it that nothing is added below the LSN they see,
	// and sets of names that they hear of everything.
	s.pool.purge(true)
	for i := range entries {
		if e := &entries[i]; i == 0 || e.Index != entries[i-1].Index || e.Collection != entries[i-1].Collection {
			s.names.forget(appendIndexHeader(nil, e.Segment, e.Collection, e.Index))
		}
	}
	s.ancestry.forget()
	return nil
}
