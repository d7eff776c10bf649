package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type renameArgs struct {
	from, to   string
	dropTarget bool
}

func renameCollectionCommand() *Command {
	return definition[renameArgs]{
		Command: Command{
			Name: "renameCollection", Group: Catalog, traits: adminOnly | numbered,
			Help:    "Renames a collection within a branch. Both names are database.collection. No document moves.",
			Example: `{renameCollection: "shop.users", to: "shop.customers"}`, DB: "admin",
		},
		access: needing("renameCollectionSameDB on both collections, or on the whole database", needsOfRename),
		fields: []field[renameArgs]{
			text("renameCollection", func(a *renameArgs) *string { return &a.from }).need().about("database.collection, as it is."),
			text("to", func(a *renameArgs) *string { return &a.to }).need().about("database.collection, as it shall be."),
			looseFlag("dropTarget", func(a *renameArgs) *bool { return &a.dropTarget }).about("Replace a collection that has the new name."),
			ignored[renameArgs]("stayTemp", "There are no temporary collections.", bsonraw.Boolean),
		},
		run: runRename,
	}.build()
}

func runRename(ctx context.Context, c *call, a *renameArgs) (bsonraw.Doc, error) {
	db, from, err := splitNamespace(a.from)
	if err != nil {
		return nil, err
	}
	toDB, to, err := splitNamespace(a.to)
	if err != nil {
		return nil, err
	}
	if db != toDB {
		return nil, errs.New(errs.NotSupported, "a collection cannot be renamed from %q to %q, another database", db, toDB).
			WithRemedy("copy it with aggregate and $out, or merge the branches")
	}
	if err := validCollection(db, to); err != nil {
		return nil, err
	}
	if c.ref, err = c.sess.ref(db); err != nil {
		return nil, err
	}
	if !c.ref.Moment.IsHead() {
		return nil, pinned(c.ref)
	}
	if err := c.mustExist(ctx, "Source collection "+a.from+" does not exist"); err != nil {
		return nil, err
	}
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		source, err := t.Collection(ctx, from)
		if err != nil || source == nil {
			return missing(err, "Source collection "+a.from+" does not exist")
		}
		target, err := t.Collection(ctx, to)
		if err != nil {
			return err
		}
		if target != nil && !a.dropTarget && from != to {
			return errs.New(errs.NamespaceExists, "target namespace exists")
		}
		return t.RenameCollection(ctx, from, to, a.dropTarget)
	})
	if err != nil {
		return nil, err
	}
	return c.answered(lsn), nil
}
