package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// What an import is made of, where it has to go on after a crash exactly once
// (argonImportBatch with a state) or to become visible at once (argonImportBegin,
// argonImportEnd). argonImport uses them; they are commands so that an import
// runs in a process that is attached to the store, too.

// importKind is the kind of settings that states of imports are.
const importKind = "import"

// importFields are the fields of a batch; the state's name is its own.
type importBatchArgs struct {
	coll  string
	docs  []bsonraw.Doc
	mode  string
	name  string
	state bsonraw.Doc
}

func argonImportBatchCommand() *Command {
	type args = importBatchArgs
	return definition[args]{
		Command: Command{
			Name: "argonImportBatch", Group: Maintenance, traits: writes | inTxn | numbered,
			Help:    "Stores documents of an import and, with a state, how far the import is, in one commit. Documents that are refused are in writeErrors; the others are stored, but with a state nothing is, and the batch is to be sent again without them. The number imported is added up in the state.",
			Example: `{argonImportBatch: "users", documents: [{_id: 5, name: "Eve"}], state: "users.jsonl", at: {offset: {$numberLong: "4096"}}}`, DB: "shop",
		},
		access:   onCollection(func(a *args) string { return a.coll }, auth.Insert, auth.Update, auth.CreateCollection),
		defaults: args{mode: "insert"},
		fields: []field[args]{
			collection("argonImportBatch", func(a *args) *string { return &a.coll }),
			objects("documents", "argonImportBatch.documents", func(a *args) *[]bsonraw.Doc { return &a.docs }).need().about("The documents; any number."),
			oneOf("mode", func(a *args) *string { return &a.mode }, "insert", "upsert").about("insert (the default), or upsert, which replaces documents with the same _id."),
			text("state", func(a *args) *string { return &a.name }).about("The name of the import's state."),
			object("at", func(a *args) *bsonraw.Doc { return &a.state }).about("The state to keep under it."),
		},
		run: runImportBatch,
	}.build()
}

func runImportBatch(ctx context.Context, c *call, a *importBatchArgs) (bsonraw.Doc, error) {
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	var failed writeErrors
	stored := int64(0)
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		failed, stored = writeErrors{}, 0
		n, err := importDocuments(ctx, t, a, &failed)
		stored = n
		c.answers(func(b *bsonraw.Builder) {
			b.Int64("n", n)
			failed.append(b)
		})
		if err != nil || a.name == "" {
			return err
		}
		if len(failed.list) > 0 {
			return errRefused
		}
		state, err := c.nextState(ctx, a, n)
		if err != nil {
			return err
		}
		return t.PutSetting(importKind, c.stateName(a.name), state)
	})
	if err == errRefused {
		lsn, stored, err = 0, 0, nil
	}
	if err != nil {
		return nil, err
	}
	// In a transaction it is the client that decides whether what was refused
	// ends it.
	b := c.reply(64)
	b.Int64("n", stored)
	failed.append(b)
	c.appendLSN(b, lsn)
	return c.ok(), nil
}

// errRefused drops a batch that has to be sent again.
var errRefused = errs.New(errs.OperationFailed, "documents of the batch were refused")

// importDocuments stores documents and returns how many.
func importDocuments(ctx context.Context, t *engine.Txn, a *importBatchArgs, failed *writeErrors) (int64, error) {
	if len(a.docs) == 0 {
		return 0, nil // which makes no collection
	}
	if a.mode == "insert" {
		res, err := t.Insert(ctx, a.coll, a.docs, false)
		if err != nil {
			return 0, err
		}
		for _, we := range res.Errors {
			if !failed.add(we.Index, we.Err) {
				return 0, we.Err
			}
		}
		return res.Inserted, nil
	}
	n := int64(0)
	for i, d := range a.docs {
		id := d.Get("_id")
		err := error(nil)
		if id.IsMissing() {
			var res *engine.InsertResult
			if res, err = t.Insert(ctx, a.coll, []bsonraw.Doc{d}, true); err == nil && len(res.Errors) > 0 {
				err = res.Errors[0].Err
			}
		} else {
			_, err = t.Update(ctx, a.coll, &engine.UpdateSpec{Filter: equals("_id", id), Update: d.Value(), Upsert: true})
		}
		if err == nil {
			n++
		} else if !failed.add(i, err) {
			return 0, err
		}
	}
	return n, nil
}

// equals is the filter {field: {$eq: value}}.
func equals(field string, v bsonraw.Value) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.BeginDoc(field)
	b.Value("$eq", v)
	b.End()
	return b.Finish()
}

// nextState is the state behind a batch: what the client gives, and how many
// documents are stored.
func (c *call) nextState(ctx context.Context, a *importBatchArgs, imported int64) (bsonraw.Doc, error) {
	const total = "imported"
	if n, ok := a.state.Get(total).AsInt64(); ok {
		imported += n // the client begins it anew
	} else {
		before, _, err := c.d.store.Setting(ctx, importKind, c.stateName(a.name))
		if err != nil {
			return nil, err
		}
		n, _ := before.Get(total).AsInt64()
		imported += n
	}
	b := bsonraw.NewBuilder(nil)
	it := orEmpty(a.state).Iter()
	for it.Next() {
		if string(it.Key()) != total {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	b.Int64(total, imported)
	return b.Finish(), nil
}

// stateName is the name of a state within its project.
func (c *call) stateName(name string) string { return c.ref.Project + "/" + name }

func argonImportStateCommand() *Command {
	type args struct {
		name   string
		remove bool
	}
	return definition[args]{
		Command: Command{
			Name: "argonImportState", Group: Maintenance, traits: project,
			Help:    "Returns how far an import is that can be resumed, as its last batch left it, or null: {state}. remove forgets it.",
			Example: `{argonImportState: "users.jsonl"}`, DB: "shop",
		},
		access: onDatabase[args](auth.Insert),
		fields: []field[args]{
			text("argonImportState", func(a *args) *string { return &a.name }).need().about("The name of the state."),
			flag("remove", func(a *args) *bool { return &a.remove }).about("Forget the state."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			state, ok, err := c.d.store.Setting(ctx, importKind, c.stateName(a.name))
			if err == nil && ok && a.remove {
				err = c.d.store.PutSetting(ctx, importKind, c.stateName(a.name), nil)
			}
			if err != nil {
				return nil, err
			}
			b := c.reply(64 + len(state))
			if ok {
				b.Doc("state", state)
			} else {
				b.Null("state")
			}
			return c.ok(), nil
		},
	}.build()
}

func argonImportBeginCommand() *Command {
	type args struct{ keep bool }
	return definition[args]{
		Command: Command{
			Name: "argonImportBegin", Group: Maintenance, traits: writes,
			Help:    "Makes a hidden branch to load into, so that the load becomes visible at once: {stage}. It goes when the store is opened again, unless keep.",
			Example: `{argonImportBegin: 1}`, DB: "shop",
		},
		access: onDatabase[args](auth.Insert, auth.CreateCollection),
		fields: []field[args]{
			one[args]("argonImportBegin", 0, ""),
			flag("keep", func(a *args) *bool { return &a.keep }).about("Keep it for two weeks, to go on there later."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			stage, err := c.d.store.Stage(ctx, c.ref, a.keep, c.meta())
			if err != nil {
				return nil, err
			}
			b := c.reply(64)
			b.String("stage", stage)
			return c.ok(), nil
		},
	}.build()
}

func argonImportEndCommand() *Command {
	type args struct {
		stage string
		drop  bool
		name  string
		state bsonraw.Doc
	}
	return definition[args]{
		Command: Command{
			Name: "argonImportEnd", Group: Maintenance, traits: writes,
			Help:    "Makes everything that was loaded into a hidden branch of argonImportBegin visible on the branch, with what others committed to it meanwhile, or drops it.",
			Example: `{argonImportEnd: "import-0123456789abcdef"}`, DB: "shop",
		},
		access: onDatabase[args](auth.Insert, auth.CreateCollection),
		fields: []field[args]{
			text("argonImportEnd", func(a *args) *string { return &a.stage }).need().about("What argonImportBegin returned."),
			flag("drop", func(a *args) *bool { return &a.drop }).about("Drop it instead."),
			text("state", func(a *args) *string { return &a.name }).about("The name of the import's state."),
			object("at", func(a *args) *bsonraw.Doc { return &a.state }).about("The state to keep under it, in the same commit."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			if a.drop {
				if err := c.d.store.DropStage(ctx, c.ref.Project, a.stage, c.meta()); err != nil {
					return nil, err
				}
				return c.answered(0), nil
			}
			var states []engine.Setting
			if a.name != "" {
				states = append(states, engine.Setting{Name: c.stateName(a.name), Doc: orEmpty(a.state)})
			}
			lsn, err := c.d.store.Adopt(ctx, c.ref, a.stage, c.meta(), importKind, states...)
			if err != nil {
				return nil, errs.Wrap(err, errs.CodeOf(err), "the import was not applied")
			}
			return c.answered(lsn), nil
		},
	}.build()
}

func argonVersionsCommand() *Command {
	type args struct {
		coll      string
		batchSize *int64
	}
	return definition[args]{
		Command: Command{
			Name: "argonVersions", Group: History, traits: reads,
			Help:    "Lists every state of every document of a collection on a branch, by _id and newest first: the document, with _lsn, _time, _op and _actor.",
			Example: `{argonVersions: "users"}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.ReadHistory),
		fields: []field[args]{
			collection("argonVersions", func(a *args) *string { return &a.coll }),
			optionalNatural("batchSize", func(a *args) **int64 { return &a.batchSize }).about("States of the first batch."),
		},
		open: func(_ context.Context, c *call, a *args) (*stream, error) {
			store, ref := c.d.store, c.ref
			return &stream{
				ns: c.db + ".$cmd.argonVersions", batchSize: a.batchSize,
				open: func(ctx context.Context) (engine.Cursor, error) { return store.Versions(ctx, ref, a.coll) },
			}, nil
		},
	}.build()
}
