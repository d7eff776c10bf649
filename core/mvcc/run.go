package mvcc

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/kv"
)

// runBytes is the size of a commit's documents of one collection from which they
// and their index entries are written as a run (core/kv). Those of others in the
// same commit are not: each would be in a table of its own.
const runBytes = 2 << 20

// bulk is the run of a large commit; nil for a small one.
//
// A run is of one LSN, and writing it takes longer than others should wait for
// the commit lock. So it is written before, for the LSN that would be next. Where
// another commit was faster, it is written once more, under the lock.
//
// Rejected: keeping an LSN for it. Commits would become visible out of order, and
// who follows them would have to know what is missing.
type bulk struct {
	store *Store
	colls []CollectionID
	lsn   LSN
	run   kv.Run // nil once a batch has it
}

// newBulk writes the run of a large commit.
func (s *Store) newBulk(ctx context.Context, c *Commit) (*bulk, error) {
	colls := c.large(s.runBytes)
	if len(colls) == 0 {
		return nil, nil
	}
	c.sort()
	s.commit.Lock()
	u := &bulk{store: s, colls: colls, lsn: s.commit.next}
	s.commit.Unlock()
	return u, u.write(ctx, c)
}

// large returns the collections of a commit that are worth a run.
func (c *Commit) large(least int) (colls []CollectionID) {
	total := 0
	for i := range c.Writes {
		total += len(c.Writes[i].Doc)
	}
	if total < least {
		return nil
	}
	sizes := map[CollectionID]int{}
	for i := 0; i < len(c.Writes); {
		coll, size := c.Writes[i].Collection, 0
		for ; i < len(c.Writes) && c.Writes[i].Collection == coll; i++ {
			size += len(c.Writes[i].Doc)
		}
		sizes[coll] += size
	}
	for coll, size := range sizes {
		if size >= least {
			colls = append(colls, coll)
		}
	}
	return colls
}

// has reports whether what a commit wrote to a collection is in the run.
func (u *bulk) has(c CollectionID) bool { return u != nil && slices.Contains(u.colls, c) }

// settle writes the run once more if it is of another LSN.
func (u *bulk) settle(ctx context.Context, c *Commit, lsn LSN) error {
	if u == nil || u.lsn == lsn {
		return nil
	}
	u.close()
	u.lsn = lsn
	return u.write(ctx, c)
}

// join makes the run a part of a batch and returns its size.
func (u *bulk) join(b kv.Batch) int {
	if u == nil {
		return 0
	}
	size := u.run.Size()
	b.AddRun(u.run)
	u.run = nil
	return size
}

// close drops a run that no batch has.
func (u *bulk) close() {
	if u != nil && u.run != nil {
		u.run.Close()
		u.run = nil
	}
}

func (u *bulk) write(ctx context.Context, c *Commit) error {
	run, err := u.store.kv.NewRun(ctx, uint64(u.lsn))
	if err != nil {
		return err
	}
	u.run = run
	var key, value []byte
	for i := range c.Writes {
		if err := notStopped(ctx, i); err != nil {
			return err
		}
		w := &c.Writes[i]
		if !u.has(w.Collection) {
			continue
		}
		key, value = w.appendKey(key[:0], c.Segment, u.lsn), w.appendValue(value[:0])
		if err := run.Set(key, value); err != nil {
			return err
		}
	}
	for i := range c.IndexWrites {
		if err := notStopped(ctx, i); err != nil {
			return err
		}
		w := &c.IndexWrites[i]
		if !u.has(w.Collection) {
			continue
		}
		key, value = w.appendKey(key[:0], c.Segment, u.lsn), w.appendValue(value[:0])
		if err := run.Set(key, value); err != nil {
			return err
		}
	}
	return run.Finish()
}

// sort brings the writes of a commit into the order of their keys, which most are
// in already.
func (c *Commit) sort() {
	if !slices.IsSortedFunc(c.Writes, compareWrites) {
		slices.SortFunc(c.Writes, compareWrites)
	}
	slices.SortFunc(c.IndexWrites, compareIndexWrites)
}

func compareWrites(a, b Write) int {
	if a.Collection != b.Collection {
		return cmp.Compare(a.Collection, b.Collection)
	}
	return bytes.Compare(a.IDKey, b.IDKey)
}

// compareIndexWrites compares as the keys do: what is encoded in them is no prefix
// of another, so that part by part is as good as put together.
func compareIndexWrites(a, b IndexWrite) int {
	return cmp.Or(cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.Index, b.Index),
		bytes.Compare(a.Key, b.Key), bytes.Compare(a.IDKey, b.IDKey))
}
