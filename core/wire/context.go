package wire

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// opContext is the context of a connection's commands, one after the other. It
// is canceled for the command that runs (Interrupt, which killOp calls), or for
// good (end). Between two commands renew makes it fresh again, so that a command
// that nobody interrupts costs no context of its own.
type opContext struct {
	parent  context.Context
	current atomic.Pointer[cancelable]

	mu   sync.Mutex
	gone bool
}

type cancelable struct {
	context.Context
	cancel context.CancelFunc
}

func newOpContext(parent context.Context) *opContext {
	c := &opContext{parent: parent}
	c.fresh()
	return c
}

func (c *opContext) fresh() {
	ctx, cancel := context.WithCancel(c.parent)
	c.current.Store(&cancelable{ctx, cancel})
}

// Deadline, Done, Err and Value are those of the current command.
func (c *opContext) Deadline() (time.Time, bool) { return c.current.Load().Deadline() }

// Done is closed when the current command is interrupted.
func (c *opContext) Done() <-chan struct{} { return c.current.Load().Done() }

// Err is not nil once Done is closed.
func (c *opContext) Err() error { return c.current.Load().Err() }

// Value is the server's.
func (c *opContext) Value(key any) any { return c.current.Load().Value(key) }

// Interrupt cancels the command that runs.
func (c *opContext) Interrupt() { c.current.Load().cancel() }

// end cancels for good.
func (c *opContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	c.current.Load().cancel()
}

// renew makes the context usable for the next command, unless it has ended.
func (c *opContext) renew() {
	if c.Err() == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone && c.parent.Err() == nil {
		c.fresh()
	}
}
