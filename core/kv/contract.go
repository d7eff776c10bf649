package kv

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/argon-lab/argon/core/errs"
)

// Checked wraps a store so that every use of it which the contract forbids, by
// the caller or by the backend, panics: bounds out of order, a batch used
// twice, a read behind Close, an iterator out of order or beyond its bounds, an
// error without a code that a store may answer with. Tests run on checked
// stores; the program does not, since a check of every step of every scan
// would show.
func Checked(s Store) Store { return &checkedStore{s: s} }

// allowed are the codes of errors that a store may answer with.
var allowed = map[errs.Code]bool{
	errs.StoreCorrupt: true, errs.StoreIO: true, errs.OutOfDiskSpace: true,
	errs.StoreReadOnly: true, errs.StoreClosed: true, errs.Interrupted: true,
}

func checkErr(err error) error {
	if err != nil && !allowed[errs.CodeOf(err)] {
		panic(fmt.Sprintf("kv: a store answered with code %d: %v", errs.CodeOf(err), err))
	}
	return err
}

func demand(ok bool, format string, args ...any) {
	if !ok {
		panic("kv: " + fmt.Sprintf(format, args...))
	}
}

type checkedStore struct {
	s      Store
	open   atomic.Int64 // iterators and snapshots
	closed atomic.Bool
}

func (c *checkedStore) NewBatch() Batch { return &checkedBatch{b: c.s.NewBatch()} }

func (c *checkedStore) hand(b Batch) Batch {
	cb, ok := b.(*checkedBatch)
	demand(ok, "a batch of another store")
	cb.use()
	cb.over = true
	return cb.b
}

func (c *checkedStore) Apply(b Batch, sync bool) error { return checkErr(c.s.Apply(c.hand(b), sync)) }

func (c *checkedStore) ApplyNoWait(b Batch) (func() error, error) {
	wait, err := c.s.ApplyNoWait(c.hand(b))
	if err != nil {
		return nil, checkErr(err)
	}
	var waited atomic.Bool
	return func() error {
		demand(!waited.Swap(true), "waited twice for one batch")
		return checkErr(wait())
	}, nil
}

func (c *checkedStore) NewRun(ctx context.Context, version uint64) (Run, error) {
	r, err := c.s.NewRun(ctx, version)
	if err != nil {
		return nil, checkErr(err)
	}
	return &checkedRun{r: r, version: version}, nil
}

func (c *checkedStore) Get(key []byte) ([]byte, bool, error) { return checkGet(c.s, key) }

func checkGet(r Reader, key []byte) ([]byte, bool, error) {
	demand(len(key) > 0, "an empty key")
	v, ok, err := r.Get(key)
	demand(err == nil || !ok, "Get found a value and failed")
	demand(!ok || v != nil, "Get found a nil value")
	return v, ok, checkErr(err)
}

func (c *checkedStore) NewIter(lo, hi []byte) (Iterator, error) { return c.iter(c.s, lo, hi) }

func (c *checkedStore) iter(r Reader, lo, hi []byte) (Iterator, error) {
	checkBounds(lo, hi)
	it, err := r.NewIter(lo, hi)
	if err != nil {
		return nil, checkErr(err)
	}
	c.open.Add(1)
	return &checkedIter{it: it, store: c, lo: bytes.Clone(lo), hi: bytes.Clone(hi)}, nil
}

func checkBounds(lo, hi []byte) {
	demand(lo == nil || hi == nil || bytes.Compare(lo, hi) <= 0, "bounds out of order: %x, %x", lo, hi)
	for _, b := range [][]byte{lo, hi} {
		demand(Split(b) == len(b), "a bound %x that reads as a key with a version", b)
	}
}

func (c *checkedStore) NewSnapshot() Snapshot {
	c.open.Add(1)
	return &checkedSnapshot{s: c.s.NewSnapshot(), store: c}
}

func (c *checkedStore) Flush() error { return checkErr(c.s.Flush()) }

func (c *checkedStore) Compact(ctx context.Context, lo, hi []byte) error {
	checkBounds(lo, hi)
	return checkErr(c.s.Compact(ctx, lo, hi))
}

func (c *checkedStore) DiskUsage(lo, hi []byte) (uint64, error) {
	checkBounds(lo, hi)
	n, err := c.s.DiskUsage(lo, hi)
	return n, checkErr(err)
}

func (c *checkedStore) Cuts(lo, hi []byte) ([][]byte, error) {
	checkBounds(lo, hi)
	cuts, err := c.s.Cuts(lo, hi)
	last := lo
	for _, cut := range cuts {
		demand(bytes.Compare(last, cut) < 0 && (hi == nil || bytes.Compare(cut, hi) < 0), "a cut %x out of order or out of bounds", cut)
		checkBounds(cut, nil)
		last = cut
	}
	return cuts, checkErr(err)
}

func (c *checkedStore) Metrics() Metrics { return c.s.Metrics() }

func (c *checkedStore) Checkpoint(dir string) error { return checkErr(c.s.Checkpoint(dir)) }

func (c *checkedStore) Close() error {
	demand(!c.closed.Swap(true), "closed twice")
	demand(c.open.Load() == 0, "closed with %d iterators and snapshots open", c.open.Load())
	return checkErr(c.s.Close())
}

type checkedSnapshot struct {
	s      Snapshot
	store  *checkedStore
	closed bool
}

func (c *checkedSnapshot) Get(key []byte) ([]byte, bool, error) {
	demand(!c.closed, "a snapshot used behind Close")
	return checkGet(c.s, key)
}

func (c *checkedSnapshot) NewIter(lo, hi []byte) (Iterator, error) {
	demand(!c.closed, "a snapshot used behind Close")
	return c.store.iter(c.s, lo, hi)
}

func (c *checkedSnapshot) Close() error {
	demand(!c.closed, "a snapshot closed twice")
	c.closed = true
	c.store.open.Add(-1)
	return checkErr(c.s.Close())
}

type checkedBatch struct {
	b    Batch
	run  bool
	over bool
}

func (c *checkedBatch) use() { demand(!c.over, "a batch used behind its end") }

func (c *checkedBatch) Set(key, value []byte) {
	c.use()
	demand(len(key) > 0 && key[0] > 0, "a key %x that is empty or the backend's", key)
	c.b.Set(key, value)
}

func (c *checkedBatch) Delete(key []byte) { c.use(); c.b.Delete(key) }

func (c *checkedBatch) DeleteRange(lo, hi []byte) {
	c.use()
	demand(lo != nil && hi != nil, "a range without an end")
	checkBounds(lo, hi)
	c.b.DeleteRange(lo, hi)
}

func (c *checkedBatch) SetDeferred(keyLen, valueLen int) (key, value []byte) {
	c.use()
	key, value = c.b.SetDeferred(keyLen, valueLen)
	demand(len(key) == keyLen && len(value) == valueLen, "room of another size")
	return key, value
}

func (c *checkedBatch) AddRun(r Run) {
	c.use()
	cr, ok := r.(*checkedRun)
	demand(ok && !c.run, "a run of another store, or a second one")
	cr.use()
	demand(cr.finished, "a run that is not finished")
	cr.over, c.run = true, true
	c.b.AddRun(cr.r)
}

func (c *checkedBatch) Len() int  { c.use(); return c.b.Len() }
func (c *checkedBatch) Size() int { c.use(); return c.b.Size() }
func (c *checkedBatch) Close()    { c.use(); c.over = true; c.b.Close() }

type checkedRun struct {
	r        Run
	version  uint64
	last     []byte
	finished bool
	over     bool
}

func (c *checkedRun) use() { demand(!c.over, "a run used behind its end") }

func (c *checkedRun) Set(key, value []byte) error {
	c.use()
	demand(!c.finished, "a key for a run that is finished")
	demand(Split(key) < len(key) && Version(key) == c.version, "a key %x in a run of version %d", key, c.version)
	demand(bytes.Compare(c.last, key) < 0, "a key %x in a run behind %x", key, c.last)
	c.last = append(c.last[:0], key...)
	return checkErr(c.r.Set(key, value))
}

func (c *checkedRun) Finish() error {
	c.use()
	c.finished = true
	return checkErr(c.r.Finish())
}

func (c *checkedRun) Size() int { c.use(); return c.r.Size() }
func (c *checkedRun) Close()    { c.use(); c.over = true; c.r.Close() }
