package engine

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// Diff compares two refs of one project, which may be moments of one branch: what
// has to be done to base to get target. Only documents that one of them touched
// since their common past are compared. coll "" is all collections.
//
// The cursor gives changes of the catalog first, then documents by collection
// and _id: {collection, _id, op, before, after, changes: [{path, before, after}]}
// with op "insert", "update" or "delete"; for the catalog op is
// "createCollection", "dropCollection", "renameCollection", "modifyCollection",
// "createIndex" or "dropIndex", and there is no _id.
func (s *Store) Diff(ctx context.Context, base, target refs.Ref, coll string) (Cursor, error) {
	if base.Project != target.Project {
		return nil, errs.New(errs.BadValue, "a diff needs two branches of one project, not of %q and %q", base.Project, target.Project)
	}
	from, err := s.positionOf(base)
	if err != nil {
		return nil, err
	}
	to, err := s.positionOf(target)
	if err != nil {
		return nil, err
	}
	d, err := s.compare(ctx, from, to, coll)
	if err != nil {
		return nil, err
	}
	d.catalogChanges(coll)
	return d, nil
}

// compare opens two positions and lists the documents that may differ.
func (s *Store) compare(ctx context.Context, from, to wal.Position, coll string) (d *diffCursor, err error) {
	d = &diffCursor{}
	if d.base, err = s.readerAt(from); err != nil {
		return nil, err
	}
	if d.target, err = s.readerAt(to); err != nil {
		return nil, err
	}
	kb, err := s.knowledgeOf(from)
	if err != nil {
		return nil, err
	}
	kt, err := s.knowledgeOf(to)
	if err != nil {
		return nil, err
	}
	all := touches{}
	for _, sides := range [][2]knowledge{{kt, kb}, {kb, kt}} {
		for _, seg := range sortedKeys(sides[0]) {
			if err := s.collectIDs(ctx, all, seg, sides[1][seg], sides[0][seg]); err != nil {
				return nil, err
			}
		}
	}
	d.queue(all, coll)
	d.baseView, d.targetView = d.base.newView(), d.target.newView()
	return d, nil
}

// collectIDs is collect without the changes: for a comparison it is enough to
// know which documents to look at.
func (s *Store) collectIDs(ctx context.Context, all touches, seg mvcc.SegmentID, from, to mvcc.LSN) error {
	if from >= to {
		return nil
	}
	cur := s.mv.ReadLog(seg, from, to, false)
	defer cur.Close()
	var key []byte
	for n := 1; cur.Next(); n++ {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return err
			}
		}
		for i := range cur.Record().Ops {
			op := &cur.Record().Ops[i]
			docs := all[op.Collection]
			if docs == nil {
				docs = make(map[string]*touch)
				all[op.Collection] = docs
			}
			key = bsonraw.AppendKey(key[:0], op.ID)
			if docs[string(key)] == nil {
				docs[string(key)] = &touch{id: op.ID.Clone()}
			}
		}
	}
	return cur.Err()
}

// diffCursor compares touched documents one by one.
type diffCursor struct {
	base, target         *reader
	baseView, targetView *mvcc.View
	ready                []Doc // changes of the catalog
	todo                 []diffItem
	buf                  bsonraw.Builder
}

// diffItem is a document to compare.
type diffItem struct {
	coll   string
	base   mvcc.CollectionID // 0: not there
	target mvcc.CollectionID
	key    string
	id     Value
}

// queue lists the documents to compare, by collection and _id.
func (d *diffCursor) queue(all touches, coll string) {
	for cid, docs := range all {
		if cid < firstUserID {
			continue
		}
		item := diffItem{}
		if c := d.target.catalog.byID[cid]; c != nil {
			item.coll, item.target = c.Name, cid
		}
		if c := d.base.catalog.byID[cid]; c != nil {
			item.base = cid
			if item.coll == "" {
				item.coll = c.Name
			}
		}
		if item.coll == "" || coll != "" && item.coll != coll || item.target == 0 && item.base != 0 {
			continue // gone from both, not asked for, or dropped as a whole
		}
		for key, t := range docs {
			item.key, item.id = key, t.id
			d.todo = append(d.todo, item)
		}
	}
	slices.SortFunc(d.todo, func(a, b diffItem) int {
		if c := strings.Compare(a.coll, b.coll); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
}

// Next returns the next difference.
func (d *diffCursor) Next(ctx context.Context) (Doc, bool, error) {
	if len(d.ready) > 0 {
		doc := d.ready[0]
		d.ready = d.ready[1:]
		return doc, true, nil
	}
	for n := 1; len(d.todo) > 0; n++ {
		if n%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return nil, false, err
			}
		}
		item := d.todo[0]
		d.todo = d.todo[1:]
		before, err := docAt(d.baseView, item.base, item.key)
		if err != nil {
			return nil, false, err
		}
		after, err := docAt(d.targetView, item.target, item.key)
		if err != nil {
			return nil, false, err
		}
		if !bytes.Equal(before, after) {
			return d.describe(item, before, after), true, nil
		}
	}
	return nil, false, nil
}

// docAt reads a document by its _id's key; nil if it or its collection is not there.
func docAt(v *mvcc.View, c mvcc.CollectionID, key string) (Doc, error) {
	if c == 0 {
		return nil, nil
	}
	version, ok, err := v.Get(c, []byte(key))
	if err != nil || !ok {
		return nil, err
	}
	return version.Doc, nil
}

func (d *diffCursor) describe(item diffItem, before, after Doc) Doc {
	b := &d.buf
	b.Reset()
	b.String("collection", item.coll)
	b.Value("_id", item.id)
	appendDelta(b, before, after)
	return b.Finish()
}

// appendDelta appends op, before, after and changes.
func appendDelta(b *bsonraw.Builder, before, after Doc) {
	switch {
	case before == nil:
		b.String("op", "insert")
		b.Doc("after", after)
	case after == nil:
		b.String("op", "delete")
		b.Doc("before", before)
	default:
		b.String("op", "update")
		b.Doc("before", before)
		b.Doc("after", after)
		b.BeginArray("changes")
		for i, c := range update.DiffDocs(before, after) {
			b.BeginDoc(bsonraw.Index(i))
			b.String("path", c.Path)
			b.Value("before", valueAt(before, c.Path))
			b.Value("after", valueAt(after, c.Path))
			b.End()
		}
		b.End()
	}
}

// valueAt returns the value at a change's path; missing if there is none.
func valueAt(doc Doc, path string) Value {
	v := doc.Value()
	if doc == nil {
		return Value{}
	}
	if path == "" {
		return v
	}
	for _, name := range update.SplitPath(path) {
		v = v.Doc().Get(name)
	}
	return v
}

// Close releases the views.
func (d *diffCursor) Close() error {
	if d.baseView != nil {
		d.baseView.Close()
		d.targetView.Close()
		d.baseView, d.targetView = nil, nil
	}
	d.todo, d.ready = nil, nil
	return nil
}

// catalogChanges queues the differences between the two catalogs.
func (d *diffCursor) catalogChanges(only string) {
	ids := slices.Collect(maps.Keys(d.base.catalog.byID))
	for cid := range d.target.catalog.byID {
		if d.base.catalog.byID[cid] == nil {
			ids = append(ids, cid)
		}
	}
	slices.Sort(ids)
	for _, cid := range ids {
		before, after := d.base.catalog.byID[cid], d.target.catalog.byID[cid]
		name := ""
		if after != nil {
			name = after.Name
		} else {
			name = before.Name
		}
		if only == "" || only == name {
			d.compareCollections(name, before, after)
		}
	}
}

func (d *diffCursor) compareCollections(name string, before, after *Collection) {
	switch {
	case before == nil:
		d.note(name, "createCollection", nil, after.Options)
		before = &Collection{}
	case after == nil:
		d.note(name, "dropCollection", before.Options, nil)
		return
	case before.Name != after.Name:
		d.note(name, "renameCollection", stage("name", bsonraw.StringValue(before.Name)), stage("name", bsonraw.StringValue(after.Name)))
	}
	if before.Name != "" && !bytes.Equal(before.Options, after.Options) {
		d.note(name, "modifyCollection", before.Options, after.Options)
	}
	for _, def := range before.Indexes {
		if after.index(def.Name) == nil {
			d.note(name, "dropIndex", def.Options, nil)
		}
	}
	for _, def := range after.Indexes {
		if before.index(def.Name) == nil {
			d.note(name, "createIndex", nil, def.Options)
		}
	}
}

func (d *diffCursor) note(coll, op string, before, after Doc) {
	b := bsonraw.NewBuilder(nil)
	b.String("collection", coll)
	b.String("op", op)
	if before != nil {
		b.Doc("before", before)
	}
	if after != nil {
		b.Doc("after", after)
	}
	d.ready = append(d.ready, b.Finish())
}
