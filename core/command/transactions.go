package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

func commitTransactionCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "commitTransaction", Group: Transactions, traits: adminOnly | endsTxn | inTxn,
			Help:    "Commits a transaction: one commit with one LSN, durable when the reply comes. Sent again it answers the same.",
			Example: `{commitTransaction: 1, lsid: {id: {$uuid: "2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}, txnNumber: {$numberLong: "1"}, autocommit: false}`, DB: "admin",
		},
		access: anyUser[args](),
		fields: []field[args]{
			one[args]("commitTransaction", 0, ""),
			ignored[args]("recoveryToken", "For sharded clusters.", bsonraw.Object),
		},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			var lsn int64
			err := c.endTxn(ctx, func(s *logicalSession) error {
				if s.state == committed {
					lsn = int64(s.lsn)
					return nil
				}
				l, err := s.commit(ctx, c.d)
				lsn = int64(l)
				return err
			})
			if err != nil {
				return nil, err
			}
			b := c.reply(48)
			if lsn != 0 {
				b.Int64("argonLSN", lsn)
			}
			c.appendWriteConcern(b)
			return c.ok(), nil
		},
	}.build()
}

func abortTransactionCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "abortTransaction", Group: Transactions, traits: adminOnly | endsTxn | inTxn,
			Help:    "Drops a transaction and everything that it wrote.",
			Example: `{abortTransaction: 1, lsid: {id: {$uuid: "2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}, txnNumber: {$numberLong: "1"}, autocommit: false}`, DB: "admin",
		},
		access: anyUser[args](),
		fields: []field[args]{
			one[args]("abortTransaction", 0, ""),
			ignored[args]("recoveryToken", "For sharded clusters.", bsonraw.Object),
		},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			err := c.endTxn(ctx, func(s *logicalSession) error {
				if s.state == committed {
					return s.current(s.txnNumber)
				}
				s.abort(c.d)
				return nil
			})
			if err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

// endTxn finds the transaction that a commit or abort names. One that is
// committed already goes to fn as well.
func (c *call) endTxn(ctx context.Context, fn func(*logicalSession) error) error {
	if !c.g.hasTxnNumber || c.g.autocommit != no {
		return errs.New(errs.CommandFailed, "%s must be run within a transaction", c.cmd.Name)
	}
	s := c.d.logical.get(c.g.lsid, c.sess)
	if err := s.checkOut(ctx); err != nil {
		return err
	}
	defer s.checkIn()
	if err := s.recall(ctx, c.d); err != nil {
		return err
	}
	if c.g.txnNumber < s.txnNumber {
		return errs.New(errs.TransactionTooOld, "Cannot end transaction %d on session %s because a newer transaction with txnNumber %d has already started on this session.", c.g.txnNumber, s.id, s.txnNumber)
	}
	if err := s.current(c.g.txnNumber); err != nil && !errs.Is(err, errs.TransactionCommitted) {
		return err
	}
	return fn(s)
}

type sessionsArgs struct {
	ids []lsid
}

// lsids is an array of sessions.
func lsids(name, path string) field[sessionsArgs] {
	return kind(name, "array", []bsonraw.Type{bsonraw.Array}, func(a *sessionsArgs, v bsonraw.Value) error {
		it := v.Doc().Iter()
		for it.Next() {
			if it.Value().Type != bsonraw.Object {
				return errs.New(errs.TypeMismatch, wrongType, path, it.Key(), it.Value().Type.Name(), " 'object'")
			}
			id, err := parseLsid(it.Value().Doc(), path)
			if err != nil {
				return err
			}
			a.ids = append(a.ids, id)
		}
		return nil
	}).need().about("The sessions: [{id: UUID}].")
}

func endSessionsCommand() *Command {
	return definition[sessionsArgs]{
		Command: Command{
			Name: "endSessions", Group: Transactions,
			Help:    "Ends logical sessions: their transactions are aborted, their cursors closed.",
			Example: `{endSessions: [{id: {$uuid: "2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}]}`, DB: "admin",
		},
		access: anyUser[sessionsArgs](),
		fields: []field[sessionsArgs]{
			lsids("endSessions", "endSessions.endSessionsFromClient"),
		},
		run: func(ctx context.Context, c *call, a *sessionsArgs) (bsonraw.Doc, error) {
			for _, id := range a.ids {
				if err := c.d.endSession(ctx, c.own(id)); err != nil {
					return nil, err
				}
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

func refreshSessionsCommand() *Command {
	return definition[sessionsArgs]{
		Command: Command{
			Name: "refreshSessions", Group: Transactions,
			Help:    "Keeps logical sessions from expiring.",
			Example: `{refreshSessions: [{id: {$uuid: "2f4c1ab0-0a3c-4f0e-9d9e-5d6c1c1e7a01"}}]}`, DB: "admin",
		},
		access: anyUser[sessionsArgs](),
		fields: []field[sessionsArgs]{lsids("refreshSessions", "refreshSessions.refreshSessionsFromClient")},
		run: func(_ context.Context, c *call, a *sessionsArgs) (bsonraw.Doc, error) {
			for _, id := range a.ids {
				c.d.logical.touch(c.own(id), c.d.now())
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

func startSessionCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "startSession", Group: Transactions,
			Help:    "Makes up the id of a new logical session. Drivers make their own.",
			Example: `{startSession: 1}`, DB: "admin",
		},
		access: anyUser[args](),
		fields: []field[args]{one[args]("startSession", 0, "")},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			b := c.reply(96)
			b.BeginDoc("id")
			id := NewSessionID()
			b.Value("id", bsonraw.BinaryValue(4, id[:]))
			b.End()
			b.Int32("timeoutMinutes", int32(sessionIdle.Minutes()))
			return c.ok(), nil
		},
	}.build()
}
