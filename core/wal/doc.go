// Package wal owns the log: what one commit says about itself.
//
// The log is not a journal to replay. A commit's versions and its log record
// are one atomic batch of the key-value store, whose own journal makes both
// durable. The record says who did what to which documents, when and why; the
// documents' states stand in the versions. So history, diff, merge and undo
// read the log to learn what was touched, and versions to learn what it was.
//
// Promises:
//
//  1. The encoding is frozen (record.go draws it, golden tests hold it), and
//     decoding any bytes at all gives a record or StoreCorrupt, never a panic.
//  2. A record survives encoding and decoding bit for bit.
//  3. A record does not know what Changes mean: they are core/update's.
//
// Read ids.go, then record.go, then decode.go.
package wal
