package publish

import (
	"bytes"
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
	"github.com/argon-lab/argon/core/refs"
)

// pair is a collection of the base and what became of it; one is nil where it
// is new or gone.
type pair struct {
	base, target *engine.Collection
}

// name is what the collection is called afterwards.
func (p *pair) name() string {
	if p.target != nil {
		return p.target.Name
	}
	return p.base.Name
}

// before is what it is called in the base.
func (p *pair) before() string {
	if p.base != nil {
		return p.base.Name
	}
	return p.target.Name
}

// documents reports whether the pair has documents on a side.
func (p *pair) documents() bool {
	return p.base != nil && !p.base.View || p.target != nil && !p.target.View
}

// difference reads what one moment has changed against another.
type difference struct {
	store        *engine.Store
	base, target refs.Ref // pinned
	from, to     *engine.Snapshot
	filter       *query.Filter // which documents; nil is all
	pairs        []*pair
}

// between opens the difference of two moments. only are the collections that
// count, all if there are none.
func between(ctx context.Context, store *engine.Store, base, target refs.Ref, only []string) (d *difference, err error) {
	d = &difference{store: store, base: base, target: target}
	if d.from, err = store.Snapshot(ctx, base); err != nil {
		return nil, err
	}
	if d.to, err = store.Snapshot(ctx, target); err != nil {
		d.close()
		return nil, err
	}
	if err = d.pair(ctx, only); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *difference) close() {
	d.from.Close()
	if d.to != nil {
		d.to.Close()
	}
}

// pair matches the collections of both sides: by their number, which a rename
// keeps; else by their name, as where one was dropped and made anew.
func (d *difference) pair(ctx context.Context, only []string) error {
	base, err := d.from.Collections(ctx)
	if err != nil {
		return err
	}
	target, err := d.to.Collections(ctx)
	if err != nil {
		return err
	}
	taken := map[*engine.Collection]bool{}
	find := func(same func(*engine.Collection) bool) *engine.Collection {
		for _, c := range target {
			if !taken[c] && same(c) {
				taken[c] = true
				return c
			}
		}
		return nil
	}
	for _, b := range base {
		d.pairs = append(d.pairs, &pair{base: b, target: find(func(c *engine.Collection) bool { return c.ID == b.ID })})
	}
	for _, p := range d.pairs {
		if p.target == nil {
			p.target = find(func(c *engine.Collection) bool { return c.Name == p.base.Name })
		}
	}
	for _, c := range target {
		if !taken[c] {
			d.pairs = append(d.pairs, &pair{target: c})
		}
	}
	return d.choose(only)
}

// choose keeps the collections that were asked for.
func (d *difference) choose(only []string) error {
	if len(only) == 0 {
		return nil
	}
	var kept []*pair
	for _, name := range only {
		n := len(kept)
		for _, p := range d.pairs {
			if p.name() == name || p.before() == name {
				kept = append(kept, p)
			}
		}
		if len(kept) == n {
			return errs.New(errs.NamespaceNotFound, "neither %s nor %s has a collection %q", d.base, d.target, name)
		}
	}
	d.pairs = kept
	return nil
}

// each calls do for every document of a pair that differs. The documents are
// valid during the call.
func (d *difference) each(ctx context.Context, p *pair, do func(before, after engine.Doc) error) error {
	chosen := func(before, after engine.Doc) error {
		ok, err := d.chosen(before, after)
		if err != nil || !ok {
			return err
		}
		return do(before, after)
	}
	if p.base != nil && p.target != nil && p.base.ID == p.target.ID {
		return d.eachTouched(ctx, p, chosen)
	}
	return d.eachScanned(ctx, p, chosen)
}

func (d *difference) chosen(before, after engine.Doc) (bool, error) {
	if d.filter == nil {
		return true, nil
	}
	for _, doc := range []engine.Doc{after, before} {
		if doc == nil {
			continue
		}
		if ok, err := d.filter.Match(doc); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// eachTouched asks the engine, which looks only at what either side touched.
func (d *difference) eachTouched(ctx context.Context, p *pair, do func(before, after engine.Doc) error) error {
	cur, err := d.store.Diff(ctx, d.base, d.target, p.name())
	if err != nil {
		return err
	}
	defer cur.Close()
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil || !ok {
			return err
		}
		if doc.Get("_id").IsMissing() {
			continue // a change of the catalog
		}
		if err := do(docOf(doc.Get("before")), docOf(doc.Get("after"))); err != nil {
			return err
		}
	}
}

// eachScanned compares two collections that have nothing in common, or one with
// none: both are read in the order of their _ids.
func (d *difference) eachScanned(ctx context.Context, p *pair, do func(before, after engine.Doc) error) error {
	a, err := scan(ctx, d.from, p.base)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := scan(ctx, d.to, p.target)
	if err != nil {
		return err
	}
	defer b.Close()
	before, okA, err := a.Next(ctx)
	if err != nil {
		return err
	}
	after, okB, err := b.Next(ctx)
	for err == nil && (okA || okB) {
		order := compareIDs(before, after, okA, okB)
		switch {
		case order < 0:
			err = do(before, nil)
		case order > 0:
			err = do(nil, after)
		case !bytes.Equal(before, after):
			err = do(before, after)
		}
		if err == nil && order <= 0 {
			before, okA, err = a.Next(ctx)
		}
		if err == nil && order >= 0 {
			after, okB, err = b.Next(ctx)
		}
	}
	return err
}

func compareIDs(a, b engine.Doc, okA, okB bool) int {
	switch {
	case !okA:
		return 1
	case !okB:
		return -1
	}
	return bsonraw.Compare(a.Get("_id"), b.Get("_id"))
}

func scan(ctx context.Context, r engine.Reader, c *engine.Collection) (engine.Cursor, error) {
	if c == nil || c.View {
		return nothing{}, nil
	}
	return r.Find(ctx, c.Name, &engine.FindSpec{Sort: operator("_id", bsonraw.Int32Value(1))})
}

// nothing is a cursor without documents.
type nothing struct{}

func (nothing) Next(context.Context) (engine.Doc, bool, error) { return nil, false, nil }
func (nothing) Close() error                                   { return nil }
