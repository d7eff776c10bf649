package client

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// BranchInfo describes a branch.
type BranchInfo struct {
	Name      string    `bson:"name" json:"name"`
	Project   string    `bson:"project" json:"project"`
	Parent    string    `bson:"parent" json:"parent"` // "" for main
	ForkLSN   int64     `bson:"forkLSN" json:"forkLSN"`
	HeadLSN   int64     `bson:"headLSN" json:"headLSN"`
	Created   time.Time `bson:"created" json:"created"`
	Actor     string    `bson:"actor" json:"actor"`
	Protected bool      `bson:"protected" json:"protected"`
	Takes     string    `bson:"takes" json:"takes"` // "writes"; of a protected branch "merges" or "mirror"
}

// Branches are the branches of a project.
type Branches struct {
	p *Project
}

// Create makes a branch from a ref of the project: "main", "main@1024",
// "main@-3", "main@v1"; "" is main.
func (b Branches) Create(ctx context.Context, name, from string) (*BranchInfo, error) {
	cmd := newFields("argonBranchCreate", name).str("from", from)
	var reply struct{ Branch BranchInfo }
	err := b.p.c.run(ctx, b.p.name, cmd.doc, &reply)
	return &reply.Branch, err
}

// List lists the branches by name.
func (b Branches) List(ctx context.Context) ([]BranchInfo, error) {
	var reply struct{ Branches []BranchInfo }
	err := b.p.c.run(ctx, b.p.name, bson.D{{Key: "argonBranchList", Value: 1}}, &reply)
	return reply.Branches, err
}

// Get describes a branch.
func (b Branches) Get(ctx context.Context, name string) (*BranchInfo, error) {
	var reply struct{ Branch BranchInfo }
	err := b.p.c.run(ctx, b.p.name, bson.D{{Key: "argonBranchGet", Value: name}}, &reply)
	return &reply.Branch, err
}

// Delete deletes a branch's name.
func (b Branches) Delete(ctx context.Context, name string) error {
	return b.p.c.run(ctx, b.p.name, bson.D{{Key: "argonBranchDelete", Value: name}}, nil)
}

// Move is something that happened to a branch itself.
type Move struct {
	Branch string    `bson:"branch" json:"branch"`
	Op     string    `bson:"op" json:"op"` // "create", "restore", "delete", "protect", "unprotect"
	LSN    int64     `bson:"lsn" json:"lsn"`
	Time   time.Time `bson:"time" json:"time"`
	Actor  string    `bson:"actor" json:"actor"`
	From   int64     `bson:"from" json:"from"` // the head that was left, or 0
	To     int64     `bson:"to" json:"to"`
}

// Moves lists what happened to the branches that had a name, newest first.
func (b Branches) Moves(ctx context.Context, name string) ([]Move, error) {
	var reply struct{ Moves []Move }
	err := b.p.c.run(ctx, b.p.name, bson.D{{Key: "argonBranchMoves", Value: name}}, &reply)
	return reply.Moves, err
}

// Protect makes a branch take merges and no other change.
func (b Branches) Protect(ctx context.Context, name string) (*BranchInfo, error) {
	return b.protect(ctx, "argonBranchProtect", name)
}

// Unprotect lets a branch that took merges only take writes again.
func (b Branches) Unprotect(ctx context.Context, name string) (*BranchInfo, error) {
	return b.protect(ctx, "argonBranchUnprotect", name)
}

func (b Branches) protect(ctx context.Context, command, name string) (*BranchInfo, error) {
	var reply struct{ Branch BranchInfo }
	err := b.p.c.run(ctx, b.p.name, bson.D{{Key: command, Value: name}}, &reply)
	return &reply.Branch, err
}

// Merge merges a ref of the project into a branch; see Branch.Merge.
func (b Branches) Merge(ctx context.Context, from, into string, o *MergeOptions) (*MergeResult, error) {
	return b.p.mergeRefs(ctx, from, into, o)
}

// Branch is a branch at its head or, read-only, at a moment.
type Branch struct {
	project *Project
	name    string
	moment  string

	actor, message string
	txn            *Transaction
}

// Name returns the branch's name.
func (b *Branch) Name() string { return b.name }

// Moment returns the moment that the branch is at, "" for its head.
func (b *Branch) Moment() string { return b.moment }

// Project returns the branch's project.
func (b *Branch) Project() *Project { return b.project }

// At returns the branch at a moment: an LSN ("1024"), a time (RFC 3339), a count
// of commits back ("-3") or a tag. It is read-only.
func (b *Branch) At(moment string) *Branch {
	pinned := *b
	pinned.moment = moment
	return &pinned
}

// As returns the branch for writing in the name of an actor, with a message for
// the log.
func (b *Branch) As(actor, message string) *Branch {
	named := *b
	named.actor, named.message = actor, message
	return &named
}

// Database returns the name that commands use: project~branch~moment.
func (b *Branch) Database() string {
	parts := []string{b.project.name}
	if b.name != "main" || b.moment != "" {
		parts = append(parts, b.name)
	}
	if b.moment != "" {
		parts = append(parts, b.moment)
	}
	return strings.Join(parts, "~")
}

// Ref returns the branch as other commands name it: branch@moment.
func (b *Branch) Ref() string {
	if b.moment == "" {
		return b.name
	}
	return b.name + "@" + b.moment
}

// Collection returns a collection of the branch; it need not be there yet.
func (b *Branch) Collection(name string) *Collection { return &Collection{b, name} }

// generic appends the fields that say who acts, and in which transaction.
func (b *Branch) generic(cmd bson.D) bson.D {
	if b.actor != "" || b.message != "" {
		var who bson.D
		if b.actor != "" {
			who = append(who, bson.E{Key: "actor", Value: b.actor})
		}
		if b.message != "" {
			who = append(who, bson.E{Key: "message", Value: b.message})
		}
		cmd = append(cmd, bson.E{Key: "$argon", Value: who})
	}
	if b.txn != nil {
		cmd = b.txn.append(cmd)
	}
	return cmd
}

func (b *Branch) run(ctx context.Context, f *fields, out any) error {
	if f.err != nil {
		return f.err
	}
	return b.project.c.run(ctx, b.Database(), b.generic(f.doc), out)
}

func (b *Branch) cursor(ctx context.Context, f *fields) (*Documents, error) {
	if f.err != nil {
		return nil, f.err
	}
	raw, err := marshal(b.generic(f.doc))
	if err != nil {
		return nil, err
	}
	cur, err := b.project.c.OpenCursor(ctx, b.Database(), raw)
	if err != nil {
		return nil, err
	}
	return &Documents{cur: cur}, nil
}

// Run runs any command on the branch: a bson.D, a struct or raw bytes whose
// first field names it.
func (b *Branch) Run(ctx context.Context, cmd any) (Document, error) {
	raw, err := marshal(cmd)
	if err != nil {
		return nil, err
	}
	reply, err := b.project.c.RunCommand(ctx, b.Database(), raw)
	return Document(reply), err
}

// Collections lists the names of collections and views.
func (b *Branch) Collections(ctx context.Context) ([]string, error) {
	cur, err := b.cursor(ctx, newFields("listCollections", 1).flag("nameOnly", true))
	if err != nil {
		return nil, err
	}
	var docs []struct{ Name string }
	if err := cur.All(ctx, &docs); err != nil {
		return nil, err
	}
	names := make([]string, len(docs))
	for i, d := range docs {
		names[i] = d.Name
	}
	return names, nil
}

// Moment is what a ref stands for.
type Moment struct {
	Project  string     `bson:"project" json:"project"`
	Branch   string     `bson:"branch" json:"branch"`
	Moment   string     `bson:"moment" json:"moment"`
	LSN      int64      `bson:"lsn" json:"lsn"`
	Time     *time.Time `bson:"time" json:"time"`
	FirstLSN int64      `bson:"firstLSN" json:"firstLSN"`
	HeadLSN  int64      `bson:"headLSN" json:"headLSN"`
}

// Resolve says which commit the branch, at its moment, stands for.
func (b *Branch) Resolve(ctx context.Context) (*Moment, error) {
	var m Moment
	err := b.project.c.run(ctx, b.project.name, bson.D{{Key: "argonResolve", Value: b.Ref()}}, &m)
	return &m, err
}

// RestoreResult is what a restore did.
type RestoreResult struct {
	Branch BranchInfo `bson:"branch" json:"branch"`
	From   int64      `bson:"from" json:"from"` // the head that was left
	To     int64      `bson:"to" json:"to"`
}

// Restore makes the branch look as it did at a moment. What it leaves stays
// readable under its own LSNs.
func (b *Branch) Restore(ctx context.Context, at string) (*RestoreResult, error) {
	if at == "" {
		return nil, errs.New(errs.InvalidMoment, "a restore needs a moment to go back to")
	}
	cmd := b.generic(newFields("argonBranchRestore", b.name).str("at", at).doc)
	var r RestoreResult
	err := b.project.c.run(ctx, b.project.name, cmd, &r)
	return &r, err
}

// Documents is a stream of documents. Close it.
type Documents struct {
	cur Cursor
	doc bsonraw.Doc
	err error
}

// Next moves to the next document and reports whether there is one.
func (d *Documents) Next(ctx context.Context) bool {
	var ok bool
	d.doc, ok, d.err = d.cur.Next(ctx)
	return ok && d.err == nil
}

// Current returns the document, valid until the next Next or Close.
func (d *Documents) Current() Document { return Document(d.doc) }

// Decode decodes the document.
func (d *Documents) Decode(out any) error {
	if err := bson.Unmarshal(d.doc, out); err != nil {
		return errs.Wrap(err, errs.BadValue, "cannot decode a document into a %T", out)
	}
	return nil
}

// Err returns what ended the stream early, or nil.
func (d *Documents) Err() error { return d.err }

// Close ends the stream.
func (d *Documents) Close() error { return d.cur.Close() }
