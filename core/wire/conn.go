package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/opmsg"
)

// phase says what a connection is doing.
type phase int64

const (
	waiting phase = iota // for its client
	running              // a command
	writing              // a reply
)

// conn is one connection. What is not atomic belongs to its goroutine.
type conn struct {
	s      *Server
	id     int32
	nc     net.Conn
	raw    net.Conn // nc, or what is under its TLS
	local  net.Addr // what the client has connected to
	remote string
	reader *opmsg.Reader
	disp   *command.Dispatcher
	sess   *command.Session
	argon  bool // the client is one of Argon's own
	own    bool // the client is a process of this user, on a Unix socket

	ctx    *opContext
	state  atomic.Int64 // tick<<2 | phase
	lastID int32        // of the messages sent
	batch  int          // about the size of the next reply with documents
	begun  bool         // the first message has come

	// Guarded by the server's mu, except for reading by this goroutine.
	host    net.Conn // the other end of a relay, or nil
	relayed *relayed // where the client comes through a relay
}

func newConn(ctx context.Context, s *Server, l net.Listener, nc net.Conn) *conn {
	c := &conn{s: s, id: s.lastID.Add(1), nc: nc, raw: nc, local: nc.LocalAddr(), remote: remoteName(nc), ctx: newOpContext(ctx)}
	if c.local == nil || c.local.Network() == "unix" {
		c.local = l.Addr() // the socket may have been moved since it was made
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		// Without it dead clients are found later; there is nobody to tell.
		_ = tcp.SetKeepAliveConfig(keepAlive)
		if s.o.TLS != nil {
			c.nc = tls.Server(nc, s.o.TLS)
		}
	}
	return c
}

// remoteName is a client's address. Clients of a Unix socket have none.
func remoteName(nc net.Conn) string {
	if a := nc.RemoteAddr(); a != nil && a.String() != "" && a.String() != "@" {
		return a.String()
	}
	return "local socket"
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.s.forget(c)
	defer c.nc.Close()
	defer c.release()
	c.reader = opmsg.NewReader(&countedReader{c.nc, &c.s.stats.received}, 0)
	defer c.recovered()
	err := c.answerAll()
	c.s.stats.closed.Add(1)
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrDeadlineExceeded):
		c.s.log.Debug("connection closed", "connection", c.id, "remote", c.remote)
	default:
		c.s.log.Warn("connection closed", "connection", c.id, "remote", c.remote, "error", err.Error())
	}
}

// release ends what the connection's commands run under.
func (c *conn) release() { c.ctx.end() }

// recovered keeps a defect in one command from ending the process.
func (c *conn) recovered() {
	if r := recover(); r != nil {
		c.s.stats.panics.Add(1)
		c.s.log.Error("a command panicked; its connection is closed", "connection", c.id, "panic", r, "stack", string(debug.Stack()))
	}
}

// answerAll sets the time limit for the first message, shakes hands where TLS is
// spoken, and then serves the client, itself or through another process.
func (c *conn) answerAll() error {
	if err := c.nc.SetReadDeadline(time.Now().Add(firstMessage)); err != nil {
		return err
	}
	t, encrypted := c.nc.(*tls.Conn)
	in, err := auth.Policy{Auth: c.s.o.Auth}.Admit(c.raw, encrypted)
	if err != nil {
		return err
	}
	c.own = in.Own
	o := command.SessionOptions{Remote: c.remote, Address: c.address(), ClusterTime: true, Authenticate: in.Authenticate, Loopback: in.Loopback, Client: in.Client}
	if encrypted {
		if err := t.HandshakeContext(c.ctx); err != nil {
			return err
		}
		if chains := t.ConnectionState().VerifiedChains; len(chains) > 0 {
			o.Client.Certificate = chains[0][0]
		}
	}
	var host net.Conn
	if c.disp, host, err = c.s.host(c.ctx); err != nil {
		return err
	}
	if host != nil {
		return c.relay(host, &o)
	}
	c.sess = c.disp.NewSession(o)
	defer func() { c.sess.Close() }()
	return c.loop()
}

// loop answers messages until the client goes, misbehaves, or the server drains.
func (c *conn) loop() error {
	for !c.draining() {
		m, err := c.reader.Next()
		if err != nil {
			return c.refuse(m, err)
		}
		if !c.begun {
			if taken, err := c.preface(m); taken || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			c.begun = true
			if err := c.allowSilence(); err != nil {
				return err
			}
		}
		c.enter(running)
		ok, err := c.answer(m)
		c.reader.Release()
		c.enter(waiting)
		if err != nil || !ok {
			return err
		}
	}
	return nil
}

// allowSilence ends the time limit for the first message, unless Shutdown has
// set its own, which ends all waiting.
func (c *conn) allowSilence() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.closed || c.draining() {
		return nil
	}
	return c.nc.SetReadDeadline(time.Time{})
}

// refuse answers a message that cannot be read, if it can be, and returns its
// error. The connection must be closed: what follows cannot be found.
func (c *conn) refuse(m *opmsg.Message, err error) error {
	if !errs.Is(err, errs.ProtocolError) {
		if c.draining() {
			return nil
		}
		return err
	}
	c.s.stats.malformed.Add(1)
	to := int32(0)
	if m != nil {
		to = m.RequestID
	}
	out := opmsg.AppendMsg(opmsg.Buffer(512), c.nextID(), to, 0, command.ErrorReply(err))
	if werr := c.write(out); werr != nil {
		return werr
	}
	opmsg.Recycle(out)
	return err
}

// enter notes what the connection does now, and since when, for the pulse.
func (c *conn) enter(p phase) {
	c.state.Store(c.s.tick.Load()<<2 | int64(p))
}

// doing is what enter noted.
func (c *conn) doing() (phase, int64) {
	v := c.state.Load()
	return phase(v & 3), v >> 2
}

func (c *conn) nextID() int32 {
	c.lastID++
	return c.lastID
}

// write sends a whole message.
func (c *conn) write(msg []byte) error {
	c.enter(writing)
	_, err := c.nc.Write(msg)
	c.s.stats.sent.Add(int64(len(msg)))
	return err
}

// wake ends the wait for the next message. It is called by others.
func (c *conn) wake() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }

// kill ends the connection at once. It is called by others.
func (c *conn) kill() {
	c.ctx.end()
	c.raw.Close()
	if c.host != nil {
		c.host.Close()
	}
}

// countedReader counts the bytes that come in.
type countedReader struct {
	r io.Reader
	n *atomic.Int64
}

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n.Add(int64(n))
	return n, err
}
