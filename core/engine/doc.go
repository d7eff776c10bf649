// Package engine is the façade over the versioned store: projects, branches,
// tags, reads at any moment, writes, transactions, diff, merge, undo, history
// and garbage collection. It is the only package that picks a backend.
//
// Nouns:
//
//   - Store: one open directory.
//   - Snapshot: a read-only view of a branch at one LSN.
//   - Txn: a snapshot plus pending writes; committing it is one commit with one
//     LSN. Write runs a function in one under the branch's lock; Begin hands
//     one out for an interactive transaction, which is optimistic.
//   - Both are Readers: every query runs on either.
//
// Promises:
//
//  1. A Write or Commit that returned nil is durable, whole, and visible to
//     every later Snapshot of the branch. One that returned an error left
//     nothing, except where its error says that it may have been applied.
//  2. A Snapshot never changes, whatever is written, merged, restored or
//     deleted beside it, until Close.
//  3. Creating, restoring and deleting a branch write a constant number of
//     keys, whatever the size of the data.
//  4. Documents handed in are copied before the call returns; documents handed
//     out by a cursor are valid until its next Next or Close.
//  5. Every error is an *errs.Error.
//
// Read api.go, then store.go, refs.go, read.go (find.go, source.go), txn.go
// (write.go, catalog.go), versions.go (diff.go, merge.go, ancestor.go, undo.go), gc.go.
//
// Change streams are in watch.go: a feed (feed.go) gives a branch's commits in
// order, unfold.go makes events of one, watchevent.go documents of those.
package engine
