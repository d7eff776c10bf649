package engine

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/index"
)

// MongoDB's operationTypes. eventDiffer is an update of which only the two
// states tell what it was.
const (
	eventInsert        = "insert"
	eventUpdate        = "update"
	eventReplace       = "replace"
	eventDelete        = "delete"
	eventDiffer        = ""
	eventDrop          = "drop"
	eventRename        = "rename"
	eventDropDatabase  = "dropDatabase"
	eventInvalidate    = "invalidate"
	eventCreate        = "create"
	eventModify        = "modify"
	eventCreateIndexes = "createIndexes"
	eventDropIndexes   = "dropIndexes"
)

// expanded are the events that only showExpandedEvents shows.
var expanded = map[string]bool{
	eventCreate: true, eventModify: true, eventCreateIndexes: true, eventDropIndexes: true,
}

// isExpanded reports whether only showExpandedEvents shows an event: those of views
// are among them.
func (ev *event) isExpanded() bool {
	if expanded[ev.kind] {
		return true
	}
	return ev.ddl != nil && ev.ddl.before != nil && ev.ddl.before.View
}

// catalogEvent is a change of the catalog.
type catalogEvent struct {
	kind          string
	name          string // of the collection, before
	before, after *Collection
	replaced      *Collection // by a rename
	indexes       []*index.Definition
}

// compareCatalogs lists what leads from the feed's catalog to another, which
// becomes the feed's: collections that go, that change their name, that come,
// then options and indexes.
func (u *unfolding) compareCatalogs(now *catalog, dropDatabase bool) {
	old := u.f.catalog
	var drops, renames, creates, others []catalogEvent
	taken := map[string]bool{} // names that a rename took from a collection that goes
	for _, before := range byID(old) {
		after := now.byID[before.ID]
		if after != nil && after.Name != before.Name {
			renames = append(renames, catalogEvent{kind: eventRename, name: before.Name, before: before, after: after, replaced: old.byName[after.Name]})
			taken[after.Name] = true
		}
	}
	for _, before := range byID(old) {
		if now.byID[before.ID] == nil && !taken[before.Name] && !(dropDatabase && before.View) {
			drops = append(drops, catalogEvent{kind: eventDrop, name: before.Name, before: before})
		}
	}
	for _, after := range byID(now) {
		before := old.byID[after.ID]
		if before == nil {
			creates = append(creates, catalogEvent{kind: eventCreate, name: after.Name, after: after})
			before = &Collection{Options: after.Options}
		} else if before == after {
			continue
		}
		others = append(others, compareCollection(before, after)...)
	}
	u.catalog = slices.Concat(drops, renames, creates, others)
	if dropDatabase {
		u.catalog = append(u.catalog, catalogEvent{kind: eventDropDatabase})
	}
	u.f.catalog = now
}

// byID lists a catalog's collections in the order in which they were made.
func byID(c *catalog) []*Collection {
	return slices.SortedFunc(maps.Values(c.byID), func(a, b *Collection) int { return cmp.Compare(a.ID, b.ID) })
}

// compareCollection lists changes of options and indexes.
func compareCollection(before, after *Collection) []catalogEvent {
	var list []catalogEvent
	if !bytes.Equal(before.Options, after.Options) {
		list = append(list, catalogEvent{kind: eventModify, name: after.Name, before: before, after: after})
	}
	var gone, made []*index.Definition
	for _, def := range before.Indexes {
		if now := after.index(def.Name); now == nil || now.ID != def.ID {
			gone = append(gone, def)
		} else if !bytes.Equal(now.Options, def.Options) {
			list = append(list, catalogEvent{kind: eventModify, name: after.Name, before: before, after: after, indexes: []*index.Definition{def, now}})
		}
	}
	for _, def := range after.Indexes {
		if was := before.index(def.Name); was == nil || was.ID != def.ID {
			made = append(made, def)
		}
	}
	for _, def := range gone {
		list = append(list, catalogEvent{kind: eventDropIndexes, name: after.Name, before: before, after: after, indexes: []*index.Definition{def}})
	}
	for _, def := range made {
		list = append(list, catalogEvent{kind: eventCreateIndexes, name: after.Name, before: before, after: after, indexes: []*index.Definition{def}})
	}
	return list
}

// appendDescription appends what the expanded form of an event says.
func (e *catalogEvent) appendDescription(b *bsonraw.Builder, db string) {
	switch e.kind {
	case eventCreate:
		b.BeginDoc("operationDescription")
		for it := e.after.Options.Iter(); it.Next(); {
			b.ValueBytes(it.Key(), it.Value())
		}
		if !e.after.View {
			b.Doc("idIndex", idIndex.Options)
		}
		b.End()
	case eventRename:
		b.BeginDoc("operationDescription")
		if e.replaced != nil {
			e.replaced.appendUUID(b, "dropTarget")
		}
		appendNamespace(b, "to", db, e.after.Name)
		b.End()
	case eventCreateIndexes, eventDropIndexes:
		b.BeginDoc("operationDescription")
		b.BeginArray("indexes")
		for i, def := range e.indexes {
			b.Doc(bsonraw.Index(i), def.Options)
		}
		b.End()
		b.End()
	case eventModify:
		e.appendModified(b)
	}
}

// appendModified appends what a collMod changed, and what was before.
func (e *catalogEvent) appendModified(b *bsonraw.Builder) {
	b.BeginDoc("operationDescription")
	if len(e.indexes) == 2 {
		b.BeginDoc("index")
		b.String("name", e.indexes[1].Name)
		appendChanged(b, e.indexes[0].Options, e.indexes[1].Options)
		b.End()
	} else {
		appendChanged(b, e.before.Options, e.after.Options)
	}
	b.End()
	b.BeginDoc("stateBeforeChange")
	b.Doc("collectionOptions", orEmpty(e.before.Options))
	if len(e.indexes) == 2 {
		b.BeginDoc("indexOptions")
		appendChanged(b, e.indexes[1].Options, e.indexes[0].Options)
		b.End()
	}
	b.End()
}

// appendChanged appends the fields of after that before has not, or otherwise.
func appendChanged(b *bsonraw.Builder, before, after Doc) {
	for it := after.Iter(); it.Next(); {
		if !bsonraw.Identical(before.Get(string(it.Key())), it.Value()) {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
}

// collection is what the event is about, nil for a database.
func (ev *event) collection() *Collection {
	switch d := ev.ddl; {
	case d == nil:
		return &Collection{ID: max(ev.cid, ev.was)}
	case d.after != nil:
		return d.after
	default:
		return d.before
	}
}

func appendNamespace(b *bsonraw.Builder, field, db, coll string) {
	b.BeginDoc(field)
	b.String("db", db)
	if coll != "" {
		b.String("coll", coll)
	}
	b.End()
}
