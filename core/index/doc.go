// Package index owns secondary indexes: what a definition may say, which keys a
// document has in an index, and how a filter and a sort are answered with the
// indexes that a collection has.
//
// It knows nothing of storage. Keys and bounds are bytes in the encoding of
// bsonraw.AppendKey (AppendKeyDesc for a descending part), one after another;
// the engine stores and scans them.
//
// Promises:
//
//  1. ParseDefinition accepts what mongod 6.0 accepts, minus text, 2d, 2dsphere,
//     hashed, wildcard, TTL and collated indexes, each refused by name, and
//     answers with mongod's error codes.
//  2. Keys gives exactly the keys that mongod's B-tree would hold: one per
//     combination of array elements, undefined for an empty array, null for a
//     missing field, nothing where sparse or partial exempt the document. Keys
//     are distinct and ascending.
//  3. A Plan is sound: the documents of its ranges, with the filter applied to
//     each, are all the documents of the collection that the filter matches,
//     whatever arrays the documents hold, provided the engine records for each
//     index the union of the Multikey values that Keys returned.
//  4. A Plan is deterministic: the same definitions (in the same order), filter
//     and sort give the same plan. There are no statistics and no trial runs.
//  5. When Plan.SortProvided is set, the documents come in the order of the
//     sort (after dropping repeated documents where Plan.Dedup is set).
//
// Read definition.go and parse.go (what an index is), keys.go (the keys of a
// document), then bounds.go (intervals of values), predicate.go (what a filter
// says about a path), candidate.go and choose.go (the planner), explain.go.
package index
