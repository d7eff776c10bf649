package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// Publisher writes branches to live MongoDB servers. It lives above this package;
// whoever makes the dispatcher gives it one.
type Publisher interface {
	// Publish does what the arguments say and returns the reply's body.
	Publish(ctx context.Context, a *PublishArgs) (bsonraw.Doc, error)
}

// SetPublisher gives the dispatcher its publisher, before the first command.
func (d *Dispatcher) SetPublisher(p Publisher) { d.publisher = p }

// PublishVerb says what to do.
type PublishVerb string

// The verbs.
const (
	PublishWrite    PublishVerb = "publish"
	PublishPlan     PublishVerb = "plan"
	PublishResume   PublishVerb = "resume"
	PublishRollback PublishVerb = "rollback"
	PublishList     PublishVerb = "list"
	PublishForget   PublishVerb = "forget"
)

// PublishArgs are the fields of the commands that publish.
type PublishArgs struct {
	Verb          PublishVerb
	Restore       bool // Source at its moment, back to where it was
	Target        string
	Database      string
	Source, Base  refs.Ref // no Base branch is the default
	Collections   []string
	Filter        bsonraw.Doc
	Guard         string
	AllowDrop     bool
	SkipConflicts bool
	Steps, Bytes  int64 // of one transaction
	Limit         int64
	ID            string
	Actor         string
	Message       string
	Report        func(progress bsonraw.Doc) // nil if nobody asked

	at       refs.Moment
	dryRun   bool
	progress bool
}

// publishFields are what all that write to a target have in common.
func publishFields() []field[PublishArgs] {
	type args = PublishArgs
	return []field[args]{
		text("database", func(a *args) *string { return &a.Database }).about("The target's database; else the one in the connection string."),
		texts("collections", func(a *args) *[]string { return &a.Collections }).about("Only these; else all."),
		object("filter", func(a *args) *bsonraw.Doc { return &a.Filter }).about("Only documents that it matches, before or afterwards."),
		oneOf("guard", func(a *args) *string { return &a.Guard }, "fields", "document").
			about("What of the live document has to be as the base had it: the fields that a write touches (the default), or the whole document."),
		flag("allowDrop", func(a *args) *bool { return &a.AllowDrop }).about("Drop collections and indexes that the branch dropped; else they stay."),
		flag("skipConflicts", func(a *args) *bool { return &a.SkipConflicts }).about("Write what is not in conflict; else nothing is written where there is a conflict."),
		natural("steps", func(a *args) *int64 { return &a.Steps }).about("The most documents of one transaction (1,000)."),
		natural("bytes", func(a *args) *int64 { return &a.Bytes }).about("The most bytes of one transaction, before and after counted (8 MB)."),
		natural("limit", func(a *args) *int64 { return &a.Limit }).about("How many changes a plan lists (1,000)."),
		progressField(func(a *args) *bool { return &a.progress }),
	}
}

// progressField makes a long command answer with a cursor.
func progressField[A any](at func(*A) *bool) field[A] {
	return flag("progress", at).about("Answer with a cursor: {progress: {…}} documents while it runs, and {result: {…}} at the end. Read it with a batchSize of 1 in getMore. Closing it stops the run.")
}

func argonPublishCommand() *Command {
	type args = PublishArgs
	return definition[args]{
		Command: Command{
			Name: "argonPublish", Group: Publishing, traits: reads,
			Help:    "Writes what the database's branch changed against a base to a live MongoDB. Each write demands that the live document is still what the base was; where it has moved on, that is a conflict, and nothing is overwritten. The reply describes the publish: {id, state, counts, catalog, conflicts, …}; with conflicts it is error PublishConflict, with the same in errInfo.",
			Example: `{argonPublish: "mongodb://localhost:27017/shop", base: "main@1024", collections: ["users"]}`, DB: "shop~experiment-1",
		},
		access:   publishes(),
		defaults: args{Verb: PublishWrite},
		fields: append([]field[args]{
			text("argonPublish", func(a *args) *string { return &a.Target }).need().about("The target, mongodb://…"),
			refField("base", func(a *args) *refs.Ref { return &a.Base }).about("What the target had when the work began; else where the branch was made."),
		}, publishFields()...),
		open: openPublish,
	}.build()
}

func argonPublishPlanCommand() *Command {
	type args = PublishArgs
	return definition[args]{
		Command: Command{
			Name: "argonPublishPlan", Group: Publishing, traits: reads,
			Help:    "Shows what argonPublish would write, and what of it is in conflict with the live MongoDB. Nothing is written. The reply is that of argonPublish with changes: [{collection, _id, op, status, changes: [{path, before, after}], before, after}].",
			Example: `{argonPublishPlan: "mongodb://localhost:27017/shop", base: "main"}`, DB: "shop~experiment-1",
		},
		access:   publishes(),
		defaults: args{Verb: PublishPlan, Limit: 1000},
		fields: append([]field[args]{
			text("argonPublishPlan", func(a *args) *string { return &a.Target }).need().about("The target, mongodb://…"),
			refField("base", func(a *args) *refs.Ref { return &a.Base }).about("What the target had when the work began; else where the branch was made."),
		}, publishFields()...),
		open: openPublish,
	}.build()
}

func argonRestoreToCommand() *Command {
	type args = PublishArgs
	return definition[args]{
		Command: Command{
			Name: "argonRestoreTo", Group: Publishing, traits: reads,
			Help:    "Brings a live MongoDB, or some of its collections or documents, back to a past moment of the database's branch, which is expected to be what the target has: of a mirror, what it saw last. Plan, guards, conflicts, journal and rollback are those of argonPublish. A dropped collection is made again with its options and indexes.",
			Example: `{argonRestoreTo: "mongodb://localhost:27017/shop", at: "-1", collections: ["users"]}`, DB: "shop",
		},
		access:   publishes(),
		defaults: args{Verb: PublishWrite, Restore: true, Limit: 1000},
		fields: append([]field[args]{
			text("argonRestoreTo", func(a *args) *string { return &a.Target }).need().about("The target, mongodb://…"),
			atMoment("at", func(a *args) *refs.Moment { return &a.at }).need(),
			refField("base", func(a *args) *refs.Ref { return &a.Base }).about("What the target has now; else the branch's head."),
			flag("dryRun", func(a *args) *bool { return &a.dryRun }).about("Show the plan, write nothing."),
		}, publishFields()...),
		open: openPublish,
	}.build()
}

// publishes is what writing a branch to a target needs: everything about the two
// moments, and the right to publish.
func publishes() access[PublishArgs] {
	return needing("publish and readHistory on the branch, readHistory on the base", func(n *needs, a *PublishArgs) {
		n.collection("", auth.Publish, auth.ReadHistory)
		n.branch(a.Base.Branch, auth.ReadHistory)
	})
}

// againFields are what takes up a publish that is in the journal.
func againFields(name string) []field[PublishArgs] {
	type args = PublishArgs
	return []field[args]{
		text(name, func(a *args) *string { return &a.ID }).need().about("The publish's id."),
		text("target", func(a *args) *string { return &a.Target }).about("The target again, where its connection string has a password, which is not kept."),
		flag("skipConflicts", func(a *args) *bool { return &a.SkipConflicts }).about("Go on where there are conflicts, and leave them out."),
		progressField(func(a *args) *bool { return &a.progress }),
	}
}

func argonPublishResumeCommand() *Command {
	return definition[PublishArgs]{
		Command: Command{
			Name: "argonPublishResume", Group: Publishing, traits: adminOnly,
			Help:    "Goes on with a publish, or with its rollback, that was cut off. What it had written is not written again.",
			Example: `{argonPublishResume: "20261124-060000-a1b2c3"}`, DB: "admin",
		},
		access:   onCluster[PublishArgs](auth.Publish),
		defaults: PublishArgs{Verb: PublishResume},
		fields:   againFields("argonPublishResume"),
		open:     openPublish,
	}.build()
}

func argonPublishRollbackCommand() *Command {
	return definition[PublishArgs]{
		Command: Command{
			Name: "argonPublishRollback", Group: Publishing, traits: adminOnly,
			Help:    "Takes back what a publish wrote, from the pre-images. What others wrote since stays, and is listed as conflicts.",
			Example: `{argonPublishRollback: "20261124-060000-a1b2c3"}`, DB: "admin",
		},
		access:   onCluster[PublishArgs](auth.Publish),
		defaults: PublishArgs{Verb: PublishRollback},
		fields:   againFields("argonPublishRollback"),
		open:     openPublish,
	}.build()
}

func argonPublishListCommand() *Command {
	return definition[PublishArgs]{
		Command: Command{
			Name: "argonPublishList", Group: Publishing, traits: adminOnly,
			Help:    "Lists the publishes in the store's journal, oldest first: {publishes: [{id, state, target, counts, …}]}.",
			Example: `{argonPublishList: 1}`, DB: "admin",
		},
		access:   onCluster[PublishArgs](auth.Publish),
		defaults: PublishArgs{Verb: PublishList},
		fields:   []field[PublishArgs]{one[PublishArgs]("argonPublishList", 0, "")},
		open:     openPublish,
	}.build()
}

func argonPublishForgetCommand() *Command {
	return definition[PublishArgs]{
		Command: Command{
			Name: "argonPublishForget", Group: Publishing, traits: adminOnly,
			Help:    "Removes a publish from the journal. It can then neither be resumed nor rolled back.",
			Example: `{argonPublishForget: "20261124-060000-a1b2c3"}`, DB: "admin",
		},
		access:   onCluster[PublishArgs](auth.Publish),
		defaults: PublishArgs{Verb: PublishForget},
		fields: []field[PublishArgs]{
			text("argonPublishForget", func(a *PublishArgs) *string { return &a.ID }).need().about("The publish's id."),
		},
		open: openPublish,
	}.build()
}

func openPublish(ctx context.Context, c *call, a *PublishArgs) (*stream, error) {
	p := c.d.publisher
	if p == nil {
		return nil, errs.New(errs.CommandNotSupported, "%s needs a store that was opened by a client or a server", c.cmd.Name)
	}
	meta := c.meta()
	a.Actor, a.Message = meta.Actor, meta.Message
	if c.cmd.has(reads) {
		if err := a.complete(c); err != nil {
			return nil, err
		}
	}
	return longRun(ctx, c, a.progress, func(ctx context.Context, report func(bsonraw.Doc)) (bsonraw.Doc, error) {
		todo := *a
		todo.Report = report
		return p.Publish(ctx, &todo)
	})
}

// complete fills in what the database says.
func (a *PublishArgs) complete(c *call) error {
	a.Source = c.ref
	if a.Base.Branch != "" {
		a.Base.Project = c.ref.Project
	}
	if !a.Restore {
		return nil
	}
	if !a.Source.Moment.IsHead() {
		return errs.New(errs.PinnedMoment, "the database %q is at a moment already; a restore says the moment with at", c.db)
	}
	if a.at.IsHead() {
		return errs.New(errs.InvalidMoment, "a restore needs a moment to go back to, got the head")
	}
	a.Source.Moment = a.at
	if a.dryRun {
		a.Verb = PublishPlan
	}
	return nil
}
