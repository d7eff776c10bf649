package publish

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// patience is how long a transaction, or a commit whose outcome is not known, is
// tried again: longer than a transaction that another client left open can live.
const patience = 100 * time.Second

// run writes a journal's batches to the target, or takes them back.
type run struct {
	p      *Publisher
	t      *target
	j      *journal
	tell   func(Progress)
	sess   *mongo.Session
	back   bool  // taken back
	killed bool  // by a test
	done   int64 // documents
	lists  lists // of conflicts that come up now
}

// begin opens the run's session and writes it down: a run that is cut off leaves
// a transaction open, which the next one ends first.
func (r *run) begin(ctx context.Context) (err error) {
	r.lists = lists{report: &r.j.head.Report}
	if !r.t.transactions() {
		return nil
	}
	if old := r.j.head.Session; old != nil {
		if err := r.t.kill(ctx, bsonraw.Doc(old)); err != nil {
			return err
		}
	}
	if r.sess, err = r.t.session(); err != nil {
		return err
	}
	r.j.head.Session = r.sess.ID()
	return nil
}

func (r *run) end(ctx context.Context) {
	if r.sess != nil && !r.killed {
		r.sess.EndSession(context.WithoutCancel(ctx))
	}
}

// kill ends a session of a run that was cut off, and the transaction that it may
// have left. It does no harm where there is none.
func (t *target) kill(ctx context.Context, lsid bsonraw.Doc) error {
	b := bsonraw.NewBuilder(nil)
	b.Array("killSessions", bsonraw.ArrayOf(operator("id", lsid.Get("id")).Value()))
	_, err := t.run(ctx, b.Finish())
	var server mongo.CommandError
	if errors.As(err, &server) && errs.Code(server.Code) == errs.Unauthorized {
		return nil // then its transaction ends by itself, and is waited for
	}
	return t.failed(ctx, err)
}

// goal is a step as this run does it, and the outcomes before and after.
func (r *run) goal(b *batch, i int) (s step, from, to, lost byte) {
	if r.back {
		return b.steps[i].inverse(), written, undone, kept
	}
	return b.steps[i], pending, written, refused
}

// batch writes one batch, or takes it back.
func (r *run) batch(ctx context.Context, b *batch) error {
	if err := r.settle(ctx, b); err != nil {
		return err
	}
	if b.state.State == r.overState() {
		r.tally(b)
		return nil
	}
	if r.back && b.state.State == batchPlanned {
		return nil // nothing of it was written
	}
	if b.ordered || !r.t.transactions() {
		return r.ordered(ctx, b)
	}
	return r.transaction(ctx, b)
}

func (r *run) overState() string {
	if r.back {
		return batchUndone
	}
	return batchApplied
}

func (r *run) openState() string {
	if r.back {
		return batchUndoing
	}
	return batchCommitting
}

// transaction does a batch in one transaction, again and again where the server
// says that this may help.
func (r *run) transaction(ctx context.Context, b *batch) error {
	begun := time.Now()
	denied := map[int]Conflict{}
	for n := 0; ; n++ {
		a := &attempt{r: r, b: b, denied: denied}
		err := a.try(ctx)
		var no *denial
		switch {
		case err == nil:
			b.state.Doing = nil
			r.keep(b, a.conflicts)
			return r.finish(ctx, b, a.outcome)
		case errors.As(err, &no):
			denied[no.step] = no.conflict
		case tooLong(err) && len(a.todo) > 1:
			return r.halves(ctx, b)
		case retriable(err) && ctx.Err() == nil && time.Since(begun) < patience:
			if err := pause(ctx, n); err != nil {
				return err
			}
		default:
			return r.t.failed(ctx, err)
		}
	}
}

// attempt is one transaction.
type attempt struct {
	r         *run
	b         *batch
	denied    map[int]Conflict // steps that the server refused before
	outcome   []byte
	conflicts []Conflict
	todo      []int
}

// denial is a step that the server does not take.
type denial struct {
	step     int
	conflict Conflict
}

func (d *denial) Error() string { return d.conflict.Message }

// try does what can be done in one transaction, and commits it. Without error,
// outcome says what became of each step.
func (a *attempt) try(ctx context.Context) error {
	sess := a.r.sess
	if err := sess.StartTransaction(); err != nil {
		return err
	}
	inside := mongo.NewSessionContext(ctx, sess)
	err := a.judge(inside)
	if err == nil && len(a.todo) > 0 {
		err = a.write(inside)
	}
	if err == nil && len(a.todo) > 0 {
		err = a.r.at("written")
	}
	if errors.Is(err, errFault) {
		return err // as if killed: the transaction stays open
	}
	if err != nil || len(a.todo) == 0 {
		a.abort(ctx)
		return err
	}
	b := a.b
	b.state.State, b.state.LSID, b.state.Txn, b.state.Outcome = a.r.openState(), sess.ID(), a.r.t.txn.Load(), a.outcome
	b.state.Doing = a.conflicts // of a run that dies now, the next one has to tell them
	if err := a.r.j.saveState(ctx, b); err != nil {
		a.abort(ctx)
		return err
	}
	if err := a.r.at("committing"); err != nil {
		return err
	}
	return a.commit(ctx)
}

// abort ends the transaction. It is not the caller's context that says so.
func (a *attempt) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = a.r.sess.AbortTransaction(ctx) // else the server ends it
}

// judge reads the live documents in the transaction and compares them bit for
// bit: what passes here cannot change before the commit.
func (a *attempt) judge(ctx context.Context) error {
	r, b := a.r, a.b
	a.outcome = a.r.before(b)
	live, err := r.live(ctx, b, func(i int) bool { _, from, _, _ := r.goal(b, i); return a.outcome[i] == from })
	if err != nil {
		return err
	}
	for i := range b.steps {
		s, from, to, lost := r.goal(b, i)
		if a.outcome[i] != from {
			continue
		}
		v, conflicts := s.judge(live[place{s.coll, keyOf(s.id())}], r.j.head.Guard)
		if no, ok := a.denied[i]; ok {
			v, conflicts = conflict, []Conflict{no}
		}
		switch v {
		case apply:
			a.outcome[i] = to
			a.todo = append(a.todo, i)
		case already:
			a.outcome[i] = r.found()
		default:
			a.outcome[i] = lost
			a.conflicts = append(a.conflicts, conflicts...)
		}
	}
	if r.back { // what was done last is undone first
		slices.Reverse(a.todo)
	}
	if len(a.conflicts) > 0 && r.stops() {
		r.lists.conflict(a.conflicts...)
		return errs.New(errs.PublishConflict, "the target moved on while it was written to: %s", a.conflicts[0].Message)
	}
	return nil
}

// before returns the outcomes that an attempt begins with. Those of an attempt
// that was not committed do not count.
func (r *run) before(b *batch) []byte {
	out := append([]byte(nil), b.state.Outcome...)
	if b.state.State != r.openState() {
		return out
	}
	for i := range out {
		if _, from, _, _ := r.goal(b, i); !r.back || out[i] == undone || out[i] == kept {
			out[i] = from
		}
	}
	return out
}

// stops reports whether a conflict ends the run. A rollback does what it can.
func (r *run) stops() bool { return !r.back && !r.j.head.Skip }

// found is the outcome of a step that finds the document as it shall be.
func (r *run) found() byte {
	if r.back {
		return undone
	}
	return asIs
}

// place is a live document.
type place struct {
	coll, id string
}

// live reads the live documents of a batch's steps.
func (r *run) live(ctx context.Context, b *batch, want func(i int) bool) (map[place]bsonraw.Doc, error) {
	ids := map[string][]bsonraw.Value{}
	for i := range b.steps {
		if want(i) {
			ids[b.steps[i].coll] = append(ids[b.steps[i].coll], b.steps[i].id())
		}
	}
	all := map[place]bsonraw.Doc{}
	for _, coll := range sortedKeys(ids) {
		docs, err := r.t.read(ctx, coll, ids[coll])
		if err != nil {
			return nil, err
		}
		for id, doc := range docs {
			all[place{coll, id}] = doc
		}
	}
	return all, nil
}

// commit commits, until the outcome is known.
func (a *attempt) commit(ctx context.Context) error {
	begun := time.Now()
	for n := 0; ; n++ {
		err := a.r.sess.CommitTransaction(ctx)
		if err == nil {
			return nil
		}
		if !labelled(err, "UnknownTransactionCommitResult") || ctx.Err() != nil || time.Since(begun) > patience {
			if labelled(err, "TransientTransactionError") {
				return err
			}
			return a.unknown(ctx, err)
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// unknown looks what became of a commit whose outcome the server did not say.
func (a *attempt) unknown(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return cause // the journal says that it was being committed
	}
	committed, err := a.r.committed(ctx, a.b)
	switch {
	case err != nil:
		return err
	case committed:
		return nil
	}
	return cause
}

// finish writes down that a batch is done.
func (r *run) finish(ctx context.Context, b *batch, outcome []byte) error {
	if err := r.at("committed"); err != nil {
		return err
	}
	b.state.State, b.state.Outcome = r.overState(), outcome
	if err := r.j.saveState(context.WithoutCancel(ctx), b); err != nil {
		return err
	}
	r.tally(b)
	return r.at("applied")
}

// keep adds to a batch's conflicts.
func (r *run) keep(b *batch, conflicts []Conflict) {
	if r.back {
		b.state.Back = append(b.state.Back, conflicts...)
	} else {
		b.state.Kept = append(b.state.Kept, conflicts...)
	}
}

// tally counts a batch that is done, now or by an earlier run.
func (r *run) tally(b *batch) {
	conflicts := b.state.Kept
	if r.back {
		conflicts = b.state.Back
	}
	r.lists.conflict(conflicts...)
	for i := range b.steps {
		switch b.state.Outcome[i] {
		case written:
			r.j.head.Counts.Written++
		case undone:
			r.j.head.Counts.RolledBack++
		}
	}
	r.done += int64(len(b.steps))
	phase := "documents"
	if r.back {
		phase = "rollback"
	}
	r.tell(Progress{ID: r.j.head.ID, Phase: phase, Collection: b.steps[0].coll, Done: r.done, Total: r.j.head.Counts.documents(), Unit: "documents"})
}

// halves splits a batch that is too much for one transaction. The second half is
// in the journal before the first loses it; a step that is in both finds, the
// second time, that it is done.
func (r *run) halves(ctx context.Context, b *batch) error {
	n := len(b.steps) / 2
	first := &batch{name: b.name + "a", steps: b.steps[:n]}
	second := &batch{name: b.name + "b", steps: b.steps[n:]}
	for i, half := range []*batch{first, second} {
		out := b.state.Outcome[:n]
		if i == 1 {
			out = b.state.Outcome[n:]
		}
		half.state = batchState{State: b.state.State, Outcome: append([]byte(nil), out...)}
	}
	if err := r.j.replaceBatch(ctx, b, first, second); err != nil {
		return err
	}
	halves := []*batch{first, second}
	if r.back {
		halves = []*batch{second, first}
	}
	for _, half := range halves {
		if err := r.transaction(ctx, half); err != nil {
			return err
		}
	}
	return nil
}

// labelled reports whether an error has one of MongoDB's labels.
func labelled(err error, label string) bool {
	var server mongo.LabeledError
	return errors.As(err, &server) && server.HasErrorLabel(label)
}

// retriable reports whether a transaction may succeed the next time.
func retriable(err error) bool {
	return labelled(err, "TransientTransactionError") || labelled(err, "NetworkError") || labelled(err, "RetryableWriteError") ||
		mongo.IsNetworkError(err) || hasCode(err, notPrimary)
}

func hasCode(err error, codes map[int32]bool) bool {
	var server mongo.CommandError
	return errors.As(err, &server) && codes[server.Code]
}

// tooLong reports whether a transaction was too much for the server.
func tooLong(err error) bool {
	return hasCode(err, map[int32]bool{257: true, 290: true, 388: true, 10334: true, 17420: true})
}

// pause waits before another attempt, longer each time, and less than what was
// asked for by chance: two that are in each other's way part.
func pause(ctx context.Context, n int) error {
	d := time.Duration(1<<min(n, 8)) * 2 * time.Millisecond
	timer := time.NewTimer(d/2 + jitter(d/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errs.New(errs.Interrupted, "operation was interrupted")
	case <-timer.C:
		return nil
	}
}
