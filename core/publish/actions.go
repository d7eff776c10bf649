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

// actions does the changes of collections and indexes that come before the
// documents, or behind them; on the way back in the opposite order.
func (r *run) actions(ctx context.Context, late bool) error {
	list := slices.Clone(r.j.head.Catalog)
	if r.back {
		slices.Reverse(list)
	}
	for _, a := range list {
		if a.Late != late {
			continue
		}
		var err error
		if r.back {
			err = r.undo(ctx, a)
		} else {
			err = r.do(ctx, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// do does one action, and writes down that it will be and that it was done.
func (r *run) do(ctx context.Context, a *Action) error {
	if a.Status != actApply && a.Status != actApplying {
		return nil
	}
	again := a.Status == actApplying // cut off, and perhaps done
	a.Status = actApplying
	if err := r.j.saveHeader(ctx); err != nil {
		return err
	}
	r.tell(Progress{ID: r.j.head.ID, Phase: "catalog", Collection: a.Collection, Unit: "documents"})
	err := r.t.surely(ctx, a, again)
	if f := r.at("action"); f != nil {
		return f
	}
	if err != nil {
		return r.refused(ctx, a, err, actConflict)
	}
	a.Status = actApplied
	return r.j.saveHeader(ctx)
}

// refused takes in the failure of an action: what the server refuses is a
// conflict, what fails on the way is not.
func (r *run) refused(ctx context.Context, a *Action, err error, status string) error {
	var server mongo.CommandError
	ours := errs.As(err)
	switch {
	case ours != nil && ours.Code == errs.PublishConflict:
		a.Message = ours.Message
	case errors.As(err, &server) && !retriable(err) && errs.Code(server.Code) != errs.Unauthorized:
		a.Message = server.Message
	default:
		return r.t.failed(ctx, err)
	}
	kind := kindCatalog
	if server.Code == int32(errs.DuplicateKey) {
		kind = kindDuplicate
	}
	if r.stops() { // it stays to be done, once the reason is gone
		a.Status = actApply
		r.lists.conflict(a.conflict(kind))
		return errs.New(errs.PublishConflict, "%s %s%s: %s", a.Op, a.Collection, dotted(a.Name), a.Message)
	}
	a.Status = status
	r.lists.conflict(a.conflict(kind))
	return r.j.saveHeader(ctx)
}

// undo takes an action back.
func (r *run) undo(ctx context.Context, a *Action) error {
	if a.Status == actApplying {
		done, err := r.t.effect(ctx, a)
		if err != nil {
			return r.t.failed(ctx, err)
		}
		if !done {
			a.Status = actApply
			return r.j.saveHeader(ctx)
		}
		a.Status = actApplied
	}
	if a.Status != actApplied {
		return nil
	}
	back := a.inverse()
	err := r.t.surely(ctx, back, true)
	if f := r.at("action"); f != nil {
		return f
	}
	if err != nil {
		return r.refused(ctx, a, err, actKept)
	}
	a.Status = actUndone
	return r.j.saveHeader(ctx)
}

// surely does an action, also where the network is cut in the middle: then what
// the target has tells whether it was done. look is whether that is to be asked
// first.
func (t *target) surely(ctx context.Context, a *Action, look bool) error {
	begun := time.Now()
	for n := 0; ; n++ {
		err := t.once(ctx, a, look || n > 0)
		if err == nil || !retriable(err) || ctx.Err() != nil || time.Since(begun) > patience {
			return err
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

func (t *target) once(ctx context.Context, a *Action, look bool) error {
	if look {
		if done, err := t.effect(ctx, a); done || err != nil {
			return err
		}
	}
	return t.do(ctx, a)
}

// effect reports whether the target is as an action makes it.
func (t *target) effect(ctx context.Context, a *Action) (bool, error) {
	all, err := t.catalog(ctx)
	if err != nil {
		return false, err
	}
	live := all[a.Collection]
	switch a.Op {
	case opCreate:
		return live != nil, nil
	case opDrop:
		if aside := all[asideName(a.Collection)]; live == nil && aside != nil {
			return false, t.rename(ctx, asideName(a.Collection), a.Collection) // cut off in between
		}
		return live == nil, nil
	case opRename:
		return live != nil && all[a.Name] == nil, nil
	case opModify:
		return live != nil && sameChangeable(live.options, bsonraw.Doc(a.After)), nil
	}
	if live == nil {
		return a.Op == opDropIndex, nil
	}
	indexes, err := t.indexesOf(ctx, a.Collection)
	if a.Op == opDropIndex {
		return indexes[a.Name] == nil, err
	}
	return indexes[a.Name] != nil && sameFields(indexes[a.Name], bsonraw.Doc(a.After), ignoredOfIndex), err
}
