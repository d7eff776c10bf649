// Package mvcc keeps every version of every document in an ordered key-value
// store, and reads any branch at any commit.
//
// It owns the layout of versions, index entries, the log and the store's state
// (key.go), commits and their numbers (commit.go, state.go), views of a lineage
// (view.go, scan.go, cursor.go), the history of one document and of a segment
// (history.go, log.go), garbage collection (gc.go) and the consistency check
// (check.go, check_index.go).
//
// What it keeps in memory only saves work, and can be dropped at any time:
// iterators (pool.go), the last small commits (recent.go), which segments
// touched which collections (touch.go), and the names in small segments of deep
// lineages (names.go, ancestry.go).
//
// Promises:
//
//  1. A commit is visible whole to every view made after Apply returned, and
//     to no view made before; it is durable whole once its wait returned, or
//     it never was.
//  2. LSNs ascend in the order of commits, times never descend, and an LSN that
//     anybody can have seen is never given to another commit, over a crash as
//     well.
//  3. What a view shows never changes while it lives, whatever is committed,
//     collected or compacted meanwhile. Garbage collection takes from it only
//     what the pins it was given do not see.
//  4. A read costs the same at an old LSN as at the newest. It does not depend on
//     how many branches there are, and hardly on how deep a lineage is.
//  5. Damaged bytes are errors of code StoreCorrupt, never absent documents.
//
// Reading order: key.go, commit.go, walk.go, merge.go, cursor.go, view.go,
// ancestry.go, patch.go.
package mvcc
