package command

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
)

type undoArgs struct {
	lsn     mvcc.LSN
	spec    engine.UndoSpec
	dryRun  bool
	message string
}

func argonUndoCommand() *Command {
	type args = undoArgs
	fields := []field[args]{
		one[args]("argonUndo", 0, ""),
		lsnField("lsn", func(a *args) *mvcc.LSN { return &a.lsn }).about("Undo this commit."),
		lsnField("from", func(a *args) *mvcc.LSN { return &a.spec.From }).about("Undo the commits from this one on."),
		lsnField("to", func(a *args) *mvcc.LSN { return &a.spec.To }).about("Undo the commits up to this one."),
		text("actor", func(a *args) *string { return &a.spec.Actor }).about("Undo the commits of this actor."),
		timeField("since", func(a *args) *time.Time { return &a.spec.Since }).about("Only commits not older than this."),
		timeField("until", func(a *args) *time.Time { return &a.spec.Until }).about("Only commits not newer than this."),
		flag("dryRun", func(a *args) *bool { return &a.dryRun }).about("Show the plan, write nothing."),
		text("message", func(a *args) *string { return &a.message }).about("Stands in the log."),
	}
	fields = append(fields, resolveFields(func(a *args) *engine.Resolve { return &a.spec.Resolve })...)
	return definition[args]{
		Command: Command{
			Name: "argonUndo", Group: Branches, traits: writes | numbered,
			Help:    "Undoes commits in the middle of a branch's history, and keeps what others did since: increments are taken back, fields are set to what they were. What was changed again since is a conflict, as in a merge.",
			Example: `{argonUndo: 1, actor: "etl", dryRun: true}`, DB: "shop",
		},
		access: onDatabase[args](auth.UndoCommits),
		fields: fields,
		run:    runUndo,
	}.build()
}

func runUndo(ctx context.Context, c *call, a *undoArgs) (bsonraw.Doc, error) {
	if a.lsn != 0 {
		if a.spec.From != 0 || a.spec.To != 0 {
			return nil, errs.New(errs.InvalidOptions, "argonUndo takes lsn, or from and to, not both")
		}
		a.spec.From, a.spec.To = a.lsn, a.lsn
	}
	if a.spec.From == 0 && a.spec.To == 0 && a.spec.Actor == "" && a.spec.Since.IsZero() && a.spec.Until.IsZero() {
		return nil, errs.New(errs.MissingRequiredField, "argonUndo needs to know what to undo: lsn, from and to, actor, since or until")
	}
	a.spec.Ref, a.spec.Meta = c.ref, c.meta()
	if a.message != "" {
		a.spec.Meta.Message = a.message
	}
	undo := c.d.store.Undo
	if a.dryRun {
		undo = c.d.store.UndoPlan
	}
	reply, err := undo(ctx, &a.spec)
	if err != nil {
		return nil, err
	}
	return c.okWith(reply), nil
}
