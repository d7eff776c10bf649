package engine

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/mvcc"
)

// idCursor is the cursor of the most frequent query: one document by its _id.
// There is nothing to compile, to plan or to match, which is half of what such a
// query would cost.
type idCursor struct {
	r    *reader
	view *mvcc.View
	coll mvcc.CollectionID
	id   Value
	room [32]byte // for the key of id
}

// findByID returns the cursor of a find that asks for nothing but a document with
// an _id, or nil for any other.
func (r *reader) findByID(coll string, spec *FindSpec) *idCursor {
	id, ok := onlyID(spec.Filter)
	if !ok || spec.Skip != 0 || spec.ReturnKey || !spec.Hint.IsMissing() {
		return nil
	}
	for _, option := range [...]Doc{spec.Projection, spec.Sort, spec.Let, spec.Collation, spec.Min, spec.Max} {
		if !option.IsEmpty() {
			return nil
		}
	}
	c := r.catalog.byName[coll]
	if c == nil || c.View {
		return nil
	}
	return &idCursor{r: r, view: r.newView(), coll: c.ID, id: id}
}

// onlyID returns v of a filter {_id: v} where v stands for itself and for
// nothing else: a document may be an operator, null is also what is missing, and
// a regular expression is a pattern.
func onlyID(filter Doc) (Value, bool) {
	it := filter.Iter()
	if !it.Next() || string(it.Key()) != "_id" {
		return Value{}, false
	}
	id := it.Value()
	switch id.Type {
	case bsonraw.Int32, bsonraw.Int64, bsonraw.Double, bsonraw.Decimal128, bsonraw.String,
		bsonraw.ObjectID, bsonraw.DateTime, bsonraw.Binary, bsonraw.Boolean:
		return id, !it.Next()
	}
	return Value{}, false
}

func (c *idCursor) Next(context.Context) (Doc, bool, error) {
	if c.id.IsMissing() {
		return nil, false, nil
	}
	key := bsonraw.AppendKey(c.room[:0], c.id)
	c.id = Value{}
	doc, err := c.r.get(c.view, c.coll, key)
	return doc, doc != nil, err
}

// Close gives the view back. The document is not valid any more.
func (c *idCursor) Close() error {
	c.id = Value{}
	if c.view != nil {
		c.view.Close()
		c.view = nil
	}
	return nil
}
