// Package command is the one door through which everything outside reaches the
// engine: a registry of commands, BSON in and BSON out, in MongoDB's shapes
// and with MongoDB's error codes. The C library, the wire server and the Go
// SDK hand their bytes to a Dispatcher and do nothing of their own.
//
// It owns the table of commands (registry.go, one file per command or small
// family), the declarative reading of their fields (fields.go, generic.go),
// replies (reply.go, batch.go), open cursors (cursors.go), and logical
// sessions with their transactions, retryable writes and other commands of one
// commit (session.go, txn.go, retry.go, once.go), change streams and times (changestream.go, readconcern.go).
//
// A command is a definition: a name, a table of fields that fill a struct, and
// a function. One that streams has an open function instead, which returns a
// stream; the first batch, getMore and the Arrow reader are made from it.
//
// Database names are project[~branch[~moment]]. One at a moment is read only.
//
// Promises:
//
//  1. Every name in the registry does what its help says or answers with an
//     error that names what is missing. No field is accepted and ignored,
//     except those in generic.go and those marked so in their table, each with
//     its reason.
//  2. Every error is an *errs.Error; ErrorReply makes the document of one.
//  3. The command's bytes are validated once, here, and are not kept after Run
//     returns. The reply belongs to the caller.
//  4. A write that returned without error is durable. A retryable write that
//     is sent again under its transaction number is not applied twice; nor is,
//     from Argon's own clients, any other command that is one commit.
//  5. A Session and a Dispatcher may be used by any number of goroutines.
//
// Read registry.go and fields.go, then find.go and insert.go as examples, then
// dispatcher.go.
package command
