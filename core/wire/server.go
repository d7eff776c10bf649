package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
)

// Options of a Server. Only one of Dispatcher and Host is needed.
type Options struct {
	// Dispatcher runs the commands.
	Dispatcher *command.Dispatcher
	// Host stands in its place where several processes share the store: it says at
	// each new connection what runs its commands, the dispatcher of this process
	// or, behind a connection to its server, another process.
	Host func(context.Context) (*command.Dispatcher, net.Conn, error)
	// TestCommands allows configureFailPoint.
	TestCommands bool
	// Log takes what happens to connections; nil is silence.
	Log *slog.Logger
	// TLS, if set, is spoken on every TCP connection.
	TLS *tls.Config
	// Auth makes clients authenticate that are not on a Unix socket of this
	// process's own user.
	Auth bool
	// Address is what hello tells drivers to connect to, "host:port". If it is
	// empty, each client is told the address that it has connected to.
	Address string
	// MaxConnections is how many may be open at a time; 0 is 20,000.
	MaxConnections int
}

const (
	defaultMaxConnections = 20_000
	// firstMessage is how long a connection may be silent before its first
	// message, its handshake included. Later it may be silent for ever.
	firstMessage = 30 * time.Second
)

// keepAlive finds clients that are gone without a word within two minutes.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}

// Server serves connections of any number of listeners.
type Server struct {
	o     Options
	log   *slog.Logger
	drain chan struct{} // closed when draining begins

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	pulsing   bool
	idle      chan struct{} // closed when draining and the last connection is gone

	tick   atomic.Int64 // of the pulse
	lastID atomic.Int32 // of connections
	stats  stats
	topo   topology
}

// NewServer makes a server. Serve makes it serve.
func NewServer(o *Options) *Server {
	s := &Server{
		o: *o, log: o.Log, drain: make(chan struct{}), idle: make(chan struct{}),
		listeners: make(map[net.Listener]struct{}), conns: make(map[*conn]struct{}),
		topo: newTopology(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.o.MaxConnections <= 0 {
		s.o.MaxConnections = defaultMaxConnections
	}
	return s
}

// Serve accepts connections of a listener until Shutdown, or until ctx ends,
// which also cancels what its connections run. It closes the listener. The error
// is nil after Shutdown.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if !s.addListener(l) {
		l.Close()
		return errs.New(errs.StoreClosed, "the server is shut down")
	}
	defer s.removeListener(l)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for wait := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			wait = 0
			s.accept(ctx, l, nc)
		case ctx.Err() != nil:
			return errs.Wrap(ctx.Err(), errs.Interrupted, "the server on %s stopped", l.Addr())
		case s.draining() || errors.Is(err, net.ErrClosed):
			return nil
		default:
			// The process is out of file descriptors, or the client is gone
			// already: neither ends the server.
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			s.log.Warn("cannot accept a connection", "listener", l.Addr().String(), "error", err.Error())
			s.pause(ctx, wait)
		}
	}
}

func (s *Server) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-s.drain:
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) removeListener(l net.Listener) {
	l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// accept begins to serve a connection, or closes it if there are too many.
func (s *Server) accept(ctx context.Context, l net.Listener, nc net.Conn) {
	c := newConn(ctx, s, l, nc)
	s.mu.Lock()
	refused := s.closed || len(s.conns) >= s.o.MaxConnections
	if !refused {
		s.conns[c] = struct{}{}
		if !s.pulsing {
			s.pulsing = true
			go s.pulse()
		}
	}
	open := len(s.conns)
	s.mu.Unlock()
	if refused {
		s.log.Warn("connection refused", "remote", c.remote, "open", open)
		s.stats.refused.Add(1)
		c.release()
		nc.Close()
		return
	}
	s.stats.accepted.Add(1)
	s.log.Debug("connection accepted", "connection", c.id, "remote", c.remote, "open", open)
	go c.serve()
}

// forget takes a connection out that has ended.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closed && len(s.conns) == 0 {
		s.closeIdle()
	}
}

// closeIdle tells Shutdown that the last connection is gone. s.mu is held.
func (s *Server) closeIdle() {
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}

// host says who runs the commands of a new connection.
func (s *Server) host(ctx context.Context) (disp *command.Dispatcher, host net.Conn, err error) {
	disp = s.o.Dispatcher
	if s.o.Host != nil {
		disp, host, err = s.o.Host(ctx)
	}
	if disp != nil {
		disp.SetTraffic(s.traffic)
		if s.o.TestCommands {
			disp.EnableTestCommands()
		}
	}
	return disp, host, err
}

func (s *Server) draining() bool {
	select {
	case <-s.drain:
		return true
	default:
		return false
	}
}

// Shutdown stops accepting, lets running commands answer, and returns when all
// connections are closed. When ctx ends it cancels and closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	if first {
		close(s.drain)
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.wake()
	}
	if len(s.conns) == 0 {
		s.closeIdle()
	}
	relaying := false
	for c := range s.conns {
		relaying = relaying || c.host != nil
	}
	s.mu.Unlock()
	if relaying {
		go s.drainHost(ctx)
	}
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	left := len(s.conns)
	for c := range s.conns {
		c.kill()
	}
	s.mu.Unlock()
	<-s.idle
	if left == 0 {
		return nil
	}
	return errs.Wrap(ctx.Err(), errs.Interrupted, "%d connections were closed before they had their answer", left)
}

// Connections returns how many connections are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
