package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

type createArgs struct {
	coll    string
	options *bsonraw.Builder
}

// option is a field of create that is stored as it is.
func option(name, what, help string, types ...bsonraw.Type) field[createArgs] {
	return kind(name, what, types, func(a *createArgs, v bsonraw.Value) error {
		if a.options == nil {
			a.options = bsonraw.NewBuilder(nil)
		}
		a.options.Value(name, v)
		return nil
	}).about(help)
}

func createCommand() *Command {
	flagOrNumber := append([]bsonraw.Type{bsonraw.Boolean}, numeric...)
	return definition[createArgs]{
		Command: Command{
			Name: "create", Group: Catalog, traits: writes | inTxn,
			Help:    "Makes a collection, with options, or a view. An insert makes a plain collection by itself.",
			Example: `{create: "users", validator: {$jsonSchema: {required: ["name"]}}}`, DB: "shop",
		},
		fields: []field[createArgs]{
			collection("create", func(a *createArgs) *string { return &a.coll }),
			option("validator", "object", "A filter that documents must match, or {$jsonSchema: …}.", bsonraw.Object),
			option("validationLevel", "string", "off, moderate or strict (the default).", bsonraw.String),
			option("validationAction", "string", "error (the default) or warn.", bsonraw.String),
			option("viewOn", "string", "Make a view on this collection or view.", bsonraw.String),
			option("pipeline", "array", "The view's pipeline.", bsonraw.Array),
			option("collation", "object", `Only {locale: "simple"}.`, bsonraw.Object),
			option("merge", "object", `How this collection merges: {unit: "field"|"document", trigger: "touched"|"diverged", operators: bool}.`, bsonraw.Object),
			option("capped", "bool", "Make a capped collection.", flagOrNumber...),
			option("size", "number", "The most bytes of a capped collection.", numeric...),
			option("max", "number", "The most documents of a capped collection.", numeric...),
			option("timeseries", "object", "Make a time series collection.", bsonraw.Object),
			option("expireAfterSeconds", "number", "Remove documents of a time series by their age.", numeric...),
			option("clusteredIndex", "object or bool", "Every collection is clustered by _id here; stored and shown."),
			option("changeStreamPreAndPostImages", "object", "They are always there; stored and shown.", bsonraw.Object),
			option("indexOptionDefaults", "object", "Stored and shown.", bsonraw.Object),
			option("storageEngine", "object", "Stored and shown.", bsonraw.Object),
			ignored[createArgs]("idIndex", "The index on _id has one form.", bsonraw.Object),
			ignored[createArgs]("autoIndexId", "There is always an index on _id.", flagOrNumber...),
			ignored[createArgs]("flags", "Of MongoDB's first storage engine.", numeric...),
			refused[createArgs]("encryptedFields", "encrypt in the client"),
		},
		run: runCreate,
	}.build()
}

func runCreate(ctx context.Context, c *call, a *createArgs) (bsonraw.Doc, error) {
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	options := bsonraw.EmptyDoc
	if a.options != nil {
		options = a.options.Finish()
	}
	if options.Get("capped").Truthy() && options.Get("size").IsMissing() {
		return nil, errs.New(errs.InvalidOptions, "the 'size' field is required when 'capped' is true")
	}
	if !options.Get("pipeline").IsMissing() && options.Get("viewOn").IsMissing() {
		return nil, errs.New(errs.InvalidOptions, "'pipeline' requires 'viewOn' to also be specified")
	}
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		have, err := t.Collection(ctx, a.coll)
		if err != nil {
			return err
		}
		if have != nil {
			return errs.New(errs.NamespaceExists, "Collection %s.%s already exists.", c.db, a.coll)
		}
		return t.CreateCollection(ctx, a.coll, options)
	})
	if err != nil {
		return nil, err
	}
	return c.done(lsn), nil
}

// done is the reply {ok: 1} of a write.
func (c *call) done(lsn mvcc.LSN) bsonraw.Doc {
	b := c.reply(32)
	appendLSN(b, lsn)
	return c.ok()
}
