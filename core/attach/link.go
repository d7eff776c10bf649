package attach

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
)

// maxIdle is how many connections wait for the next command.
const maxIdle = 16

// cancelGrace is how long a host may take to end a command that was cancelled.
// After that its connection is closed, and the host finds out in its own time.
const cancelGrace = 5 * time.Second

// link is a set of connections to one host. It breaks as a whole when the host
// ends, and is not mended: who holds it looks for a host again.
type link struct {
	*greeting
	ctx   context.Context // of what belongs to no command
	dial  func(ctx context.Context) (net.Conn, error)
	local bool // the host is a process of this machine
	o     *Options
	id    string // this client's, which its connections share

	gone chan struct{} // closed when the host is lost, or the link is closed
	once sync.Once
	ops  atomic.Int64

	tick    atomic.Int64 // of the pulse
	pulsing atomic.Bool

	mu   sync.Mutex
	idle []*conn
	used map[*conn]struct{}
	over bool
}

// connect opens a link. Its first connection serves nothing but to see the host's
// end.
func (s *Shared) connect(ctx context.Context, dial func(context.Context) (net.Conn, error)) (*link, error) {
	l := &link{
		ctx: context.WithoutCancel(ctx), dial: dial, local: s.server == nil, o: &s.o, id: s.id,
		gone: make(chan struct{}), used: map[*conn]struct{}{},
	}
	watch, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	go func() {
		// Nobody answers what was not asked: this returns with an error, when
		// the host has ended or the link is closed.
		_, _ = watch.reader.Next()
		l.close()
	}()
	return l, nil
}

// open makes a connection and introduces this client on it.
func (l *link) open(ctx context.Context) (*conn, error) {
	nc, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(nc)
	l.mu.Lock()
	over := l.over
	l.used[c] = struct{}{}
	l.mu.Unlock()
	if over {
		l.drop(c)
		return nil, &broken{cause: net.ErrClosed}
	}
	l.waits(c)
	defer c.answered()
	g, err := c.greet(ctx, l.o, l.id)
	if err != nil {
		l.drop(c)
		if e := c.failed.Load(); e != nil {
			return nil, e
		}
		return nil, err
	}
	l.mu.Lock()
	if l.greeting == nil {
		l.greeting = g
	}
	l.mu.Unlock()
	return c, nil
}

// get returns a connection that nobody uses.
func (l *link) get(ctx context.Context) (*conn, error) {
	l.mu.Lock()
	if n := len(l.idle); n > 0 {
		c := l.idle[n-1]
		l.idle = l.idle[:n-1]
		l.mu.Unlock()
		return c, nil
	}
	l.mu.Unlock()
	return l.open(ctx)
}

// put gives a connection back that has had its answer.
func (l *link) put(c *conn) {
	c.reader.Release()
	l.mu.Lock()
	keep := !l.over && len(l.idle) < maxIdle
	if keep {
		l.idle = append(l.idle, c)
	}
	l.mu.Unlock()
	if !keep {
		l.drop(c)
	}
}

// drop closes a connection.
func (l *link) drop(c *conn) {
	l.mu.Lock()
	delete(l.used, c)
	l.mu.Unlock()
	c.close()
}

// close ends the link and all its connections. Twice is allowed.
func (l *link) close() {
	l.once.Do(func() {
		l.mu.Lock()
		l.over = true
		conns := l.used
		l.used, l.idle = map[*conn]struct{}{}, nil
		l.mu.Unlock()
		for c := range conns {
			c.close()
		}
		close(l.gone)
	})
}

// do runs a command. An error that is a *broken is the connection's, any other
// one the command's.
func (l *link) do(ctx context.Context, a *addressed) (bsonraw.Doc, error) {
	c, err := l.get(ctx)
	if err != nil {
		return nil, l.unsent(ctx, err)
	}
	reply, err := l.ask(ctx, c, a)
	if err != nil {
		l.drop(c)
		return nil, err
	}
	reply = reply.Clone()
	l.put(c)
	return settle(ctx, reply)
}

// unsent is the error of a connection that could not be made.
func (l *link) unsent(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return stopped(ctx)
	case errs.As(err) != nil:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded): // it was not greeted in time
		return l.silent()
	}
	return &broken{cause: err}
}

// ask sends a command and waits for its reply, which it may cancel on the way.
// The reply points into the connection's buffer.
func (l *link) ask(ctx context.Context, c *conn, a *addressed) (bsonraw.Doc, error) {
	a.op = l.ops.Add(1)
	defer l.cancelWith(ctx, c, a.op)()
	l.waits(c)
	defer c.answered()
	var reply bsonraw.Doc
	b := c.send(a.append(c.begin()))
	if b == nil {
		reply, b = c.receive()
	}
	switch e := c.failed.Load(); {
	case b == nil:
		return reply, nil
	case ctx.Err() != nil:
		return nil, stopped(ctx)
	case e != nil:
		return nil, e
	}
	return nil, b
}

// settle turns a reply that is an error into one.
func settle(ctx context.Context, reply bsonraw.Doc) (bsonraw.Doc, error) {
	e := command.ParseErrorReply(reply)
	switch {
	case e == nil:
		return reply, nil
	case e.Code == errs.StoreClosed: // the host is about to end
		return nil, &broken{cause: e, whole: true}
	case errs.In(e, errs.Canceled) && ctx.Err() != nil:
		return nil, stopped(ctx)
	}
	return nil, e
}

// stopped is the error of a context that ended, as the dispatcher has it.
func stopped(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errs.Wrap(ctx.Err(), errs.MaxTimeMSExpired, "operation exceeded time limit")
	}
	return errs.Wrap(ctx.Err(), errs.Interrupted, "operation was interrupted")
}

// cancelWith ends the command when the context ends. A host that is stopped is not
// waited for. The function that it returns ends the watching.
func (l *link) cancelWith(ctx context.Context, c *conn, op int64) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	answered := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
		defer cancel()
		if l.stopped() {
			c.close()
			return
		}
		l.cancel(late, op)
		select {
		case <-answered:
		case <-late.Done():
			c.close()
		}
	})
	return func() {
		stop()
		close(answered)
	}
}

// cancel asks the host to end a command, until the context's deadline. Where that
// fails, the connection of the command is closed later.
func (l *link) cancel(ctx context.Context, op int64) {
	c, err := l.get(ctx)
	if err != nil {
		return
	}
	b := bsonraw.NewBuilder(nil)
	b.Int64("argonCancel", op)
	b.String("$db", "admin")
	limit, _ := ctx.Deadline()
	if c.nc.SetDeadline(limit) == nil {
		if _, broke := c.call(b.Finish()); broke == nil && c.nc.SetDeadline(time.Time{}) == nil {
			l.put(c)
			return
		}
	}
	l.drop(c)
}
