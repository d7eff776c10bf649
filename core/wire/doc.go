// Package wire serves MongoDB's wire protocol over the commands of package
// command. It owns connections and nothing of what commands mean.
//
// It owns the server (server.go: listeners, connections, draining), one
// connection's loop (conn.go), the answer to one message (answer.go), the
// handshake (hello.go), the pulse that looks after connections that are busy
// (pulse.go, hangup_*.go), the way to and from a server whose store another process
// hosts (relay.go), and counters (metrics.go).
//
// One goroutine serves a connection: it reads a message, runs the command and
// writes the reply, with one system call each. While it runs a command nobody
// reads from the socket, so the pulse, one goroutine for the whole server, asks
// the system about connections that have been busy for a while, and cancels the
// command of a client that has gone.
//
// Promises:
//
//  1. Whatever bytes a client sends, it gets an error or its connection is
//     closed. No client makes the server panic, hang, or use more memory than
//     the message limit for each connection; and none slows down another. The
//     limit is higher for Argon's own clients, once they may do something at all.
//  2. A connection that waits for its client keeps some ten kilobytes: buffers
//     go back to a pool before it waits.
//  3. When a client goes, its running command is canceled, and its transactions
//     and cursors end unless it comes back for them on another connection soon.
//  4. Shutdown lets running commands answer, tells monitoring drivers to look
//     elsewhere, and then closes.
//  5. No command, document or credential is logged.
//
// Read server.go, conn.go, answer.go.
package wire
