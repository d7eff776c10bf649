package engine

import (
	"context"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/pipeline"
	"github.com/argon-lab/argon/core/query"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// putSystem writes a catalog document; a nil doc deletes the one of this _id.
// What it holds of a caller (filters, validators, pipelines of views) may nest
// no deeper than in any other document, since logs, diffs and fsck read it as one.
func (t *Txn) putSystem(c mvcc.CollectionID, id Value, doc Doc) error {
	if doc != nil {
		if err := bsonraw.Validate(doc); err != nil {
			return err
		}
	}
	w := t.newWrite(&Collection{ID: c}, id)
	if p := t.over.get(c, w.idKey); p != nil {
		w.before = p.doc
	} else {
		v, ok, err := t.view.Get(c, w.idKey)
		if err != nil {
			return err
		}
		if ok {
			w.before = v.Doc.Clone()
		}
	}
	if w.before == nil && doc == nil {
		return nil
	}
	w.after = doc
	if w.before != nil && doc != nil {
		w.changes = update.DiffDocs(w.before, doc)
	}
	return t.put(w)
}

// saveCollection writes a collection to the catalog.
func (t *Txn) saveCollection(c *Collection) error {
	t.changeCatalog().put(c)
	return t.putSystem(sysCollections, bsonraw.Int64Value(int64(c.ID)), encodeCollection(c))
}

// CreateCollection makes a collection, or a view where options have viewOn.
func (t *Txn) CreateCollection(ctx context.Context, name string, options Doc) error {
	if c := t.catalog.byName[name]; c != nil {
		if bsonraw.CompareDocs(orEmpty(c.Options), orEmpty(options)) == 0 {
			return nil // as MongoDB: the same options again are no error
		}
		return errs.New(errs.NamespaceExists, "namespace %s already exists, but with different options", t.namespace(name))
	}
	_, err := t.createCollection(name, options)
	return err
}

func (t *Txn) createCollection(name string, options Doc) (*Collection, error) {
	if err := validCollectionName(name); err != nil {
		return nil, err
	}
	c := &Collection{Name: name, Options: orEmpty(options).Clone()}
	if err := t.checkOptions(c); err != nil {
		return nil, err
	}
	c.ID = firstUserID + t.store.mv.AllocCollection()
	return c, t.saveCollection(c)
}

// validCollectionName applies MongoDB's rules for names of collections.
func validCollectionName(name string) error {
	switch {
	case name == "":
		return errs.New(errs.InvalidNamespace, "a collection needs a name, got an empty one")
	case strings.HasPrefix(name, "system.") && name != "system.js":
		return errs.New(errs.InvalidNamespace, "collection name %q is reserved for MongoDB's own", name)
	case strings.ContainsAny(name, "$\x00"), strings.HasPrefix(name, "."), strings.HasSuffix(name, "."):
		return errs.New(errs.InvalidNamespace, "Invalid collection name: %q", name)
	case len(name) > 255:
		return errs.New(errs.InvalidNamespace, "a collection name of %d bytes, at most 255 are allowed", len(name))
	}
	return nil
}

// unsupportedOptions are options of create that change what a collection does,
// and that are not there yet.
var unsupportedOptions = map[string]string{
	"timeseries":         "time series collections",
	"capped":             "capped collections",
	"expireAfterSeconds": "collections that expire",
	"encryptedFields":    "queryable encryption",
}

// checkOptions checks the options of a new collection and says whether it is a
// view.
func (t *Txn) checkOptions(c *Collection) error {
	it := c.Options.Iter()
	for it.Next() {
		what, bad := unsupportedOptions[string(it.Key())]
		if bad && it.Value().Truthy() {
			return errs.New(errs.NotSupported, "%s are not supported yet (option %q)", what, it.Key())
		}
	}
	if err := checkCollation(c.Options.Get("collation").Doc()); err != nil {
		return err
	}
	if v := c.Options.Get("validator").Doc(); v != nil {
		if _, err := query.Compile(v, nil); err != nil {
			return err
		}
	}
	if _, err := mergeRule(c); err != nil {
		return err
	}
	on := c.Options.Get("viewOn")
	c.View = on.Type == bsonraw.String
	if !c.View {
		return nil
	}
	var stages []Doc
	for _, v := range c.Options.Get("pipeline").Doc().Values() {
		stages = append(stages, v.Doc())
	}
	if HasOutput(stages) {
		return errs.New(errs.OptionNotSupportedOnView, "a view's pipeline cannot end in $out or $merge")
	}
	if on.Str() == c.Name {
		return errs.New(errs.GraphContainsCycle, "view %q cannot stand on itself", c.Name)
	}
	_, err := pipeline.Compile(stages, t.pipelineOptions(nil, nil))
	return err
}

// DropCollection removes a collection or view; false if there was none. Its
// documents stay in the past: only the catalog changes.
func (t *Txn) DropCollection(ctx context.Context, name string) (bool, error) {
	c := t.catalog.byName[name]
	if c == nil {
		return false, nil
	}
	for _, def := range c.Indexes {
		if err := t.putSystem(sysIndexes, indexDocID(c.ID, def.Name), nil); err != nil {
			return false, err
		}
	}
	if err := t.putSystem(sysCollections, bsonraw.Int64Value(int64(c.ID)), nil); err != nil {
		return false, err
	}
	t.changeCatalog().remove(c)
	return true, nil
}

// DropDatabase removes every collection and view of the branch.
func (t *Txn) DropDatabase(ctx context.Context) error {
	for _, c := range t.catalog.sorted() {
		if _, err := t.DropCollection(ctx, c.Name); err != nil {
			return err
		}
	}
	if t.meta.Kind == 0 {
		t.meta.Kind = wal.KindDropDatabase
	}
	return nil
}

// RenameCollection gives a collection another name. It moves no document.
func (t *Txn) RenameCollection(ctx context.Context, from, to string, dropTarget bool) error {
	c := t.catalog.byName[from]
	if c == nil {
		return errs.New(errs.NamespaceNotFound, "Source collection %s does not exist", t.namespace(from))
	}
	if c.View {
		return errs.New(errs.CommandNotSupportedOnView, "cannot rename view: %s", t.namespace(from))
	}
	if err := validCollectionName(to); err != nil {
		return err
	}
	if from == to {
		return errs.New(errs.IllegalOperation, "Can't rename a collection to itself")
	}
	if t.catalog.byName[to] != nil {
		if !dropTarget {
			return errs.New(errs.NamespaceExists, "target namespace exists: %s", t.namespace(to))
		}
		if _, err := t.DropCollection(ctx, to); err != nil {
			return err
		}
	}
	renamed := *c
	renamed.Name = to
	return t.saveCollection(&renamed)
}

// ModifyCollection applies the fields of a collMod: validator, validationLevel,
// validationAction, viewOn, pipeline, index {name or keyPattern, hidden}, and
// Argon's own merge, the rule by which the collection merges.
func (t *Txn) ModifyCollection(ctx context.Context, name string, changes Doc) error {
	c := t.catalog.byName[name]
	if c == nil {
		return errs.New(errs.NamespaceNotFound, "ns does not exist: %s", t.namespace(name))
	}
	changed := *c
	b := bsonraw.NewBuilder(nil)
	it := c.Options.Iter()
	for it.Next() {
		if changes.Get(string(it.Key())).IsMissing() {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	it = changes.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "index":
			if err := t.modifyIndex(&changed, it.Value().Doc()); err != nil {
				return err
			}
		case "validator", "validationLevel", "validationAction", "viewOn", "pipeline", "changeStreamPreAndPostImages", "merge":
			b.ValueBytes(it.Key(), it.Value())
		default:
			return errs.New(errs.NotSupported, "collMod of %q is not supported yet", it.Key())
		}
	}
	changed.Options = b.Finish().Clone()
	if err := t.checkOptions(&changed); err != nil {
		return err
	}
	if changed.View != c.View {
		return errs.New(errs.InvalidOptions, "collMod cannot turn a collection into a view, or a view into a collection")
	}
	return t.saveCollection(&changed)
}
