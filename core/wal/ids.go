package wal

// LSN is a log sequence number: one for each commit of a store, ascending,
// never used twice. Zero is before every commit.
type LSN uint64

// MaxLSN is above every LSN that a store can reach.
const MaxLSN LSN = 1<<56 - 1

// SegmentID names a segment: the versions written on one branch between its
// creation, or restoration, and its end. Zero is no segment.
type SegmentID uint64

// CollectionID names a collection, in all segments of its project.
type CollectionID uint32

// IndexID names a secondary index, in all segments of its project.
type IndexID uint32

// ProjectID names a project. A deleted project's is not used again.
type ProjectID uint32
