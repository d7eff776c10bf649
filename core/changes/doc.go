// Package changes knows the shapes of change streams, and no storage: resume
// tokens, the two-way mapping of LSNs and MongoDB's cluster times, and the
// description of an update.
//
// Times. MongoDB names a point in the history of a deployment by a Timestamp, 32
// bits of seconds and a 32-bit counter, in operationTime, $clusterTime,
// atClusterTime and startAtOperationTime. Here it is
//
//	Timestamp(second of the commit, low 32 bits of its LSN)
//
// Commit times never decrease with the LSN, so Timestamps order as LSNs do, and
// drivers that compare them are right. Both ways of using one work: a Timestamp
// that a reply gave leads back to exactly its LSN, and one that a person makes
// up of a wall clock, Timestamp(an hour ago, 1), means what it says. In a store
// of fewer than 4,294,967,296 commits the counter is the LSN. Beyond, the first
// commit of each further 2^32 begins a new second (core/mvcc sees to it), so
// that the order holds and the missing bits follow from the second. Rejected:
// the LSN itself as 64 bits, whose seconds would all be in 1970, which breaks
// every program that shows them, or starts a stream an hour ago.
//
// Tokens. A resume token is {_data: "…"}: a string in hexadecimal whose order is
// the order of events (token.go draws it).
//
// Promises:
//
//  1. The token's format is frozen; golden tests hold it. Any string is either a
//     token or an error.
//  2. Tokens sort as strings as their events follow one another.
//  3. Applied to the state before, a description gives the state after. Its
//     shape is MongoDB's: what an operator touched, by path; what a pipeline
//     did, by the difference, and whole where the difference is no smaller.
//
// Read time.go and token.go, then describe.go and difference.go.
package changes
