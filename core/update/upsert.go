package update

import (
	"sort"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// Upsert returns the document to insert when nothing matched the filter, whose
// equalities it has unless the update says otherwise. newID makes an _id if
// neither filter nor update has one.
func (u *Update) Upsert(filter *query.Filter, newID func() bsonraw.Value) (bsonraw.Doc, error) {
	if filter.HasExpr() {
		return nil, errs.New(errs.QueryFeatureNotAllowed, "$expr is not allowed in the query predicate for an upsert")
	}
	base, err := u.upsertBase(filter)
	if err != nil {
		return nil, err
	}
	doc, err := u.applyToInsert(base)
	if err != nil {
		return nil, err
	}
	id, ok := doc.Lookup("_id")
	if !ok {
		id = newID()
	}
	if err := bsonraw.ValidateID(id); err != nil {
		return nil, err
	}
	return withID(id, doc, nil)
}

// applyToInsert applies the update to a document that is about to be inserted.
// In contrast to an update, top-level names may begin with $.
func (u *Update) applyToInsert(base bsonraw.Doc) (bsonraw.Doc, error) {
	switch u.form {
	case Replacement:
		r, err := replaceBy(base, stampTimes(u.replace, u.now), nil, true)
		return r.Doc, err
	case Pipeline:
		r, err := u.applyPipeline(base, nil, true)
		return r.Doc, err
	}
	x := &u.rewriter
	x.pos, x.insert, x.stored, x.record = -1, true, false, false
	_, x.protectID = base.Lookup("_id")
	return x.run(u.root, base, nil)
}

// upsertBase returns the document that the filter's equalities describe, for a
// replacement only its _id.
func (u *Update) upsertBase(filter *query.Filter) (bsonraw.Doc, error) {
	var eq []query.Equality
	if u.form == Replacement {
		eq = filter.IDEqualities()
	} else {
		var err error
		if eq, err = filter.Equalities(); err != nil {
			return nil, err
		}
		eq = append([]query.Equality(nil), eq...)
	}
	sort.SliceStable(eq, func(i, j int) bool { return eq[i].Path < eq[j].Path })
	var changes []Change
	for _, e := range eq {
		switch {
		case u.form == Replacement && e.Path != "_id":
			return nil, errs.New(errs.NotExactValueField, "field at '_id' must be exactly specified, field at sub-path '%s'found", e.Path)
		case u.form == Replacement && len(changes) > 0:
			return nil, errs.New(errs.NotSingleValueField, "cannot infer query fields to set, path '_id' is matched twice")
		case e.Path == "":
			return nil, errs.New(errs.IllegalOperation, "Cannot call setValue on the root object")
		case strings.Count(e.Path, ".") >= bsonraw.MaxDepth:
			return nil, tooDeep()
		}
		changes = append(changes, Change{JoinPath(strings.Split(e.Path, ".")...), Set, e.Value})
	}
	return ApplyChanges(bsonraw.EmptyDoc, changes)
}
