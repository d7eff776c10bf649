package command

import (
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// Session is one client at a door: a connection of the wire server, a handle of
// the C library, a Client of the SDK. Its cursors that belong to no logical
// session, and its transactions, end with it.
type Session struct {
	d    *Dispatcher
	opts SessionOptions
	last atomic.Pointer[parsedRef]
	app  atomic.Pointer[string] // what the client calls itself in its hello
	who  atomic.Pointer[identity]

	saslMu sync.Mutex
	sasl   *auth.Conversation // that the client is in the middle of

	attached atomic.Pointer[attachedClient] // of a connection that is one of several
	hangUp   atomic.Bool                    // a fail point wants the connection closed
}

// SessionOptions say who the client is.
type SessionOptions struct {
	// Actor and Message stand in the log for commits whose command does not say
	// otherwise in $argon.
	Actor, Message string
	// Remote is the client's address, as whatsmyuri and currentOp say it.
	Remote string
	// Address is the server's own, as its hello says it.
	Address string
	// User is who uses the session where nobody authenticates in it. A cursor can
	// be used by the user who opened it only.
	User string
	// Authenticate makes the client authenticate before it may do anything, and
	// limits it to what its roles grant.
	Authenticate bool
	// Loopback says that the client is on the same machine: it may make the
	// first user.
	Loopback bool
	// Client is what an authentication needs to know of the connection.
	Client auth.Client
	// NumbersAll lets retryable writes be for many documents too, and lets
	// commands that are one commit have numbers.
	NumbersAll bool
	// ReadOnly refuses commands that change anything.
	ReadOnly bool
	// ClusterTime adds $clusterTime and operationTime to replies, for drivers.
	ClusterTime bool
}

// AppName is what the client has called itself in its hello.
func (s *Session) AppName() string {
	if p := s.app.Load(); p != nil {
		return *p
	}
	return ""
}

// NewSession returns a session for a client. Close it when the client goes.
func (d *Dispatcher) NewSession(o SessionOptions) *Session { return &Session{d: d, opts: o} }

// Close ends what the client left open.
func (s *Session) Close() {
	if a := s.attached.Swap(nil); a != nil {
		s.d.detach(a)
	}
	grace := time.Duration(s.d.grace.Load())
	if s.d.logical.owns(s) {
		after(grace, func() { s.d.logical.closeOwned(s) })
	}
	if s.d.cursors.closeOwned(s) {
		after(cursorGrace*grace, func() { s.d.cursors.closeOrphans(s) })
	}
}

// after runs fn in a while, or at once.
func after(d time.Duration, fn func()) {
	if d <= 0 {
		fn()
		return
	}
	time.AfterFunc(d, fn)
}

// defaultGrace is how long a transaction waits for a client whose connection is
// gone. Drivers send each command of a session over any of their connections,
// and a commit again over a new one. Cursors wait cursorGrace times as long.
const (
	defaultGrace = 5 * time.Second
	cursorGrace  = 12
)

// SetGrace sets how long the transactions of a client that has gone are kept for
// it to come back on another connection; its cursors are kept somewhat longer.
func (d *Dispatcher) SetGrace(g time.Duration) { d.grace.Store(int64(g)) }

// parsedRef remembers the last database name: clients repeat theirs.
type parsedRef struct {
	name string
	ref  refs.Ref
}

// ref parses a database name.
func (s *Session) ref(db string) (refs.Ref, error) {
	if p := s.last.Load(); p != nil && p.name == db {
		return p.ref, nil
	}
	ref, err := refs.ParseDBName(db)
	if err != nil {
		return refs.Ref{}, err
	}
	s.last.Store(&parsedRef{db, ref})
	return ref, nil
}

// lsid identifies a logical session: its UUID, and the digest of the user that
// a router may add.
type lsid struct {
	id  [16]byte
	uid [32]byte
}

// String formats the UUID.
func (l lsid) String() string {
	const hex = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, b := range l.id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, hex[b>>4], hex[b&15])
	}
	return string(out)
}

// parseLsid reads {id: UUID, uid?: binData}; path is for errors.
func parseLsid(doc bsonraw.Doc, path string) (lsid, error) {
	var out lsid
	found := false
	it := doc.Iter()
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "id":
			if v.Type != bsonraw.Binary {
				return out, errs.New(errs.TypeMismatch, wrongType, path, "id", v.Type.Name(), " 'binData'")
			}
			subtype, data := v.Binary()
			if subtype != 4 || len(data) != 16 {
				return out, errs.New(207, "uuid must be a 16-byte binary field with UUID (4) subtype")
			}
			copy(out.id[:], data)
			found = true
		case "uid":
			if v.Type != bsonraw.Binary {
				return out, errs.New(errs.TypeMismatch, wrongType, path, "uid", v.Type.Name(), " 'binData'")
			}
			_, data := v.Binary()
			copy(out.uid[:], data)
		case "txnUUID", "txnNumber": // internal transactions of mongod; never sent by clients
		default:
			return out, errs.New(errs.UnknownField, "BSON field '%s.%s' is an unknown field.", path, it.Key())
		}
	}
	if !found {
		return out, errs.New(errs.MissingRequiredField, "BSON field '%s.id' is missing but a required field", path)
	}
	return out, nil
}

// logicalSessions are the sessions that have run a transaction or a retryable
// write. A session that did neither needs no memory.
type logicalSessions struct {
	mu   sync.Mutex
	byID map[lsid]*logicalSession
}

// get returns the session of an id, new if need be, and marks it used.
func (l *logicalSessions) get(id lsid, owner *Session) *logicalSession {
	now := owner.d.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.byID[id]
	if s == nil {
		if l.byID == nil {
			l.byID = make(map[lsid]*logicalSession)
		}
		s = &logicalSession{id: id, busy: make(chan struct{}, 1), txnNumber: -1}
		l.byID[id] = s
	}
	s.owner, s.used = owner, now
	return s
}

// peek returns a session, or nil.
func (l *logicalSessions) peek(id lsid) *logicalSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byID[id]
}

// touch keeps a session from expiring.
func (l *logicalSessions) touch(id lsid, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.byID[id]; s != nil {
		s.used = now
	}
}

// NewSessionID draws the id of a logical session: a random UUID, of version 4.
func NewSessionID() (id [16]byte) {
	rand.Read(id[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	id[6], id[8] = id[6]&0x0F|0x40, id[8]&0x3F|0x80
	return id
}
