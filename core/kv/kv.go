package kv

import "context"

// Store is an ordered set of keys with their values. All methods may be called
// by many goroutines at once, Close excepted.
type Store interface {
	Reader

	// NewBatch returns an empty batch. It belongs to one goroutine until it is
	// applied, and must be applied or closed exactly once.
	NewBatch() Batch

	// Apply applies a batch and takes it over. With sync it returns once the
	// batch is durable.
	Apply(b Batch, sync bool) error

	// ApplyNoWait applies a batch, takes it over and returns before it is
	// durable; it is visible by then. wait returns once it is durable, or with
	// the reason why it never will be. The caller must call wait exactly once,
	// from any goroutine.
	ApplyNoWait(b Batch) (wait func() error, err error)

	// NewRun returns an empty run of a version.
	NewRun(ctx context.Context, version uint64) (Run, error)

	// NewSnapshot returns a reader of the store as it is now.
	NewSnapshot() Snapshot

	// Flush makes everything applied so far durable and cheap to open.
	Flush() error

	// Compact rewrites the keys in [lo, hi), nil meaning open, into their
	// smallest form. It may take long.
	Compact(ctx context.Context, lo, hi []byte) error

	// DiskUsage estimates the bytes on disk of the keys in [lo, hi).
	DiskUsage(lo, hi []byte) (uint64, error)

	// Cuts returns keys that part [lo, hi) into pieces of about the same size on
	// disk, ascending; none where there is little, or the backend cannot tell.
	// They are good as bounds.
	Cuts(lo, hi []byte) ([][]byte, error)

	// Metrics returns what the store knows about itself.
	Metrics() Metrics

	// Checkpoint writes a copy of everything applied so far to a new directory
	// dir. It is a store of its own.
	Checkpoint(dir string) error

	// Close waits for what runs in the background and releases the store. All
	// iterators and snapshots must be closed before.
	Close() error
}

// Reader is what a store and a snapshot of it have in common.
type Reader interface {
	// Get returns a copy of the value of a key; ok tells whether it is there.
	Get(key []byte) (value []byte, ok bool, err error)

	// NewIter returns an iterator over the keys in [lo, hi), nil meaning open.
	// It sees the store as of now and holds resources until Close.
	NewIter(lo, hi []byte) (Iterator, error)
}

// Snapshot is an unchanging view of a store.
type Snapshot interface {
	Reader
	// Close releases the snapshot. Its iterators must be closed before.
	Close() error
}

// Batch collects writes that are applied as one. Later writes win over earlier
// ones of the same batch. Keys and values are copied at once.
type Batch interface {
	Set(key, value []byte)
	Delete(key []byte)
	// DeleteRange deletes the keys in [lo, hi).
	DeleteRange(lo, hi []byte)
	// SetDeferred makes room for a key and a value of these lengths, for the
	// caller to fill before the next call on the batch.
	SetDeferred(keyLen, valueLen int) (key, value []byte)
	// AddRun makes a run, which it takes over, a part of the batch. A batch has
	// one at most.
	AddRun(r Run)
	// Len returns the number of writes, those of a run not counted.
	Len() int
	// Size returns the number of bytes that the batch takes.
	Size() int
	// Close drops a batch that is not going to be applied.
	Close()
}

// Run is many writes on their way into the store, in order and all of one
// version: they are written at once to where they stay, and not first to a log
// and to memory. That pays from some megabytes on.
//
// What is in it becomes durable with the batch that it is a part of, at the
// latest when Apply returns. Readers may see it a moment before they see the rest
// of the batch: the version has to be one that nobody reads yet.
type Run interface {
	// Set adds a versioned key above all before it. Both are copied.
	Set(key, value []byte) error
	// Finish ends the run, which a batch takes only then.
	Finish() error
	// Size returns the number of bytes added.
	Size() int
	// Close drops a run that no batch has taken.
	Close()
}

// Iterator walks keys in either direction. It belongs to one goroutine.
//
// Every positioning method reports whether the iterator is at a key. When it
// reports false, Err tells whether that is the end or a failure.
type Iterator interface {
	// SeekGE moves to the first key at or above key.
	SeekGE(key []byte) bool
	// SeekPrefixGE is SeekGE that is at a key only if that key has the prefix
	// of key (see Split). It may skip whole files that lack the prefix. After
	// it only Next is allowed, and ends where the prefix does, until the next
	// seek. key must lie within the bounds.
	SeekPrefixGE(key []byte) bool
	// SeekLT moves to the last key below key.
	SeekLT(key []byte) bool
	First() bool
	Last() bool
	Next() bool
	Prev() bool
	// Valid reports whether the iterator is at a key.
	Valid() bool
	// Key returns the current key. It belongs to the iterator and is good
	// until the next move.
	Key() []byte
	// Value returns the current value, owned and valid as Key. An error is
	// final.
	Value() ([]byte, error)
	// Err returns why the iterator stopped, nil at the end of the keys.
	Err() error
	// SetBounds changes the bounds, which are copied, and leaves the iterator
	// at no key. What it sees of the store does not change.
	SetBounds(lo, hi []byte)
	// Close releases the iterator.
	Close() error
}

// Metrics is what a backend knows about itself.
type Metrics struct {
	DiskBytes         uint64 // everything in the directory
	LogBytes          uint64 // thereof the backend's own log
	MemoryBytes       uint64 // caches and buffers
	CacheHits         int64
	CacheMisses       int64
	Compactions       int64
	CompactionDebt    uint64 // bytes that wait to be compacted
	Flushes           int64
	ReadAmplification int
	Detail            string // a table for people
}
