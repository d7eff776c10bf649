package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type findAndModifyArgs struct {
	coll   string
	spec   engine.FindAndModifySpec
	bypass bool
}

func findAndModifyCommand() *Command {
	type args = findAndModifyArgs
	return definition[args]{
		Command: Command{
			Name: "findAndModify", Aliases: []string{"findandmodify"}, Group: Writes, traits: writes | inTxn | retryable,
			Help:    "Changes or removes one document and returns it, as it was or (new: true) as it became.",
			Example: `{findAndModify: "users", query: {_id: 1}, update: {$inc: {visits: 1}}, new: true}`, DB: "shop",
		},
		access: needing("find on the collection, and remove, or update and where it upserts insert", needsOfFindAndModify),
		fields: []field[args]{
			collection("findAndModify", func(a *args) *string { return &a.coll }),
			object("query", func(a *args) *bsonraw.Doc { return &a.spec.Filter }).about("Which document."),
			object("sort", func(a *args) *bsonraw.Doc { return &a.spec.Sort }).about("Which one of several: the first in this order."),
			looseFlag("remove", func(a *args) *bool { return &a.spec.Remove }).about("Remove the document."),
			anything("update", func(a *args) *bsonraw.Value { return &a.spec.Update }).about("The change: operators, a replacement or a pipeline."),
			looseFlag("new", func(a *args) *bool { return &a.spec.New }).about("Return the document after the change."),
			object("fields", func(a *args) *bsonraw.Doc { return &a.spec.Projection }).about("Projection of what is returned."),
			looseFlag("upsert", func(a *args) *bool { return &a.spec.Upsert }).about("Insert a document where none matches."),
			bypassValidation(func(a *args) *bool { return &a.bypass }),
			collation(func(a *args) *bsonraw.Doc { return &a.spec.Collation }),
			objects("arrayFilters", "findAndModify.arrayFilters", func(a *args) *[]bsonraw.Doc { return &a.spec.ArrayFilters }).about("What $[name] stands for in the update."),
			hint(func(a *args) *bsonraw.Value { return &a.spec.Hint }),
			let(func(a *args) *bsonraw.Doc { return &a.spec.Let }),
		},
		run:     runFindAndModify,
		explain: explainFindAndModify,
	}.build()
}

func (a *findAndModifyArgs) check() error {
	bad := func(text string) error { return errs.New(errs.FailedToParse, "%s", text) }
	s := &a.spec
	hasUpdate := !s.Update.IsNullish()
	switch {
	case s.Remove && hasUpdate:
		return bad("Cannot specify both an update and remove=true")
	case s.Remove && s.Upsert:
		return bad("Cannot specify both upsert=true and remove=true ")
	case s.Remove && s.New:
		return bad("Cannot specify both new=true and remove=true; 'remove' always returns the deleted document")
	case s.Remove:
		return nil
	case !hasUpdate:
		return bad("Either an update or remove=true must be specified")
	case s.Update.Type == bsonraw.Array && len(s.ArrayFilters) > 0:
		return bad("Cannot specify arrayFilters and a pipeline update")
	}
	return checkUpdate(s.Update)
}

func runFindAndModify(ctx context.Context, c *call, a *findAndModifyArgs) (bsonraw.Doc, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	m, err := c.memo(1)
	if err != nil {
		return nil, err
	}
	if st, ok := m.done(0); ok {
		b := c.reply(len(st.reply))
		appendFields(b, st.reply)
		b.Int32("retriedStmtId", m.ids[0])
		c.appendLSN(b, m.committed(0))
		return c.ok(), nil
	}
	var body bsonraw.Doc
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		if a.bypass {
			t.BypassValidation()
		}
		res, err := t.FindAndModify(ctx, a.coll, &a.spec)
		if err == nil {
			body = modified(res, a.spec.Remove)
			m.keep(0, statement{reply: body})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	b := c.reply(len(body))
	appendFields(b, body)
	c.appendLSN(b, lsn)
	return c.ok(), nil
}

// modified makes {lastErrorObject, value} of a result.
func modified(res *engine.FindAndModifyResult, remove bool) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc("lastErrorObject")
	b.Int32("n", int32(res.N))
	if !remove {
		b.Bool("updatedExisting", res.Found)
		b.Value("upserted", res.Upserted)
	}
	b.End()
	if res.Value.IsMissing() {
		b.Null("value")
	} else {
		b.Value("value", res.Value)
	}
	return b.Finish()
}

func explainFindAndModify(a *findAndModifyArgs) (string, *engine.ExplainSpec, error) {
	if err := a.check(); err != nil {
		return "", nil, err
	}
	spec := &engine.ExplainSpec{Update: &a.spec.UpdateSpec}
	if a.spec.Remove {
		spec = &engine.ExplainSpec{Delete: &engine.DeleteSpec{Filter: a.spec.Filter, Let: a.spec.Let, Hint: a.spec.Hint, Collation: a.spec.Collation}}
	}
	return a.coll, spec, nil
}
