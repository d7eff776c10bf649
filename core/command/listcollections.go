package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/query"
)

type listCollectionsArgs struct {
	filter   bsonraw.Doc
	nameOnly bool
	cursor   cursorArgs
}

func listCollectionsCommand() *Command {
	type args = listCollectionsArgs
	return definition[args]{
		Command: Command{
			Name: "listCollections", Group: Catalog, traits: reads,
			Help:    "Lists the collections and views of a branch at its moment, by name.",
			Example: `{listCollections: 1, nameOnly: true}`, DB: "shop~experiment-1",
		},
		access: onDatabase[args](auth.ListCollections),
		fields: []field[args]{
			one[args]("listCollections", 0, ""),
			object("filter", func(a *args) *bsonraw.Doc { return &a.filter }).about("A filter on what is listed."),
			flag("nameOnly", func(a *args) *bool { return &a.nameOnly }).about("Only name and type."),
			cursorField(func(a *args) *cursorArgs { return &a.cursor }),
			ignored[args]("authorizedCollections", "Who may read a branch may read all of it.", bsonraw.Boolean),
		},
		open: openListCollections,
	}.build()
}

func openListCollections(ctx context.Context, c *call, a *listCollectionsArgs) (*stream, error) {
	filter, err := query.Compile(orEmpty(a.filter), nil)
	if err != nil {
		return nil, err
	}
	var docs []bsonraw.Doc
	err = c.read(ctx, func(r engine.Reader) error {
		list, err := r.Collections(ctx)
		if err != nil {
			return err
		}
		for _, coll := range list {
			doc := describeCollection(coll, a.nameOnly)
			ok, err := filter.Match(doc)
			if err != nil {
				return err
			}
			if ok {
				docs = append(docs, doc)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return inMemory(c.db+".$cmd.listCollections", docs, a.cursor.batchSize), nil
}

func describeCollection(coll *engine.Collection, nameOnly bool) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.String("name", coll.Name)
	if coll.View {
		b.String("type", "view")
	} else {
		b.String("type", "collection")
	}
	if nameOnly {
		return b.Finish()
	}
	b.Doc("options", orEmpty(coll.Options))
	b.BeginDoc("info")
	b.Bool("readOnly", coll.View)
	if !coll.View {
		id := coll.UUID()
		b.Value("uuid", bsonraw.BinaryValue(4, id[:]))
	}
	b.End()
	if !coll.View {
		b.BeginDoc("idIndex")
		appendIDIndex(b)
		b.End()
	}
	return b.Finish()
}

func orEmpty(d bsonraw.Doc) bsonraw.Doc {
	if d == nil {
		return bsonraw.EmptyDoc
	}
	return d
}
