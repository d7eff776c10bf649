package engine

import (
	"bytes"
	"context"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
)

// catalog merges collections, options and indexes, and finds for each
// collection of theirs the one of ours that its documents go to.
//
// A collection is the same on both sides if it has the same number, which it
// keeps through renames, or, where both sides made one, the same name.
func (m *merger) catalog(ctx context.Context, theirsTouched touches) error {
	for _, cid := range allIDs(m.baseCatalog, m.theirs.catalog) {
		base, theirs := m.baseCatalog.byID[cid], m.theirs.catalog.byID[cid]
		var err error
		switch {
		case theirs == nil:
			err = m.dropped(ctx, base)
		case base == nil:
			err = m.created(ctx, theirs)
		default:
			err = m.changed(ctx, base, theirs, len(theirsTouched[cid]) > 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func allIDs(a, b *catalog) []mvcc.CollectionID {
	var ids []mvcc.CollectionID
	for cid := range a.byID {
		ids = append(ids, cid)
	}
	for cid := range b.byID {
		if a.byID[cid] == nil {
			ids = append(ids, cid)
		}
	}
	slices.Sort(ids)
	return ids
}

// catalogConflict records a conflict about a collection. It reports whether
// theirs is to be taken, and whether it is settled at all.
func (m *merger) catalogConflict(name, path string, base, ours, theirs Value) (takeTheirs, settled bool, err error) {
	res, ok := m.conflict(conflict{coll: name, path: path, kind: "catalog", base: base, ours: ours, theirs: theirs})
	if ok && res.Take != "ours" && res.Take != "theirs" {
		return false, false, errs.New(errs.BadValue, "conflict %d is about the collection %q itself: take \"ours\" or \"theirs\"", len(m.conflicts), name)
	}
	return res.Take == "theirs", ok, nil
}

// dropped handles a collection that theirs dropped since the base.
func (m *merger) dropped(ctx context.Context, base *Collection) error {
	ours := m.t.catalog.byID[base.ID]
	if ours == nil {
		return nil
	}
	if len(m.oursTouched[base.ID]) > 0 {
		take, _, err := m.catalogConflict(ours.Name, "", base.value(), ours.value(), Value{})
		if err != nil || !take {
			return err
		}
	}
	m.catalogNote(ours.Name, "dropCollection")
	_, err := m.t.DropCollection(ctx, ours.Name)
	return err
}

// created handles a collection that theirs made since the base.
func (m *merger) created(ctx context.Context, theirs *Collection) error {
	ours := m.t.catalog.byID[theirs.ID]
	if ours == nil {
		ours = m.t.catalog.byName[theirs.Name]
	}
	if ours == nil {
		fresh := theirs.withIndexes(nil)
		if err := m.t.saveCollection(fresh); err != nil {
			return err
		}
		m.catalogNote(theirs.Name, "createCollection")
		ours = fresh
	} else if ours.View != theirs.View || !bytes.Equal(ours.Options, theirs.Options) {
		if err := m.options(ours, nil, theirs); err != nil {
			return err
		}
		ours = m.t.catalog.byID[ours.ID]
	}
	m.target[theirs.ID] = ours
	return m.indexes(ctx, ours, nil, theirs)
}

// changed handles a collection that the base and theirs both have.
func (m *merger) changed(ctx context.Context, base, theirs *Collection, touched bool) error {
	ours := m.t.catalog.byID[theirs.ID]
	if ours == nil {
		return m.droppedByOurs(ctx, base, theirs, touched)
	}
	if theirs.Name != base.Name && theirs.Name != ours.Name {
		if err := m.renamed(ours, base, theirs); err != nil {
			return err
		}
	}
	ours = m.t.catalog.byID[theirs.ID]
	if !bytes.Equal(theirs.Options, base.Options) && !bytes.Equal(theirs.Options, ours.Options) {
		if err := m.options(ours, base, theirs); err != nil {
			return err
		}
	}
	ours = m.t.catalog.byID[theirs.ID]
	m.target[theirs.ID] = ours
	return m.indexes(ctx, ours, base.Indexes, theirs)
}

// droppedByOurs handles a collection that ours dropped: a conflict if theirs
// wrote to it. Taking theirs brings the collection back, whole.
func (m *merger) droppedByOurs(ctx context.Context, base, theirs *Collection, touched bool) error {
	if !touched {
		return nil
	}
	take, _, err := m.catalogConflict(theirs.Name, "", base.value(), Value{}, theirs.value())
	if err != nil || !take {
		return err
	}
	if m.t.catalog.byName[theirs.Name] != nil {
		return errs.New(errs.NamespaceExists, "collection %q cannot come back: another one has its name", theirs.Name).
			WithRemedy("rename that one first")
	}
	if err := m.t.saveCollection(theirs.withIndexes(nil)); err != nil {
		return err
	}
	m.catalogNote(theirs.Name, "createCollection")
	m.target[theirs.ID] = m.t.catalog.byID[theirs.ID]
	return m.indexes(ctx, m.target[theirs.ID], nil, theirs)
}

// renamed handles a collection that theirs renamed.
func (m *merger) renamed(ours, base, theirs *Collection) error {
	if ours.Name != base.Name || m.t.catalog.byName[theirs.Name] != nil {
		take, _, err := m.catalogConflict(ours.Name, "name", base.nameValue(), ours.nameValue(), theirs.nameValue())
		if err != nil || !take {
			return err
		}
		if m.t.catalog.byName[theirs.Name] != nil {
			return errs.New(errs.NamespaceExists, "cannot rename %q to %q: that name is taken", ours.Name, theirs.Name)
		}
	}
	changed := *ours
	changed.Name = theirs.Name
	m.catalogNote(theirs.Name, "renameCollection")
	return m.t.saveCollection(&changed)
}

// options handles options that theirs changed.
func (m *merger) options(ours, base, theirs *Collection) error {
	var baseOptions Value
	if base != nil {
		baseOptions = base.Options.Value()
	}
	if base == nil || !bytes.Equal(ours.Options, base.Options) {
		take, _, err := m.catalogConflict(ours.Name, "options", baseOptions, ours.Options.Value(), theirs.Options.Value())
		if err != nil || !take {
			return err
		}
	}
	changed := *ours
	changed.Options, changed.View = theirs.Options, theirs.View
	m.catalogNote(ours.Name, "modifyCollection")
	return m.t.saveCollection(&changed)
}

// indexes adds to ours the indexes that theirs has and the base has not, and
// drops those that theirs dropped.
func (m *merger) indexes(ctx context.Context, ours *Collection, base []*index.Definition, theirs *Collection) error {
	was := &Collection{Indexes: base}
	for _, def := range theirs.Indexes {
		if was.index(def.Name) != nil && ours.index(def.Name) == nil || ours.index(def.Name) != nil && bytes.Equal(ours.index(def.Name).Options, def.Options) {
			continue // ours dropped it, or has it
		}
		if have := ours.index(def.Name); have != nil {
			take, _, err := m.catalogConflict(ours.Name, "indexes."+def.Name, Value{}, have.Options.Value(), def.Options.Value())
			if err != nil {
				return err
			}
			if !take {
				continue
			}
			if _, err := m.t.DropIndexes(ctx, ours.Name, bsonraw.StringValue(def.Name)); err != nil {
				return err
			}
			ours = m.t.catalog.byID[ours.ID]
		}
		fresh, err := index.ParseDefinition(def.Options)
		if err != nil {
			return err
		}
		if ours, err = m.t.addIndex(ctx, ours, fresh); err != nil {
			return err
		}
		m.catalogNote(ours.Name, "createIndex")
	}
	for _, def := range base {
		if theirs.index(def.Name) == nil && ours.index(def.Name) != nil {
			if _, err := m.t.DropIndexes(ctx, ours.Name, bsonraw.StringValue(def.Name)); err != nil {
				return err
			}
			ours = m.t.catalog.byID[ours.ID]
			m.catalogNote(ours.Name, "dropIndex")
		}
	}
	m.target[theirs.ID] = ours
	return nil
}

// catalogNote counts and lists a change of the catalog.
func (p *plan) catalogNote(coll, op string) {
	p.counts.catalog++
	p.note(coll, Value{}, op)
}

// value describes a collection in a conflict.
func (c *Collection) value() Value {
	b := bsonraw.NewBuilder(nil)
	b.String("name", c.Name)
	b.Doc("options", orEmpty(c.Options))
	return b.Finish().Value()
}

func (c *Collection) nameValue() Value { return bsonraw.StringValue(c.Name) }
