package engine

import (
	"bytes"
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
	"github.com/argon-lab/argon/core/update"
	"github.com/argon-lab/argon/core/wal"
)

// targets finds the documents of an update or delete.
func (t *Txn) targets(ctx context.Context, f *compiledFind) (Cursor, *matchIter, error) {
	if f.coll == nil {
		return emptyCursor{}, nil, nil
	}
	return t.runFind(ctx, f)
}

// statement is a compiled update.
type statement struct {
	t      *Txn
	coll   *Collection
	find   *compiledFind
	update *update.Update
	check  *validator
	spec   *UpdateSpec
}

func (t *Txn) compileUpdate(coll string, spec *UpdateSpec) (*statement, error) {
	vars, _, err := letVars(spec.Let, t.now)
	if err != nil {
		return nil, err
	}
	u, err := update.Compile(spec.Update, &update.Options{ArrayFilters: spec.ArrayFilters, Vars: vars, Let: spec.Constants, Now: t.now})
	if err != nil {
		return nil, err
	}
	if spec.Multi && u.Form() == update.Replacement {
		return nil, errs.New(errs.FailedToParse, "multi update is not supported for replacement-style update")
	}
	c, err := t.existingTarget(coll)
	if err != nil {
		return nil, err
	}
	find := &FindSpec{Filter: spec.Filter, Let: spec.Let, Hint: spec.Hint, Collation: spec.Collation, Sort: spec.Sort}
	if !spec.Multi {
		find.Limit = 1
	}
	s := &statement{t: t, coll: c, update: u, spec: spec, check: &validator{}}
	if s.find, err = t.compileFind(coll, find); err != nil {
		return nil, err
	}
	if spec.Upsert && s.find.filter.HasExpr() {
		return nil, errs.New(errs.QueryFeatureNotAllowed, "$expr is not allowed in the query predicate for an upsert")
	}
	if c != nil {
		s.check, err = t.validator(c)
	}
	return s, err
}

// Update runs one update statement.
func (t *Txn) Update(ctx context.Context, coll string, spec *UpdateSpec) (*UpdateResult, error) {
	s, err := t.compileUpdate(coll, spec)
	if err != nil {
		return nil, err
	}
	res := &UpdateResult{}
	err = s.each(ctx, func(before Doc) error {
		res.Matched++
		_, modified, err := s.apply(before)
		if modified {
			res.Modified++
		}
		return err
	})
	if err != nil || res.Matched > 0 || !spec.Upsert {
		return res, err
	}
	doc, err := s.upsert(ctx, coll)
	if err == nil {
		res.Upserted = doc.Get("_id")
	}
	return res, err
}

// each calls fn with every document that the statement is for.
func (s *statement) each(ctx context.Context, fn func(before Doc) error) error {
	cur, _, err := s.t.targets(ctx, s.find)
	if err != nil {
		return err
	}
	defer cur.Close()
	for {
		doc, ok, err := cur.Next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := fn(doc); err != nil {
			return err
		}
	}
}

// apply updates one document and returns its post-image.
func (s *statement) apply(before Doc) (after Doc, modified bool, err error) {
	pos, err := s.position(before)
	if err != nil {
		return nil, false, err
	}
	res, err := s.update.Apply(before, pos, s.t.room(len(before)+256))
	if err != nil {
		return nil, false, err
	}
	if !res.Modified || bytes.Equal(before, res.Doc) {
		// MongoDB counts some updates as modifying that leave every bit as it
		// was; there is nothing to write.
		return before, res.Modified, nil
	}
	if len(res.Doc) > bsonraw.MaxDocSize {
		return nil, false, errs.New(errs.BSONObjectTooLarge, "Resulting document after update is larger than %d", bsonraw.MaxDocSize)
	}
	if err := s.check.checkUpdate(before, res.Doc); err != nil {
		return nil, false, err
	}
	s.t.claimRoom(res.Doc)
	w := s.t.newWrite(s.coll, before.Get("_id"))
	w.before, w.after, w.changes, w.form = before, res.Doc, res.Changes, formOf(s.update)
	return res.Doc, true, s.t.put(w)
}

// formOf says how the log retells what an update did.
func formOf(u *update.Update) wal.Form {
	switch u.Form() {
	case update.Replacement:
		return wal.ByReplacement
	case update.Pipeline:
		return wal.ByDifference
	}
	return wal.ByOperators
}

// position returns the array index for the positional operator, or -1.
func (s *statement) position(doc Doc) (int, error) {
	if !s.update.NeedsPosition() {
		return -1, nil
	}
	_, pos, err := s.find.filter.MatchPosition(doc)
	return pos, err
}

// upsert inserts the document that an update without a match makes.
func (s *statement) upsert(ctx context.Context, coll string) (Doc, error) {
	t := s.t
	doc, err := s.update.Upsert(s.find.filter, t.newID)
	if err != nil {
		return nil, err
	}
	res, err := t.Insert(ctx, coll, []Doc{doc}, true)
	if err != nil {
		return nil, err
	}
	if len(res.Errors) > 0 {
		return nil, res.Errors[0].Err
	}
	return t.withID(doc), nil
}

// room returns free memory of the transaction to build a document in.
func (t *Txn) room(n int) []byte {
	if cap(t.arena)-len(t.arena) < n {
		t.arena = make([]byte, 0, max(n, min(2*cap(t.arena), 1<<20), 4<<10))
	}
	return t.arena[len(t.arena):len(t.arena)]
}

// claimRoom keeps the document that was built in room, unless it outgrew it and
// so has memory of its own.
func (t *Txn) claimRoom(doc Doc) {
	free := t.arena[len(t.arena):cap(t.arena)]
	if len(free) > 0 && len(doc) > 0 && &free[0] == &doc[0] {
		t.arena = t.arena[:len(t.arena)+len(doc)]
	}
}

// Delete runs one delete statement and returns how many documents went.
func (t *Txn) Delete(ctx context.Context, coll string, spec *DeleteSpec) (int64, error) {
	c, err := t.existingTarget(coll)
	if err != nil {
		return 0, err
	}
	find := &FindSpec{Filter: spec.Filter, Let: spec.Let, Hint: spec.Hint, Collation: spec.Collation}
	if !spec.Multi {
		find.Limit = 1
	}
	f, err := t.compileFind(coll, find)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	s := &statement{t: t, coll: c, find: f}
	err = s.each(ctx, func(before Doc) error {
		n++
		return t.remove(c, before)
	})
	return n, err
}

// remove deletes one document.
func (t *Txn) remove(c *Collection, before Doc) error {
	w := t.newWrite(c, before.Get("_id"))
	w.before = before
	return t.put(w)
}

// FindAndModify changes or removes one document and returns it.
func (t *Txn) FindAndModify(ctx context.Context, coll string, spec *FindAndModifySpec) (*FindAndModifyResult, error) {
	proj, err := t.projection(spec.Projection, spec.Filter, spec.Let)
	if err != nil {
		return nil, err
	}
	if spec.Remove {
		return t.findAndRemove(ctx, coll, spec, proj)
	}
	s, err := t.compileUpdate(coll, &spec.UpdateSpec)
	if err != nil {
		return nil, err
	}
	res := &FindAndModifyResult{}
	err = s.each(ctx, func(before Doc) error {
		res.Found, res.N = true, 1
		old := before.Clone()
		after, _, err := s.apply(before)
		if err != nil {
			return err
		}
		if spec.New {
			old = after
		}
		res.Value, err = projected(proj, old)
		return err
	})
	if err != nil || res.Found || !spec.Upsert {
		return res, err
	}
	doc, err := s.upsert(ctx, coll)
	if err != nil {
		return nil, err
	}
	res.N, res.Upserted = 1, doc.Get("_id")
	if spec.New {
		res.Value, err = projected(proj, doc)
	}
	return res, err
}

func (t *Txn) findAndRemove(ctx context.Context, coll string, spec *FindAndModifySpec, proj *query.Projection) (*FindAndModifyResult, error) {
	c, err := t.existingTarget(coll)
	if err != nil {
		return nil, err
	}
	f, err := t.compileFind(coll, &FindSpec{
		Filter: spec.Filter, Sort: spec.Sort, Let: spec.Let, Hint: spec.Hint, Collation: spec.Collation, Limit: 1,
	})
	if err != nil {
		return nil, err
	}
	res := &FindAndModifyResult{}
	s := &statement{t: t, coll: c, find: f}
	err = s.each(ctx, func(before Doc) error {
		res.N = 1
		if res.Value, err = projected(proj, before.Clone()); err != nil {
			return err
		}
		return t.remove(c, before)
	})
	return res, err
}

// projection compiles the fields of a findAndModify.
func (t *Txn) projection(spec, filter, let Doc) (*query.Projection, error) {
	if spec.IsEmpty() {
		return nil, nil
	}
	opts, err := t.queryOptions(let)
	if err != nil {
		return nil, err
	}
	f, err := query.Compile(orEmpty(filter), opts)
	if err != nil {
		return nil, err
	}
	return query.CompileProjection(spec, f, opts)
}

// projected applies a projection, which may be nil, and copies.
func projected(p *query.Projection, doc Doc) (Value, error) {
	if p == nil {
		return doc.Clone().Value(), nil
	}
	var b bsonraw.Builder
	out, err := p.Apply(doc, &b)
	return out.Value(), err
}
