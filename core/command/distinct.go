package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type distinctArgs struct {
	coll string
	spec engine.DistinctSpec
}

func distinctCommand() *Command {
	type args = distinctArgs
	return definition[args]{
		Command: Command{
			Name: "distinct", Group: Query, traits: reads | inTxn,
			Help:    "Returns the different values of a field. Arrays count by their elements.",
			Example: `{distinct: "users", key: "country", query: {age: {$gte: 30}}}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.Find),
		fields: []field[args]{
			readCollection("distinct", func(a *args) *string { return &a.coll }),
			text("key", func(a *args) *string { return &a.spec.Key }).need().about("The field, dotted."),
			object("query", func(a *args) *bsonraw.Doc { return &a.spec.Filter }).about("Which documents."),
			collation(func(a *args) *bsonraw.Doc { return &a.spec.Collation }),
		},
		run:     runDistinct,
		explain: explainDistinct,
	}.build()
}

func runDistinct(ctx context.Context, c *call, a *distinctArgs) (bsonraw.Doc, error) {
	if err := queryableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	if a.spec.Key == "" {
		return nil, errs.New(40352, "FieldPath cannot be constructed with empty string")
	}
	var values bsonraw.Doc
	err := c.read(ctx, func(r engine.Reader) (err error) {
		values, err = r.Distinct(ctx, a.coll, &a.spec)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(values) > bsonraw.MaxDocSize {
		return nil, errs.New(17217, "distinct too big, 16mb cap").WithRemedy("use aggregate with $group")
	}
	b := c.reply(len(values) + 16)
	b.Array("values", values)
	c.appendSnapshotTime(b)
	return c.ok(), nil
}

func explainDistinct(a *distinctArgs) (string, *engine.ExplainSpec, error) {
	return a.coll, &engine.ExplainSpec{Distinct: &a.spec}, nil
}
