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

// catalog undoes changes of collections, then of indexes. A collection that was
// dropped comes back with its documents, which a drop leaves where they are.
func (u *undoer) catalog(ctx context.Context) error {
	for _, key := range sortedDocs(u.targets[sysCollections]) {
		if err := u.collection(ctx, key, u.targets[sysCollections][key]); err != nil {
			return err
		}
	}
	for _, key := range sortedDocs(u.targets[sysIndexes]) {
		if err := u.index(ctx, key, u.targets[sysIndexes][key]); err != nil {
			return err
		}
	}
	return nil
}

// collection undoes what was done to one collection's catalog document.
func (u *undoer) collection(ctx context.Context, key string, target *touch) error {
	cid, _ := target.id.AsInt64()
	id := mvcc.CollectionID(cid)
	dk := docKey{sysCollections, key}
	beforeDoc, _, err := u.around(dk, u.first[dk])
	if err != nil {
		return err
	}
	var before *Collection
	if beforeDoc != nil {
		if before, err = decodeCollection(beforeDoc.Clone()); err != nil {
			return err
		}
	}
	now := u.t.catalog.byID[id]
	if before == nil && u.shared[id] {
		return nil // others have written to it since: it stays for their documents
	}
	if u.others[sysCollections][key] != nil {
		take, err := u.catalogConflict(now, before)
		if err != nil || !take {
			return err
		}
	}
	return u.revertCollection(ctx, now, before)
}

func (u *undoer) catalogConflict(now, before *Collection) (take bool, err error) {
	c := conflict{kind: "catalog"}
	if before != nil {
		c.coll, c.theirs = before.Name, before.value()
	}
	if now != nil {
		c.coll, c.ours = now.Name, now.value()
	}
	res, ok := u.conflict(c)
	if ok && res.Take != "ours" && res.Take != "theirs" {
		return false, errs.New(errs.BadValue, "conflict %d is about the collection %q itself: take \"ours\" or \"theirs\"", len(u.conflicts), c.coll)
	}
	return res.Take == "theirs", nil
}

// revertCollection makes a collection what it was.
func (u *undoer) revertCollection(ctx context.Context, now, before *Collection) error {
	switch {
	case now == nil && before == nil:
		return nil
	case before == nil:
		u.catalogNote(now.Name, "dropCollection")
		_, err := u.t.DropCollection(ctx, now.Name)
		return err
	case now == nil:
		if u.t.catalog.byName[before.Name] != nil {
			return errs.New(errs.NamespaceExists, "collection %q cannot come back: another one has its name", before.Name).
				WithRemedy("rename that one first")
		}
		u.catalogNote(before.Name, "createCollection")
		return u.t.saveCollection(before)
	case now.Name == before.Name && bytes.Equal(now.Options, before.Options):
		return nil
	}
	changed := *before
	changed.Indexes = now.Indexes
	u.catalogNote(before.Name, "modifyCollection")
	return u.t.saveCollection(&changed)
}

// index undoes the making or dropping of an index.
func (u *undoer) index(ctx context.Context, key string, target *touch) error {
	cid, _ := target.id.Doc().Get("c").AsInt64()
	name := target.id.Doc().Get("n").Str()
	coll := u.t.catalog.byID[mvcc.CollectionID(cid)]
	if coll == nil || u.others[sysIndexes][key] != nil {
		return nil // the collection is gone, or somebody decided on the index since
	}
	dk := docKey{sysIndexes, key}
	beforeDoc, _, err := u.around(dk, u.first[dk])
	if err != nil {
		return err
	}
	have := coll.index(name)
	switch {
	case beforeDoc == nil && have != nil:
		u.catalogNote(coll.Name, "dropIndex")
		_, err = u.t.DropIndexes(ctx, coll.Name, bsonraw.StringValue(name))
	case beforeDoc != nil && have == nil:
		var def *index.Definition
		if _, def, err = decodeIndex(beforeDoc.Clone()); err == nil {
			u.catalogNote(coll.Name, "createIndex")
			coll = coll.withIndexes(slices.Clone(coll.Indexes))
			_, err = u.t.addIndex(ctx, coll, def)
		}
	}
	return err
}
