package command

import (
	"context"
	"sync"
	"time"
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
	used usages
	_    [24]byte // a cache line each
}

// link is a call's part in the lists.
type link struct {
	id         int64
	db         string // that the door has named, if it has
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
func (o *ops) leave(c *call, took time.Duration) {
	l := &o[c.op.id&15]
	l.mu.Lock()
	l.used.note(c, took)
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
func (o *ops) interrupt(id int64) (found, able bool) {
	o[id&15].each(func(c *call) {
		if c.op.id != id {
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
