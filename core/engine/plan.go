package engine

import (
	"bytes"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/merge"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// maxPlanChanges bounds how many changes a plan lists. Conflicts are all listed.
const maxPlanChanges = 100

// plan is a merge or an undo being worked out in a transaction on the branch
// that it changes. It is carried out by committing the transaction.
//
// Plans are not kept anywhere: showing one and applying one both compute it, in
// the same order, so that a conflict has the same number in both as long as the
// branches stand where they stood (Resolve.ExpectOurs and ExpectTheirs tell).
type plan struct {
	t       *Txn
	resolve Resolve

	conflicts  []conflict // all of them, by number
	unresolved int
	used       []bool // which resolutions found their conflict
	counts     planCounts
	changes    []planChange
	retry      []planned // writes that a unique index refused so far
}

type planCounts struct{ inserted, updated, deleted, catalog int64 }

// conflict is one conflict of a plan. Kind is a merge kind's name, or
// "uniqueIndex", or "catalog".
type conflict struct {
	coll               string
	id                 Value // missing for the catalog
	path, kind         string
	base, ours, theirs Value
	resolved           string // "", "ours", "theirs", "base" or "value"
}

type planChange struct {
	coll string
	id   Value
	op   string
}

// planned is a document's new state that is about to be written.
type planned struct {
	coll    *Collection
	id      Value
	before  Doc
	after   Doc
	changes []update.Change // for the log
	decided []update.Change // thereof, what resolutions wrote
	// base and theirs are for the conflict, should a unique index refuse it.
	base, theirs Doc
}

func newPlan(t *Txn, r Resolve) (*plan, error) {
	switch r.Strategy {
	case "", "ours", "theirs":
	default:
		return nil, errs.New(errs.BadValue, "strategy %q is neither \"ours\" nor \"theirs\"", r.Strategy)
	}
	return &plan{t: t, resolve: r, used: make([]bool, len(r.Resolutions))}, nil
}

// conflict records a conflict and returns how it is resolved, if it is.
func (p *plan) conflict(c conflict) (Resolution, bool) {
	n := len(p.conflicts) + 1
	res, ok := p.resolution(n, &c)
	if ok {
		if c.resolved = res.Take; res.Take == "" {
			c.resolved = "value"
		}
	} else {
		p.unresolved++
	}
	for _, v := range []*Value{&c.id, &c.base, &c.ours, &c.theirs} {
		*v = v.Clone()
	}
	p.conflicts = append(p.conflicts, c)
	return res, ok
}

// resolution finds what settles the n-th conflict.
func (p *plan) resolution(n int, c *conflict) (Resolution, bool) {
	for i, r := range p.resolve.Resolutions {
		if r.N == n || r.N == 0 && r.Collection == c.coll && r.Path == c.path && bsonraw.Equal(r.ID, c.id) {
			p.used[i] = true
			return r, true
		}
	}
	return Resolution{Take: p.resolve.Strategy}, p.resolve.Strategy != ""
}

// settle resolves the conflicts of one document's merge. It reports whether
// none is left, and returns the decisions as changes: a resolution is a write of
// its own, whichever side it took, so that a later merge elsewhere takes it over
// instead of working the operators out again.
func (p *plan) settle(coll string, id Value, r merge.Result) (merge.Result, []update.Change, bool, error) {
	var settled []merge.Resolution
	var own []update.Change
	for _, c := range r.Conflicts {
		res, ok := p.conflict(conflict{
			coll: coll, id: id, path: c.Path, kind: c.Kind.String(), base: c.Base, ours: c.Ours, theirs: c.Theirs,
		})
		if !ok {
			continue
		}
		m, err := mergeResolution(c.Path, res)
		if err != nil {
			return r, nil, false, err
		}
		settled = append(settled, m)
		own = append(own, setOrUnset(c.Path, chosen(c, m)))
	}
	complete := len(settled) == len(r.Conflicts)
	if len(settled) == 0 {
		return r, nil, complete, nil
	}
	r, err := merge.Resolve(r, settled)
	return r, own, complete, err
}

// chosen returns the value that a resolution puts at its path.
func chosen(c merge.Conflict, r merge.Resolution) Value {
	switch r.Take {
	case merge.Ours:
		return c.Ours
	case merge.Theirs:
		return c.Theirs
	case merge.Base:
		return c.Base
	}
	return r.Value
}

// setOrUnset makes the change that puts a value, or a missing one, at a path.
func setOrUnset(path string, v Value) update.Change {
	if v.IsMissing() {
		return update.Change{Path: path, Kind: update.Unset}
	}
	return update.Change{Path: path, Kind: update.Set, Operand: v}
}

func mergeResolution(path string, r Resolution) (merge.Resolution, error) {
	m := merge.Resolution{Path: path, Take: merge.Custom, Value: r.Value}
	switch r.Take {
	case "":
	case "ours":
		m.Take = merge.Ours
	case "theirs":
		m.Take = merge.Theirs
	case "base":
		m.Take = merge.Base
	default:
		return m, errs.New(errs.BadValue, "a resolution takes \"ours\", \"theirs\", \"base\" or a value, not %q", r.Take)
	}
	return m, nil
}

// write applies a document's new state. A unique index may refuse it at first:
// the document that has the key may be changed by a later write of the plan.
func (p *plan) write(w planned) error {
	err := p.put(&w)
	if errs.Is(err, errs.DuplicateKey) {
		p.retry = append(p.retry, w)
		return nil
	}
	return err
}

func (p *plan) put(w *planned) error {
	if w.before == nil && w.after == nil {
		if len(w.decided) > 0 {
			p.t.over.decide(w.coll.ID, bsonraw.AppendKey(nil, w.id), w.id, w.decided)
		}
		return nil
	}
	tw := p.t.newWrite(w.coll, w.id)
	tw.before, tw.after, tw.changes, tw.decided = w.before, w.after, w.changes, w.decided
	tw.form = wal.ByDifference
	if err := p.t.put(tw); err != nil {
		return err
	}
	op := "update"
	switch {
	case bytes.Equal(w.before, w.after):
		return nil // a decision to keep ours, which the log remembers
	case w.before == nil:
		op = "insert"
		p.counts.inserted++
	case w.after == nil:
		op = "delete"
		p.counts.deleted++
	default:
		p.counts.updated++
	}
	p.note(w.coll.Name, w.id, op)
	return nil
}

// note lists a change, up to the limit.
func (p *plan) note(coll string, id Value, op string) {
	if len(p.changes) < maxPlanChanges {
		p.changes = append(p.changes, planChange{coll, id.Clone(), op})
	}
}

// finish tries refused writes again until none gets through any more; what is
// left are conflicts. It fails if a resolution found no conflict.
func (p *plan) finish() error {
	for again := true; again; {
		again = false
		pending := p.retry
		p.retry = nil
		for _, w := range pending {
			if err := p.write(w); err != nil {
				return err
			}
		}
		again = len(p.retry) > 0 && len(p.retry) < len(pending)
	}
	for _, w := range p.retry {
		if err := p.refused(w); err != nil {
			return err
		}
	}
	for i, used := range p.used {
		if !used {
			return errs.New(errs.ResolutionUnknown, "resolution %d fits none of the %d conflicts", i+1, len(p.conflicts))
		}
	}
	return nil
}

// refused turns a write that a unique index does not allow into a conflict.
func (p *plan) refused(w planned) error {
	res, ok := p.conflict(conflict{
		coll: w.coll.Name, id: w.id, kind: "uniqueIndex", base: optional(w.base), ours: optional(w.before), theirs: optional(w.theirs),
	})
	switch {
	case !ok, res.Take == "ours":
		return nil
	case res.Take == "" && res.Value.Type == bsonraw.Object:
		w.after = p.t.keep(res.Value.Doc())
		w.changes = []update.Change{{Kind: update.Set, Operand: w.after.Value()}}
		w.decided = w.changes
		return p.put(&w)
	}
	return errs.New(errs.DuplicateKey, "conflict %d: a unique index of %q does not allow the document", len(p.conflicts), w.coll.Name).
		WithRemedy("take \"ours\", or give a whole document as the value")
}

// optional is a document as a value, missing if there is none.
func optional(d Doc) Value {
	if d == nil {
		return Value{}
	}
	return d.Value()
}

// checkResolved is the error of a plan that cannot be applied yet.
func (p *plan) checkResolved() error {
	if p.unresolved == 0 {
		return nil
	}
	b := bsonraw.NewBuilder(nil)
	p.appendConflicts(b)
	return errs.New(errs.MergeConflict, "%d of %d conflicts are not resolved", p.unresolved, len(p.conflicts)).
		WithDetails(b.Finish())
}

// checkExpected fails if a branch is not where the caller saw it.
func checkExpected(what string, expect, is mvcc.LSN) error {
	if expect != 0 && expect != is {
		return errs.New(errs.PlanStale, "%s was at LSN %d when the plan was made, and is at %d", what, expect, is)
	}
	return nil
}

// describe appends counts, changes and conflicts to a reply.
func (p *plan) describe(b *bsonraw.Builder) {
	b.BeginDoc("counts")
	b.Int64("inserted", p.counts.inserted)
	b.Int64("updated", p.counts.updated)
	b.Int64("deleted", p.counts.deleted)
	b.Int64("catalog", p.counts.catalog)
	b.Int64("conflicts", int64(len(p.conflicts)))
	b.Int64("unresolved", int64(p.unresolved))
	b.End()
	b.BeginArray("changes")
	for i, c := range p.changes {
		b.BeginDoc(bsonraw.Index(i))
		b.String("collection", c.coll)
		b.Value("_id", c.id)
		b.String("op", c.op)
		b.End()
	}
	b.End()
	p.appendConflicts(b)
}

func (p *plan) appendConflicts(b *bsonraw.Builder) {
	b.BeginArray("conflicts")
	for i, c := range p.conflicts {
		b.BeginDoc(bsonraw.Index(i))
		b.Int32("n", int32(i+1))
		b.String("collection", c.coll)
		b.Value("_id", c.id)
		b.String("path", c.path)
		b.String("kind", c.kind)
		b.Value("base", c.base)
		b.Value("ours", c.ours)
		b.Value("theirs", c.theirs)
		if c.resolved != "" {
			b.String("resolved", c.resolved)
		}
		b.End()
	}
	b.End()
}

// sortedDocs lists the keys of touched documents in order.
func sortedDocs(docs map[string]*touch) []string {
	list := make([]string, 0, len(docs))
	for key := range docs {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
