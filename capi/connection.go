package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
)

// backend is what this package needs of core/client. Tests put their own in its
// place.
type backend interface {
	// RunCommand runs a command on db. The document it returns is the caller's.
	RunCommand(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error)
	// AppendFirst runs a command that answers with a cursor and appends its first
	// document to dst, or nothing if there is none.
	AppendFirst(ctx context.Context, db string, cmd bsonraw.Doc, dst []byte) ([]byte, error)
	// OpenSource prepares a command that answers with a cursor.
	OpenSource(ctx context.Context, db string, cmd bsonraw.Doc) (source, error)
	// Close releases the store.
	Close() error
}

// source is a query on one snapshot, which stays until it is closed. Cursors are
// open one at a time and closed before it; where it is repeatable they give the
// same documents.
type source interface {
	Open(ctx context.Context) (columnar.Iter, error)
	Repeatable() bool
	Close() error
}

// connection is an open backend and what runs on it. Its context ends when it is
// closed. users counts the calls that closing waits for; streams are those that
// nobody may be reading, which closing ends itself, since their holder may never
// come back to them.
type connection struct {
	backend backend
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	idle    sync.Cond
	users   int
	closed  bool
	streams map[*stream]struct{}
}

func newConnection(b backend) *connection {
	c := &connection{backend: b, streams: map[*stream]struct{}{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.idle.L = &c.mu
	return c
}

// alone reports whether nothing else uses the client now.
func (c *connection) alone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users == 1
}

// enter begins a use of the client; leave ends it.
func (c *connection) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errs.New(errs.StoreClosed, "the client is closed")
	}
	c.users++
	return nil
}

func (c *connection) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.users == 0 {
		c.idle.Broadcast()
	}
}

// close cancels every use, waits for the last one to end, ends the streams, and
// closes the store.
func (c *connection) close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.cancel()
	for c.users > 0 {
		c.idle.Wait()
	}
	streams := c.streams
	c.streams = nil
	c.mu.Unlock()
	for s := range streams {
		s.end()
	}
	return c.backend.Close()
}

// use looks a client up and enters it.
func use(n int64) (*connection, error) {
	c, err := connectionOf(n)
	if err != nil {
		return nil, err
	}
	return c, c.enter()
}

func openClient(options bsonraw.Doc) answer {
	b, err := openBackend(context.Background(), options)
	if err != nil {
		return failure(err)
	}
	return answer{handle: registry.add(newConnection(b))}
}

func closeClient(n int64) answer {
	c, err := connectionOf(n)
	if err != nil {
		return failure(err)
	}
	registry.forget(n)
	if err := c.close(); err != nil {
		return failure(err)
	}
	return answer{}
}

// runCommand runs a command on the thread of the caller. What it left to wait for
// is in the answer (settle.go), whenever there is something if the budget is
// negative.
func runCommand(n int64, db string, cmd bsonraw.Doc, budgetMS int) answer {
	c, err := use(n)
	if err != nil {
		return failure(err)
	}
	if budgetMS > 0 {
		defer c.leave()
		return c.runWithin(time.Duration(budgetMS)*time.Millisecond, db, cmd)
	}
	return c.runUnsettled(db, cmd, budgetMS < 0)
}

// runFirst runs a command on the thread of the caller and answers with the first
// document of its cursor, in room if it fits there.
func runFirst(n int64, db string, cmd bsonraw.Doc, room []byte) answer {
	c, err := use(n)
	if err != nil {
		return failure(err)
	}
	defer c.leave()
	doc, err := c.backend.AppendFirst(c.ctx, db, cmd, room[:0])
	if err != nil {
		return failure(err)
	}
	return answer{doc: doc}
}

// runWithin runs a command that only reads, and gives up when the budget is
// spent. An error of another kind is the command's answer even then.
func (c *connection) runWithin(budget time.Duration, db string, cmd bsonraw.Doc) answer {
	ctx, cancel := context.WithTimeout(c.ctx, budget)
	defer cancel()
	doc, err := c.backend.RunCommand(ctx, db, cmd)
	switch {
	case err == nil:
		return answer{doc: doc}
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && (errs.As(err) == nil || errs.In(err, errs.Canceled)):
		return answer{status: running}
	default:
		return failure(err)
	}
}
