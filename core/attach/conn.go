package attach

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/opmsg"
)

// handshakeTime is how long a host may take to greet. A process that is stopped
// accepts a connection and never answers.
const handshakeTime = 10 * time.Second

// conn is one connection to a host, for one command at a time.
type conn struct {
	nc     net.Conn
	reader *opmsg.Reader
	id     int32

	asked  atomic.Int64               // the link's tick + 1 at which it began to wait, or 0
	failed atomic.Pointer[errs.Error] // why others ended the waiting
}

// broken is what happened to a connection, and with it to a command.
type broken struct {
	cause error
	// whole says that the host may have got the whole command. If it cannot
	// have, the command was not carried out.
	whole bool
}

func (b *broken) Error() string { return "the connection broke: " + b.cause.Error() }
func (b *broken) Unwrap() error { return b.cause }

func newConn(nc net.Conn) *conn {
	return &conn{nc: nc, reader: opmsg.NewReader(nc, opmsg.MaxOwnMessageSize)}
}

// begin starts a message. The command follows it, then send.
func (c *conn) begin() []byte {
	c.id++
	return opmsg.BeginMsg(opmsg.Buffer(4<<10), c.id, 0, 0)
}

// send writes a message that begin began.
func (c *conn) send(msg []byte) *broken {
	msg = opmsg.FinishMsg(msg)
	defer opmsg.Recycle(msg)
	if _, err := c.nc.Write(msg); err != nil {
		return &broken{cause: err} // a part of it at most arrived
	}
	return nil
}

// receive returns the next reply, whose bytes are valid until the next one.
func (c *conn) receive() (bsonraw.Doc, *broken) {
	m, err := c.reader.Next()
	if err == nil && (m.Op != opmsg.OpMsg || m.ResponseTo != c.id) {
		err = errs.New(errs.ProtocolError, "the host answered message %d with %s to message %d", c.id, m.Op, m.ResponseTo)
	}
	if err != nil {
		return nil, &broken{cause: err, whole: !c.unread(err)}
	}
	return m.Body, nil
}

// unread reports whether an error proves that the host did not read all that it
// was sent: a Unix socket is reset only where it is closed with something unread.
func (c *conn) unread(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) && c.nc.RemoteAddr().Network() == "unix"
}

// call sends a command and returns its reply, which may be an error document.
func (c *conn) call(cmd bsonraw.Doc) (bsonraw.Doc, *broken) {
	if b := c.send(append(c.begin(), cmd...)); b != nil {
		return nil, b
	}
	return c.receive()
}

// close ends the connection.
func (c *conn) close() {
	// The answer to close is of no use: everything sent has been answered, or
	// nobody waits for it any more.
	_ = c.nc.Close()
}

// greeting is what a host says of itself.
type greeting struct {
	version string
	host    command.Host
}

// greet introduces this client on a new connection.
func (c *conn) greet(ctx context.Context, o *Options, id string) (*greeting, error) {
	if err := c.nc.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, &broken{cause: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.introduce(helloCommand()); err != nil {
		return nil, err
	}
	if o.APIKey != "" {
		if _, err := c.introduce(keyCommand(o.APIKey)); err != nil {
			return nil, err
		}
	}
	reply, err := c.introduce(attachCommand(o, id))
	if errs.Is(err, errs.Unauthorized) && o.certificate {
		if _, err = c.introduce(certificateCommand()); err == nil {
			reply, err = c.introduce(attachCommand(o, id))
		}
	}
	if err != nil {
		return nil, err
	}
	g := &greeting{version: text(reply.Get("version"))}
	h := reply.Get("host").Doc()
	pid, _ := h.Get("pid").AsInt64()
	g.host = command.Host{PID: int(pid), Command: text(h.Get("command")), Token: text(h.Get("token")), Address: text(h.Get("address"))}
	if since := h.Get("since"); since.Type == bsonraw.DateTime {
		g.host.Since = since.Time()
	}
	if !stop() {
		return nil, stopped(ctx) // it may have set its deadline after us
	}
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return nil, &broken{cause: err}
	}
	return g, nil
}

func (c *conn) introduce(cmd bsonraw.Doc) (bsonraw.Doc, error) {
	reply, b := c.call(cmd)
	if b != nil {
		return nil, b
	}
	if err := command.ParseErrorReply(reply); err != nil {
		return nil, err
	}
	return reply, nil
}

// helloCommand says to the server that errors need not explain themselves in
// their text.
func helloCommand() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("hello", 1)
	b.BeginDoc("client")
	b.BeginDoc("driver")
	b.String("name", "argon")
	b.String("version", command.Version)
	b.End()
	b.BeginDoc("os")
	b.String("type", "unknown")
	b.End()
	b.End()
	b.String("$db", "admin")
	return b.Finish()
}

func attachCommand(o *Options, id string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("argonAttach", command.AttachProtocol)
	b.String("client", id)
	if o.Actor != "" {
		b.String("actor", o.Actor)
	}
	if o.Message != "" {
		b.String("message", o.Message)
	}
	b.Bool("readOnly", o.ReadOnly)
	b.Int64("pid", int64(os.Getpid()))
	b.String("command", strings.ToValidUTF8(strings.Join(os.Args, " "), "\uFFFD"))
	b.String("version", command.Version)
	b.String("$db", "admin")
	return b.Finish()
}

func text(v bsonraw.Value) string {
	if v.Type == bsonraw.String {
		return v.Str()
	}
	return ""
}
