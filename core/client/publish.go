package client

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/publish"
)

// publisher is what the dispatcher's commands call.
type publisher struct {
	p *publish.Publisher
}

func (p publisher) Publish(ctx context.Context, a *command.PublishArgs) (bsonraw.Doc, error) {
	again := &publish.Again{ID: a.ID, Target: a.Target, SkipConflicts: a.SkipConflicts, Progress: reportTo(a.Report)}
	var r *publish.Report
	var err error
	switch a.Verb {
	case command.PublishPlan:
		r, err = p.p.Plan(ctx, specOf(a))
	case command.PublishWrite:
		r, err = p.p.Publish(ctx, specOf(a))
	case command.PublishResume:
		r, err = p.p.Resume(ctx, again)
	case command.PublishRollback:
		r, err = p.p.Rollback(ctx, again)
	case command.PublishForget:
		return bsonraw.EmptyDoc, p.p.Forget(ctx, a.ID)
	case command.PublishList:
		return p.list(ctx)
	default:
		return nil, errs.New(errs.InternalError, "nothing publishes by %q", string(a.Verb))
	}
	if err != nil {
		return nil, err
	}
	return r.Document()
}

func (p publisher) list(ctx context.Context) (bsonraw.Doc, error) {
	list, err := p.p.List(ctx)
	if err != nil {
		return nil, err
	}
	b := bsonraw.NewBuilder(nil)
	b.BeginArray("publishes")
	for i, r := range list {
		doc, err := r.Document()
		if err != nil {
			return nil, err
		}
		b.Doc(bsonraw.Index(i), doc)
	}
	b.End()
	return b.Finish(), nil
}

func specOf(a *command.PublishArgs) *publish.Spec {
	return &publish.Spec{
		Target: a.Target, Database: a.Database, Source: a.Source, Base: a.Base, Restore: a.Restore,
		Collections: a.Collections, Filter: a.Filter, Guard: publish.Guard(a.Guard), AllowDrop: a.AllowDrop,
		SkipConflicts: a.SkipConflicts, Limits: publish.Limits{Steps: int(a.Steps), Bytes: int(a.Bytes)},
		List: int(a.Limit), Actor: a.Actor, Message: a.Message, Progress: reportTo(a.Report),
	}
}

// reportTo makes the progress of a publish a document.
func reportTo(report func(bsonraw.Doc)) func(publish.Progress) {
	if report == nil {
		return nil
	}
	return func(p publish.Progress) {
		if raw, err := bson.Marshal(p); err == nil {
			report(raw)
		}
	}
}

// PublishOptions of Publish, PublishPlan, RestoreTo and RestorePlan. See the
// commands argonPublish and argonRestoreTo.
type PublishOptions struct {
	Base          string   // a ref: what the target has; else where the branch was made, or a restore's head
	Database      string   // else the connection string's
	Collections   []string // else all
	Filter        any      // a document; only what it matches
	Guard         string   // "fields" (if empty) or "document"
	AllowDrop     bool
	SkipConflicts bool
	Steps, Bytes  int64 // of one transaction
	Limit         int64 // how many changes a plan lists; 0 is 1,000
}

func (o *PublishOptions) command(name, target string) *fields {
	if o == nil {
		o = &PublishOptions{}
	}
	f := newFields(name, target).str("base", o.Base).str("database", o.Database).document("filter", o.Filter).
		str("guard", o.Guard).flag("allowDrop", o.AllowDrop).flag("skipConflicts", o.SkipConflicts).
		num("steps", o.Steps).num("bytes", o.Bytes).num("limit", o.Limit)
	if len(o.Collections) > 0 {
		f.set("collections", o.Collections)
	}
	return f
}

// PublishReport describes a publish: what it would do, does, or did.
type PublishReport struct {
	ID        string            `bson:"id" json:"id,omitempty"` // none of a plan
	Kind      string            `bson:"kind" json:"kind"`       // publish or restore
	State     string            `bson:"state" json:"state"`
	Target    string            `bson:"target" json:"target"`
	Database  string            `bson:"database" json:"database"`
	Project   string            `bson:"project" json:"project"`
	Branch    string            `bson:"branch" json:"branch"`
	Base      string            `bson:"base" json:"base"`
	BaseLSN   int64             `bson:"baseLSN" json:"baseLSN"`
	LSN       int64             `bson:"lsn" json:"lsn"`
	Guard     string            `bson:"guard" json:"guard"`
	Transport string            `bson:"transport" json:"transport"` // transactions or ordered
	Counts    PublishCounts     `bson:"counts" json:"counts"`
	Catalog   []PublishAction   `bson:"catalog" json:"catalog"`
	Changes   []PublishChange   `bson:"changes" json:"changes,omitempty"` // of a plan: the first ones
	Conflicts []PublishConflict `bson:"conflicts" json:"conflicts"`       // the first ones
	Truncated bool              `bson:"truncated" json:"truncated"`
	Notes     []string          `bson:"notes" json:"notes"`
	Actor     string            `bson:"actor" json:"actor,omitempty"`
	Message   string            `bson:"message" json:"message,omitempty"`
	Created   time.Time         `bson:"created" json:"created"`
	Finished  *time.Time        `bson:"finished" json:"finished,omitempty"`
}

// Nothing reports whether a plan has nothing to write.
func (r *PublishReport) Nothing() bool {
	c := &r.Counts
	return c.Inserted+c.Updated+c.Deleted+c.Catalog == 0
}

// Done counts the changes of collections and indexes that were made.
func (r *PublishReport) Done() (n int64) {
	for _, a := range r.Catalog {
		if a.Status == "applied" || a.Status == "undone" {
			n++
		}
	}
	return n
}

// PublishCounts says how much a publish writes.
type PublishCounts struct {
	Inserted   int64 `bson:"inserted" json:"inserted"`
	Updated    int64 `bson:"updated" json:"updated"`
	Deleted    int64 `bson:"deleted" json:"deleted"`
	Catalog    int64 `bson:"catalog" json:"catalog"`
	Already    int64 `bson:"already" json:"already"` // the target has it so
	Conflicts  int64 `bson:"conflicts" json:"conflicts"`
	Written    int64 `bson:"written" json:"written"` // documents, so far
	RolledBack int64 `bson:"rolledBack" json:"rolledBack"`
}

// PublishAction is a change of collections or indexes.
type PublishAction struct {
	Op         string `bson:"op" json:"op"`
	Collection string `bson:"collection" json:"collection"`
	Name       string `bson:"name" json:"name,omitempty"`
	Before     Value  `bson:"before" json:"before"`
	After      Value  `bson:"after" json:"after"`
	Status     string `bson:"status" json:"status"`
	Message    string `bson:"message" json:"message,omitempty"`
}

// PublishChange is one document of a plan.
type PublishChange struct {
	Collection string        `bson:"collection" json:"collection"`
	ID         Value         `bson:"_id" json:"_id"`
	Op         string        `bson:"op" json:"op"`
	Status     string        `bson:"status" json:"status"` // apply, already or conflict
	Changes    []FieldChange `bson:"changes" json:"changes"`
	Before     Value         `bson:"before" json:"before"`
	After      Value         `bson:"after" json:"after"`
}

// PublishConflict is what keeps something from being written.
type PublishConflict struct {
	N          int    `bson:"n" json:"n"`
	Collection string `bson:"collection" json:"collection"`
	ID         Value  `bson:"_id" json:"_id"`
	Op         string `bson:"op" json:"op"`
	Kind       string `bson:"kind" json:"kind"`
	Path       string `bson:"path" json:"path"` // "" is the whole document
	Expected   Value  `bson:"expected" json:"expected"`
	Found      Value  `bson:"found" json:"found"`
	Wanted     Value  `bson:"wanted" json:"wanted"`
	Message    string `bson:"message" json:"message"`
	ErrInfo    Value  `bson:"errInfo" json:"errInfo"`
}

// Publish writes what the branch changed against its base to a live MongoDB,
// mongodb://…. An error PublishConflict has the report in it: PublishConflicts.
func (b *Branch) Publish(ctx context.Context, target string, o *PublishOptions) (*PublishReport, error) {
	var r PublishReport
	return &r, b.run(ctx, o.command("argonPublish", target), &r)
}

// PublishPlan shows what Publish would do.
func (b *Branch) PublishPlan(ctx context.Context, target string, o *PublishOptions) (*PublishReport, error) {
	var r PublishReport
	return &r, b.run(ctx, o.command("argonPublishPlan", target), &r)
}

// RestoreTo brings a live MongoDB back to a past moment of the branch.
func (b *Branch) RestoreTo(ctx context.Context, target, at string, o *PublishOptions) (*PublishReport, error) {
	var r PublishReport
	return &r, b.run(ctx, o.command("argonRestoreTo", target).set("at", at), &r)
}

// RestoreToPlan shows what RestoreTo would do.
func (b *Branch) RestoreToPlan(ctx context.Context, target, at string, o *PublishOptions) (*PublishReport, error) {
	var r PublishReport
	return &r, b.run(ctx, o.command("argonRestoreTo", target).set("at", at).set("dryRun", true), &r)
}

// PublishConflicts returns the report of a PublishConflict error, nil for any
// other.
func PublishConflicts(err error) *PublishReport {
	e := errs.As(err)
	if e == nil || e.Code != errs.PublishConflict {
		return nil
	}
	var r PublishReport
	if bson.Unmarshal(e.Details, &r) != nil {
		return nil
	}
	return &r
}

// Publishes are the publishes in the store's journal.
type Publishes struct {
	c *Client
}

// Publishes returns them.
func (c *Client) Publishes() Publishes { return Publishes{c} }

// List lists them, oldest first.
func (p Publishes) List(ctx context.Context) ([]PublishReport, error) {
	var reply struct{ Publishes []PublishReport }
	err := p.c.run(ctx, "admin", newFields("argonPublishList", 1).doc, &reply)
	return reply.Publishes, err
}

// Resume goes on with one that was cut off. The target may be empty unless its
// connection string had a password.
func (p Publishes) Resume(ctx context.Context, id, target string, skipConflicts bool) (*PublishReport, error) {
	var r PublishReport
	f := newFields("argonPublishResume", id).str("target", target).flag("skipConflicts", skipConflicts)
	return &r, p.c.run(ctx, "admin", f.doc, &r)
}

// Rollback takes back what one wrote.
func (p Publishes) Rollback(ctx context.Context, id, target string) (*PublishReport, error) {
	var r PublishReport
	return &r, p.c.run(ctx, "admin", newFields("argonPublishRollback", id).str("target", target).doc, &r)
}

// Forget removes one from the journal.
func (p Publishes) Forget(ctx context.Context, id string) error {
	return p.c.run(ctx, "admin", newFields("argonPublishForget", id).doc, nil)
}
