package publish

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
)

// Again is how a publish that is in the journal is taken up again.
type Again struct {
	ID string
	// Target may be empty where the publish's connection string had no user: it
	// is in the journal then.
	Target        string
	SkipConflicts bool
	Progress      func(Progress)
}

func (a *Again) tell(p Progress) {
	if a.Progress != nil {
		a.Progress(p)
	}
}

// Resume goes on with a publish, or with its rollback, that was cut off.
func (p *Publisher) Resume(ctx context.Context, a *Again) (*Report, error) {
	j, t, release, err := p.takeUp(ctx, a)
	if err != nil {
		return nil, err
	}
	defer release()
	switch j.head.State {
	case statePlanned, stateApplying, stateStopped:
		j.head.Skip = j.head.Skip || a.SkipConflicts
		return p.write(ctx, t, j, a.tell)
	case stateRolling:
		return p.takeBack(ctx, t, j, a.tell)
	case statePlanning:
		return nil, errs.New(errs.BadValue, "publish %s was cut off while it was planned: nothing was written", j.head.ID).
			WithRemedy("publish again; argon publish --forget %s removes what is left of it", j.head.ID)
	}
	return nil, errs.New(errs.BadValue, "publish %s is over: its state is %s", j.head.ID, j.head.State)
}

// Rollback takes back what a publish has written, from the pre-images. What
// others wrote since is kept; the report lists it as conflicts.
func (p *Publisher) Rollback(ctx context.Context, a *Again) (*Report, error) {
	j, t, release, err := p.takeUp(ctx, a)
	if err != nil {
		return nil, err
	}
	defer release()
	switch j.head.State {
	case statePlanned, stateApplying, stateStopped, stateDone, stateRolling:
		return p.takeBack(ctx, t, j, a.tell)
	}
	return nil, errs.New(errs.BadValue, "there is nothing to roll back of publish %s: its state is %s", j.head.ID, j.head.State)
}

// takeUp opens a journal and its target.
func (p *Publisher) takeUp(ctx context.Context, a *Again) (_ *journal, _ *target, release func(), err error) {
	let, err := p.hold(a.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			let()
		}
	}()
	j, err := p.load(ctx, a.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	uri := a.Target
	switch {
	case uri == "" && j.head.Auth:
		return nil, nil, nil, errs.New(errs.BadValue, "publish %s needs its connection string again: passwords are not kept", a.ID).
			WithRemedy("add --to mongodb://USER:PASSWORD@…")
	case uri == "":
		uri = j.head.Target
	}
	t, err := connect(ctx, uri, j.head.Database)
	if err != nil {
		return nil, nil, nil, err
	}
	if t.transport() != j.head.Transport {
		t.close(ctx)
		return nil, nil, nil, errs.New(errs.BadValue, "publish %s went to %s, and %s is another kind of server", a.ID, j.head.Target, t.name)
	}
	return j, t, func() { t.close(ctx); let() }, nil
}

// takeBack writes the pre-images back.
func (p *Publisher) takeBack(ctx context.Context, t *target, j *journal, tell func(Progress)) (*Report, error) {
	h := j.head
	h.Counts.RolledBack, h.Counts.Conflicts, h.Conflicts = 0, 0, nil
	r := &run{p: p, t: t, j: j, tell: tell, back: true}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	defer r.end(ctx)
	h.State = stateRolling
	if err := j.saveHeader(ctx); err != nil {
		return nil, err
	}
	return p.over(ctx, j, stateRolledBack, r.allBack(ctx))
}

func (r *run) allBack(ctx context.Context) error {
	if err := r.actions(ctx, true); err != nil {
		return err
	}
	batches := slices.Clone(r.j.head.Batches)
	slices.Reverse(batches)
	for _, name := range batches {
		b, err := r.j.batch(ctx, name)
		if err != nil {
			return err
		}
		if err := r.batch(ctx, b); err != nil {
			return err
		}
	}
	return r.actions(ctx, false)
}

// List returns the publishes in the journal, oldest first.
func (p *Publisher) List(ctx context.Context) ([]*Report, error) {
	all, err := p.store.Settings(ctx, settingHeader)
	if err != nil {
		return nil, err
	}
	list := make([]*Report, len(all))
	for i, s := range all {
		var h header
		if err := bson.Unmarshal(s.Doc, &h); err != nil {
			return nil, errs.Wrap(err, errs.StoreCorrupt, "the journal of publish %s", s.Name)
		}
		list[i] = &h.Report
	}
	return list, nil
}

// Forget removes a publish from the journal: it can neither be resumed nor rolled
// back any more.
func (p *Publisher) Forget(ctx context.Context, id string) error {
	release, err := p.hold(id)
	if err != nil {
		return err
	}
	defer release()
	j, err := p.load(ctx, id)
	if err != nil {
		return err
	}
	return j.remove(ctx)
}
