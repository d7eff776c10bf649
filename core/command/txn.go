package command

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// Lives of what clients forget. MongoDB ends a transaction after a minute,
// since it holds locks; here one waits on nobody, and a person at a notebook
// thinks longer than that.
const (
	sessionIdle = 30 * time.Minute
	txnIdle     = 10 * time.Minute
)

// txnState says what the newest transaction number of a session stands for.
type txnState uint8

const (
	idle       txnState = iota // nothing yet
	retrying                   // retryable writes, their results remembered
	inProgress                 // a transaction, open
	committed
	aborted
)

// logicalSession is a session of MongoDB's: at most one transaction at a time,
// and the results of the newest retryable write.
//
// busy is held while a command with a transaction number runs. The fields below
// it belong to who holds it; owner and used belong to the map's lock.
type logicalSession struct {
	id    lsid
	owner *Session
	used  time.Time
	busy  chan struct{}
	open  atomic.Bool // there is a txn

	txnNumber int64
	state     txnState
	txn       *transaction
	lsn       mvcc.LSN // of the commit, once committed
	done      results
	recalled  bool // what an earlier process knew of it has been read
}

// transaction is an open transaction: always one branch's.
type transaction struct {
	engine *engine.Txn
	ref    refs.Ref
}

// checkOut waits until no other command of the session runs.
func (s *logicalSession) checkOut(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *logicalSession) checkIn() { <-s.busy }

// enter takes the command into its logical session: into its transaction, or
// as a retryable write. leave must follow if it succeeds.
func (c *call) enter(ctx context.Context) error {
	s := c.d.logical.get(c.g.lsid, c.sess)
	if err := s.checkOut(ctx); err != nil {
		return err
	}
	err := s.recall(ctx, c.d)
	switch {
	case err != nil:
	case c.g.autocommit == no:
		err = s.enterTxn(ctx, c)
	default:
		err = s.enterRetryable(c)
	}
	if err != nil {
		s.checkIn()
		return err
	}
	c.logical = s
	return nil
}

// leave ends the command's part in the session. An error, and also a failed
// statement in a reply that is ok, ends a transaction.
func (c *call) leave(err error) error {
	s := c.logical
	if c.txn != nil {
		if err != nil || c.failed {
			s.abort(c.d)
		}
		err = transient(err)
	}
	s.checkIn()
	return err
}

// transient labels an error after which the whole transaction may be run again.
func transient(err error) error {
	e := errs.As(err)
	if e == nil || e.Code != errs.WriteConflict && e.Code != errs.NoSuchTransaction {
		return err
	}
	for _, l := range e.Labels {
		if l == transientLabel {
			return e
		}
	}
	return e.WithLabel(transientLabel)
}

const transientLabel = "TransientTransactionError"

// enterTxn begins or continues a transaction.
func (s *logicalSession) enterTxn(ctx context.Context, c *call) error {
	n := c.g.txnNumber
	switch {
	case n < s.txnNumber:
		return errs.New(errs.TransactionTooOld, "Cannot start transaction with { txnNumber: %d } on session %s because a newer transaction with txnNumber %d has already started on this session.", n, s.id, s.txnNumber)
	case c.g.start == yes && n == s.txnNumber:
		return errs.New(errs.ConflictingOperation, "Only servers in a sharded cluster can start a new transaction at the active transaction number")
	case c.g.start == yes:
		return s.startTxn(ctx, c)
	}
	if err := s.current(n); err != nil {
		return err
	}
	if c.ref != s.txn.ref && c.cmd.has(reads|writes) {
		return errs.New(errs.OperationNotSupportedInTxn, "this transaction is on %q and cannot use %q too",
			refs.FormatDBName(s.txn.ref), c.db).WithRemedy("a transaction works on one branch: merge branches instead")
	}
	c.txn = s.txn
	return nil
}

// current reports, as an error, that n is not the number of an open transaction.
func (s *logicalSession) current(n int64) error {
	switch {
	case n != s.txnNumber || s.state == idle || s.state == retrying:
		return errs.New(errs.NoSuchTransaction, "Given transaction number %d does not match any in-progress transactions. The active transaction number is %d", n, s.txnNumber).WithLabel(transientLabel)
	case s.state == committed:
		return errs.New(errs.TransactionCommitted, "Transaction with { txnNumber: %d } has been committed.", n)
	case s.state == aborted:
		return errs.New(errs.NoSuchTransaction, "Transaction with { txnNumber: %d } has been aborted.", n).WithLabel(transientLabel)
	}
	return nil
}

// startTxn begins a transaction and ends an older one that is still open.
func (s *logicalSession) startTxn(ctx context.Context, c *call) error {
	s.abort(c.d)
	s.txnNumber, s.state = c.g.txnNumber, aborted
	if c.ref.Project == "" {
		return errs.New(errs.OperationNotSupportedInTxn, "a transaction cannot begin on the database %q", c.db)
	}
	if !c.ref.Moment.IsHead() {
		return pinned(c.ref)
	}
	txn, err := c.d.store.Begin(ctx, c.ref, c.meta())
	if err != nil {
		return err
	}
	s.state = inProgress
	s.txn = &transaction{engine: txn, ref: c.ref}
	s.open.Store(true)
	c.txn = s.txn
	return nil
}

// abort ends an open transaction, and does nothing if there is none.
func (s *logicalSession) abort(d *Dispatcher) {
	if s.txn == nil {
		return
	}
	d.cursors.closeTxn(s.txn)
	s.txn.engine.Abort()
	s.txn, s.state = nil, aborted
	s.open.Store(false)
}

// commit ends an open transaction.
func (s *logicalSession) commit(ctx context.Context, d *Dispatcher) (mvcc.LSN, error) {
	d.cursors.closeTxn(s.txn)
	err := s.txn.engine.Remember(sessionKind, s.id.name(), func(lsn mvcc.LSN) bsonraw.Doc {
		return s.encode(lsn, d.now(), true)
	})
	if err != nil {
		return 0, err
	}
	lsn, err := s.txn.engine.Commit(ctx)
	s.txn, s.state, s.lsn = nil, aborted, 0
	s.open.Store(false)
	if err == nil {
		s.state, s.lsn = committed, lsn
	}
	return lsn, transient(err)
}

// abortNamed ends the transaction that a command belongs to whose fields do not
// parse. Like any error in a transaction, it is the end of it.
func (d *Dispatcher) abortNamed(ctx context.Context, c *call) {
	g := generic{owner: c.g.owner}
	it := c.raw.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "lsid", "txnNumber", "autocommit", "startTransaction":
			if _, err := g.read(it.Key(), it.Value()); err != nil {
				return
			}
		}
	}
	if g.autocommit != no || !g.hasLsid || !g.hasTxnNumber {
		return
	}
	s := d.logical.get(g.lsid, c.sess)
	if s.checkOut(ctx) != nil {
		return
	}
	defer s.checkIn()
	switch {
	case g.txnNumber == s.txnNumber:
		s.abort(d)
	case g.txnNumber > s.txnNumber && g.start == yes:
		s.abort(d)
		s.txnNumber, s.state = g.txnNumber, aborted
	}
}

// tryAbort aborts unless a command of the session is running.
func (s *logicalSession) tryAbort(d *Dispatcher) bool {
	select {
	case s.busy <- struct{}{}:
		s.abort(d)
		s.checkIn()
		return true
	default:
		return false
	}
}

// end forgets a session, with its transaction and its cursors.
func (d *Dispatcher) endSession(ctx context.Context, id lsid) error {
	d.cursors.closeLogical(id)
	s := d.logical.peek(id)
	if s == nil {
		return nil
	}
	if err := s.checkOut(ctx); err != nil {
		return err
	}
	s.abort(d)
	s.checkIn()
	d.logical.mu.Lock()
	delete(d.logical.byID, id)
	d.logical.mu.Unlock()
	return nil
}

// where returns the sessions that which says.
func (l *logicalSessions) where(which func(*logicalSession) bool) []*logicalSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*logicalSession
	for _, s := range l.byID {
		if which(s) {
			out = append(out, s)
		}
	}
	return out
}

// closeOwned aborts the transactions of a client that has gone. What it retried
// is kept: it may come back on another connection.
func (l *logicalSessions) closeOwned(owner *Session) {
	for _, s := range l.where(func(s *logicalSession) bool { return s.owner == owner }) {
		s.tryAbort(owner.d)
	}
}

// openTxns counts the transactions that are open. A session that runs a command
// counts as what it was before it.
func (l *logicalSessions) openTxns() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, s := range l.byID {
		if s.open.Load() {
			n++
		}
	}
	return n
}

// owns reports whether a client was the last to use some session.
func (l *logicalSessions) owns(owner *Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.byID {
		if s.owner == owner {
			return true
		}
	}
	return false
}

func (l *logicalSessions) closeAll(d *Dispatcher) {
	for _, s := range l.where(func(*logicalSession) bool { return true }) {
		s.tryAbort(d)
	}
}

// expire aborts transactions and forgets sessions that nobody has used.
func (l *logicalSessions) expire(d *Dispatcher, now time.Time) {
	for _, s := range l.where(func(s *logicalSession) bool { return now.Sub(s.used) > txnIdle }) {
		if s.tryAbort(d) && now.Sub(s.used) > sessionIdle {
			l.mu.Lock()
			delete(l.byID, s.id)
			l.mu.Unlock()
		}
	}
}
