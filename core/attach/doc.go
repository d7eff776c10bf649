// Package attach lets many processes use one store. The first to open it hosts
// it: it has the lock, the engine, and a server on a Unix socket for the others,
// which attach. When the host ends, one of the others takes its place. A store
// behind argon://host:port is used by the same means, only that its server's
// place is never taken.
//
// It owns what a process announces and how others find it (rendezvous.go,
// socket.go), connections and what is known of a command when one breaks
// (conn.go, message.go), a set of connections to one host (link.go), and whether it
// is stopped (pulse.go, stopped_*.go), commands
// and streams over them (remote.go, statements.go, stream.go), the host's side
// (host.go), and who sits where (shared.go: the state machine). peer_*.go ask the
// system who is at the other end of a socket.
//
// A process is in one of these states:
//
//	          host()
//	joining ─────────> hosting ──close──> closed
//	   ^  \  attach()
//	   │   ─────────> attached ──close──> closed
//	   └── host lost ──┘
//
// Joining tries to take the lock, then to attach to who has it, and again until
// one of the two works or waiting has no sense. An attached process sees the end
// of its host by a connection that it keeps for that, and joins at once, whether
// or not it has anything to do.
//
// The lock file names the process that has the lock and a token that it made up
// for this opening of the store; the rendezvous file, HOST.argon, names the
// socket and repeats the token. A rendezvous file whose token is not the lock's
// is an old one, and so is a socket whose server does not know the token.
//
// Promises:
//
//  1. At most one process has a store open for writing, whoever dies when.
//  2. A command whose host is lost is carried out once, or fails: reads and
//     repeatable commands run again; writes and other commands of one commit,
//     which the store remembers, are sent again under the same numbers; for all
//     others the error HostLost says that they may have been carried out, and how
//     to find out.
//  3. What a host acknowledged is there at the next one.
//  4. Only processes of the same user attach, and only to a process of that user.
//  5. A context that ends stops the command at the host, too.
//  6. A process that cannot attach is told by whom the store is held and why it
//     cannot be shared. Nobody takes the place of a host that is alive; that one
//     does not answer is said after a while.
//
// Read shared.go, then rendezvous.go, link.go, remote.go.
package attach
