package command

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// An attached client is another process that uses the store through this one,
// over as many connections as it needs at once. They share one Session, so that
// its cursors and transactions live as long as the client and not as one of its
// connections.

// AttachProtocol is the version of how processes of one store talk. It changes
// when a process with the older one could misunderstand the newer.
const AttachProtocol = 1

// Host is what a process says of itself to those that use its store.
type Host struct {
	PID     int
	Command string
	Since   time.Time
	Token   string // of this opening of the store
	Address string // the path of its socket, or ""
}

// SetHost says which process serves the store, for argonAttach and argonStatus.
func (d *Dispatcher) SetHost(h Host) { d.host.Store(&h) }

// attachedClient is one of them.
type attachedClient struct {
	id      string
	sess    *Session // the one that its connections share
	pid     int64
	command string
	since   time.Time
	conns   int // guarded by attachedClients.mu

	mu      sync.Mutex
	running map[int64]context.CancelFunc
	early   map[int64]struct{} // to be cancelled as soon as they begin
}

type attachedClients struct {
	mu   sync.Mutex
	byID map[string]*attachedClient
}

// acting is the session that a connection's commands run in.
func (s *Session) acting() *Session {
	if a := s.attached.Load(); a != nil {
		return a.sess
	}
	return s
}

// attach joins the connection with the others of its client.
func (d *Dispatcher) attach(s *Session, a *attachArgs) error {
	if s.attached.Load() != nil {
		return errs.New(errs.IllegalOperation, "the connection is attached already")
	}
	d.attachedClients.mu.Lock()
	defer d.attachedClients.mu.Unlock()
	c := d.attachedClients.byID[a.client]
	switch {
	case c == nil:
		opts := s.opts
		opts.Actor, opts.Message, opts.ReadOnly, opts.NumbersAll = a.actor, a.message, a.readOnly, true
		shared := d.NewSession(opts)
		shared.who.Store(s.who.Load())
		c = &attachedClient{
			id: a.client, sess: shared, pid: a.pid, command: a.command, since: d.now(),
			running: map[int64]context.CancelFunc{}, early: map[int64]struct{}{},
		}
		if d.attachedClients.byID == nil {
			d.attachedClients.byID = map[string]*attachedClient{}
		}
		d.attachedClients.byID[a.client] = c
	case c.sess.user() != s.user():
		return errs.New(errs.Unauthorized, "the client is another user's")
	}
	c.conns++
	s.attached.Store(c)
	return nil
}

// detach is the end of a connection. With the last one the client is gone.
func (d *Dispatcher) detach(c *attachedClient) {
	d.attachedClients.mu.Lock()
	c.conns--
	last := c.conns == 0
	if last {
		delete(d.attachedClients.byID, c.id)
	}
	d.attachedClients.mu.Unlock()
	if last {
		c.sess.Close()
	}
}

// track makes a running command one that argonCancel can end.
func (c *attachedClient) track(ctx context.Context, op int64) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, doomed := c.early[op]; doomed {
		delete(c.early, op)
		cancel()
	}
	c.running[op] = cancel
	return ctx, func() {
		c.mu.Lock()
		delete(c.running, op)
		c.mu.Unlock()
		cancel()
	}
}

// maxEarly bounds what a client can make us remember.
const maxEarly = 1000

// cancel ends a running command. One that is still on its way, since it came
// over another connection, ends when it begins.
func (c *attachedClient) cancel(op int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel := c.running[op]; cancel != nil {
		cancel()
		return true
	}
	if len(c.early) < maxEarly {
		c.early[op] = struct{}{}
	}
	return false
}

type attachArgs struct {
	protocol       int64
	client         string
	actor, message string
	readOnly       bool
	pid            int64
	command        string
	version        string
}

func argonAttachCommand() *Command {
	type args = attachArgs
	return definition[args]{
		Command: Command{
			Name: "argonAttach", Group: Server, traits: adminOnly,
			Help:    "Joins a connection with the others of one client, which then share cursors and transactions: a process that uses the store through the process that has it open. The reply says which process that is.",
			Example: `{argonAttach: 1, client: "d0f5c2b8a4c04a3f", actor: "etl", pid: 4711, command: "python train.py"}`, DB: adminDB,
		},
		access: anyUser[args](),
		fields: []field[args]{
			integer("argonAttach", func(a *args) *int64 { return &a.protocol }).need().about("The version of this protocol, 1."),
			text("client", func(a *args) *string { return &a.client }).need().about("A secret of the client's that its connections share."),
			text("actor", func(a *args) *string { return &a.actor }).about("Who stands in the log for what it commits, unless a command says otherwise."),
			text("message", func(a *args) *string { return &a.message }).about("Why, likewise."),
			flag("readOnly", func(a *args) *bool { return &a.readOnly }).about("Refuse its writes."),
			integer("pid", func(a *args) *int64 { return &a.pid }).about("Its process, for argonStatus."),
			text("command", func(a *args) *string { return &a.command }).about("Its command line, for argonStatus."),
			text("version", func(a *args) *string { return &a.version }).about("Its Argon."),
		},
		run: runAttach,
	}.build()
}

func runAttach(_ context.Context, c *call, a *attachArgs) (bsonraw.Doc, error) {
	if a.protocol != AttachProtocol {
		return nil, errs.New(errs.VersionMismatch, "this process has Argon %s, whose processes talk by version %d; the client (Argon %s) asks for version %d",
			Version, AttachProtocol, a.version, a.protocol)
	}
	if len(a.client) < 16 || len(a.client) > 64 {
		return nil, errs.New(errs.BadValue, "the field 'client' has 16 to 64 characters, got %d", len(a.client))
	}
	if err := c.d.attach(c.conn, a); err != nil {
		return nil, err
	}
	b := c.reply(256)
	b.String("version", Version)
	c.d.appendHost(b)
	return c.ok(), nil
}

// appendHost describes the process that serves the store, if it has said so.
func (d *Dispatcher) appendHost(b *bsonraw.Builder) {
	h := d.host.Load()
	if h == nil {
		return
	}
	b.BeginDoc("host")
	b.Int64("pid", int64(h.PID))
	b.String("command", h.Command)
	b.Time("since", h.Since)
	b.String("token", h.Token)
	b.String("address", h.Address)
	b.End()
}

// appendClients lists the attached clients, oldest first.
func (d *Dispatcher) appendClients(b *bsonraw.Builder) {
	d.attachedClients.mu.Lock()
	defer d.attachedClients.mu.Unlock()
	list := make([]*attachedClient, 0, len(d.attachedClients.byID))
	for _, c := range d.attachedClients.byID {
		list = append(list, c)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].since.Before(list[j].since) })
	b.BeginArray("clients")
	for i, c := range list {
		b.BeginDoc(bsonraw.Index(i))
		b.Int64("pid", c.pid)
		b.String("command", c.command)
		b.Time("since", c.since)
		b.Bool("readOnly", c.sess.opts.ReadOnly)
		b.End()
	}
	b.End()
}

type cancelArgs struct {
	op int64
}

func argonCancelCommand() *Command {
	return definition[cancelArgs]{
		Command: Command{
			Name: "argonCancel", Group: Server, traits: adminOnly,
			Help:    "Ends a command that another connection of the same attached client runs; it then answers with Interrupted, or with its result if that came first.",
			Example: `{argonCancel: {$numberLong: "17"}}`, DB: adminDB,
		},
		access: anyUser[cancelArgs](),
		fields: []field[cancelArgs]{
			long("argonCancel", func(a *cancelArgs) *int64 { return &a.op }).need().about("The command's $argonOp."),
		},
		run: func(_ context.Context, c *call, a *cancelArgs) (bsonraw.Doc, error) {
			client := c.conn.attached.Load()
			if client == nil {
				return nil, errs.New(errs.IllegalOperation, "the connection is not attached").
					WithRemedy("end a command of a driver by closing its connection, or with maxTimeMS")
			}
			found := client.cancel(a.op)
			b := c.reply(32)
			b.Bool("running", found)
			return c.ok(), nil
		},
	}.build()
}

func argonPlaceCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "argonPlace", Group: Server, traits: adminOnly,
			Help:    "Says where the store is: {hosting, directory, address, pid, command, since}. In the Python package, the Go SDK and the command line the client answers, for itself: hosting says whether its own process has the store open, and the address is the socket, or host and port, at which drivers reach it.",
			Example: `{argonPlace: 1}`, DB: adminDB,
		},
		access: anyUser[args](),
		fields: []field[args]{one[args]("argonPlace", 0, "")},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			b := c.reply(256)
			b.Bool("hosting", false)
			if h := c.d.host.Load(); h != nil {
				b.String("address", h.Address)
				b.Int64("pid", int64(h.PID))
				b.String("command", h.Command)
				b.Time("since", h.Since)
			}
			return c.ok(), nil
		},
	}.build()
}
