package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type listIndexesArgs struct {
	coll   string
	cursor cursorArgs
}

func listIndexesCommand() *Command {
	type args = listIndexesArgs
	return definition[args]{
		Command: Command{
			Name: "listIndexes", Group: Catalog, traits: reads,
			Help:    "Lists the indexes of a collection, the one on _id first.",
			Example: `{listIndexes: "users"}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.ListIndexes),
		fields: []field[args]{
			collection("listIndexes", func(a *args) *string { return &a.coll }),
			cursorField(func(a *args) *cursorArgs { return &a.cursor }),
			ignored[args]("includeBuildUUIDs", "An index is there once it is built.", append([]bsonraw.Type{bsonraw.Boolean}, numeric...)...),
		},
		open: openListIndexes,
	}.build()
}

// idIndex is the specification of the index that every collection has.
func appendIDIndex(b *bsonraw.Builder) {
	b.Int32("v", 2)
	b.BeginDoc("key")
	b.Int32("_id", 1)
	b.End()
	b.String("name", "_id_")
}

func openListIndexes(ctx context.Context, c *call, a *listIndexesArgs) (*stream, error) {
	if err := readableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	var docs []bsonraw.Doc
	err := c.read(ctx, func(r engine.Reader) error {
		coll, err := r.Collection(ctx, a.coll)
		switch {
		case err != nil:
			return err
		case coll == nil:
			return errs.New(errs.NamespaceNotFound, "ns does not exist: %s.%s", c.db, a.coll)
		case coll.View:
			return errs.New(errs.CommandNotSupportedOnView, "Namespace %s.%s is a view, not a collection", c.db, a.coll)
		}
		b := bsonraw.NewBuilder(nil)
		appendIDIndex(b)
		docs = append(docs, b.Finish())
		for _, def := range coll.Indexes {
			docs = append(docs, def.Options.Clone())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return inMemory(c.db+"."+a.coll, docs, a.cursor.batchSize), nil
}
