package command

import (
	"context"
	"math"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/index"
)

type countArgs struct {
	coll string
	spec engine.CountSpec
}

func countCommand() *Command {
	type args = countArgs
	return definition[args]{
		Command: Command{
			Name: "count", Group: Query, traits: reads,
			Help:    "Counts the documents that match. Without a query it reads one number, whatever the size of the collection.",
			Example: `{count: "users", query: {age: {$gte: 30}}}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.Find),
		fields: []field[args]{
			readCollection("count", func(a *args) *string { return &a.coll }),
			object("query", func(a *args) *bsonraw.Doc { return &a.spec.Filter }).about("Which documents."),
			wholeLimit(func(a *args) *int64 { return &a.spec.Limit }).
				orError(errs.BadValue, "limit value is not a valid number").about("Stop at n; 0 is no limit."),
			natural("skip", func(a *args) *int64 { return &a.spec.Skip }).about("Leave out the first n."),
			hint(func(a *args) *bsonraw.Value { return &a.spec.Hint }),
			collation(func(a *args) *bsonraw.Doc { return &a.spec.Collation }),
			ignored[args]("fields", "Old drivers send it; a count has no fields."),
		},
		run:     runCount,
		explain: explainCount,
	}.build()
}

// wholeLimit is a limit that may be negative, and not have a fraction.
func wholeLimit(at func(*countArgs) *int64) field[countArgs] {
	f := integer("limit", at)
	f.read = func(a *countArgs, v bsonraw.Value) error {
		n, ok := v.AsInt64()
		if !ok {
			return errs.New(errs.FailedToParse, "Expected an integer: limit: %s", index.Text(v))
		}
		*at(a) = n
		return nil
	}
	return f
}

func runCount(ctx context.Context, c *call, a *countArgs) (bsonraw.Doc, error) {
	if err := queryableCollection(c.db, a.coll); err != nil {
		return nil, err
	}
	a.spec.Limit = max(a.spec.Limit, -a.spec.Limit) // old drivers send it negative
	var n int64
	err := c.read(ctx, func(r engine.Reader) (err error) {
		n, err = r.Count(ctx, a.coll, &a.spec)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := c.reply(16)
	appendCount(b, "n", n)
	return c.ok(), nil
}

// appendCount appends a number as the int that MongoDB sends, or as a long
// where it does not fit.
func appendCount(b *bsonraw.Builder, name string, n int64) {
	if n <= math.MaxInt32 {
		b.Int32(name, int32(n))
	} else {
		b.Int64(name, n)
	}
}

func explainCount(a *countArgs) (string, *engine.ExplainSpec, error) {
	return a.coll, &engine.ExplainSpec{Count: &a.spec}, nil
}
