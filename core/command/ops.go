package command

import (
	"context"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Interrupter is a context whose command can be interrupted by another client,
// which is what killOp does. Doors that want it run commands under one.
type Interrupter interface{ Interrupt() }

// ops are the commands that run now, for currentOp and killOp. A command is
// linked into a list for as long as it runs; the lists are several, so that
// commands do not wait for each other here.
type ops [16]opList

type opList struct {
	mu   sync.Mutex
	head *call
	_    [40]byte // a cache line each
}

// link is a call's part in the lists.
type link struct {
	id         int64
	started    time.Time
	ctx        context.Context
	prev, next *call
}

// enter links a call that begins to run under ctx.
func (o *ops) enter(ctx context.Context, c *call, now time.Time) {
	c.op.started, c.op.ctx = now, ctx
	l := &o[c.op.id&15]
	l.mu.Lock()
	if c.op.next = l.head; l.head != nil {
		l.head.op.prev = c
	}
	l.head = c
	l.mu.Unlock()
}

// leave takes a call out. After it nobody else looks at the call.
func (o *ops) leave(c *call) {
	l := &o[c.op.id&15]
	l.mu.Lock()
	if c.op.prev != nil {
		c.op.prev.op.next = c.op.next
	} else {
		l.head = c.op.next
	}
	if c.op.next != nil {
		c.op.next.op.prev = c.op.prev
	}
	l.mu.Unlock()
}

// each calls fn with every command that runs, which cannot end meanwhile.
func (o *ops) each(fn func(*call)) {
	for i := range o {
		o[i].each(fn)
	}
}

func (l *opList) each(fn func(*call)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := l.head; c != nil; c = c.op.next {
		fn(c)
	}
}

// interrupt cancels a command: found says that it runs, able that its door lets
// it be canceled.
func (o *ops) interrupt(id int64, mine func(*call) bool) (found, able bool) {
	o[id&15].each(func(c *call) {
		if c.op.id != id || !mine(c) {
			return
		}
		var i Interrupter
		if i, able = c.op.ctx.(Interrupter); able {
			i.Interrupt()
		}
		found = true
	})
	return found, able
}

// len counts the commands that run.
func (o *ops) len() int {
	n := 0
	o.each(func(*call) { n++ })
	return n
}

// maxShownCommand is the largest command that currentOp shows in full.
const maxShownCommand = 64 << 10

// describe appends what currentOp says of a command. The list is locked.
func (c *call) describe(b *bsonraw.Builder, now time.Time) {
	took := now.Sub(c.op.started)
	b.String("type", "op")
	b.String("host", hostname())
	b.String("desc", "conn")
	if c.sess.opts.Remote != "" {
		b.String("client", c.sess.opts.Remote)
	}
	if app := c.sess.AppName(); app != "" {
		b.String("appName", app)
	}
	b.Bool("active", true)
	b.String("currentOpTime", c.op.started.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	b.Int64("opid", c.op.id)
	b.Int64("secs_running", int64(took.Seconds()))
	b.Int64("microsecs_running", took.Microseconds())
	b.String("op", c.cmd.opName())
	b.String("ns", c.namespace())
	if len(c.raw) <= maxShownCommand {
		b.Doc("command", c.raw)
	} else {
		b.BeginDoc("command")
		b.String("$truncated", c.cmd.Name)
		b.End()
	}
	if user := c.sess.opts.User; user != "" {
		b.String("effectiveUser", user)
	}
}

// opName is MongoDB's word for a kind of command.
func (c *Command) opName() string {
	switch c.Name {
	case "find":
		return "query"
	case "insert", "update", "getMore":
		return map[string]string{"insert": "insert", "update": "update", "getMore": "getmore"}[c.Name]
	case "delete":
		return "remove"
	}
	return "command"
}

// namespace is what a command is about: its database, and its collection where
// its first field names one.
func (c *call) namespace() string {
	db := c.database()
	it := c.raw.Iter()
	if it.Next() && it.Value().Type == bsonraw.String && c.cmd.has(reads|writes) {
		return db + "." + it.Value().Str()
	}
	return db + ".$cmd"
}
