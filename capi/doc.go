// Command capi is the shared library: the C interface of argon.h over
// core/client.
//
// It owns the handles (registry.go), the jobs (job.go), the guard that turns
// panics into errors (guard.go), the translation of errors into error documents
// (status.go), and the Arrow streams (arrow.go, insert.go). argon.h is the
// specification; exports.go and argon.c only carry its calls here.
//
// A call passes three layers. argon.c holds the functions of the header and
// refuses calls in a forked child before they could enter the Go runtime.
// exports.go turns C types into Go types, copies what must outlive the call and
// fills the caller's buffer. The rest is plain Go, and tested as such.
//
// Promises:
//
//  1. No Go pointer crosses to C: clients and jobs are numbers in registry.go.
//  2. Bytes from the caller are used during the call only; what runs on after it,
//     in a job, gets a copy. core/command validates commands, and nothing else
//     here reads broken BSON.
//  3. Each export, and each goroutine started here, recovers panics. The first
//     one poisons the library: later calls fail with LibraryPanicked.
//  4. A reply that does not fit the caller's buffer is kept as a finished job.
//     A command never runs twice.
//  5. Closing a client cancels its commands and waits until they have ended, so
//     that nothing uses the store afterwards.
//
// Read argon.h, exports.go, registry.go, job.go, arrow.go.
package main
