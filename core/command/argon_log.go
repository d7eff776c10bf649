package command

import (
	"context"
	"math"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

type logArgs struct {
	spec      engine.LogSpec
	opsLimit  int64
	batchSize *int64
}

func argonLogCommand() *Command {
	type args = logArgs
	return definition[args]{
		Command: Command{
			Name: "argonLog", Group: History, traits: reads,
			Help:    "Lists the commits that a branch at its moment can see, newest first: {lsn, time, actor, message, kind, branch, ops, counts, merge}.",
			Example: `{argonLog: 1, limit: 20, actor: "etl"}`, DB: "shop~experiment-1",
		},
		access:   onDatabase[args](auth.ReadHistory),
		defaults: args{opsLimit: 10},
		fields: []field[args]{
			one[args]("argonLog", 0, ""),
			natural("limit", func(a *args) *int64 { return &a.spec.Limit }).about("At most n commits; 0 is no limit."),
			natural("skip", func(a *args) *int64 { return &a.spec.Skip }).about("Leave out the newest n."),
			text("actor", func(a *args) *string { return &a.spec.Actor }).about("Only commits of this actor."),
			text("collection", func(a *args) *string { return &a.spec.Collection }).about("Only commits that touched this collection."),
			timeField("since", func(a *args) *time.Time { return &a.spec.Since }).about("Not older than this."),
			timeField("until", func(a *args) *time.Time { return &a.spec.Until }).about("Not newer than this."),
			natural("opsLimit", func(a *args) *int64 { return &a.opsLimit }).about("Operations listed for each commit; 10 if left out."),
			optionalNatural("batchSize", func(a *args) **int64 { return &a.batchSize }).about("Commits of the first batch."),
		},
		open: openLog,
	}.build()
}

func openLog(_ context.Context, c *call, a *logArgs) (*stream, error) {
	if a.spec.OpsLimit = int(min(a.opsLimit, math.MaxInt32)); a.opsLimit == 0 {
		a.spec.OpsLimit = -1
	}
	store, ref := c.d.store, c.ref
	return &stream{
		ns: c.db + ".$cmd.argonLog", batchSize: a.batchSize,
		open: func(ctx context.Context) (engine.Cursor, error) { return store.Log(ctx, ref, &a.spec) },
	}, nil
}

type documentArgs struct {
	coll      string
	id        bsonraw.Value
	batchSize *int64
}

func argonHistoryCommand() *Command {
	type args = documentArgs
	return definition[args]{
		Command: Command{
			Name: "argonHistory", Group: History, traits: reads,
			Help:    "Lists the states that a document went through on a branch, oldest first: {lsn, time, actor, message, op, document}.",
			Example: `{argonHistory: "users", id: 1}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.ReadHistory),
		fields: []field[args]{
			collection("argonHistory", func(a *args) *string { return &a.coll }),
			anything("id", func(a *args) *bsonraw.Value { return &a.id }).need().about("The document's _id."),
			optionalNatural("batchSize", func(a *args) **int64 { return &a.batchSize }).about("States of the first batch."),
		},
		open: func(_ context.Context, c *call, a *args) (*stream, error) {
			store, ref := c.d.store, c.ref
			return &stream{
				ns: c.db + ".$cmd.argonHistory", batchSize: a.batchSize,
				open: func(ctx context.Context) (engine.Cursor, error) { return store.History(ctx, ref, a.coll, a.id) },
			}, nil
		},
	}.build()
}

func argonBlameCommand() *Command {
	type args = documentArgs
	return definition[args]{
		Command: Command{
			Name: "argonBlame", Group: History, traits: reads,
			Help:    "Says for each field of a document who set it, when, and in which commit.",
			Example: `{argonBlame: "users", id: 1}`, DB: "shop",
		},
		access: onCollection(func(a *args) string { return a.coll }, auth.ReadHistory),
		fields: []field[args]{
			collection("argonBlame", func(a *args) *string { return &a.coll }),
			anything("id", func(a *args) *bsonraw.Value { return &a.id }).need().about("The document's _id."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			fields, err := c.d.store.Blame(ctx, c.ref, a.coll, a.id)
			if err != nil {
				return nil, err
			}
			b := c.reply(len(fields) + 32)
			b.Array("fields", fields)
			return c.ok(), nil
		},
	}.build()
}
