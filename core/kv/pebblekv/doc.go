// Package pebblekv keeps a kv.Store in a directory, with Pebble.
//
// It owns the directory: the file FORMAT that says what it is (format.go), the
// lock that says whose it is (lock.go), the seal that tells whether it was
// closed in order and is still as it was left (seal.go), the journal that makes
// small commits durable (journal.go, recovery.go), and Pebble's files in
// the folder "data". It is the only package that imports Pebble.
//
//	FORMAT       "argon store 1", and a checksum
//	LOCK.argon   process, host and command of the one that has it open
//	SEAL         present while the store is closed in order
//	JOURNAL      small commits that Pebble may not have on disk yet
//	RUN-n        tables on their way into Pebble (run.go)
//	data/        Pebble's
//
// Promises:
//
//  1. Those of package kv.
//  2. A directory that holds anything else is never written to.
//  3. Two stores are never open on one directory, not even in one process or
//     by two copies of this library in it; read-only ones may share it.
//  4. Pebble never ends the process. Once a write of its log or manifest has
//     failed, nothing reaches the disk any more (fence.go), and every call
//     answers with the reason until the store is opened again.
//  5. A write that the disk has no room for is refused before it begins, so
//     that a full disk leaves a store that still reads (space.go).
//
// Read open.go, then store.go, options.go.
package pebblekv
