package command

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

// statement is the remembered result of one statement of a retryable write.
type statement struct {
	n, modified int64
	upserted    bsonraw.Value
	reply       bsonraw.Doc // the whole reply, of findAndModify
}

// enterRetryable takes a write with a transaction number into its session. A
// newer number forgets the results of the older one: a client has at most one
// retryable write in flight on a session.
func (s *logicalSession) enterRetryable(c *call) error {
	n := c.g.txnNumber
	switch {
	case n < s.txnNumber:
		return errs.New(errs.TransactionTooOld, "Retryable write with txnNumber %d is prohibited on session %s because a newer retryable write with txnNumber %d has already started on this session.", n, s.id, s.txnNumber)
	case n == s.txnNumber && s.state != retrying:
		return errs.New(errs.NoSuchTransaction, "Cannot retry txnNumber %d on session %s, which stands for a transaction", n, s.id)
	case n > s.txnNumber:
		s.abort(c.d)
		s.txnNumber, s.state, s.lsn = n, retrying, 0
		s.done.clear()
	}
	return nil
}

// memo gives a write command access to the statements that are done already.
// Its methods on a nil memo, of a write that is not retryable, do nothing.
type memo struct {
	s       *logicalSession
	ids     []int32
	retried []int32
	fresh   results // of this command, until its commit is durable
}

// memo returns the memory for n statements, nil outside of retryable writes.
func (c *call) memo(n int) (*memo, error) {
	if c.logical == nil && c.g.stmtIDs == nil {
		return nil, nil
	}
	ids, err := c.statementIDs(n)
	if err != nil || c.logical == nil || c.txn != nil {
		return nil, err
	}
	c.memory = &memo{s: c.logical, ids: ids}
	return c.memory, nil
}

// statementIDs returns the number of each statement: from stmtIds, counted from
// stmtId, or counted from 0.
func (c *call) statementIDs(n int) ([]int32, error) {
	ids := make([]int32, 0, n)
	if c.g.stmtIDs == nil {
		for i := range n {
			ids = append(ids, c.g.stmtID+int32(i))
		}
		return ids, nil
	}
	if c.g.hasStmtID {
		return nil, errs.New(errs.InvalidOptions, "May not specify both stmtId and stmtIds in write command")
	}
	it := c.g.stmtIDs.Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.Int32 {
			return nil, errs.New(errs.TypeMismatch, wrongType, c.cmd.Name+".stmtIds", it.Key(), it.Value().Type.Name(), " 'int'")
		}
		ids = append(ids, it.Value().Int32())
	}
	if len(ids) != n {
		return nil, errs.New(errs.InvalidLength, "Number of statement ids must match the number of batch entries. Got %d statement ids but %d operations.", len(ids), n)
	}
	return ids, nil
}

// done returns the result of statement i, if it was done before.
func (m *memo) done(i int) (statement, bool) {
	if m == nil {
		return statement{}, false
	}
	st, ok := m.s.done.find(m.ids[i])
	if ok {
		m.retried = append(m.retried, m.ids[i])
	}
	return st, ok
}

// any reports whether some statement was done before.
func (m *memo) any() bool {
	if m == nil || len(m.s.done.list) == 0 {
		return false
	}
	for _, id := range m.ids {
		if _, ok := m.s.done.find(id); ok {
			return true
		}
	}
	return false
}

// keep notes the result of statement i, which is remembered once the commit is
// durable. It is called before the commit, which carries it.
func (m *memo) keep(i int, st statement) {
	if m != nil {
		m.fresh.add(m.ids[i], st)
	}
}

// single reports whether statements for many documents are refused, as in
// MongoDB, where they are many commits. Here a command is one; Argon's own
// clients number all of them.
func (m *memo) single(c *call) bool { return m != nil && !c.sess.opts.NumbersAll }

// settle makes what keep noted part of what the session remembers.
func (m *memo) settle(lsn mvcc.LSN) {
	if m == nil {
		return
	}
	for _, r := range m.fresh.list {
		m.s.done.append(r)
	}
	if lsn != 0 {
		m.s.lsn = lsn
	}
}

// committed is the LSN for the reply: that of the commit, or, where nothing was
// left to do, that of the commit which did it.
func (m *memo) committed(lsn mvcc.LSN) mvcc.LSN {
	if lsn == 0 && m != nil && len(m.retried) > 0 {
		return m.s.lsn
	}
	return lsn
}

// appendRetried names the statements that were not run again.
func (m *memo) appendRetried(b *bsonraw.Builder) {
	if m == nil || len(m.retried) == 0 {
		return
	}
	b.BeginArray("retriedStmtIds")
	for i, id := range m.retried {
		b.Int32(bsonraw.Index(i), id)
	}
	b.End()
}
