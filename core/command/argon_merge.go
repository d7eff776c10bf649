package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

type mergeArgs struct {
	from, into refs.Ref
	resolve    engine.Resolve
	message    string
}

// mergeFields are what argonMergePlan and argonMerge have in common.
func mergeFields(name string) []field[mergeArgs] {
	fields := []field[mergeArgs]{
		refField(name, func(a *mergeArgs) *refs.Ref { return &a.from }).need().about("What to merge: branch, or branch@moment."),
		refField("into", func(a *mergeArgs) *refs.Ref { return &a.into }).about("The branch to merge into; else the database's own."),
		text("message", func(a *mergeArgs) *string { return &a.message }).about("Stands in the log."),
	}
	return append(fields, resolveFields(func(a *mergeArgs) *engine.Resolve { return &a.resolve })...)
}

// resolveFields say what to do about conflicts.
func resolveFields[A any](at func(*A) *engine.Resolve) []field[A] {
	return []field[A]{
		text("strategy", func(a *A) *string { return &at(a).Strategy }).about(`What to take wherever there is a conflict: "ours" or "theirs".`),
		kind("resolutions", "array", []bsonraw.Type{bsonraw.Array}, func(a *A, v bsonraw.Value) error {
			return readResolutions(v.Doc(), at(a))
		}).about(`What to take for single conflicts: [{n, or collection, _id and path; take: "ours", "theirs" or "base", or value}].`),
		kind("expect", "object", []bsonraw.Type{bsonraw.Object}, func(a *A, v bsonraw.Value) error {
			return expectTable.read(at(a), v.Doc(), nil)
		}).about("{ours: LSN, theirs: LSN} of the plan that was shown; if a branch has moved on, nothing is done."),
	}
}

var expectTable = newTable("expect", []field[engine.Resolve]{
	lsnField("ours", func(r *engine.Resolve) *mvcc.LSN { return &r.ExpectOurs }),
	lsnField("theirs", func(r *engine.Resolve) *mvcc.LSN { return &r.ExpectTheirs }),
})

type resolutionArgs struct {
	engine.Resolution
	n        int64
	hasValue bool
}

var resolutionTable = newTable("resolutions", []field[resolutionArgs]{
	natural("n", func(a *resolutionArgs) *int64 { return &a.n }),
	text("collection", func(a *resolutionArgs) *string { return &a.Collection }),
	anything("_id", func(a *resolutionArgs) *bsonraw.Value { return &a.ID }),
	text("path", func(a *resolutionArgs) *string { return &a.Path }),
	text("take", func(a *resolutionArgs) *string { return &a.Take }),
	kind("value", "any", nil, func(a *resolutionArgs, v bsonraw.Value) error {
		a.Value, a.hasValue = v, true
		return nil
	}),
	flag("remove", func(a *resolutionArgs) *bool { return &a.hasValue }),
})

// readResolutions reads the settled conflicts of a plan.
func readResolutions(list bsonraw.Doc, out *engine.Resolve) error {
	it := list.Iter()
	for n := 1; it.Next(); n++ {
		if it.Value().Type != bsonraw.Object {
			return errs.New(errs.TypeMismatch, wrongType, "resolutions", it.Key(), it.Value().Type.Name(), " 'object'")
		}
		var a resolutionArgs
		if err := resolutionTable.read(&a, it.Value().Doc(), nil); err != nil {
			return err
		}
		switch {
		case a.n == 0 && a.Collection == "":
			return errs.New(errs.FailedToParse, "resolution %d names no conflict: it needs n, or collection, _id and path", n)
		case (a.Take == "") != a.hasValue:
			return errs.New(errs.FailedToParse, "resolution %d needs one of take, value and remove: true", n)
		}
		switch a.Take {
		case "", "ours", "theirs", "base":
		default:
			return errs.New(errs.BadValue, "resolution %d takes %q, which is none of ours, theirs and base", n, a.Take)
		}
		a.N = int(a.n)
		out.Resolutions = append(out.Resolutions, a.Resolution)
	}
	return nil
}

func (a *mergeArgs) spec(c *call) *engine.MergeSpec {
	meta := c.meta()
	if a.message != "" {
		meta.Message = a.message
	}
	return &engine.MergeSpec{
		Project: c.ref.Project, From: c.inProject(a.from), Into: c.inProject(a.into),
		Resolve: a.resolve, Meta: meta,
	}
}

func argonMergePlanCommand() *Command {
	return definition[mergeArgs]{
		Command: Command{
			Name: "argonMergePlan", Group: Branches, traits: project,
			Help:    "Shows what a merge would do: what changes, and each conflict with its base, ours and theirs. Nothing is written.",
			Example: `{argonMergePlan: "experiment-1", into: "main"}`, DB: "shop",
		},
		access: needing("find on both branches", func(n *needs, a *mergeArgs) {
			n.branch(a.from.Branch, auth.Find)
			n.branch(a.into.Branch, auth.Find)
		}),
		fields: mergeFields("argonMergePlan"),
		run: func(ctx context.Context, c *call, a *mergeArgs) (bsonraw.Doc, error) {
			plan, err := c.d.store.MergePlan(ctx, a.spec(c))
			if err != nil {
				return nil, err
			}
			return c.okWith(plan), nil
		},
	}.build()
}

func argonMergeCommand() *Command {
	return definition[mergeArgs]{
		Command: Command{
			Name: "argonMerge", Group: Branches, traits: project | numbered,
			Help:    "Merges a branch into another one, field by field, in one commit. Conflicts that are not resolved are error 970010 with the conflicts in errInfo, and nothing is written.",
			Example: `{argonMerge: "experiment-1", into: "main", strategy: "theirs", message: "take the experiment"}`, DB: "shop",
		},
		access: needing("mergeBranch on the branch that is merged into, and find on the other", func(n *needs, a *mergeArgs) {
			n.branch(a.from.Branch, auth.Find)
			n.branch(a.into.Branch, auth.MergeBranch)
		}),
		fields: mergeFields("argonMerge"),
		run: func(ctx context.Context, c *call, a *mergeArgs) (bsonraw.Doc, error) {
			done, err := c.d.store.Merge(ctx, a.spec(c))
			if err != nil {
				return nil, err
			}
			return c.okWith(done), nil
		},
	}.build()
}
