package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/refs"
)

type diffArgs struct {
	base      refs.Ref
	coll      string
	limit     int64
	batchSize *int64
}

func argonDiffCommand() *Command {
	type args = diffArgs
	return definition[args]{
		Command: Command{
			Name: "argonDiff", Group: History, traits: reads,
			Help:    "Lists what the database's branch has changed against a base: {collection, _id, op, before, after, changes: [{path, before, after}]}. Its cost follows the changes, not the data.",
			Example: `{argonDiff: "main", collection: "users"}`, DB: "shop~experiment-1",
		},
		access: needing("readHistory on both branches, or on the collection of both", func(n *needs, a *args) {
			n.collection(a.coll, auth.ReadHistory)
			n.inBranch(a.base.Branch, a.coll, auth.ReadHistory)
		}),
		fields: []field[args]{
			refField("argonDiff", func(a *args) *refs.Ref { return &a.base }).need().about("The base: branch, or branch@moment."),
			text("collection", func(a *args) *string { return &a.coll }).about("Only this collection."),
			natural("limit", func(a *args) *int64 { return &a.limit }).about("At most n differences; 0 is no limit."),
			optionalNatural("batchSize", func(a *args) **int64 { return &a.batchSize }).about("Differences of the first batch."),
		},
		open: openDiff,
	}.build()
}

func openDiff(ctx context.Context, c *call, a *diffArgs) (*stream, error) {
	store, target, base := c.d.store, c.ref, c.inProject(a.base)
	return &stream{
		ns: c.db + ".$cmd.argonDiff", batchSize: a.batchSize,
		open: func(ctx context.Context) (engine.Cursor, error) {
			cur, err := store.Diff(ctx, base, target, a.coll)
			if err != nil || a.limit == 0 {
				return cur, err
			}
			return &limitCursor{Cursor: cur, left: a.limit}, nil
		},
	}, nil
}

// limitCursor ends after some documents.
type limitCursor struct {
	engine.Cursor
	left int64
}

func (l *limitCursor) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	if l.left == 0 {
		return nil, false, nil
	}
	l.left--
	return l.Cursor.Next(ctx)
}
