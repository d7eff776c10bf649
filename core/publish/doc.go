// Package publish writes what a branch changed back to a live MongoDB, and
// brings a live MongoDB back to a past moment of a branch. Both are the same
// thing: the differences between two moments, a base and a target, done to a
// third place which may have moved on since the base.
//
// Nouns:
//
//   - Step: one document of the target: its pre-image and its post-image, either
//     of which may be absent.
//   - Guard: what a write demands of the live document, in the write's own
//     filter: its touched paths, or all of it, are still those of the base.
//   - Conflict: a step whose guard does not hold. It is shown and never written.
//   - Batch: steps that are written together: one transaction, where the server
//     has them.
//   - Journal: settings of the store that hold a publish's batches and how far it
//     has come. Written durably before what they speak of happens.
//
// Promises:
//
//  1. A write never replaces a value that the base did not have there: the guard
//     compares values with their types, the order of fields, and null against
//     missing, bit for bit as far as a filter of MongoDB can tell (guard.go says
//     how far that is), and in a transaction bit for bit.
//  2. Nothing is written to the target that the journal does not hold. A publish
//     that was cut off, anywhere, can be resumed, and does each step once.
//  3. What was written can be rolled back from the pre-images, under the same
//     guards: what others wrote since stays, and is listed.
//  4. Memory does not grow with the number of changes.
//  5. No password enters the journal.
//  6. Every error is an *errs.Error.
//
// Read publish.go (the doors), changes.go (what differs), plan.go and live.go
// (against the live target), guard.go and statement.go (how it is written),
// journal.go, apply.go, ordered.go, recover.go, rollback.go, catalog.go.
package publish
