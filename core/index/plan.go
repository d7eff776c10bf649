package index

import (
	"github.com/argon-lab/argon/core/bsonraw"
)

// Kind is how a plan reaches its documents.
type Kind uint8

// The kinds.
const (
	// CollScan reads the whole collection, in _id order.
	CollScan Kind = iota
	// IDLookup reads the documents of Plan.IDs, by point reads.
	IDLookup
	// IDRange reads Plan.Ranges of the collection, whose keys are
	// bsonraw.AppendKey of the _id.
	IDRange
	// IndexScan reads Plan.Ranges of Plan.Index, and a document for each entry.
	IndexScan
	// Union reads each of Plan.Children, dropping documents already seen.
	Union
	// Nothing matches no document; nothing is read.
	Nothing
)

// Range is the keys k with Lo <= k < Hi, in byte order. Nil is open.
type Range struct{ Lo, Hi []byte }

// Index is an index that a collection has, with what the engine knows of it.
type Index struct {
	*Definition
	Multikey Multikey
}

// Request is what to plan for.
type Request struct {
	Filter bsonraw.Doc // nil or empty: everything. Must have compiled
	Sort   bsonraw.Doc // nil or empty: any order. Must have compiled
	// Indexes that may be used, in the catalog's order, without the _id index,
	// which is the collection itself. Hidden ones are left out by Choose.
	Indexes []Index
	// Hint is an index's name (string), its key pattern (object), {$natural:
	// ±1}, or missing.
	Hint bsonraw.Value
	// Limit is how many documents are wanted, 0 for all. It only breaks ties.
	Limit int64
}

// Plan is how to find the documents of a filter. The filter must be applied to
// each document found unless Exact.
type Plan struct {
	Kind   Kind
	Index  *Definition     // of an IndexScan
	IDs    []bsonraw.Value // of an IDLookup: distinct, in scan order
	Ranges []Range         // of an IDRange or IndexScan: disjoint, ascending by bytes
	// Reverse reads the ranges from the last to the first, each backwards (an
	// IDLookup's IDs are in that order already).
	Reverse bool
	// SortProvided says that documents come in the order of Request.Sort.
	SortProvided bool
	// Dedup says that a document may come more than once; all but its first
	// appearance must be dropped.
	Dedup bool
	// Exact says that the ranges hold the matching documents and no others.
	Exact bool
	// Children are the plans of a Union.
	Children []*Plan

	bounds   []partBounds // of an IDRange or IndexScan, by part, for Explain
	multikey Multikey
}

type partBounds struct{}

// Choose makes the plan for a request. It fails only for a hint that names no
// index (error BadValue).
func Choose(r *Request) (*Plan, error) { return &Plan{Kind: CollScan}, nil }

// Scan returns the plan that reads the whole collection, for callers that have
// no filter.
func Scan(reverse bool) *Plan { return &Plan{Kind: CollScan, Reverse: reverse, Exact: true} }
