package mvcc

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/kv"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/wal"
)

var errPending = errs.New(errs.NotSupported, "being written")

// Store is the versioned store.
type Store struct{ kv kv.Store }

// Open opens the versioned store in a key-value store, which it takes over.
func Open(s kv.Store) (*Store, error) { return &Store{kv: s}, nil }

// Close closes the store and the key-value store below.
func (s *Store) Close() error { return s.kv.Close() }

// LastLSN returns the LSN of the newest applied commit.
func (s *Store) LastLSN() LSN { return 0 }

// LastTime returns the time of the newest applied commit, milliseconds since 1970.
func (s *Store) LastTime() int64 { return 0 }

// AllocSegment, AllocCollection, AllocIndex and AllocProject return an id never
// used before. It becomes durable with the next commit, so an id that no
// commit used may be given again after a restart.
func (s *Store) AllocSegment() SegmentID       { return 0 }
func (s *Store) AllocCollection() CollectionID { return 0 }
func (s *Store) AllocIndex() IndexID           { return 0 }
func (s *Store) AllocProject() ProjectID       { return 0 }

// Apply assigns the commit's LSN and time, applies it and returns before it is
// durable: wait returns once it is, and must be called exactly once.
func (s *Store) Apply(ctx context.Context, c *Commit) (lsn LSN, wait func() error, err error) {
	return 0, nil, errPending
}

// GetRef returns a copy of a ref record.
func (s *Store) GetRef(key []byte) (value []byte, ok bool, err error) { return nil, false, errPending }

// ScanRefs calls fn for each ref record in [lo, hi), in order, until it returns
// an error or false. Key and value are good only during the call.
func (s *Store) ScanRefs(lo, hi []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	return errPending
}

// Segment returns a segment's record (they never change, and are cached).
func (s *Store) Segment(id SegmentID) (refs.Segment, error) { return refs.Segment{}, errPending }

// Lineage returns what a branch on this segment can see at an LSN.
func (s *Store) Lineage(id SegmentID, at LSN) (Lineage, error) { return nil, errPending }

// HeadLSN returns the newest commit in a segment, zero if it has none.
func (s *Store) HeadLSN(id SegmentID) (LSN, error) { return 0, errPending }

// BulkIndexEntry is an index entry of a version that exists already.
type BulkIndexEntry struct {
	Segment SegmentID
	LSN     LSN
	IndexWrite
}

// BulkIndex writes entries at given LSNs, unsynced.
func (s *Store) BulkIndex(ctx context.Context, entries []BulkIndexEntry) error { return errPending }

// LSNAt returns the newest commit visible in the lineage at or before t.
func (s *Store) LSNAt(l Lineage, t time.Time) (LSN, bool, error) { return 0, false, errPending }

// LSNBack returns the commit n commits before the newest that the lineage sees.
func (s *Store) LSNBack(l Lineage, n uint64) (LSN, bool, error) { return 0, false, errPending }

// ReadLog iterates over the log of one segment, LSNs in (from, to].
func (s *Store) ReadLog(seg SegmentID, from, to LSN, reverse bool) *LogCursor { return &LogCursor{} }

// GetRecord returns the log record of a commit.
func (s *Store) GetRecord(seg SegmentID, lsn LSN) (*wal.Record, bool, error) {
	return nil, false, errPending
}

// LogCursor iterates over log records.
type LogCursor struct{}

func (c *LogCursor) Next() bool          { return false }
func (c *LogCursor) Record() *wal.Record { return nil } // valid until Next; Clone to keep
func (c *LogCursor) LSN() LSN            { return 0 }
func (c *LogCursor) Raw() []byte         { return nil }
func (c *LogCursor) Err() error          { return errPending }
func (c *LogCursor) Close() error        { return nil }

// Versions returns all versions of a document, newest first, tombstones included.
func (s *Store) Versions(l Lineage, c CollectionID, idKey []byte) ([]Version, error) {
	return nil, errPending
}

// SegmentVersions iterates over all versions that a segment wrote in (from, to].
func (s *Store) SegmentVersions(seg SegmentID, c CollectionID, from, to LSN) *VersionCursor {
	return &VersionCursor{}
}

// Touched reports whether a segment ever wrote to a collection.
func (s *Store) Touched(seg SegmentID, c CollectionID) (bool, error) { return false, errPending }

// VersionCursor iterates over versions: ids ascending, LSNs descending.
type VersionCursor struct{}

func (c *VersionCursor) Next() bool       { return false }
func (c *VersionCursor) IDKey() []byte    { return nil }
func (c *VersionCursor) Version() Version { return Version{} }
func (c *VersionCursor) Err() error       { return errPending }
func (c *VersionCursor) Close() error     { return nil }

// View reads a lineage. It belongs to one goroutine.
type View struct{}

// NewView returns a view of a lineage.
func (s *Store) NewView(l Lineage) *View { return &View{} }

// Close releases the view. Its cursors must be closed before.
func (v *View) Close() {}

// Lineage returns what the view reads.
func (v *View) Lineage() Lineage { return nil }

// Get returns the visible version of a document; its bytes are good until the
// view's next call.
func (v *View) Get(c CollectionID, idKey []byte) (Version, bool, error) {
	return Version{}, false, errPending
}

// Latest returns the LSN of the newest visible version, deletions included.
func (v *View) Latest(c CollectionID, idKey []byte) (LSN, bool, error) { return 0, false, errPending }

// ExistsSorted returns the places in idKeys, which ascend, of the documents
// that exist.
func (v *View) ExistsSorted(c CollectionID, idKeys [][]byte) ([]int, error) { return nil, errPending }

// Scan returns a cursor over the documents with lo ≤ idKey < hi, nil meaning open.
func (v *View) Scan(c CollectionID, lo, hi []byte, reverse bool) *Cursor { return &Cursor{} }

// ScanIndex returns a cursor over the entries of an index with lo ≤ key < hi,
// where key is the encoded fields followed by the idKey.
func (v *View) ScanIndex(c CollectionID, ix IndexID, lo, hi []byte, reverse bool) *IndexCursor {
	return &IndexCursor{}
}

// Cursor walks documents in the order of their idKeys.
type Cursor struct{}

func (c *Cursor) Next() bool         { return false }
func (c *Cursor) IDKey() []byte      { return nil }
func (c *Cursor) Doc() bsonraw.Doc   { return nil }
func (c *Cursor) LSN() LSN           { return 0 }
func (c *Cursor) Segment() SegmentID { return 0 }
func (c *Cursor) Seek(idKey []byte)  {} // the next Next moves to the first at or beyond (reverse: at or before) idKey
func (c *Cursor) Pause()             {} // gives up resources until the next Next, which goes on where it stood
func (c *Cursor) Err() error         { return errPending }
func (c *Cursor) Close() error       { return nil }

// IndexCursor walks index entries in the order of their keys.
type IndexCursor struct{}

func (c *IndexCursor) Next() bool      { return false }
func (c *IndexCursor) Key() []byte     { return nil } // encoded fields and idKey
func (c *IndexCursor) IDKey() []byte   { return nil }
func (c *IndexCursor) LSN() LSN        { return 0 }
func (c *IndexCursor) Seek(key []byte) {}
func (c *IndexCursor) Pause()          {}
func (c *IndexCursor) Err() error      { return errPending }
func (c *IndexCursor) Close() error    { return nil }

// DropSegment removes everything that a segment wrote, its log included.
func (s *Store) DropSegment(ctx context.Context, seg SegmentID) error { return errPending }

// DropIndex removes all entries of an index in these segments.
func (s *Store) DropIndex(ctx context.Context, segs []SegmentID, c CollectionID, ix IndexID) error {
	return errPending
}

// Pins says which moments of a segment must stay readable.
type Pins struct {
	Segment SegmentID
	LSNs    []LSN // ascending; versions visible at one of them stay
	Root    bool  // the segment has no parent: a tombstone with nothing below can go
}

// GCStats says what a garbage collection removed, or would remove.
type GCStats struct {
	Versions     int64
	IndexEntries int64
	LogRecords   int64
	Segments     int64
	Bytes        int64 // keys and values, before compression
}

// RemoveVersions removes versions that no pin sees.
func (s *Store) RemoveVersions(ctx context.Context, pins []Pins, dryRun bool) (GCStats, error) {
	return GCStats{}, errPending
}

// Metrics returns what the key-value store knows about itself.
func (s *Store) Metrics() kv.Metrics { return s.kv.Metrics() }

// Checkpoint writes a copy of the store to a new directory.
func (s *Store) Checkpoint(dir string) error { return s.kv.Checkpoint(dir) }

// Compact rewrites everything into its smallest form.
func (s *Store) Compact() error { return s.kv.Compact(nil, nil) }

// Flush makes everything applied so far durable.
func (s *Store) Flush() error { return s.kv.Flush() }
