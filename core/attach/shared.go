package attach

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/inherit"
	"github.com/argon-lab/argon/core/wire"
)

// Shared is a store that several processes use, as this one sees it.
type Shared struct {
	dir    string         // "" for a server's
	server *serverAddress // nil for a directory's
	o      Options
	id     string // of this client
	ctx    context.Context
	stop   context.CancelFunc
	find   finder

	seat       atomic.Pointer[seat] // nil while joining
	moves      atomic.Int64         // how often the host was lost
	statements statements

	mu      sync.Mutex
	joining *joining
	closed  bool
	workers sync.WaitGroup
}

// seat is the place of this process: host, or attached. One of the two is set.
type seat struct {
	local *local
	link  *link
}

// finder makes one attempt to find a seat. Patience says for how long, counted
// from the first attempt, it makes sense to try again after the error.
type finder func(ctx context.Context, again bool) (st *seat, patience time.Duration, err error)

// joining is a search for a seat; what it found is there when done is closed.
type joining struct {
	done chan struct{}
	err  error
}

// Patience with what stands in the way of joining.
const (
	// quickly is for states that last microseconds: a lock that is taken and not
	// signed yet. A process that only reads looks the same.
	quickly = 500 * time.Millisecond
	// leaving is for a host that is about to end, or has just been killed.
	leaving = 5 * time.Second
	// opening is for a host that has the lock and does not serve yet, since it
	// recovers what a crash left.
	opening = time.Minute

	// firstWait and lastWait are the pauses between two attempts.
	firstWait = time.Millisecond
	lastWait  = 20 * time.Millisecond
)

// Open opens the store in a directory: as its host, or attached to its host.
func Open(ctx context.Context, dir string, o *Options) (*Shared, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, errs.Wrap(err, errs.StoreIO, "cannot find the directory of the store")
	}
	s := newShared(ctx, o)
	s.dir, s.find = dir, s.findSeat
	return s, s.begin(ctx)
}

func newShared(ctx context.Context, o *Options) *Shared {
	s := &Shared{id: newToken()}
	if o != nil {
		s.o = *o
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// begin takes the first seat.
func (s *Shared) begin(ctx context.Context) error {
	st, err := s.join(ctx, false)
	if err != nil {
		s.stop()
		return err
	}
	s.take(st)
	return nil
}

// join looks for a seat until there is one, or waiting has no sense.
func (s *Shared) join(ctx context.Context, again bool) (*seat, error) {
	begun, wait := time.Now(), firstWait
	for {
		st, patience, err := s.find(ctx, again)
		if err == nil {
			return st, nil
		}
		if ctx.Err() != nil {
			return nil, stopped(ctx)
		}
		if time.Since(begun) > patience {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, stopped(ctx)
		}
		wait = min(2*wait, lastWait)
	}
}

// take sits down. Whoever is attached watches its host.
func (s *Shared) take(st *seat) {
	s.seat.Store(st)
	if st.link == nil {
		return
	}
	s.workers.Add(1)
	go func() {
		defer s.workers.Done()
		select {
		case <-st.link.gone:
			s.leave(st)
		case <-s.ctx.Done():
		}
	}()
}

// leave gives up a seat whose host is lost, and begins to look for another.
func (s *Shared) leave(st *seat) {
	if st.link == nil {
		return
	}
	st.link.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.seat.CompareAndSwap(st, nil) {
		return
	}
	s.moves.Add(1)
	s.search()
}

// search looks for a seat in the background. s.mu is held.
func (s *Shared) search() *joining {
	if s.joining != nil {
		return s.joining
	}
	j := &joining{done: make(chan struct{})}
	s.joining = j
	s.workers.Add(1)
	go func() {
		defer s.workers.Done()
		defer close(j.done)
		st, err := s.join(s.ctx, true)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.joining = nil
		switch {
		case err != nil:
			j.err = err
		case s.closed:
			j.err = errClosed()
			s.drop(st)
		default:
			s.take(st)
		}
	}()
	return j
}

// drop gives back a seat that came too late.
func (s *Shared) drop(st *seat) {
	if st.link != nil {
		st.link.close()
		return
	}
	_ = st.local.close(s.ctx) // nothing has been written through it
}

// sit returns the seat, and waits for one while there is none.
func (s *Shared) sit(ctx context.Context) (*seat, error) {
	for {
		if st := s.seat.Load(); st != nil {
			return st, nil
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errClosed()
		}
		if s.seat.Load() != nil {
			s.mu.Unlock()
			continue
		}
		j := s.search()
		s.mu.Unlock()
		select {
		case <-j.done:
			if j.err != nil {
				return nil, j.err
			}
		case <-ctx.Done():
			return nil, stopped(ctx)
		}
	}
}

func errClosed() error { return errs.New(errs.StoreClosed, "the client is closed") }

// Close gives up the seat. A host's place is free for others then.
func (s *Shared) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	st := s.seat.Swap(nil)
	s.mu.Unlock()
	s.stop()
	var err error
	switch {
	case st == nil:
	case st.local != nil:
		err = st.local.close(s.ctx)
	default:
		st.link.close()
	}
	s.workers.Wait()
	return err
}

// findSeat makes one attempt to host the store in the directory, or to attach to
// its host.
func (s *Shared) findSeat(ctx context.Context, _ bool) (*seat, time.Duration, error) {
	h, err := s.host(ctx)
	if err == nil {
		return &seat{local: h}, 0, nil
	}
	if !errs.Is(err, errs.StoreLocked) {
		return nil, 0, err
	}
	return s.findHost(ctx, err)
}

// findHost attaches to the process that has the lock. locked is the error that
// says who that is.
func (s *Shared) findHost(ctx context.Context, locked error) (*seat, time.Duration, error) {
	holder, err := engine.LockHolder(s.dir)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case holder.PID == 0:
		return nil, quickly, locked
	case !holder.Here || holder.Token == "":
		return nil, 0, locked
	}
	r, err := find(s.dir, holder.Token)
	switch {
	case err != nil:
		return nil, 0, err
	case r == nil && !holder.Alive:
		return nil, leaving, locked
	case r == nil:
		return nil, opening, locked
	case r.Argon != command.Version:
		return nil, 0, errs.New(errs.VersionMismatch, "process %d (%s) has store %q open with Argon %s, and this is Argon %s",
			r.PID, r.Command, s.dir, r.Argon, command.Version)
	case r.Socket == "":
		return nil, 0, errs.New(errs.StoreLocked, "process %d (%s) has store %q open, and could not make a socket for other processes: %s",
			r.PID, r.Command, s.dir, r.Problem)
	}
	if isStopped(r.PID) {
		return nil, leaving, silentHost(r.PID, r.Command, errs.StoreLocked, "")
	}
	l, err := s.connect(ctx, dialSocket(r.Socket))
	if err != nil {
		return nil, s.patienceWith(err), s.cannotAttach(r, err)
	}
	if l.host.Token != r.Token {
		l.close()
		return nil, leaving, locked
	}
	return &seat{link: l}, 0, nil
}

// patienceWith says how long an error of connecting may last: until the next host
// is there, if this one seems to have ended.
func (s *Shared) patienceWith(err error) time.Duration {
	var b *broken
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EACCES):
		return 0
	case errors.As(err, &b), errs.As(err) == nil:
		return leaving
	}
	return 0
}

// cannotAttach explains why a host cannot be reached.
func (s *Shared) cannotAttach(r *rendezvous, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silentHost(r.PID, r.Command, errs.StoreLocked, "")
	case errors.Is(err, syscall.EACCES):
		return errs.Wrap(err, errs.Unauthorized, "process %d (%s) has store %q open, and its socket is not for this user", r.PID, r.Command, s.dir).
			WithRemedy("processes of one user share a store; others use argon serve with users and passwords")
	case errs.As(err) != nil:
		return err
	}
	return errs.Wrap(err, errs.StoreLocked, "process %d (%s) has store %q open, and its socket %s cannot be reached", r.PID, r.Command, s.dir, r.Socket)
}

// Parser returns a session that only reads commands.
func (s *Shared) Parser() *command.Session { return parser() }

var parser = sync.OnceValue(func() *command.Session {
	return command.NewDispatcher(nil).NewSession(command.SessionOptions{})
})

// Server returns the server of the store, if this process hosts it, else nil.
func (s *Shared) Server() *wire.Server {
	if st := s.seat.Load(); st != nil && st.local != nil {
		return st.local.server
	}
	return nil
}

// Hosting reports whether this process has the store open itself.
func (s *Shared) Hosting() bool {
	st := s.seat.Load()
	return st != nil && st.local != nil
}

// Reach returns what runs the commands of a client that comes to this process: its
// dispatcher where it is the host, or else a new connection to the host.
func (s *Shared) Reach(ctx context.Context) (*command.Dispatcher, net.Conn, error) {
	for range maxMoves {
		st, err := s.sit(ctx)
		if err != nil {
			return nil, nil, err
		}
		if st.local != nil {
			return st.local.disp, nil, nil
		}
		nc, err := st.link.dial(ctx)
		if err == nil || ctx.Err() != nil || errs.As(err) != nil {
			return nil, nc, err
		}
		s.leave(st)
	}
	return nil, nil, tooManyMoves()
}

// Place says where the store is.
func (s *Shared) Place(ctx context.Context) (Place, error) {
	st, err := s.sit(ctx)
	if err != nil {
		return Place{}, err
	}
	if st.local != nil {
		self := st.local.self
		return Place{Hosting: true, Dir: s.dir, Address: self.Socket, PID: self.PID, Command: self.Command, Since: self.Since}, nil
	}
	h := st.link.host
	if s.server != nil {
		return Place{Address: s.server.host, TLS: s.server.tls != nil, PID: h.PID, Command: h.Command, Since: h.Since}, nil
	}
	return Place{Dir: s.dir, Address: h.Address, PID: h.PID, Command: h.Command, Since: h.Since}, nil
}

// dialSocket connects to a host of this user.
func dialSocket(path string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		if err := sameUser(nc); err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		return inherit.Conn(nc), nil
	}
}
