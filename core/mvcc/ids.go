package mvcc

import "github.com/argon-lab/argon/core/wal"

// The names of things are the log's (core/wal); these save an import.
type (
	// LSN is a log sequence number.
	LSN = wal.LSN
	// SegmentID names a segment.
	SegmentID = wal.SegmentID
	// CollectionID names a collection.
	CollectionID = wal.CollectionID
	// IndexID names a secondary index.
	IndexID = wal.IndexID
	// ProjectID names a project.
	ProjectID = wal.ProjectID
)

// MaxLSN is above every LSN: a span up to it sees all of its segment.
const MaxLSN = wal.MaxLSN

// Span is a part of a lineage: what a segment wrote up to an LSN.
type Span struct {
	Segment SegmentID
	Max     LSN
}

// Lineage is what a branch at an LSN can see: spans, leaf first.
type Lineage []Span
