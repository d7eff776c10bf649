package main

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
)

// A thread of C's that blocks in Go is woken by way of Go's scheduler: another
// thread finds its goroutine, hands over, and sleeps itself. Sixteen threads that
// insert one document each spent a third of their time so. Therefore a command of
// a client that others use too returns to C before its commit is durable,
// unsettled, and its thread waits there (settle.c): one of those that wait comes
// back and settles for all of them, the others sleep in C and return from there.
//
// A thread that has the client for itself waits in Go, which saves a call. Small
// inserts gather even before they run (together.c), and are settled by who ran them.

// unsettled is a command that ran, and whose caller must not hear of it yet. The
// command is in the client until it is settled.
type unsettled struct {
	c       *connection
	pending command.Pending
}

// runUnsettled runs a command, gathered with others or not. It leaves the client,
// unless the answer is unsettled.
func (c *connection) runUnsettled(db string, cmd bsonraw.Doc, gathered bool) (a answer) {
	u := &unsettled{c: c}
	defer func() {
		if a.rest == nil {
			c.leave()
		}
	}()
	doc, err := c.backend.RunCommand(u.pending.Under(c.ctx), db, cmd)
	a = answer{doc: doc}
	if err != nil {
		a = failure(err)
	}
	if u.pending.Any() && (gathered || !c.alone()) {
		a.rest = u
	} else if err := u.pending.Wait(); err != nil {
		a = failure(err)
	}
	return a
}

// settle waits for the disk, and answers with ok or an error.
func (u *unsettled) settle() answer {
	defer u.c.leave()
	if err := u.pending.Wait(); err != nil {
		return failure(err)
	}
	return answer{}
}
