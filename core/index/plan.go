package index

import (
	"bytes"

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
	// IndexScan reads Plan.Ranges of Plan.Index, and a document for each entry
	// that Plan.Accepts.
	IndexScan
	// Union reads each of Plan.Children, dropping documents already seen.
	Union
	// Nothing matches no document; nothing is read.
	Nothing
)

// Range is the keys k with Lo <= k < Hi, in byte order. Nil is open.
type Range struct{ Lo, Hi []byte }

func (r Range) holds(key []byte) bool {
	return bytes.Compare(r.Lo, key) <= 0 && (r.Hi == nil || bytes.Compare(key, r.Hi) < 0)
}

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
	// Limit is how many documents are wanted, 0 for all.
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
	// Exact says that the ranges hold (of the keys that Accepts lets through)
	// the matching documents and no others.
	Exact bool
	// Children are the plans of a Union.
	Children []*Plan

	parts    []KeyPart   // of an IDRange or IndexScan
	bounds   []intervals // by part
	checks   []check     // parts that Ranges say nothing of
	multikey Multikey
}

// check is the condition on one part of an index key, as ranges of its bytes.
type check struct {
	part   int
	ranges []Range
}

// Accepts reports whether the entry with this key may belong to a matching
// document, from those parts of the key that Ranges do not cover. Entries that
// it rejects need not be read.
func (p *Plan) Accepts(key []byte) bool {
	part := 0
	for _, c := range p.checks {
		for ; part < c.part; part++ {
			n, ok := keySize(key, p.parts[part].Desc)
			if !ok {
				return true
			}
			key = key[n:]
		}
		if !c.holds(key) {
			return false
		}
	}
	return true
}

func (c *check) holds(key []byte) bool {
	for _, r := range c.ranges {
		if r.holds(key) {
			return true
		}
	}
	return false
}
