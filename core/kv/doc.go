// Package kv is the contract between Argon and the store that keeps its bytes.
//
// It owns the interfaces (kv.go), the rule that splits a key into prefix and
// version (key.go), and the checker that holds a backend to the contract
// (contract.go). The one backend is pebblekv; the conformance suite in
// backends_test.go is what a second one has to pass.
//
// Promises that every backend makes:
//
//  1. Keys are ordered by their bytes, and nothing else.
//  2. A batch is applied whole or not at all, also over a crash. Batches are
//     made durable in the order in which they were applied: if one survives,
//     so does every one before it.
//  3. What Apply returned from is seen by every iterator and snapshot made
//     later, and by none made earlier.
//  4. Stored bytes that do not check out are an error of code StoreCorrupt,
//     never an absent key. Every error is from core/errs.
//  5. Nothing panics for what the disk does.
//
// Nothing here says that a store is a directory or belongs to one process: a
// backend may be a cluster. Read kv.go first.
package kv
