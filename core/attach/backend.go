package attach

import (
	"context"
	"net"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/wire"
)

// Options of Open and Dial.
type Options struct {
	// Actor and Message stand in the log for commits that do not say otherwise.
	Actor, Message string
	// APIKey is what a server takes for a user and a password.
	APIKey string
	// ReadOnly opens the store for reading only.
	ReadOnly bool
	// CacheBytes is the memory for blocks of the store, where this process hosts
	// it; 0 is the default.
	CacheBytes int64
	// Services is called each time this process comes to host the store, before
	// others can attach. What it returns is called before the store is closed.
	Services func(context.Context, *engine.Store, *command.Dispatcher) (stop func())

	certificate bool // the client shows one
}

// Backend is a store, wherever it is. Its methods may be called from any number
// of goroutines.
type Backend interface {
	// Run runs a command and returns its reply, which is the caller's.
	Run(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error)
	// AppendFirst appends the first document of the cursor that a command answers
	// with to dst, or nothing if there is none.
	AppendFirst(ctx context.Context, db string, cmd bsonraw.Doc, dst []byte) ([]byte, error)
	// OpenCursor runs a command that answers with a cursor and returns all its
	// documents as one stream.
	OpenCursor(ctx context.Context, db string, cmd bsonraw.Doc) (engine.Cursor, error)
	// OpenSource is OpenCursor for a reader that may need the stream twice.
	OpenSource(ctx context.Context, db string, cmd bsonraw.Doc) (Source, error)
	// Place says where the store is now.
	Place(ctx context.Context) (Place, error)
	// Parser is a session to parse commands with that run in the client.
	Parser() *command.Session
	// Server serves the store, if this process hosts it, else nil.
	Server() *wire.Server
	// Hosting reports whether this process has the store open itself.
	Hosting() bool
	// Reach returns what runs the commands of a client that comes to this process:
	// a dispatcher, or a connection to the process that hosts the store.
	Reach(ctx context.Context) (*command.Dispatcher, net.Conn, error)
	// Close gives the store up.
	Close() error
}

// Source is a query pinned to one snapshot. Close it after its cursors, of which
// one may be open at a time.
type Source interface {
	Open(ctx context.Context) (engine.Cursor, error)
	// Repeatable reports whether opening again gives the same documents.
	Repeatable() bool
	// Parts returns the query in parts that may be read at the same time, and
	// together give what Open gives; nil if it has none.
	Parts(ctx context.Context) ([]engine.OpenFunc, error)
	Close() error
}

// Place is where a store is, and who hosts it.
type Place struct {
	Hosting bool      // by this process
	Dir     string    // of the store; "" if it is behind a network address
	Address string    // the path of the host's socket, or host:port; "" if there is none
	TLS     bool      // it is spoken at the address
	PID     int       // the host's process
	Command string    // its command line
	Since   time.Time // since when it is the host
}
