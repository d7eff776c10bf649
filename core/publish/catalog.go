package publish

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// Action is a change of collections or indexes.
type Action struct {
	Op         string   `bson:"op"`
	Collection string   `bson:"collection"`     // as it is called afterwards
	Name       string   `bson:"name,omitempty"` // of an index; of a rename, the old name
	Before     bson.Raw `bson:"before,omitempty"`
	After      bson.Raw `bson:"after,omitempty"`
	Late       bool     `bson:"late"` // behind the documents
	Status     string   `bson:"status"`
	Message    string   `bson:"message,omitempty"`
}

// The operations of an action.
const (
	opCreate      = "createCollection"
	opDrop        = "dropCollection"
	opRename      = "renameCollection"
	opModify      = "modifyCollection"
	opCreateIndex = "createIndex"
	opDropIndex   = "dropIndex"
)

// The states of an action.
const (
	actApply    = "apply"
	actAlready  = "already"
	actConflict = "conflict"
	actHeld     = "held" // a drop that was not allowed
	actApplying = "applying"
	actApplied  = "applied"
	actUndone   = "undone"
	actKept     = "kept"
)

// liveCollection is a collection as the target has it.
type liveCollection struct {
	kind    string // collection, view, timeseries
	options bsonraw.Doc
	indexes map[string]bsonraw.Doc // where they were asked for
}

// catalog lists the target's collections.
func (t *target) catalog(ctx context.Context) (map[string]*liveCollection, error) {
	all := map[string]*liveCollection{}
	b := bsonraw.NewBuilder(nil)
	b.Int32("listCollections", 1)
	err := t.each(ctx, b.Finish(), func(d bsonraw.Doc) error {
		d = d.Clone()
		c := &liveCollection{kind: "collection", options: bsonraw.EmptyDoc}
		if v := d.Get("type"); v.Type == bsonraw.String {
			c.kind = v.Str()
		}
		if v := d.Get("options"); v.Type == bsonraw.Object {
			c.options = v.Doc()
		}
		all[d.Get("name").Str()] = c
		return nil
	})
	return all, err
}

// indexesOf lists the indexes of a live collection.
func (t *target) indexesOf(ctx context.Context, coll string) (map[string]bsonraw.Doc, error) {
	all := map[string]bsonraw.Doc{}
	err := t.each(ctx, operator("listIndexes", bsonraw.StringValue(coll)), func(d bsonraw.Doc) error {
		all[d.Get("name").Str()] = d.Clone()
		return nil
	})
	return all, err
}

// catalogPlan is what becomes of one pair's collection.
type catalogPlan struct {
	actions []*Action
	readAs  string // what the collection is called in the target now
	blocked string // why its documents cannot be written; empty if they can
	capped  bool
}

// planPair compares a pair with the live collection.
func planPair(p *pair, live map[string]*liveCollection, allowDrop bool) *catalogPlan {
	c := &catalogPlan{readAs: p.name()}
	switch {
	case p.base == nil:
		c.create(p.target, live[p.target.Name])
	case p.target == nil:
		c.drop(p.base, live[p.base.Name], allowDrop)
	default:
		c.change(p, live, allowDrop)
	}
	if there := live[c.readAs]; there != nil && c.blocked == "" && p.documents() {
		c.capped = there.options.Get("capped").Truthy()
		switch there.kind {
		case "view":
			c.blocked = "it is a view in the target"
		case "timeseries":
			c.blocked = "it is a time-series collection in the target: it has no index of _id, so that writes to it cannot be guarded"
		}
	}
	return c
}

func (c *catalogPlan) add(a *Action) { c.actions = append(c.actions, a) }

func (c *catalogPlan) create(to *engine.Collection, live *liveCollection) {
	a := &Action{Op: opCreate, Collection: to.Name, After: rawOf(to.Options), Status: actApply}
	switch {
	case live == nil:
	case live.kind == kindOf(to) && sameFields(live.options, to.Options, nil):
		a.Status = actAlready
	case live.kind == kindOf(to):
		a.Status, a.Message, a.Before = actConflict, "there is one with other options", rawOf(live.options)
	default:
		a.Status, a.Message = actConflict, "there is a "+live.kind+" of this name"
	}
	c.add(a)
	for _, def := range to.Indexes {
		c.add(&Action{Op: opCreateIndex, Collection: to.Name, Name: def.Name, After: rawOf(def.Options), Late: live != nil, Status: actApply})
	}
}

func kindOf(c *engine.Collection) string {
	switch {
	case c.View:
		return "view"
	case !c.Options.Get("timeseries").IsMissing():
		return "timeseries"
	}
	return "collection"
}

func (c *catalogPlan) drop(from *engine.Collection, live *liveCollection, allowed bool) {
	a := &Action{Op: opDrop, Collection: from.Name, Before: rawOf(from.Options), Late: true, Status: actApply}
	switch {
	case live == nil:
		a.Status = actAlready
	case !allowed:
		a.Status, a.Message = actHeld, "collections are dropped only where that is allowed"
		c.blocked = a.Message
	case live.kind != kindOf(from) || !sameFields(live.options, from.Options, nil):
		a.Status, a.Message = actConflict, "it is not what the base had"
		c.blocked = a.Message
	}
	c.add(a)
	for _, def := range from.Indexes { // for a rollback, which makes the collection anew
		if a.Status == actApply {
			c.add(&Action{Op: opDropIndex, Collection: from.Name, Name: def.Name, Before: rawOf(def.Options), Late: true, Status: actApply})
		}
	}
	if n := len(c.actions); n > 1 { // the collection last
		c.actions[0], c.actions[n-1] = c.actions[n-1], c.actions[0]
	}
}

func (c *catalogPlan) change(p *pair, live map[string]*liveCollection, allowDrop bool) {
	from, to := p.base, p.target
	there := live[to.Name]
	if from.Name != to.Name {
		a := &Action{Op: opRename, Collection: to.Name, Name: from.Name, Status: actApply}
		switch {
		case there == nil && live[from.Name] != nil:
			there, c.readAs = live[from.Name], from.Name
		case there != nil && live[from.Name] == nil:
			a.Status = actAlready
		default:
			a.Status, a.Message = actConflict, "the target has both, or neither, of the names"
			c.blocked = a.Message
		}
		c.add(a)
	}
	if there == nil {
		c.blocked = "the collection is gone from the target"
		return
	}
	c.modify(from, to, there)
	for _, def := range from.Indexes {
		if to := indexOf(to, def.Name); to == nil || !sameFields(to, def.Options, ignoredOfIndex) {
			a := &Action{Op: opDropIndex, Collection: p.name(), Name: def.Name, Before: rawOf(def.Options), Status: actApply}
			if !allowDrop {
				a.Status, a.Message = actHeld, "indexes are dropped only where that is allowed"
			}
			c.add(a)
		}
	}
	for _, def := range to.Indexes {
		if from := indexOf(from, def.Name); from == nil || !sameFields(from, def.Options, ignoredOfIndex) {
			c.add(&Action{Op: opCreateIndex, Collection: to.Name, Name: def.Name, After: rawOf(def.Options), Late: true, Status: actApply})
		}
	}
}

func indexOf(c *engine.Collection, name string) bsonraw.Doc {
	for _, def := range c.Indexes {
		if def.Name == name {
			return def.Options
		}
	}
	return nil
}

// changeable are the options that collMod can change.
var changeable = []string{"validator", "validationLevel", "validationAction", "viewOn", "pipeline"}

func (c *catalogPlan) modify(from, to *engine.Collection, live *liveCollection) {
	if sameFields(from.Options, to.Options, nil) {
		return
	}
	a := &Action{Op: opModify, Collection: to.Name, Before: rawOf(from.Options), After: rawOf(to.Options), Status: actApply}
	switch {
	case !sameFields(from.Options, to.Options, changeable):
		a.Status, a.Message = actConflict, "MongoDB cannot change these options of a collection"
	case sameChangeable(live.options, to.Options):
		a.Status = actAlready
	case !sameChangeable(live.options, from.Options):
		a.Status, a.Message = actConflict, "the target has other options than the base"
	}
	c.add(a)
}

func sameChangeable(a, b bsonraw.Doc) bool {
	for _, name := range changeable {
		if !sameOption(name, a.Get(name), b.Get(name)) {
			return false
		}
	}
	return true
}

// sameOption compares two options. An empty validator is none, and so is what a
// collection says that had a validator and lost it.
func sameOption(name string, a, b bsonraw.Value) bool {
	return unsaid(name, a) && unsaid(name, b) || bsonraw.Equal(a, b)
}

// unsaid reports whether an option says what holds without it.
func unsaid(name string, v bsonraw.Value) bool {
	switch {
	case v.IsMissing(), v.Type == bsonraw.Object && v.Doc().IsEmpty(), v.Type == bsonraw.Boolean && !v.Bool():
		return true
	case v.Type == bsonraw.String:
		return name == "validationLevel" && v.Str() == "strict" || name == "validationAction" && v.Str() == "error"
	}
	return false
}

// ignoredOfIndex are fields of an index's specification that say nothing.
var ignoredOfIndex = []string{"v", "ns", "background"}

// sameFields compares two documents without regard to the order of their fields,
// those to ignore left out.
func sameFields(a, b bsonraw.Doc, ignored []string) bool {
	for _, sides := range [][2]bsonraw.Doc{{a, b}, {b, a}} {
		it := sides[0].Iter()
		for it.Next() {
			name := string(it.Key())
			if !slices.Contains(ignored, name) && !sameOption(name, it.Value(), sides[1].Get(name)) {
				return false
			}
		}
	}
	return true
}

// rawOf is a document for an action; never nil, so that the field is there.
func rawOf(d bsonraw.Doc) bson.Raw {
	if len(d) == 0 {
		d = bsonraw.EmptyDoc
	}
	return bson.Raw(d.Clone())
}

// planIndexes compares the actions on indexes with the live ones.
func (t *target) planIndexes(ctx context.Context, c *catalogPlan, live *liveCollection) error {
	if live == nil || live.kind != "collection" {
		return nil
	}
	for _, a := range c.actions {
		if a.Op != opCreateIndex && a.Op != opDropIndex {
			continue
		}
		if live.indexes == nil {
			var err error
			if live.indexes, err = t.indexesOf(ctx, c.readAs); err != nil {
				return err
			}
		}
		there := live.indexes[a.Name]
		switch {
		case a.Op == opDropIndex && there == nil:
			a.Status = actAlready
		case a.Op == opDropIndex && !sameFields(there, bsonraw.Doc(a.Before), ignoredOfIndex):
			a.Status, a.Message = actConflict, "the index is not what the base had"
		case a.Op == opCreateIndex && there != nil && sameFields(there, bsonraw.Doc(a.After), ignoredOfIndex):
			a.Status = actAlready
		case a.Op == opCreateIndex && there != nil && !c.drops(a.Name):
			a.Status, a.Message = actConflict, "there is another index of this name"
		}
	}
	return nil
}

// drops reports whether an index is dropped before.
func (c *catalogPlan) drops(index string) bool {
	return slices.ContainsFunc(c.actions, func(a *Action) bool {
		return a.Op == opDropIndex && a.Name == index && a.Status == actApply
	})
}

// conflict of an action.
func (a *Action) conflict(kind string) Conflict {
	return Conflict{Collection: a.Collection, Op: a.Op, Kind: kind, Path: a.Name, Message: a.Message}
}

// do does an action.
func (t *target) do(ctx context.Context, a *Action) error {
	switch a.Op {
	case opRename:
		return t.rename(ctx, a.Name, a.Collection)
	case opDrop:
		return t.dropEmpty(ctx, a)
	}
	_, err := t.run(ctx, a.command(t.acknowledged()))
	return err
}

// command of an action that is one.
func (a *Action) command(concern bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	switch a.Op {
	case opCreate:
		b.String("create", a.Collection)
		appendFields(b, bsonraw.Doc(a.After))
	case opModify:
		b.String("collMod", a.Collection)
		for _, name := range changeable {
			v, old := bsonraw.Doc(a.After).Get(name), bsonraw.Doc(a.Before).Get(name)
			if v.IsMissing() && name == "validator" && !old.IsMissing() {
				v = bsonraw.EmptyDoc.Value()
			}
			if !v.IsMissing() && !bsonraw.Equal(v, old) {
				b.Value(name, v)
			}
		}
	case opCreateIndex:
		b.String("createIndexes", a.Collection)
		b.Array("indexes", bsonraw.ArrayOf(bsonraw.Doc(a.After).Value()))
	case opDropIndex:
		b.String("dropIndexes", a.Collection)
		b.String("index", a.Name)
	}
	b.Doc("writeConcern", concern)
	return b.Finish()
}

func appendFields(b *bsonraw.Builder, doc bsonraw.Doc) {
	it := doc.Iter()
	for it.Next() {
		b.ValueBytes(it.Key(), it.Value())
	}
}

// acknowledged is the write concern of commands outside a transaction.
func (t *target) acknowledged() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	if t.transactions() {
		b.String("w", "majority")
	} else {
		b.Int32("w", 1)
		b.Bool("j", true)
	}
	return b.Finish()
}

func (t *target) rename(ctx context.Context, from, to string) error {
	b := bsonraw.NewBuilder(nil)
	b.String("renameCollection", t.db.Name()+"."+from)
	b.String("to", t.db.Name()+"."+to)
	b.Doc("writeConcern", t.acknowledged())
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	return t.client.Database("admin").RunCommand(ctx, bson.Raw(b.Finish())).Err()
}

// dropEmpty drops a collection whose documents were removed one by one. What
// others wrote meanwhile has to stay: the collection is moved out of the way,
// where nobody writes to it, and dropped if it is empty, else moved back. A view
// has nothing to lose.
func (t *target) dropEmpty(ctx context.Context, a *Action) error {
	if bsonraw.Doc(a.Before).Get("viewOn").IsMissing() {
		aside := asideName(a.Collection)
		if err := t.rename(ctx, a.Collection, aside); err != nil {
			return err
		}
		n, err := t.count(ctx, aside)
		if err != nil || n > 0 {
			if back := t.rename(ctx, aside, a.Collection); back != nil {
				return errs.New(errs.PublishConflict, "%s was written to while it was dropped, and made anew: those writes are in %s", a.Collection, aside)
			}
			if err == nil {
				err = errs.New(errs.PublishConflict, "%s has %d documents that the base did not have", a.Collection, n)
			}
			return err
		}
		return t.dropNow(ctx, aside)
	}
	return t.dropNow(ctx, a.Collection)
}

func asideName(coll string) string { return "argon.dropping." + coll }

func (t *target) dropNow(ctx context.Context, coll string) error {
	b := bsonraw.NewBuilder(nil)
	b.String("drop", coll)
	b.Doc("writeConcern", t.acknowledged())
	_, err := t.run(ctx, b.Finish())
	return err
}

// count counts documents, by looking: the number in the metadata may be wrong.
func (t *target) count(ctx context.Context, coll string) (n int, err error) {
	b := bsonraw.NewBuilder(nil)
	b.String("find", coll)
	b.Doc("projection", operator("_id", bsonraw.Int32Value(1)))
	b.Int32("limit", 1000)
	err = t.each(ctx, b.Finish(), func(bsonraw.Doc) error { n++; return nil })
	return n, err
}

// inverse is the action back.
func (a *Action) inverse() *Action {
	back := &Action{Collection: a.Collection, Name: a.Name, Before: a.After, After: a.Before}
	switch a.Op {
	case opCreate:
		back.Op = opDrop
	case opDrop:
		back.Op = opCreate
	case opRename:
		back.Op, back.Collection, back.Name = opRename, a.Name, a.Collection
	case opModify:
		back.Op = opModify
	case opCreateIndex:
		back.Op = opDropIndex
	case opDropIndex:
		back.Op = opCreateIndex
	}
	return back
}
