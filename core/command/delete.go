package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
)

type deleteArgs struct {
	coll       string
	statements []bsonraw.Doc
	specs      []deleteStatement
	ordered    bool
	let        bsonraw.Doc
}

type deleteStatement struct {
	engine.DeleteSpec
	limit int64
}

func deleteCommand() *Command {
	return definition[deleteArgs]{
		Command: Command{
			Name: "delete", Group: Writes, traits: writes | inTxn | retryable,
			Help:    "Deletes documents, several statements in one commit. A statement's limit is 1 for the first match and 0 for all.",
			Example: `{delete: "users", deletes: [{q: {_id: 2}, limit: 1}]}`, DB: "shop",
		},
		access:   onCollection(func(a *deleteArgs) string { return a.coll }, auth.Remove),
		defaults: deleteArgs{ordered: true},
		fields: []field[deleteArgs]{
			collection("delete", func(a *deleteArgs) *string { return &a.coll }),
			objects("deletes", "delete.deletes", func(a *deleteArgs) *[]bsonraw.Doc { return &a.statements }).need().
				about("The statements, 1 to 100,000: {q, limit, hint, collation}."),
			flag("ordered", func(a *deleteArgs) *bool { return &a.ordered }).about("Stop at the first failure; the default."),
			let(func(a *deleteArgs) *bsonraw.Doc { return &a.let }),
			ignored[deleteArgs]("bypassDocumentValidation", "A delete validates nothing.", append([]bsonraw.Type{bsonraw.Boolean}, numeric...)...),
		},
		run:     runDelete,
		explain: explainDelete,
	}.build()
}

// deleteTable is the table of one statement.
var deleteTable = newTable("delete.deletes", []field[deleteStatement]{
	object("q", func(s *deleteStatement) *bsonraw.Doc { return &s.Filter }).need(),
	deleteLimit(),
	hint(func(s *deleteStatement) *bsonraw.Value { return &s.Hint }),
	object("collation", func(s *deleteStatement) *bsonraw.Doc { return &s.Collation }), // its form is the statement's
})

// deleteLimit is 0 or 1. MongoDB takes whatever is no number for a 0, and so
// deletes everything; here that is an error.
func deleteLimit() field[deleteStatement] {
	f := integer("limit", func(s *deleteStatement) *int64 { return &s.limit }).need()
	f.read = func(s *deleteStatement, v bsonraw.Value) error {
		n, ok := v.AsInt64()
		if !ok || n != 0 && n != 1 {
			return errs.New(errs.FailedToParse, "The limit field in delete objects must be 0 or 1. Got %s", index.Text(v))
		}
		s.limit = n
		return nil
	}
	return f
}

func (a *deleteArgs) parse() error {
	if err := checkBatch(len(a.statements)); err != nil {
		return err
	}
	a.specs = make([]deleteStatement, len(a.statements))
	for i, doc := range a.statements {
		s := &a.specs[i]
		if err := deleteTable.read(s, doc, nil); err != nil {
			return err
		}
		s.Multi, s.Let = s.limit == 0, a.let
	}
	return nil
}

func runDelete(ctx context.Context, c *call, a *deleteArgs) (bsonraw.Doc, error) {
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
	var n int64
	var failed writeErrors
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		for i := range a.specs {
			if st, ok := m.done(i); ok {
				n += st.n
				continue
			}
			deleted, err := deleteOne(ctx, t, a.coll, &a.specs[i].DeleteSpec, m.single(c))
			if err == nil {
				n += deleted
				m.keep(i, statement{n: deleted})
				continue
			}
			if !failed.add(i, err) {
				return err
			}
			if a.ordered {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.failed = len(failed.list) > 0
	b := c.reply(64)
	b.Int32("n", int32(n))
	failed.append(b)
	m.appendRetried(b)
	c.appendLSN(b, lsn)
	return c.ok(), nil
}

func deleteOne(ctx context.Context, t *engine.Txn, coll string, spec *engine.DeleteSpec, single bool) (int64, error) {
	if single && spec.Multi {
		return 0, errs.New(errs.InvalidOptions, "Cannot use (or request) retryable writes with limit=0")
	}
	if err := checkCollation(spec.Collation); err != nil {
		return 0, err
	}
	return t.Delete(ctx, coll, spec)
}

func explainDelete(a *deleteArgs) (string, *engine.ExplainSpec, error) {
	if err := a.parse(); err != nil {
		return "", nil, err
	}
	if len(a.specs) != 1 {
		return "", nil, errs.New(errs.InvalidLength, "explained write batches must be of size 1")
	}
	return a.coll, &engine.ExplainSpec{Delete: &a.specs[0].DeleteSpec}, nil
}
