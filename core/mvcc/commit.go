package mvcc

import (
	"github.com/argon-lab/argon/core/bsonraw"
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
// at most one index write an entry. The caller keeps the bytes and may reuse
// them once Apply has returned.
type Commit struct {
	Segment     SegmentID
	Writes      []Write
	IndexWrites []IndexWrite
	// Record is written to the log of Segment; nil writes none. Its LSN and
	// Time are set by Apply.
	Record *wal.Record
	Refs   []RefWrite
	// Finish, if set, is called under the commit lock once LSN and time are
	// assigned, and returns further ref records, which may contain them. It
	// must be quick and must not call the store.
	Finish func(lsn LSN, timeMs int64) []RefWrite
}

// Version is one state of a document.
type Version struct {
	LSN     LSN
	Segment SegmentID
	Doc     bsonraw.Doc // nil: deleted
}
