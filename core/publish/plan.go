package publish

import (
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

// How many differences are compared with the target at once.
const (
	windowDocs  = 500
	windowBytes = 4 << 20
)

// planner compares the difference of two moments with the target.
type planner struct {
	t      *target
	diff   *difference
	spec   *Spec
	report *Report
	lists  lists
	take   func(ctx context.Context, s step, ordered bool) error // what can be written
	tell   func(Progress)
	rights rights

	window []step // differences between base and branch, not yet compared
	bytes  int
	done   int64
}

// run plans everything: collections and indexes first, then the documents.
func (p *planner) run(ctx context.Context) error {
	live, err := p.t.catalog(ctx)
	if err != nil {
		return p.t.failed(ctx, err)
	}
	plans := make([]*catalogPlan, len(p.diff.pairs))
	for i, pair := range p.diff.pairs {
		plans[i] = planPair(pair, live, p.spec.AllowDrop)
		if err := p.t.planIndexes(ctx, plans[i], live[plans[i].readAs]); err != nil {
			return p.t.failed(ctx, err)
		}
		p.catalog(plans[i])
	}
	p.order()
	for i, pair := range p.diff.pairs {
		if pair.documents() {
			if err := p.documents(ctx, pair, plans[i]); err != nil {
				return err
			}
		}
	}
	return p.rights.check(ctx, p.t)
}

// catalog takes in the actions on one collection.
func (p *planner) catalog(c *catalogPlan) {
	for _, a := range c.actions {
		p.report.Catalog = append(p.report.Catalog, a)
		switch a.Status {
		case actApply:
			p.report.Counts.Catalog++
			p.rights.action(a)
		case actAlready:
			p.report.Counts.Already++
		case actConflict:
			p.lists.conflict(a.conflict(kindCatalog))
		case actHeld:
			p.note(a.Op + " " + a.Collection + dotted(a.Name) + ": " + a.Message)
		}
	}
}

func dotted(name string) string {
	if name == "" {
		return ""
	}
	return "." + name
}

func (p *planner) note(text string) { p.report.Notes = append(p.report.Notes, text) }

// order puts the actions in the order in which they are done: what makes room
// first, what makes demands last.
func (p *planner) order() {
	rank := map[string]int{opRename: 0, opDropIndex: 1, opModify: 2, opCreate: 3, opCreateIndex: 4, opDrop: 5}
	slices.SortStableFunc(p.report.Catalog, func(a, b *Action) int {
		if a.Late != b.Late {
			if a.Late {
				return 1
			}
			return -1
		}
		return rank[a.Op] - rank[b.Op] + viewsLast(a) - viewsLast(b)
	})
}

// viewsLast puts a view behind the collections that it may show.
func viewsLast(a *Action) int {
	if a.Op == opCreate && !bsonraw.Doc(a.After).Get("viewOn").IsMissing() {
		return 10
	}
	return 0
}

// documents plans the documents of one pair.
func (p *planner) documents(ctx context.Context, pair *pair, c *catalogPlan) error {
	if pair.target == nil && c.actions[len(c.actions)-1].Status != actApply {
		return nil // a collection that is not to be dropped, or gone
	}
	blocked := int64(0)
	err := p.diff.each(ctx, pair, func(before, after engine.Doc) error {
		if c.blocked != "" {
			blocked++
			return nil
		}
		p.window = append(p.window, step{pair.name(), before.Clone(), after.Clone()})
		p.bytes += len(before) + len(after)
		if len(p.window) >= windowDocs || p.bytes >= windowBytes {
			return p.compare(ctx, c)
		}
		return nil
	})
	if err == nil {
		err = p.compare(ctx, c)
	}
	if blocked > 0 {
		p.lists.conflict(Conflict{Collection: pair.name(), Op: "documents", Kind: kindCollection, Message: count(blocked, "document") + " not written: " + c.blocked})
	}
	return err
}

// compare compares the window with the live documents.
func (p *planner) compare(ctx context.Context, c *catalogPlan) error {
	if len(p.window) == 0 {
		return nil
	}
	ids := make([]bsonraw.Value, len(p.window))
	for i := range p.window {
		ids[i] = p.window[i].id()
	}
	live, err := p.t.read(ctx, c.readAs, ids)
	if err != nil {
		return p.t.failed(ctx, err)
	}
	for i := range p.window {
		d := &p.window[i]
		s, v, conflicts := onto(d.coll, d.pre, d.post, live[keyOf(d.id())], p.spec.Guard)
		p.entry(d, &s, v, conflicts)
		if v == apply {
			p.rights.step(&s)
			if err := p.take(ctx, s, c.capped); err != nil {
				return err
			}
		}
	}
	p.done += int64(len(p.window))
	p.tell(Progress{Phase: "plan", Collection: p.window[0].coll, Done: p.done, Unit: "documents"})
	p.window, p.bytes = p.window[:0], 0
	return nil
}

// entry counts a document and lists it.
func (p *planner) entry(d, s *step, v verdict, conflicts []Conflict) {
	counts := &p.report.Counts
	status := "apply"
	switch {
	case v == already:
		counts.Already++
		status = "already"
	case v == conflict:
		p.lists.conflict(conflicts...)
		status = "conflict"
	default:
		counts.add(s, 1)
	}
	if p.lists.max == 0 {
		return
	}
	e := Entry{Collection: d.coll, ID: *rawValue(d.id()), Op: d.op(), Status: status, Changes: []PathChange{}, Before: []byte(d.pre), After: []byte(d.post)}
	for _, path := range d.guarded(Fields) {
		e.Changes = append(e.Changes, PathChange{path, rawValue(at(d.pre, path)), rawValue(at(d.post, path))})
	}
	p.lists.entry(e)
}

func (c *Counts) add(s *step, n int64) {
	switch {
	case s.pre == nil:
		c.Inserted += n
	case s.post == nil:
		c.Deleted += n
	default:
		c.Updated += n
	}
}
