package publish

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// ordered writes a batch document by document, where the server or the
// collection has no transactions. Each write has its guard in its own filter, so
// it is exact by itself; what is lost is that all happen together. The journal
// says before the first that they are under way.
func (r *run) ordered(ctx context.Context, b *batch) error {
	if b.state.State != r.openState() {
		b.state.State, b.state.LSID, b.state.Txn = r.openState(), nil, 0
		if err := r.j.saveState(ctx, b); err != nil {
			return err
		}
	}
	if err := r.at("committing"); err != nil {
		return err
	}
	for n := range b.steps {
		i := n
		if r.back {
			i = len(b.steps) - 1 - n
		}
		s, from, _, lost := r.goal(b, i)
		if b.state.Outcome[i] != from {
			continue
		}
		outcome, list, err := r.one(ctx, b, i)
		if err == nil && outcome == lost && r.stops() {
			r.lists.conflict(list...)
			err = errs.New(errs.PublishConflict, "the target moved on while it was written to: %s", list[0].Message)
		} else if err == nil {
			b.state.Outcome[i] = outcome
			r.keep(b, list)
			err = r.at("one " + s.op())
		}
		if err != nil {
			if e := r.j.saveState(context.WithoutCancel(ctx), b); e != nil {
				return e
			}
			return err
		}
	}
	return r.finish(ctx, b, b.state.Outcome)
}

// one writes one document.
func (r *run) one(ctx context.Context, b *batch, i int) (outcome byte, conflicts []Conflict, err error) {
	s, _, to, lost := r.goal(b, i)
	st := s.statement(r.j.head.Guard)
	begun := time.Now()
	for n := 0; ; n++ {
		wrote, failed, err := r.t.write(ctx, s.verb(), s.coll, []bsonraw.Value{st.Value()}, r.t.acknowledged())
		switch {
		case failed != nil && failed.code != int(errs.DuplicateKey):
			return lost, []Conflict{s.refusedBy(failed)}, nil
		case err != nil && !retriable(err):
			return 0, nil, r.t.failed(ctx, err)
		case err == nil && failed == nil && wrote == 1:
			return to, nil, nil
		}
		cut := err != nil
		if cut {
			if ctx.Err() != nil || time.Since(begun) > patience {
				return 0, nil, r.t.failed(ctx, err)
			}
			if err := pause(ctx, n); err != nil {
				return 0, nil, err
			}
		}
		// The guard did not hold, or the connection was cut: the document tells.
		live, err := r.docIn(ctx, &s)
		if err != nil && !retriable(err) {
			return 0, nil, r.t.failed(ctx, err)
		}
		if err != nil {
			continue
		}
		v, list := s.judge(live, r.j.head.Guard)
		switch {
		case v == already && cut:
			return to, nil, nil
		case v == already:
			return r.found(), nil, nil
		case v == conflict:
			return lost, list, nil
		case failed != nil:
			return lost, []Conflict{s.refusedBy(failed)}, nil
		case !cut && n > 2:
			return lost, []Conflict{s.refusal(kindRefused, "the server's filter does not match the document that it has", nil)}, nil
		}
	}
}
