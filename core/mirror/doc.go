// Package mirror follows a live MongoDB: it copies databases into branches once
// and then applies their change streams, event by event, so that a branch holds
// every state that the source went through, at the source's own times.
//
// It owns the definitions of mirrors and the tasks that run them. What the
// engine does for it is a protected branch, commits that carry the source's
// time (engine.Replica), and settings in the same commit.
//
// Promises:
//
//  1. The resume token is in the commit of what it covers. Whatever is killed,
//     at whatever moment, no event is lost and none is applied twice.
//  2. A document's states are those that the source's log has, in its order: an
//     update is applied to our own last version, and nothing is looked up that
//     may be newer. The exceptions (an event over 16 MB, a truly ambiguous
//     path) are re-read from the source, at the event's own cluster time while
//     the source has a snapshot of it, and their commits say so.
//  3. A transaction of the source is one commit.
//  4. What cannot be held (a kind of index, a document, a change that streams do
//     not show) is kept as a note and shown in the status, never dropped
//     silently.
//  5. Where the source's log no longer reaches back to where we were, the branch
//     gets a commit that says so, and the difference is found by comparison and
//     recorded as a commit labelled as such.
//  6. A password is in the stored definition and in no message, log or status.
//
// A mirror has a lane for each database: its own stream, token and branch.
// Nothing is shared between lanes but the connection.
//
// How the first copy is exact: every range of _ids is read at a cluster time,
// usually one for all; events up to that time are not applied to that range, and
// later ones are. So a copy that was cut off, or outlived the source's snapshots,
// goes on with a newer time for what is left.
//
// Read definition.go, manager.go, lane.go; then copy.go (scan.go, gather.go) and
// stream.go; then
// apply.go and delta.go.
package mirror
