package attach

import (
	"context"
	"errors"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
)

// maxMoves is how many hosts a command may lose before it gives up.
const maxMoves = 20

// Run runs a command where the store is.
func (s *Shared) Run(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	if st := s.seat.Load(); st != nil && st.local != nil {
		reply, err := st.local.disp.Run(ctx, st.local.sess, db, cmd)
		if err != nil {
			err = s.explain(err)
		}
		return reply, err
	}
	return s.runAttached(ctx, db, cmd)
}

// AppendFirst is Backend.AppendFirst.
func (s *Shared) AppendFirst(ctx context.Context, db string, cmd bsonraw.Doc, dst []byte) ([]byte, error) {
	if st := s.seat.Load(); st != nil && st.local != nil {
		all, err := st.local.disp.AppendFirst(ctx, st.local.sess, db, cmd, dst)
		if err != nil {
			err = s.explain(err)
		}
		return all, err
	}
	reply, err := s.runAttached(ctx, db, cmd)
	if err != nil {
		return dst, err
	}
	doc, err := command.FirstOf(cmd, reply)
	return append(dst, doc...), err
}

// runAttached runs a command at the host, and where the host is lost on the way
// runs it again if that is safe, even if this process is the host by then.
func (s *Shared) runAttached(ctx context.Context, db string, cmd bsonraw.Doc) (bsonraw.Doc, error) {
	a := &addressed{cmd: cmd, db: db}
	if err := a.check(); err != nil {
		return nil, err
	}
	a.statement = s.statements.take(cmd)
	defer s.statements.give(a.statement)
	for range maxMoves {
		st, err := s.sit(ctx)
		if err != nil {
			return nil, err
		}
		reply, err := st.run(ctx, a)
		var b *broken
		if !errors.As(err, &b) {
			return reply, s.explain(err)
		}
		s.leave(st)
		if b.whole && !a.repeatable() {
			return nil, a.lost(b)
		}
	}
	return nil, tooManyMoves()
}

func tooManyMoves() error {
	return errs.New(errs.HostLost, "the process that has the store open ended, %d times in a row", maxMoves).
		WithRemedy("find out why: what each of them was asked to do may be the reason")
}

// run runs the command in this process or at the host.
func (st *seat) run(ctx context.Context, a *addressed) (bsonraw.Doc, error) {
	if st.link != nil {
		return st.link.do(ctx, a)
	}
	cmd := a.cmd
	if a.statement != nil {
		a.op = 0
		cmd = a.append(nil)
	}
	return st.local.disp.Run(ctx, st.local.sess, a.db, cmd)
}

// repeatable reports whether the command may be run again although it may have
// been carried out.
func (a *addressed) repeatable() bool {
	if a.statement != nil {
		return true
	}
	if a.cmd.Get("autocommit").IsMissing() {
		if _, numbered := a.cmd.Lookup("txnNumber"); numbered && command.Numbered(a.cmd) {
			return true // under numbers of the caller's
		}
		return command.EffectOf(a.cmd) != command.Once
	}
	return command.EffectOf(a.cmd) == command.Again // to commit or to abort
}

// lost is the error of a command that may have been carried out.
func (a *addressed) lost(b *broken) error {
	name := ""
	if it := a.cmd.Iter(); it.Next() {
		name = string(it.Key())
	}
	switch {
	case !a.cmd.Get("autocommit").IsMissing():
		return errs.Wrap(b.cause, errs.HostLost, "the process that has the store open ended, and the transaction of %s with it", name).
			WithRemedy("run the whole transaction again").WithLabel("TransientTransactionError")
	case name == "getMore":
		return errs.Wrap(b.cause, errs.HostLost, "the process that has the store open ended, and the cursor with it").
			WithRemedy("run the query again")
	}
	e := errs.Wrap(b.cause, errs.HostLost, "the process that has the store open ended before it answered %s, which may have been carried out", name)
	if what := command.Aftermath(a.cmd); what != "" {
		return e.WithRemedy("%s", what)
	}
	return e
}

// explain says of a cursor that is not there that its host has gone.
func (s *Shared) explain(err error) error {
	if e := errs.As(err); e != nil && e.Code == errs.CursorNotFound && s.moves.Load() > 0 {
		return e.WithRemedy("the process that had the store open has ended since this client opened it, and its cursors with it: run the query again")
	}
	return err
}
