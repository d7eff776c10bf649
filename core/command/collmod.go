package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

type collModArgs struct {
	coll    string
	changes *bsonraw.Builder
}

func collModCommand() *Command {
	change := func(name, what, help string, types ...bsonraw.Type) field[collModArgs] {
		return kind(name, what, types, func(a *collModArgs, v bsonraw.Value) error {
			if a.changes == nil {
				a.changes = bsonraw.NewBuilder(nil)
			}
			a.changes.Value(name, v)
			return nil
		}).about(help)
	}
	return definition[collModArgs]{
		Command: Command{
			Name: "collMod", Group: Catalog, traits: writes,
			Help:    "Changes the options of a collection or a view, or hides an index.",
			Example: `{collMod: "users", validator: {age: {$gte: 0}}, validationLevel: "moderate"}`, DB: "shop",
		},
		fields: []field[collModArgs]{
			collection("collMod", func(a *collModArgs) *string { return &a.coll }),
			change("validator", "object", "The new validator; {} for none.", bsonraw.Object),
			change("validationLevel", "string", "off, moderate or strict.", bsonraw.String),
			change("validationAction", "string", "error or warn.", bsonraw.String),
			change("viewOn", "string", "What the view stands on.", bsonraw.String),
			change("pipeline", "array", "The view's pipeline.", bsonraw.Array),
			change("index", "object", "{name or keyPattern, hidden: bool}.", bsonraw.Object),
			change("merge", "object", "How this collection merges; see create.", bsonraw.Object),
			change("changeStreamPreAndPostImages", "object", "They are always there; stored and shown.", bsonraw.Object),
			change("expireAfterSeconds", "number", "Expiry of a time series.", append([]bsonraw.Type{bsonraw.String}, numeric...)...),
			change("timeseries", "object", "Granularity of a time series.", bsonraw.Object),
			change("cappedSize", "number", "The most bytes of a capped collection.", numeric...),
			change("cappedMax", "number", "The most documents of a capped collection.", numeric...),
		},
		run: runCollMod,
	}.build()
}

func runCollMod(ctx context.Context, c *call, a *collModArgs) (bsonraw.Doc, error) {
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	if err := c.mustExist(ctx, "ns does not exist"); err != nil {
		return nil, err
	}
	changes := bsonraw.EmptyDoc
	if a.changes != nil {
		changes = a.changes.Finish()
	}
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		if coll, err := t.Collection(ctx, a.coll); err != nil || coll == nil {
			return missing(err, "ns does not exist")
		}
		return t.ModifyCollection(ctx, a.coll, changes)
	})
	if err != nil {
		return nil, err
	}
	return c.done(lsn), nil
}
