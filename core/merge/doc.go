// Package merge merges and undoes changes of single documents: pure functions,
// no storage.
//
// It owns the three-way merge by field that knows which operators commute, the
// rules by which a collection may choose coarser or finer conflicts, the
// resolution of conflicts, and the reversal of past changes (undo).
//
// Promises:
//
//  1. A conflict is never silent. Two sides that touched one path conflict,
//     even where they wrote the same value, unless the rule says otherwise or
//     every write to it on both sides came from one operator that commutes.
//  2. Symmetric: with ours and theirs exchanged, the same conflicts arise, with
//     sides exchanged, and the same document up to the order of fields and of
//     pushed elements.
//  3. update.ApplyChanges(ours, Result.Changes) is Result.Doc, bit for bit.
//  4. Operators stay operators in Result.Changes, so that the merge itself
//     commutes with what a third branch does.
//
// Read merge.go, then touch.go, resolve.go and revert.go.
package merge
