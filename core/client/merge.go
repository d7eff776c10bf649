package client

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/errs"
)

// Resolution settles one conflict of a plan, by its number or by its place.
type Resolution struct {
	N          int    // from 1; or else:
	Collection string //
	ID         any    //
	Path       string // "" is the whole document
	Take       string // "ours", "theirs" or "base"; or else Value
	Value      any
	Remove     bool // instead of Take and Value: remove the field
}

// Resolve says what to do about conflicts, and which plan was looked at.
type Resolve struct {
	Strategy     string // "", "ours" or "theirs": for all that Resolutions leave
	Resolutions  []Resolution
	ExpectOurs   int64 // LSNs of the plan; 0 is any
	ExpectTheirs int64
}

// MergeOptions of a merge. Nil options are none.
type MergeOptions struct {
	Resolve
	Actor, Message string
}

// Conflict is one conflict of a plan.
type Conflict struct {
	N          int    `bson:"n" json:"n"`
	Collection string `bson:"collection" json:"collection"`
	ID         Value  `bson:"_id" json:"_id"`
	Path       string `bson:"path" json:"path"` // "" is the whole document
	Kind       string `bson:"kind" json:"kind"`
	Base       Value  `bson:"base" json:"base"`
	Ours       Value  `bson:"ours" json:"ours"`
	Theirs     Value  `bson:"theirs" json:"theirs"`
	Resolved   string `bson:"resolved,omitempty" json:"resolved,omitempty"`
}

// PlanCounts says how much a plan changes.
type PlanCounts struct {
	Inserted   int64 `bson:"inserted" json:"inserted"`
	Updated    int64 `bson:"updated" json:"updated"`
	Deleted    int64 `bson:"deleted" json:"deleted"`
	Catalog    int64 `bson:"catalog" json:"catalog"`
	Conflicts  int64 `bson:"conflicts" json:"conflicts"`
	Unresolved int64 `bson:"unresolved" json:"unresolved"`
}

// PlannedChange is one document that a plan changes.
type PlannedChange struct {
	Collection string `bson:"collection" json:"collection"`
	ID         Value  `bson:"_id" json:"_id"`
	Op         string `bson:"op" json:"op"`
}

// Plan is what a merge or an undo would do.
type Plan struct {
	From      string          `bson:"from,omitempty" json:"from,omitempty"`
	Into      string          `bson:"into,omitempty" json:"into,omitempty"`
	Branch    string          `bson:"branch,omitempty" json:"branch,omitempty"` // of an undo
	Commits   int64           `bson:"commits,omitempty" json:"commits,omitempty"`
	Base      *MergedAt       `bson:"base,omitempty" json:"base,omitempty"`
	UpToDate  bool            `bson:"upToDate" json:"upToDate"`
	OursLSN   int64           `bson:"oursLSN" json:"oursLSN"`
	TheirsLSN int64           `bson:"theirsLSN,omitempty" json:"theirsLSN,omitempty"`
	Counts    PlanCounts      `bson:"counts" json:"counts"`
	Changes   []PlannedChange `bson:"changes" json:"changes"` // the first ones
	Conflicts []Conflict      `bson:"conflicts" json:"conflicts"`
}

// MergeResult is what a merge or an undo did.
type MergeResult struct {
	Merged bool  `bson:"merged" json:"merged,omitempty"`
	Undone bool  `bson:"undone" json:"undone,omitempty"`
	LSN    int64 `bson:"lsn" json:"lsn"`
	Plan   `bson:",inline"`
}

// append puts what Resolve says into a command.
func (r *Resolve) append(f *fields) {
	f.str("strategy", r.Strategy)
	if len(r.Resolutions) > 0 {
		list := make(bson.A, len(r.Resolutions))
		for i := range r.Resolutions {
			st := r.Resolutions[i].document()
			if st.err != nil {
				f.err = st.err
				return
			}
			list[i] = st.doc
		}
		f.set("resolutions", list)
	}
	expect := &fields{}
	expect.num("ours", r.ExpectOurs).num("theirs", r.ExpectTheirs)
	if len(expect.doc) > 0 {
		f.set("expect", expect.doc)
	}
}

func (r *Resolution) document() *fields {
	f := &fields{doc: bson.D{}}
	if r.N != 0 {
		f.set("n", r.N)
	} else {
		f.set("collection", r.Collection).value("_id", r.ID).set("path", r.Path)
	}
	switch {
	case r.Remove:
		f.set("remove", true)
	case r.Take != "":
		f.set("take", r.Take)
	default:
		f.value("value", r.Value)
	}
	return f
}

func (p *Project) mergeCommand(name, from, into string, o *MergeOptions) (bson.D, error) {
	if o == nil {
		o = &MergeOptions{}
	}
	f := newFields(name, from).str("into", into).str("message", o.Message)
	o.append(f)
	b := p.Branch("main").As(o.Actor, o.Message)
	return b.generic(f.doc), f.err
}

func (p *Project) mergeRefs(ctx context.Context, from, into string, o *MergeOptions) (*MergeResult, error) {
	cmd, err := p.mergeCommand("argonMerge", from, into, o)
	if err != nil {
		return nil, err
	}
	var r MergeResult
	return &r, p.c.run(ctx, p.name, cmd, &r)
}

// MergePlan shows what merging the branch, at its moment, into another would do.
func (b *Branch) MergePlan(ctx context.Context, into string, o *MergeOptions) (*Plan, error) {
	cmd, err := b.project.mergeCommand("argonMergePlan", b.Ref(), into, o)
	if err != nil {
		return nil, err
	}
	var reply struct{ Plan Plan }
	err = b.project.c.run(ctx, b.project.name, cmd, &reply)
	return &reply.Plan, err
}

// Merge merges the branch, at its moment, into another. Conflicts that are not
// resolved are error MergeConflict (Conflicts reads them), and nothing is
// written.
func (b *Branch) Merge(ctx context.Context, into string, o *MergeOptions) (*MergeResult, error) {
	return b.project.mergeRefs(ctx, b.Ref(), into, o)
}

// Conflicts returns the conflicts of a MergeConflict error, nil for any other.
func Conflicts(err error) []Conflict {
	e := errs.As(err)
	if e == nil || e.Code != errs.MergeConflict {
		return nil
	}
	var details struct{ Conflicts []Conflict }
	if bson.Unmarshal(e.Details, &details) != nil {
		return nil
	}
	return details.Conflicts
}

// UndoOptions choose what to undo: commits by LSN (From and To are inclusive, 0
// is open), by actor, by time.
type UndoOptions struct {
	Resolve
	LSN, From, To int64
	Actor         string
	Since, Until  time.Time
	By, Message   string // who undoes, and why
}

func (o *UndoOptions) command(b *Branch, dryRun bool) (*fields, *Branch) {
	f := newFields("argonUndo", 1).num("lsn", o.LSN).num("from", o.From).num("to", o.To).str("actor", o.Actor).
		time("since", o.Since).time("until", o.Until).flag("dryRun", dryRun)
	o.append(f)
	if o.By != "" || o.Message != "" {
		b = b.As(o.By, o.Message)
	}
	return f, b
}

// UndoPlan shows what an undo would do.
func (b *Branch) UndoPlan(ctx context.Context, o *UndoOptions) (*Plan, error) {
	f, b := o.command(b, true)
	var reply struct{ Plan Plan }
	err := b.run(ctx, f, &reply)
	return &reply.Plan, err
}

// Undo takes back commits in the middle of the branch's history and keeps what
// others did since.
func (b *Branch) Undo(ctx context.Context, o *UndoOptions) (*MergeResult, error) {
	f, b := o.command(b, false)
	var r MergeResult
	return &r, b.run(ctx, f, &r)
}
