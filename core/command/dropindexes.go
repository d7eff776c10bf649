package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type dropIndexesArgs struct {
	coll  string
	which bsonraw.Value
}

func dropIndexesCommand() *Command {
	type args = dropIndexesArgs
	which := anything("index", func(a *args) *bsonraw.Value { return &a.which }).need().
		about(`The name, a list of names, the key pattern, or "*" for all but the one on _id.`)
	which.types, which.Type = []bsonraw.Type{bsonraw.String, bsonraw.Array, bsonraw.Object}, "string, array or object"
	which.read = readWhich
	which.wrong = func(v bsonraw.Value) error {
		return errs.New(errs.TypeMismatch, wrongType, "dropIndexes", "index", v.Type.Name(), "s '[string, object']")
	}
	return definition[args]{
		Command: Command{
			Name: "dropIndexes", Aliases: []string{"deleteIndexes"}, Group: Catalog, traits: writes | numbered,
			Help:    "Drops indexes. At an earlier moment they are still there.",
			Example: `{dropIndexes: "users", index: "age_1_name_1"}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.DropIndex),
		fields: []field[args]{collection("dropIndexes", func(a *args) *string { return &a.coll }), which},
		run:    runDropIndexes,
	}.build()
}

// readWhich checks that a list holds names.
func readWhich(a *dropIndexesArgs, v bsonraw.Value) error {
	a.which = v
	if v.Type != bsonraw.Array {
		return nil
	}
	for _, name := range v.Doc().Values() {
		if name.Type != bsonraw.String {
			return errs.New(errs.TypeMismatch, wrongType, "dropIndexes", "index", "array", "s '[string']")
		}
	}
	return nil
}

func runDropIndexes(ctx context.Context, c *call, a *dropIndexesArgs) (bsonraw.Doc, error) {
	if err := validCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	absent := "ns not found " + c.db + "." + a.coll
	if err := c.mustExist(ctx, absent); err != nil {
		return nil, err
	}
	lsn, err := c.write(ctx, func(t *engine.Txn) error {
		coll, err := t.Collection(ctx, a.coll)
		if err != nil || coll == nil {
			return missing(err, absent)
		}
		before, err := t.DropIndexes(ctx, a.coll, a.which)
		c.answers(func(b *bsonraw.Builder) {
			b.Int32("nIndexesWas", int32(before))
			if a.which.Type == bsonraw.String && a.which.Str() == "*" {
				b.String("msg", "non-_id indexes dropped for collection")
			}
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.answered(lsn), nil
}
