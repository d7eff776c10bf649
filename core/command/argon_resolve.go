package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/refs"
)

type resolveArgs struct {
	ref refs.Ref
}

func argonResolveCommand() *Command {
	type args = resolveArgs
	return definition[args]{
		Command: Command{
			Name: "argonResolve", Group: History, traits: project,
			Help:    "Says which commit a branch, or a branch at a moment, stands for, and what the branch's first and newest commits are.",
			Example: `{argonResolve: "main@-1"}`, DB: "shop",
		},
		access: needing("listBranches on the branch", func(n *needs, a *args) { n.branch(a.ref.Branch, auth.ListBranches) }),
		fields: []field[args]{
			refField("argonResolve", func(a *args) *refs.Ref { return &a.ref }).need().about("branch, or branch@moment."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			ref := c.inProject(a.ref)
			m, err := c.d.store.Resolve(ctx, ref)
			if err != nil {
				return nil, err
			}
			b := c.reply(256)
			b.String("project", ref.Project)
			b.String("branch", ref.Branch)
			b.String("moment", ref.Moment.String())
			b.Int64("lsn", int64(m.LSN))
			if m.Time.IsZero() {
				b.Null("time")
			} else {
				b.Time("time", m.Time)
			}
			b.Int64("firstLSN", int64(m.FirstLSN))
			b.Int64("headLSN", int64(m.HeadLSN))
			return c.ok(), nil
		},
	}.build()
}
