package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
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
			Name: "collMod", Group: Catalog, traits: writes | numbered,
			Help:    "Changes the options of a collection or a view, or hides an index.",
			Example: `{collMod: "users", validator: {age: {$gte: 0}}, validationLevel: "moderate"}`, DB: "shop",
		},
		access: needing("collMod on the collection, and for a view find on what it reads", func(n *needs, a *collModArgs) {
			n.collection(a.coll, auth.CollMod)
			n.view(n.c.raw)
		}),
		fields: []field[collModArgs]{
			collection("collMod", func(a *collModArgs) *string { return &a.coll }),
			change("validator", "object", "The new validator; {} for none.", bsonraw.Object),
			choice(change("validationLevel", "string", "off, moderate or strict.", bsonraw.String), "collMod.validationLevel", "off", "moderate", "strict"),
			choice(change("validationAction", "string", "error or warn.", bsonraw.String), "collMod.validationAction", "error", "warn"),
			change("viewOn", "string", "What the view stands on.", bsonraw.String),
			stages(change("pipeline", "array", "The view's pipeline.", bsonraw.Array), "collMod.pipeline"),
			form(change("index", "object", "{name or keyPattern, hidden: bool}.", bsonraw.Object), collModIndex),
			change("merge", "object", "How this collection merges; see create.", bsonraw.Object),
			form(change("changeStreamPreAndPostImages", "object", "They are always there; stored and shown.", bsonraw.Object), imagesTable("collMod")),
			change("expireAfterSeconds", "number", "Expiry of a time series.", append([]bsonraw.Type{bsonraw.String}, numeric...)...),
			change("timeseries", "object", "Granularity of a time series.", bsonraw.Object),
			change("cappedSize", "number", "The most bytes of a capped collection.", numeric...),
			change("cappedMax", "number", "The most documents of a capped collection.", numeric...),
		},
		run: runCollMod,
	}.build()
}

type collModIndexArgs struct {
	name string
	key  bsonraw.Doc
	on   bool
	n    int64
}

// collModIndex is the form of collMod's index.
var collModIndex = newTable("collMod.index", []field[collModIndexArgs]{
	text("name", func(a *collModIndexArgs) *string { return &a.name }),
	object("keyPattern", func(a *collModIndexArgs) *bsonraw.Doc { return &a.key }),
	flag("hidden", func(a *collModIndexArgs) *bool { return &a.on }),
	flag("unique", func(a *collModIndexArgs) *bool { return &a.on }),
	flag("prepareUnique", func(a *collModIndexArgs) *bool { return &a.on }),
	integer("expireAfterSeconds", func(a *collModIndexArgs) *int64 { return &a.n }),
})

// checkCollMod checks how the changes go together, and with the collection.
func checkCollMod(coll *engine.Collection, changes bsonraw.Doc) error {
	bad := func(text string) error { return errs.New(errs.InvalidOptions, "%s", text) }
	on, pipe := changes.Get("viewOn"), changes.Get("pipeline")
	switch index := changes.Get("index").Doc(); {
	case index != nil && index.Get("name").IsNullish() && index.Get("keyPattern").IsNullish():
		return bad("Must specify either index name or key pattern.")
	case on.Type == bsonraw.String && on.Str() == "":
		return errs.New(errs.BadValue, "'viewOn' cannot be empty")
	case !coll.View && !on.IsMissing():
		return bad("option only supported on a view: viewOn")
	case !coll.View && !pipe.IsMissing():
		return bad("option only supported on a view: pipeline")
	}
	return nil
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
		coll, err := t.Collection(ctx, a.coll)
		if err != nil || coll == nil {
			return missing(err, "ns does not exist")
		}
		if err := checkCollMod(coll, changes); err != nil {
			return err
		}
		return t.ModifyCollection(ctx, a.coll, changes)
	})
	if err != nil {
		return nil, err
	}
	return c.answered(lsn), nil
}
