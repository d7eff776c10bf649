package command

import (
	"context"
	"sync"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// call is one command being run. It is pooled: nothing may keep it, or what it
// points to, after the command returned.
type call struct {
	d    *Dispatcher
	sess *Session
	conn *Session // the connection's own, where sess is one that several share
	cmd  *Command
	raw  bsonraw.Doc
	db   string
	ref  refs.Ref // set for commands that read, write or need a project
	g    generic
	args any // *A of the command's definition

	who     *identity   // who the client has authenticated as, or nil
	checked bool        // whether what it may do is limited
	needs   []auth.Need // what it was allowed, where it is limited

	logical *logicalSession // checked out, where the command has a txnNumber
	txn     *transaction    // the transaction that it runs in, or nil
	memory  *memo           // of a retryable write
	once    *once           // of a command that is one commit, and has a number
	answer  bsonraw.Doc     // see answers
	failed  bool            // some statement failed, though the reply is ok: 1
	op      link

	snapshotAt changes.Time // of a read with the concern snapshot
	timed      bool         // the reply has its times

	dst   []byte // what the reply is appended to, or nil
	first bool   // only the first document is wanted, and no reply around it
	out   bsonraw.Builder
}

var callPool = sync.Pool{New: func() any { return new(call) }}

func newCall(d *Dispatcher, sess *Session, cmd *Command, db string, raw bsonraw.Doc) *call {
	c := callPool.Get().(*call)
	c.d, c.sess, c.conn, c.cmd, c.db, c.raw = d, sess.acting(), sess, cmd, db, raw
	c.g.retryable = cmd.has(retryable)
	c.g.readOnly = cmd.has(reads) && !cmd.has(mayWrite)
	return c
}

// release gives the call back, without the reply's bytes.
func (c *call) release() {
	out := c.out
	out.Detach()
	*c = call{out: out}
	callPool.Put(c)
}

// reply begins the reply document, with room for about n bytes.
func (c *call) reply(n int) *bsonraw.Builder {
	if c.dst != nil {
		c.out.ResetTo(c.dst)
	} else {
		c.out.ResetTo(make([]byte, 0, n+64))
	}
	return &c.out
}

// appended returns dst with the reply behind it, which mostly is there already.
func (c *call) appended(reply bsonraw.Doc) []byte {
	at := len(c.dst)
	if all := c.out.Bytes(); len(all) == at+len(reply) && &all[at] == &reply[0] {
		return all
	}
	return append(c.dst, reply...)
}

// ok ends the reply.
func (c *call) ok() bsonraw.Doc {
	c.out.Double("ok", 1)
	if c.conn.opts.ClusterTime {
		c.d.appendTimes(&c.out)
		c.timed = true
	}
	return c.out.Finish()
}

// okWith is a reply of the fields of body.
func (c *call) okWith(body bsonraw.Doc) bsonraw.Doc {
	b := c.reply(len(body))
	appendFields(b, body)
	return c.ok()
}

// appendFields appends each element of doc.
func appendFields(b *bsonraw.Builder, doc bsonraw.Doc) {
	it := doc.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
}

// prepare finds out what the command runs on, and whether it may.
func (c *call) prepare(ctx context.Context) error {
	if c.cmd.has(adminOnly) && c.database() != adminDB {
		return errs.New(errs.Unauthorized, "%s may only be run against the admin database.", c.cmd.Name)
	}
	if err := c.cmd.parse(c); err != nil {
		return err
	}
	if err := c.g.check(c.cmd, c.sess.opts.NumbersAll); err != nil {
		return err
	}
	if c.g.db != "" {
		if c.db != "" && c.db != c.g.db {
			return errs.New(errs.BadValue, "the command is for the database %q and its field $db says %q", c.db, c.g.db)
		}
		c.db = c.g.db
	}
	if c.sess.opts.ReadOnly && !c.cmd.allowedReadOnly(c.raw) {
		return errs.New(errs.StoreReadOnly, "the client is open for reading only, and %s changes something", c.cmd.Name)
	}
	if err := c.resolve(); err != nil {
		return err
	}
	if err := c.checkTimes(); err != nil {
		return err
	}
	return c.authorize(ctx)
}

// resolve parses the database's name as far as the command needs it.
func (c *call) resolve() error {
	if !c.cmd.has(reads | writes | project) {
		return nil
	}
	if isSystemDB(c.db) {
		return c.resolveSystem()
	}
	ref, err := c.sess.ref(c.db)
	if err != nil {
		return err
	}
	c.ref = ref
	if c.cmd.has(writes) && !c.cmd.has(pinnable) && !ref.Moment.IsHead() {
		return pinned(ref)
	}
	return nil
}

// database is the name of the database before the fields are read.
func (c *call) database() string {
	if c.db != "" {
		return c.db
	}
	return str(c.raw.Get("$db"), "")
}

const adminDB = "admin"

// isSystemDB reports whether a name is one of MongoDB's own databases. They are
// empty here: clients that look into them find nothing.
func isSystemDB(name string) bool { return name == adminDB || name == "config" || name == "local" }

func (c *call) resolveSystem() error {
	if c.cmd.has(reads) && !c.cmd.has(writes) {
		return nil
	}
	return errs.New(errs.InvalidNamespace, "%s cannot run on the database %q, which is not a project", c.cmd.Name, c.db).
		WithRemedy("use a database named project or project~branch")
}

// pinned is the error of a write at a moment; it says how to go on.
func pinned(ref refs.Ref) error {
	return errs.New(errs.PinnedMoment, "%q is branch %q of project %q at a moment, which can only be read",
		refs.FormatDBName(ref), ref.Branch, ref.Project).
		WithRemedy("branch from it, and write there: {argonBranchCreate: \"new-name\", from: %q} on the database %q, or argon branches create new-name -p %s --from %s",
			ref.String(), ref.Project, ref.Project, ref.String())
}

// meta says who commits and why. Who has authenticated acts under that name, and
// under another one only where authorize has let it.
func (c *call) meta() engine.CommitMeta {
	m := engine.CommitMeta{Actor: c.g.actor, Message: c.g.message}
	if m.Actor == "" {
		m.Actor = c.actor()
	}
	if m.Message == "" {
		m.Message = c.sess.opts.Message
	}
	if c.g.hasLsid {
		m.Session = engine.SessionOf(c.g.lsid.id, c.g.transaction())
	}
	if c.once != nil {
		m.Memory = c.remember
	}
	return m
}

// actor names who runs the command, where the command does not say.
func (c *call) actor() string {
	if c.who != nil {
		return c.who.actor
	}
	if app := c.sess.app.Load(); app != nil {
		return *app
	}
	return c.sess.opts.Actor
}

// read runs fn on the branch at its moment, or in the transaction.
func (c *call) read(ctx context.Context, fn func(engine.Reader) error) error {
	r, done, err := c.reader(ctx)
	if err != nil {
		return err
	}
	defer done()
	return fn(r)
}

// reader returns what to read from, and a function that ends the reading.
func (c *call) reader(ctx context.Context) (engine.Reader, func(), error) {
	if c.txn != nil {
		return c.txn.engine, func() {}, nil
	}
	if c.ref.Project == "" {
		return c.d.store.Nothing(refs.Ref{Project: c.db, Branch: refs.Main}), func() {}, nil
	}
	ref, err := c.atClusterTime()
	if err != nil {
		return nil, nil, err
	}
	snap, err := c.d.store.Snapshot(ctx, ref)
	if err != nil {
		if isUnborn(err, c.ref) {
			return c.d.store.Nothing(c.ref), func() {}, nil
		}
		return nil, nil, err
	}
	return snap, snap.Close, nil
}

// isUnborn reports whether a read failed because its project is not there yet:
// as in MongoDB, that database is empty until somebody writes to it. A branch
// or a moment of it, on the other hand, can only be a mistake.
func isUnborn(err error, ref refs.Ref) bool {
	return errs.Is(err, errs.ProjectNotFound) && ref.Branch == refs.Main && ref.Moment.IsHead()
}

// write runs fn in the command's transaction, or else in one of its own that is
// durable when write returns, unless a Pending waits for that. The LSN is 0 where
// nothing is committed (yet).
func (c *call) write(ctx context.Context, fn func(*engine.Txn) error) (mvcc.LSN, error) {
	if c.txn != nil {
		return 0, fn(c.txn.engine)
	}
	if c.memory == nil {
		lsn, wait, err := c.d.store.WriteNoWait(ctx, c.ref, c.meta(), fn)
		if err != nil || lsn == 0 {
			return lsn, err
		}
		return lsn, Settle(ctx, wait)
	}
	return c.writeOnce(ctx, c.memory, fn)
}

// writeOnce is write for a retryable write: its commit carries the memory of it.
func (c *call) writeOnce(ctx context.Context, m *memo, fn func(*engine.Txn) error) (mvcc.LSN, error) {
	lsn, err := c.d.store.Write(ctx, c.ref, c.meta(), func(t *engine.Txn) error {
		if err := fn(t); err != nil {
			return err
		}
		if err := c.d.fail.beforeCommit(c.conn, len(m.fresh.list)); err != nil {
			return err
		}
		return t.Remember(sessionKind, m.s.id.name(), func(lsn mvcc.LSN) bsonraw.Doc {
			return m.s.encode(lsn, c.d.now(), false, m.s.done.list, m.fresh.list)
		})
	})
	if err == nil {
		m.settle(lsn)
	}
	return m.committed(lsn), err
}

// appendLSN puts the commit's LSN into a reply, if there was one, and what there is
// to say of its write concern.
func (c *call) appendLSN(b *bsonraw.Builder, lsn mvcc.LSN) {
	if lsn != 0 {
		b.Int64("argonLSN", int64(lsn))
	}
	c.appendWriteConcern(b)
}

// appendWriteConcern puts what concernError says into a reply.
func (c *call) appendWriteConcern(b *bsonraw.Builder) {
	if e := c.concernError(); e != nil {
		b.Doc("writeConcernError", e)
	}
}

// concernError speaks of a write concern that cannot be had, as mongod with one
// member does; nil of any other. The write itself is done.
func (c *call) concernError() bsonraw.Doc {
	w := c.g.writeConcern
	switch {
	case w.mode != "" && w.mode != "majority":
		return writeConcernError(79, "UnknownReplWriteConcern",
			"No write concern mode named '"+w.mode+"' found in replica set configuration")
	case w.w > 1:
		return writeConcernError(100, "UnsatisfiableWriteConcern", "Not enough data-bearing nodes")
	}
	return nil
}

func writeConcernError(code int32, name, message string) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("code", code)
	b.String("codeName", name)
	b.String("errmsg", message)
	return b.Finish()
}

// failure is the error of a command that ran. Beside it stands, as in mongod, what
// there is to say of the write concern: drivers raise that first.
func (c *call) failure(err error) error {
	concern := c.concernError()
	if err == nil || concern == nil {
		return err
	}
	with := *asError(err)
	with.Concern = concern
	return &with
}
