package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type findArgs struct {
	coll      string
	spec      engine.FindSpec
	batchSize *int64
	single    bool
	noTimeout bool
	awaitData bool
}

func findCommand() *Command {
	object := func(name string, at func(*findArgs) *bsonraw.Doc) field[findArgs] {
		return object(name, at).orError(errs.TypeMismatch, "Expected field "+name+"to be of type object")
	}
	flag := func(name string, at func(*findArgs) *bool) field[findArgs] {
		return flag(name, at).orError(errs.TypeMismatch, "Field '"+name+"' should be a boolean value, but found: %s")
	}
	return definition[findArgs]{
		Command: Command{
			Name: "find", Group: Query, traits: reads | inTxn,
			Help:    "Finds the documents that match a filter. The reply has the first batch and, if there is more, a cursor for getMore. Without a sort documents come in the order of their _id.",
			Example: `{find: "users", filter: {age: {$gte: 30}}, sort: {age: 1}, limit: 10}`, DB: "shop~experiment-1",
		},
		access: onCollection(func(a *findArgs) string { return a.coll }, auth.Find),
		owner:  "FindCommandRequest",
		fields: []field[findArgs]{
			collection("find", func(a *findArgs) *string { return &a.coll }),
			object("filter", func(a *findArgs) *bsonraw.Doc { return &a.spec.Filter }).about("Which documents; all, if it is left out."),
			object("projection", func(a *findArgs) *bsonraw.Doc { return &a.spec.Projection }).about("Which fields."),
			object("sort", func(a *findArgs) *bsonraw.Doc { return &a.spec.Sort }).about("In which order."),
			hint(func(a *findArgs) *bsonraw.Value { return &a.spec.Hint }),
			natural("skip", func(a *findArgs) *int64 { return &a.spec.Skip }).about("Leave out the first n."),
			natural("limit", func(a *findArgs) *int64 { return &a.spec.Limit }).about("At most n; 0 is no limit."),
			optionalNatural("batchSize", func(a *findArgs) **int64 { return &a.batchSize }).about("Documents of the first batch; 101 if left out."),
			flag("singleBatch", func(a *findArgs) *bool { return &a.single }).about("Close the cursor after the first batch."),
			let(func(a *findArgs) *bsonraw.Doc { return &a.spec.Let }),
			collation(func(a *findArgs) *bsonraw.Doc { return &a.spec.Collation }).
				orError(errs.TypeMismatch, "Expected field collationto be of type object"),
			triFlag("allowDiskUse", func(a *findArgs) **bool { return &a.spec.AllowDiskUse }).
				orError(errs.TypeMismatch, "Field 'allowDiskUse' should be a boolean value, but found: %s").about("Whether a large sort may use temporary files; the default."),
			object("min", func(a *findArgs) *bsonraw.Doc { return &a.spec.Min }).about("Lower bound in the index of hint, inclusive."),
			object("max", func(a *findArgs) *bsonraw.Doc { return &a.spec.Max }).about("Upper bound in the index of hint, exclusive."),
			flag("returnKey", func(a *findArgs) *bool { return &a.spec.ReturnKey }).about("Return the keys of the index instead of documents."),
			flag("noCursorTimeout", func(a *findArgs) *bool { return &a.noTimeout }).about("Keep the cursor until its session ends."),
			flag("awaitData", func(a *findArgs) *bool { return &a.awaitData }).about("Only for tailable cursors, which there are not."),
			refused[findArgs]("tailable", "watch the collection instead: aggregate with {$changeStream: {}}", bsonraw.Boolean).
				orError(errs.TypeMismatch, "Field 'tailable' should be a boolean value, but found: %s"),
			refused[findArgs]("showRecordId", "a document's place is its _id", bsonraw.Boolean).
				orError(errs.TypeMismatch, "Field 'showRecordId' should be a boolean value, but found: %s"),
			ignored[findArgs]("allowPartialResults", "There are no shards.", bsonraw.Boolean).
				orError(errs.TypeMismatch, "Field 'allowPartialResults' should be a boolean value, but found: %s"),
			ignored[findArgs]("oplogReplay", "MongoDB ignores it too.", bsonraw.Boolean).
				orError(errs.TypeMismatch, "Field 'oplogReplay' should be a boolean value, but found: %s"),
		},
		open:    openFind,
		explain: explainFind,
	}.build()
}

func (a *findArgs) check(db string) error {
	if a.awaitData {
		return errs.New(errs.FailedToParse, "Cannot set 'awaitData' without also setting 'tailable'")
	}
	if (!a.spec.Min.IsEmpty() || !a.spec.Max.IsEmpty()) && a.spec.Hint.IsMissing() {
		return errs.New(51173, "When using min()/max() a hint of which index to use must be provided")
	}
	return queryableCollection(db, a.coll)
}

func openFind(ctx context.Context, c *call, a *findArgs) (*stream, error) {
	if err := a.check(c.db); err != nil {
		return nil, err
	}
	r, done, err := c.reader(ctx)
	if err != nil {
		return nil, err
	}
	s := &stream{
		ns: c.db + "." + a.coll, done: done,
		open:      func(ctx context.Context) (engine.Cursor, error) { return r.Find(ctx, a.coll, &a.spec) },
		batchSize: a.batchSize, single: a.single, noTimeout: a.noTimeout,
	}
	if snap, ok := r.(*engine.Snapshot); ok {
		s.parts = func(ctx context.Context) ([]engine.OpenFunc, error) { return snap.FindParts(ctx, a.coll, &a.spec) }
	}
	return s, nil
}

func explainFind(a *findArgs) (string, *engine.ExplainSpec, error) {
	return a.coll, &engine.ExplainSpec{Find: &a.spec}, nil
}
