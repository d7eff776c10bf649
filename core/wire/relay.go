package wire

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/opmsg"
)

// A server whose store another process hosts relays. It accepts its clients,
// speaks TLS with them and decides whether they have to authenticate; then it
// opens a connection to the host for each of them, says there who speaks through
// it, and passes bytes both ways. The host does all the rest, and sees each client
// as one of its own: sessions, cursors and transactions end with its connection.
//
// The preface is the first message on such a connection. Only a process of the
// host's own user can send it, over the store's socket, and a client cannot: what
// it sends comes behind one.
//
//	{argonRelay: 1, server: <which relays>, remote, address, authenticate,
//	 loopback, private, source: <what auth.Admission says>,
//	 certificate: <the client's, DER>?, testCommands}
//	{argonRelay: 1, server, drain: true}: all connections of that server drain
const prefaceName = "argonRelay"

// prefaceTime is how long a host may take to answer a preface.
const prefaceTime = 10 * time.Second

// relayed is what the host knows of a connection that comes through a relay.
type relayed struct {
	server  string        // the relay's
	address string        // that the client has connected to
	drain   chan struct{} // closed when the relay's server drains
}

// relay passes everything between the client and the host, until one of the two
// ends its side. When the server drains, nothing more is taken from the client,
// and the host ends the connection once it has answered.
func (c *conn) relay(host net.Conn, o *command.SessionOptions) error {
	defer host.Close()
	c.s.mu.Lock()
	c.host = host
	c.s.mu.Unlock()
	if err := c.sendPreface(host, o); err != nil {
		return err
	}
	if err := c.allowSilence(); err != nil || c.s.draining() {
		return err
	}
	answered := make(chan error, 1)
	go func() {
		err := pass(c.nc, host, &c.s.stats.sent)
		c.nc.Close() // ends the other direction
		answered <- err
	}()
	err := pass(host, c.nc, &c.s.stats.received)
	if c.s.draining() && errors.Is(err, os.ErrDeadlineExceeded) {
		return <-answered
	}
	host.Close() // it cancels what the client waited for
	<-answered
	return err
}

// sendPreface tells the host who the client is.
func (c *conn) sendPreface(host net.Conn, o *command.SessionOptions) error {
	b := c.s.beginPreface()
	b.String("remote", c.remote)
	b.String("address", c.address())
	b.Bool("authenticate", o.Authenticate)
	b.Bool("loopback", o.Loopback)
	b.Bool("private", o.Client.Private)
	b.String("source", o.Client.Source)
	if cert := o.Client.Certificate; cert != nil {
		b.Value("certificate", bsonraw.BinaryValue(0, cert.Raw))
	}
	b.Bool("testCommands", c.s.o.TestCommands)
	return tellHost(host, b.Finish())
}

func (s *Server) beginPreface() *bsonraw.Builder {
	b := bsonraw.NewBuilder(nil)
	b.Int32(prefaceName, 1)
	b.Value("server", bsonraw.ObjectIDValue(s.topo.process))
	b.String("$db", "admin")
	return b
}

// tellHost sends a preface and waits for its answer.
func tellHost(host net.Conn, preface bsonraw.Doc) error {
	if err := host.SetDeadline(time.Now().Add(prefaceTime)); err != nil {
		return err
	}
	if _, err := host.Write(opmsg.AppendMsg(nil, 1, 0, 0, preface)); err != nil {
		return err
	}
	m, err := opmsg.NewReader(host, 0).Next() // the host says no more than it is asked
	if err != nil {
		return errs.Wrap(err, errs.HostLost, "the process that hosts the store does not answer")
	}
	if err := command.ParseErrorReply(m.Body); err != nil {
		return err
	}
	return host.SetDeadline(time.Time{})
}

// drainHost makes the host drain what this server relays.
func (s *Server) drainHost(ctx context.Context) {
	_, host, err := s.o.Host(ctx)
	if err != nil || host == nil {
		return // there is no host any more, or it is this process
	}
	defer host.Close()
	b := s.beginPreface()
	b.Bool("drain", true)
	if err := tellHost(host, b.Finish()); err != nil {
		s.log.Warn("the process that hosts the store cannot be told to drain", "error", err.Error())
	}
}

// Buffers of a relay. A connection that waits keeps the small ones only.
const (
	passSmall = 4 << 10
	passLarge = 128 << 10
)

// pass copies until the source ends, which is no error.
func pass(dst io.Writer, src io.Reader, count *atomic.Int64) error {
	small := make([]byte, passSmall)
	buf := small
	for {
		n, err := src.Read(buf)
		if n > 0 {
			count.Add(int64(n))
			if _, werr := dst.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == len(buf) && len(buf) == passSmall:
			buf = opmsg.Buffer(passLarge)[:passLarge]
		case n < len(buf) && len(buf) != passSmall:
			opmsg.Recycle(buf)
			buf = small
		}
	}
}

// preface takes a preface, if the message is one and may be: it is the first one,
// and the process at the other end is of this user.
func (c *conn) preface(m *opmsg.Message) (taken bool, err error) {
	if !c.own || c.relayed != nil || m.Op != opmsg.OpMsg || firstField(m.Body) != prefaceName {
		return false, nil
	}
	ok := bsonraw.NewBuilder(nil)
	ok.Double("ok", 1)
	reply := ok.Finish()
	if err = c.takePreface(m.Body); err != nil {
		reply = command.ErrorReply(err)
	}
	if werr := c.write(opmsg.AppendMsg(nil, c.nextID(), m.RequestID, 0, reply)); werr != nil {
		return true, werr
	}
	return true, err
}

func (c *conn) takePreface(p bsonraw.Doc) error {
	if err := bsonraw.Validate(p); err != nil {
		return err
	}
	server := string(p.Get("server").Data)
	if p.Get("drain").Truthy() {
		c.s.drainRelayed(server)
		return nil
	}
	o := command.SessionOptions{
		Remote: text(p.Get("remote")), Address: text(p.Get("address")), ClusterTime: true,
		Authenticate: p.Get("authenticate").Truthy(), Loopback: p.Get("loopback").Truthy(),
		Client: auth.Client{Source: text(p.Get("source")), Private: p.Get("private").Truthy()},
	}
	if v := p.Get("certificate"); v.Type == bsonraw.Binary {
		_, der := v.Binary()
		cert, err := x509.ParseCertificate(bytes.Clone(der)) // it is kept, the message is not
		if err != nil {
			return errs.Wrap(err, errs.BadValue, "the relay's client has a certificate that cannot be read")
		}
		o.Client.Certificate = cert
	}
	if p.Get("testCommands").Truthy() {
		c.disp.EnableTestCommands()
	}
	c.sess.Close()
	c.sess, c.remote = c.disp.NewSession(o), o.Remote
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.relayed = &relayed{server: server, address: text(p.Get("address")), drain: make(chan struct{})}
	c.begun = false // the client's first message has its time limit, too
	if c.s.closed {
		return nil
	}
	return c.nc.SetReadDeadline(time.Now().Add(firstMessage))
}

// drainRelayed drains the connections that come through one relay, as Shutdown
// does with all.
func (s *Server) drainRelayed(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if r := c.relayed; r != nil && r.server == server && !r.draining() {
			close(r.drain)
			c.wake()
		}
	}
}

func (r *relayed) draining() bool {
	select {
	case <-r.drain:
		return true
	default:
		return false
	}
}

// draining reports whether the connection is to end.
func (c *conn) draining() bool { return c.s.draining() || c.relayed != nil && c.relayed.draining() }

func text(v bsonraw.Value) string {
	if v.Type == bsonraw.String {
		return v.Str()
	}
	return ""
}
