package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type aggregateArgs struct {
	coll    string // "" for the database
	spec    engine.AggregateSpec
	cursor  cursorArgs
	explain bool
	bypass  bool
}

// cursorArgs is the field "cursor" of aggregate, listIndexes and the like.
type cursorArgs struct {
	given     bool
	batchSize *int64
}

var cursorTable = newTable("cursor", []field[cursorArgs]{
	optionalNatural("batchSize", func(a *cursorArgs) **int64 { return &a.batchSize }),
})

// cursorField is {batchSize: n}.
func cursorField[A any](at func(*A) *cursorArgs) field[A] {
	return kind("cursor", "object", []bsonraw.Type{bsonraw.Object}, func(a *A, v bsonraw.Value) error {
		at(a).given = true
		return cursorTable.read(at(a), v.Doc(), nil)
	}).about("{batchSize: n}: documents of the first batch.")
}

func aggregateCommand() *Command {
	type args = aggregateArgs
	return definition[args]{
		Command: Command{
			Name: "aggregate", Group: Query, traits: reads | inTxn | mayWrite | numbered,
			Help:    "Runs a pipeline on a collection, or on 1 for one that begins with $documents. A pipeline that ends in $out or $merge is a write, in one commit. One that begins with $changeStream is a stream of what changes on the branch, from any LSN on.",
			Example: `{aggregate: "users", pipeline: [{$group: {_id: "$country", n: {$sum: 1}}}, {$sort: {n: -1}}], cursor: {}}`, DB: "shop",
		},
		access: needing("find on the collection and those that the stages read; insert, and remove or update, where $out or $merge write", func(n *needs, a *args) { n.pipeline(a.coll, a.spec.Pipeline) }),
		fields: []field[args]{
			kind("aggregate", "string or 1", nil, readAggregateName).need().about("The collection, or 1."),
			kind("pipeline", "array", []bsonraw.Type{bsonraw.Array}, readPipeline).need().
				orError(errs.TypeMismatch, "'pipeline' option must be specified as an array").about("The stages."),
			cursorField(func(a *args) *cursorArgs { return &a.cursor }).
				orError(errs.TypeMismatch, "cursor field must be missing or an object"),
			flag("explain", func(a *args) *bool { return &a.explain }).
				orError(errs.TypeMismatch, "explain must be a boolean").about("Show the plan instead of running it."),
			triFlag("allowDiskUse", func(a *args) **bool { return &a.spec.AllowDiskUse }).
				orError(errs.TypeMismatch, "Field 'allowDiskUse' should be a boolean value, but found: %s").about("Whether large stages may use temporary files; the default."),
			hint(func(a *args) *bsonraw.Value { return &a.spec.Hint }),
			collation(func(a *args) *bsonraw.Doc { return &a.spec.Collation }),
			let(func(a *args) *bsonraw.Doc { return &a.spec.Let }),
			bypassValidation(func(a *args) *bool { return &a.bypass }),
			ignored[args]("fromMongos", "There are no shards.", bsonraw.Boolean),
			ignored[args]("needsMerge", "There are no shards.", bsonraw.Boolean),
		},
		open:    openAggregate,
		explain: explainAggregate,
	}.build()
}

func readAggregateName(a *aggregateArgs, v bsonraw.Value) error {
	if v.Type == bsonraw.String {
		a.coll = v.Str()
		if a.coll == "" {
			return errs.New(errs.InvalidNamespace, "Invalid namespace specified: the collection's name is empty")
		}
		return nil
	}
	if !v.IsNumber() {
		return errs.New(errs.TypeMismatch, "collection name has invalid type: %s", v.Type.Name())
	}
	if n, ok := v.AsInt64(); !ok || n != 1 {
		return errs.New(errs.FailedToParse, "Invalid command format: the 'aggregate' field must specify a collection name or 1")
	}
	return nil
}

func readPipeline(a *aggregateArgs, v bsonraw.Value) error {
	it := v.Doc().Iter()
	for it.Next() {
		if it.Value().Type != bsonraw.Object {
			return errs.New(errs.TypeMismatch, "Each element of the 'pipeline' array must be an object")
		}
		a.spec.Pipeline = append(a.spec.Pipeline, it.Value().Doc())
	}
	return nil
}

func openAggregate(ctx context.Context, c *call, a *aggregateArgs) (*stream, error) {
	if !a.cursor.given && !a.explain {
		return nil, errs.New(errs.FailedToParse, "The 'cursor' option is required, except for aggregate with the explain argument")
	}
	if a.coll != "" {
		if err := readableCollection(c.db, a.coll); err != nil {
			return nil, err
		}
	} else if len(a.spec.Pipeline) == 0 {
		return nil, errs.New(errs.InvalidNamespace, "{aggregate: 1} is not valid for an empty pipeline.")
	}
	if err := c.g.checkStages(a.spec.Pipeline); err != nil {
		return nil, err
	}
	if isChangeStream(a.spec.Pipeline) {
		if a.explain {
			return nil, errs.New(errs.CommandNotSupported, "a change stream reads the log and has no plan to explain")
		}
		return c.openChangeStream(ctx, a)
	}
	if a.explain {
		spec := &engine.ExplainSpec{Aggregate: &a.spec, Verbosity: "queryPlanner"}
		reply, err := c.explainReply(ctx, c.raw, a.coll, spec)
		return &stream{reply: reply}, err
	}
	ns := c.db + "." + a.coll
	if a.coll == "" {
		ns = c.db + ".$cmd.aggregate"
	}
	if engine.HasOutput(a.spec.Pipeline) {
		return c.aggregateInto(ctx, ns, a)
	}
	r, done, err := c.reader(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.serverStage(ctx, r, a); err != nil {
		done()
		return nil, err
	}
	return &stream{
		ns: ns, done: done,
		open:      func(ctx context.Context) (engine.Cursor, error) { return r.Aggregate(ctx, a.coll, &a.spec) },
		batchSize: a.cursor.batchSize, random: isRandom(a.spec.Pipeline),
	}, nil
}

// aggregateInto runs a pipeline that writes. Its cursor is empty.
func (c *call) aggregateInto(ctx context.Context, ns string, a *aggregateArgs) (*stream, error) {
	last := a.spec.Pipeline[len(a.spec.Pipeline)-1].Iter()
	last.Next()
	if c.txn != nil {
		return nil, errs.New(errs.OperationNotSupportedInTxn, "%s cannot be used in a transaction", last.Key())
	}
	if c.ref.Project == "" {
		return nil, errs.New(errs.InvalidNamespace, "the database %q cannot be written to: it is not a project", c.db)
	}
	if !c.ref.Moment.IsHead() {
		return nil, pinned(c.ref)
	}
	if c.g.concern.level == "linearizable" {
		return nil, c.g.concern.unsupported(c.cmd.Name, string(last.Key())+" cannot be used with a 'linearizable' read concern level")
	}
	c.answers(func(b *bsonraw.Builder) {
		b.BeginDoc("cursor")
		b.BeginArray("firstBatch")
		b.End()
		b.Int64("id", 0)
		b.String("ns", ns)
		b.End()
	})
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		if a.bypass {
			t.BypassValidation()
		}
		if err := c.serverStage(ctx, t, a); err != nil {
			return err
		}
		cur, err := t.Aggregate(ctx, a.coll, &a.spec)
		if err != nil {
			return err
		}
		defer cur.Close()
		for {
			if _, ok, err := cur.Next(ctx); err != nil || !ok {
				return err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	s := inMemory(ns, nil, nil)
	s.lsn = lsn
	return s, nil
}

// isRandom reports whether a pipeline may give other documents when it is run
// again on the same snapshot.
func isRandom(stages []bsonraw.Doc) bool {
	for _, s := range stages {
		if hasRandom(s) {
			return true
		}
	}
	return false
}

// hasRandom looks for operators by name, also inside literals: a false alarm
// costs a copy of the result, no more. The depth is bounded by validation.
func hasRandom(doc bsonraw.Doc) bool {
	it := doc.Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "$sample", "$sampleRate", "$rand":
			return true
		}
		if d := it.Value().Doc(); d != nil && hasRandom(d) {
			return true
		}
	}
	return false
}

func explainAggregate(a *aggregateArgs) (string, *engine.ExplainSpec, error) {
	return a.coll, &engine.ExplainSpec{Aggregate: &a.spec}, nil
}
