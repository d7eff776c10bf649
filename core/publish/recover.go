package publish

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
)

// settle finds out how far a batch really is whose writing was cut off, and
// writes it down.
//
// A transaction has happened as a whole or not at all, so its documents are
// witnesses for each other: one that is as it would be after it speaks for it,
// one that is as it was before against it. Where they disagree, or all have
// moved on, someone else wrote meanwhile; then nothing is written, and the
// documents that are not as they should be are conflicts.
func (r *run) settle(ctx context.Context, b *batch) error {
	if b.state.State != batchCommitting && b.state.State != batchUndoing {
		return nil
	}
	was := *r
	was.back = b.state.State == batchUndoing
	if b.ordered || !r.t.transactions() {
		return was.settleOrdered(ctx, b)
	}
	committed, err := was.committed(ctx, b)
	if err != nil {
		return r.t.failed(ctx, err)
	}
	doing := b.state.Doing
	b.state.Doing = nil
	if committed {
		b.state.State = was.overState()
		was.keep(b, doing)
	} else {
		b.state.Outcome = was.before(b)
		b.state.State = batchPlanned
		if was.back {
			b.state.State = batchApplied
		}
	}
	return r.j.saveState(ctx, b)
}

// committed looks whether a batch's transaction has happened.
func (r *run) committed(ctx context.Context, b *batch) (bool, error) {
	doing := func(i int) bool { _, _, to, _ := r.goal(b, i); return b.state.Outcome[i] == to }
	live, err := r.live(ctx, b, doing)
	if err != nil {
		return false, err
	}
	var before, after int
	var moved []Conflict
	for i := range b.steps {
		if !doing(i) {
			continue
		}
		s, _, _, _ := r.goal(b, i)
		v, _ := s.judge(live[place{s.coll, keyOf(s.id())}], r.j.head.Guard)
		switch v {
		case already:
			after++
			continue
		case apply:
			before++
		}
		moved = append(moved, s.refusal(kindUnknown, "the publish was cut off here, and the document has moved on: whether it was written before cannot be told", nil))
	}
	if before > 0 && after == 0 {
		return false, nil
	}
	r.keep(b, moved)
	return true, nil
}

// settleOrdered does it for steps that were written one by one: each speaks for
// itself.
func (r *run) settleOrdered(ctx context.Context, b *batch) error {
	live, err := r.live(ctx, b, func(i int) bool { _, from, _, _ := r.goal(b, i); return b.state.Outcome[i] == from })
	if err != nil {
		return r.t.failed(ctx, err)
	}
	for i := range b.steps {
		s, from, to, _ := r.goal(b, i)
		if b.state.Outcome[i] != from {
			continue
		}
		if v, _ := s.judge(live[place{s.coll, keyOf(s.id())}], r.j.head.Guard); v == already {
			b.state.Outcome[i] = to
		}
	}
	return r.j.saveState(ctx, b)
}

// docIn returns a live document of the target, nil if there is none.
func (r *run) docIn(ctx context.Context, s *step) (bsonraw.Doc, error) {
	live, err := r.t.read(ctx, s.coll, []bsonraw.Value{s.id()})
	return live[keyOf(s.id())], err
}
