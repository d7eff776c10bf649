package command

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// Dispatcher runs commands on one store. Make one per store.
type Dispatcher struct {
	store     *engine.Store
	mirrors   Mirrors   // nil where none can run
	publisher Publisher // nil where there is none
	commands  registry
	auth      *auth.Authority
	cursors   cursors
	logical   logicalSessions
	ops       ops
	fail      failpoints
	host      atomic.Pointer[Host]
	traffic   atomic.Pointer[func() Traffic] // nil where no server runs

	attachedClients attachedClients

	grace   atomic.Int64 // nanoseconds; see SetGrace
	now     func() time.Time
	started time.Time
	count   atomic.Int64 // commands run, for serverStatus; the number of a command
	forgot  atomic.Int64 // when sessions of the past were last looked for, Unix seconds
	swept   atomic.Int64 // when expired cursors and sessions were last looked for, Unix seconds
}

// NewDispatcher returns a dispatcher on an open store, which stays the
// caller's to close, after Close.
func NewDispatcher(store *engine.Store) *Dispatcher { return newDispatcher(store, time.Now) }

func newDispatcher(store *engine.Store, now func() time.Time) *Dispatcher {
	d := &Dispatcher{
		store: store, commands: newRegistry(), now: now, started: now(),
		auth: auth.New(settings{store}, auth.Options{Now: now}),
	}
	d.SetGrace(defaultGrace)
	return d
}

// Close ends every cursor and transaction. Commands that run at the same time
// fail with StoreClosed once the store is closed.
func (d *Dispatcher) Close() {
	d.cursors.closeAll()
	d.logical.closeAll(d)
}

// Run runs a command on a database and returns its reply, which belongs to the
// caller. An empty db is taken from the field $db. The error, if any, is an
// *errs.Error.
func (d *Dispatcher) Run(ctx context.Context, sess *Session, db string, raw bsonraw.Doc) (bsonraw.Doc, error) {
	c, err := d.begin(ctx, sess, db, raw)
	if err != nil {
		return nil, asError(err)
	}
	defer c.release()
	d.ops.enter(ctx, c, d.now())
	defer d.leave(c)
	reply, err := c.execute(ctx)
	if err != nil {
		return nil, asError(err)
	}
	return c.withTimes(reply), nil
}

// RunAppend is Run for a door that sends bytes: the reply is appended to dst. With
// an error dst comes back as it was.
func (d *Dispatcher) RunAppend(ctx context.Context, sess *Session, db string, raw bsonraw.Doc, dst []byte) ([]byte, error) {
	return d.runTo(ctx, sess, db, raw, dst, false)
}

// AppendFirst is Run for who wants the first document of the cursor that a command
// answers with, and not the reply around it: it appends the document to dst, or
// nothing if there is none. With an error dst comes back as it was.
func (d *Dispatcher) AppendFirst(ctx context.Context, sess *Session, db string, raw bsonraw.Doc, dst []byte) ([]byte, error) {
	return d.runTo(ctx, sess, db, raw, dst, true)
}

func (d *Dispatcher) runTo(ctx context.Context, sess *Session, db string, raw bsonraw.Doc, dst []byte, first bool) ([]byte, error) {
	c, err := d.begin(ctx, sess, db, raw)
	if err != nil {
		return dst, asError(err)
	}
	defer c.release()
	d.ops.enter(ctx, c, d.now())
	defer d.leave(c)
	c.dst, c.first = dst, first
	reply, err := c.execute(ctx)
	switch {
	case err != nil:
		return dst, asError(err)
	case first:
		return reply, nil // appended already
	}
	return c.appended(c.withTimes(reply)), nil
}

// leave ends what enter began.
func (d *Dispatcher) leave(c *call) { d.ops.leave(c, d.now().Sub(c.op.started)) }

// OpenCursor runs a command that answers with a cursor and returns all its
// documents as one stream, for Arrow: batchSize and the reply's form do not
// matter. The caller closes it.
func (d *Dispatcher) OpenCursor(ctx context.Context, sess *Session, db string, raw bsonraw.Doc) (engine.Cursor, error) {
	s, err := d.openStream(ctx, sess, db, raw)
	if err != nil {
		return nil, asError(err)
	}
	cur, err := s.open(ctx)
	if err != nil {
		s.close()
		return nil, asError(err)
	}
	return &ownedCursor{Cursor: cur, close: s.close}, nil
}

// OpenSource is OpenCursor for a reader that may need the stream again from its
// beginning: each Open gives the same documents in the same order.
func (d *Dispatcher) OpenSource(ctx context.Context, sess *Session, db string, raw bsonraw.Doc) (*Source, error) {
	s, err := d.openStream(ctx, sess, db, raw)
	if err != nil {
		return nil, asError(err)
	}
	return &Source{stream: s}, nil
}

// Source is a query pinned to one snapshot. Close it after its cursors.
type Source struct {
	stream *stream
}

// Open starts the query. One cursor may be open at a time.
func (s *Source) Open(ctx context.Context) (engine.Cursor, error) {
	cur, err := s.stream.open(ctx)
	if err != nil {
		return nil, asError(err)
	}
	return cur, nil
}

// Parts returns the query in parts that may be read at the same time, and more
// than once; one behind the other they are what Open gives. There are none where
// it is not worth it.
func (s *Source) Parts(ctx context.Context) ([]engine.OpenFunc, error) {
	if s.stream.parts == nil {
		return nil, nil
	}
	parts, err := s.stream.parts(ctx)
	if err != nil {
		return nil, asError(err)
	}
	return parts, nil
}

// Repeatable reports whether opening again gives the same documents; a pipeline
// with $sample or $rand does not.
func (s *Source) Repeatable() bool { return !s.stream.random }

// Close gives up the snapshot. Twice is allowed.
func (s *Source) Close() error {
	s.stream.close()
	return nil
}

// ownedCursor closes what it was made from together with itself.
type ownedCursor struct {
	engine.Cursor
	close func()
}

func (c *ownedCursor) Close() error {
	err := c.Cursor.Close()
	c.close()
	return err
}

func (d *Dispatcher) openStream(ctx context.Context, sess *Session, db string, raw bsonraw.Doc) (s *stream, err error) {
	c, err := d.begin(ctx, sess, db, raw)
	if err != nil {
		return nil, err
	}
	defer c.release()
	if c.cmd.open == nil {
		return nil, errs.New(errs.CommandNotSupported, "the command '%s' does not answer with a cursor", c.cmd.Name)
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	if c.g.autocommit == no {
		if err := c.enter(ctx); err != nil {
			return nil, err
		}
		defer func() { err = c.leave(err) }()
	}
	if s, err = c.cmd.open(ctx, c); err == nil && s.reply != nil {
		return nil, errs.New(errs.CommandNotSupported, "an explanation is not a stream of documents")
	}
	return s, err
}

// begin finds the command, validates the bytes, and refuses a client that has to
// authenticate first.
func (d *Dispatcher) begin(ctx context.Context, sess *Session, db string, raw bsonraw.Doc) (*call, error) {
	cmd, unknown := d.commands.find(raw) // takes any bytes
	if err := bsonraw.ValidateDepth(raw, cmd.depth()); err != nil {
		return nil, err
	}
	if unknown != nil {
		return nil, unknown
	}
	id := d.count.Add(1)
	d.sweep(ctx)
	if cmd.open != nil {
		raw = raw.Clone() // a stream outlives the call, and its filter points into the command
	}
	c := newCall(d, sess, cmd, db, raw)
	c.op.id, c.op.db = id, db
	if err := c.admit(ctx); err != nil {
		c.release()
		return nil, err
	}
	return c, nil
}

// depth is how deep the command may be nested: a stored document of the greatest
// depth, in the arrays and documents of a command around it. For insert it is
// exact, so that documents need no look of their own; an update measures what
// it makes. A nil command is an unknown one.
func (c *Command) depth() int {
	if c != nil && c.Name == "insert" {
		return bsonraw.MaxDepth + 2 // {insert, documents: [{…}]}
	}
	return bsonraw.MaxDepth + 6
}

// execute parses the command, enters its session and runs it. An error in a
// transaction, wherever it comes from, ends the transaction.
func (c *call) execute(ctx context.Context) (bsonraw.Doc, error) {
	if err := c.prepare(ctx); err != nil {
		c.d.abortNamed(ctx, c)
		return nil, err
	}
	if c.g.maxTime > 0 {
		if err := c.d.fail.timesOut(); err != nil {
			return nil, err
		}
	}
	if c.g.maxTime > 0 && !c.cmd.has(awaits) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.g.maxTime)
		defer cancel()
	}
	if a := c.conn.attached.Load(); a != nil && c.g.op != 0 {
		var done func()
		ctx, done = a.track(ctx, c.g.op)
		defer done()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if !c.g.hasTxnNumber || c.cmd.has(endsTxn) {
		return c.runIt(ctx)
	}
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	reply, err := c.runIt(ctx)
	return reply, c.leave(err)
}

func (c *call) runIt(ctx context.Context) (bsonraw.Doc, error) {
	var reply bsonraw.Doc
	var err error
	if c.cmd.has(numbered) && c.logical != nil && c.txn == nil {
		reply, err = c.runOnce(ctx)
	} else {
		reply, err = c.runPlain(ctx)
	}
	return reply, c.failure(err)
}

func (c *call) runPlain(ctx context.Context) (bsonraw.Doc, error) {
	switch {
	case c.first:
		return c.runFirst(ctx)
	case c.cmd.open != nil:
		return c.runCursor(ctx)
	}
	return c.cmd.run(ctx, c)
}

// asError makes sure that an error is one of errs.
func asError(err error) *errs.Error {
	if e := errs.As(err); e != nil {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errs.New(errs.MaxTimeMSExpired, "operation exceeded time limit")
	case errors.Is(err, context.Canceled):
		return errs.New(errs.Interrupted, "operation was interrupted")
	}
	return errs.Wrap(err, errs.InternalError, "unexpected error")
}

// sweepEvery is how often expired cursors and sessions are looked for, in
// seconds. It happens on the way of a command, not in a goroutine of its own:
// while nothing runs, nothing is in the way of what has expired.
const sweepEvery = 15

func (d *Dispatcher) sweep(ctx context.Context) {
	now := d.now()
	last := d.swept.Load()
	if now.Unix()-last < sweepEvery || !d.swept.CompareAndSwap(last, now.Unix()) {
		return
	}
	d.cursors.expire(now)
	d.logical.expire(d, now)
	if d.store == nil {
		return // it only parses
	}
	at := d.forgot.Load()
	if now.Sub(d.started) > time.Minute && now.Unix()-at > int64(forgetAfter/time.Second) && d.forgot.CompareAndSwap(at, now.Unix()) {
		// What cannot be forgotten now is looked for again in an hour.
		_ = d.forget(ctx, now)
	}
}
