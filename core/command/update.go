package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type updateArgs struct {
	coll       string
	statements []bsonraw.Doc
	specs      []engine.UpdateSpec
	ordered    bool
	bypass     bool
	let        bsonraw.Doc
}

func updateCommand() *Command {
	return definition[updateArgs]{
		Command: Command{
			Name: "update", Group: Writes, traits: writes | inTxn | retryable,
			Help:    "Changes documents, several statements in one commit. A statement's u is a document of operators, a replacement, or a pipeline.",
			Example: `{update: "users", updates: [{q: {_id: 1}, u: {$set: {age: 36}}}, {q: {_id: 3}, u: {$set: {name: "Alan"}}, upsert: true}]}`, DB: "shop",
		},
		access: needing("update on the collection, and insert where it upserts", func(n *needs, a *updateArgs) {
			n.collection(a.coll, auth.Update)
			n.upserts(a.coll, a.statements)
			n.bypass(a.coll, a.bypass)
		}),
		defaults: updateArgs{ordered: true},
		fields: []field[updateArgs]{
			collection("update", func(a *updateArgs) *string { return &a.coll }),
			objects("updates", "update.updates", func(a *updateArgs) *[]bsonraw.Doc { return &a.statements }).need().
				about("The statements, 1 to 100,000: {q, u, upsert, multi, arrayFilters, hint, collation, sort, c}."),
			flag("ordered", func(a *updateArgs) *bool { return &a.ordered }).about("Stop at the first failure; the default."),
			bypassValidation(func(a *updateArgs) *bool { return &a.bypass }),
			let(func(a *updateArgs) *bsonraw.Doc { return &a.let }),
		},
		run:     runUpdate,
		explain: explainUpdate,
	}.build()
}

// updateStatement is the table of one statement.
var updateStatement = newTable("update.updates", []field[engine.UpdateSpec]{
	object("q", func(s *engine.UpdateSpec) *bsonraw.Doc { return &s.Filter }).need(),
	anything("u", func(s *engine.UpdateSpec) *bsonraw.Value { return &s.Update }).need(),
	object("c", func(s *engine.UpdateSpec) *bsonraw.Doc { return &s.Constants }),
	flag("multi", func(s *engine.UpdateSpec) *bool { return &s.Multi }),
	flag("upsert", func(s *engine.UpdateSpec) *bool { return &s.Upsert }),
	objects("arrayFilters", "update.updates.arrayFilters", func(s *engine.UpdateSpec) *[]bsonraw.Doc { return &s.ArrayFilters }),
	hint(func(s *engine.UpdateSpec) *bsonraw.Value { return &s.Hint }),
	object("collation", func(s *engine.UpdateSpec) *bsonraw.Doc { return &s.Collation }), // its form is the statement's

	object("sort", func(s *engine.UpdateSpec) *bsonraw.Doc { return &s.Sort }),
	ignored[engine.UpdateSpec]("upsertSupplied", "Between MongoDB's own servers.", bsonraw.Boolean).
		orError(errs.TypeMismatch, "Field 'upsertSupplied' should be a boolean value, but found: %s"),
})

// parse reads the statements before the first is run: a statement of a wrong
// form fails the whole command.
func (a *updateArgs) parse() error {
	if err := checkBatch(len(a.statements)); err != nil {
		return err
	}
	a.specs = make([]engine.UpdateSpec, len(a.statements))
	for i, doc := range a.statements {
		s := &a.specs[i]
		if err := updateStatement.read(s, doc, nil); err != nil {
			return err
		}
		if err := checkUpdate(s.Update); err != nil {
			return err
		}
		if !s.Sort.IsEmpty() && s.Multi {
			return errs.New(errs.FailedToParse, "Cannot specify sort with multi=true")
		}
		s.Let = mergeLet(a.let, s.Let)
	}
	return nil
}

// checkUpdate checks the type of an update, and of the stages of a pipeline.
func checkUpdate(u bsonraw.Value) error {
	if u.Type != bsonraw.Object && u.Type != bsonraw.Array {
		return errs.New(errs.FailedToParse, "Update argument must be either an object or an array")
	}
	if u.Type == bsonraw.Object {
		return nil
	}
	it := u.Doc().Iter()
	for it.Next() {
		switch v := it.Value(); {
		case v.Type != bsonraw.Object:
			return errs.New(errs.TypeMismatch, "Each element of the 'pipeline' array must be an object")
		case v.Doc().Len() != 1:
			return errs.New(40323, "A pipeline stage specification object must contain exactly one field.")
		}
	}
	return nil
}

// mergeLet joins the variables of a command and of its statement, which win.
func mergeLet(outer, inner bsonraw.Doc) bsonraw.Doc {
	if outer.IsEmpty() {
		return inner
	}
	if inner.IsEmpty() {
		return outer
	}
	b := bsonraw.NewBuilder(nil)
	it := outer.Iter()
	for it.Next() {
		if _, hidden := inner.Lookup(string(it.Key())); !hidden {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	appendFields(b, inner)
	return b.Finish()
}

// updateOutcome adds up the statements of an update.
type updateOutcome struct {
	n, modified int64
	upserted    []upserted
	failed      writeErrors
}

type upserted struct {
	index int
	id    bsonraw.Value
}

func (o *updateOutcome) add(i int, st statement) {
	o.n += st.n
	o.modified += st.modified
	if !st.upserted.IsMissing() {
		o.upserted = append(o.upserted, upserted{i, st.upserted})
	}
}

func runUpdate(ctx context.Context, c *call, a *updateArgs) (bsonraw.Doc, error) {
	if err := a.parse(); err != nil {
		return nil, err
	}
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	m, err := c.memo(len(a.specs))
	if err != nil {
		return nil, err
	}
	var out updateOutcome
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		if a.bypass {
			t.BypassValidation()
		}
		return out.run(ctx, t, a, m, m.single(c))
	})
	if err != nil {
		return nil, err
	}
	c.failed = len(out.failed.list) > 0
	b := c.reply(64)
	b.Int32("n", int32(out.n))
	out.failed.append(b)
	m.appendRetried(b)
	appendUpserted(b, out.upserted)
	b.Int32("nModified", int32(out.modified))
	c.appendLSN(b, lsn)
	return c.ok(), nil
}

// run runs the statements that are not done yet.
func (o *updateOutcome) run(ctx context.Context, t *engine.Txn, a *updateArgs, m *memo, single bool) error {
	for i := range a.specs {
		if st, ok := m.done(i); ok {
			o.add(i, st)
			continue
		}
		st, err := updateOne(ctx, t, a.coll, &a.specs[i], single)
		if err == nil {
			o.add(i, st)
			m.keep(i, st)
			continue
		}
		if !o.failed.add(i, err) {
			return err
		}
		if a.ordered {
			return nil
		}
	}
	return nil
}

func updateOne(ctx context.Context, t *engine.Txn, coll string, spec *engine.UpdateSpec, single bool) (statement, error) {
	if single && spec.Multi {
		return statement{}, errs.New(errs.InvalidOptions, "Cannot use (or request) retryable writes with multi=true")
	}
	if spec.Constants != nil && spec.Update.Type != bsonraw.Array {
		return statement{}, errs.New(51198, "Constant values may only be specified for pipeline updates")
	}
	if err := checkCollation(spec.Collation); err != nil {
		return statement{}, err
	}
	res, err := t.Update(ctx, coll, spec)
	if err != nil {
		return statement{}, err
	}
	st := statement{n: res.Matched, modified: res.Modified}
	if !res.Upserted.IsMissing() {
		st.n++
		st.upserted = res.Upserted.Clone()
	}
	return st, nil
}

func appendUpserted(b *bsonraw.Builder, list []upserted) {
	if len(list) == 0 {
		return
	}
	b.BeginArray("upserted")
	for i, u := range list {
		b.BeginDoc(bsonraw.Index(i))
		b.Int32("index", int32(u.index))
		b.Value("_id", u.id)
		b.End()
	}
	b.End()
}

func explainUpdate(a *updateArgs) (string, *engine.ExplainSpec, error) {
	if err := a.parse(); err != nil {
		return "", nil, err
	}
	if len(a.specs) != 1 {
		return "", nil, errs.New(errs.InvalidLength, "explained write batches must be of size 1")
	}
	return a.coll, &engine.ExplainSpec{Update: &a.specs[0]}, nil
}
