package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

type branchCreateArgs struct {
	name string
	from refs.Ref
}

func argonBranchCreateCommand() *Command {
	type args = branchCreateArgs
	return definition[args]{
		Command: Command{
			Name: "argonBranchCreate", Group: Branches, traits: project | numbered,
			Help:    "Makes a branch from another one, at its head or at any moment. It is one small write, whatever the size of the data.",
			Example: `{argonBranchCreate: "experiment-1", from: "main@-1"}`, DB: "shop",
		},
		access: needing("createBranch on the new branch, and find on the one that it is made from", func(n *needs, a *args) {
			n.branch(a.name, auth.CreateBranch)
			n.branch(a.from.Branch, auth.Find)
		}),
		fields: []field[args]{
			text("argonBranchCreate", func(a *args) *string { return &a.name }).need().about("The new branch's name."),
			refField("from", func(a *args) *refs.Ref { return &a.from }).about("branch, or branch@moment; else the database's own branch and moment."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			br, err := c.d.store.CreateBranch(ctx, c.ref.Project, a.name, c.inProject(a.from), c.meta())
			if err != nil {
				return nil, err
			}
			b := c.reply(256)
			describeBranch(b, "branch", br)
			return c.ok(), nil
		},
		again: branchAgain(func(c *call) string { return c.args.(*args).name }),
	}.build()
}

func argonBranchListCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "argonBranchList", Group: Branches, traits: project,
			Help:    "Lists the branches of a project by name.",
			Example: `{argonBranchList: 1}`, DB: "shop",
		},
		access: anyUser[args](),
		fields: []field[args]{one[args]("argonBranchList", 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			list, err := c.d.store.Branches(ctx, c.ref.Project)
			if err != nil {
				return nil, err
			}
			b := c.reply(192 * (len(list) + 1))
			b.BeginArray("branches")
			n := 0
			for _, br := range list {
				if c.sees(br.Project, br.Name) {
					describeBranch(b, bsonraw.Index(n), br)
					n++
				}
			}
			b.End()
			return c.ok(), nil
		},
	}.build()
}

func argonBranchGetCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "argonBranchGet", Group: Branches, traits: project,
			Help:    "Describes a branch.",
			Example: `{argonBranchGet: "main"}`, DB: "shop",
		},
		access: needing("listBranches on the branch", func(n *needs, a *nameArgs) { n.branch(a.name, auth.ListBranches) }),
		fields: []field[nameArgs]{
			text("argonBranchGet", func(a *nameArgs) *string { return &a.name }).need().about("The branch's name."),
		},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			br, err := c.d.store.Branch(ctx, c.ref.Project, a.name)
			if err != nil {
				return nil, err
			}
			b := c.reply(256)
			describeBranch(b, "branch", br)
			return c.ok(), nil
		},
	}.build()
}

func argonBranchDeleteCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "argonBranchDelete", Group: Branches, traits: project | numbered,
			Help:    "Deletes a branch's name. What tags and other branches need of it stays; the rest goes with argonGC.",
			Example: `{argonBranchDelete: "experiment-1"}`, DB: "shop",
		},
		access: needing("dropBranch on the branch", func(n *needs, a *nameArgs) { n.branch(a.name, auth.DropBranch) }),
		fields: []field[nameArgs]{
			text("argonBranchDelete", func(a *nameArgs) *string { return &a.name }).need().about("The branch's name."),
		},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			if err := c.d.store.DeleteBranch(ctx, c.ref.Project, a.name, c.meta()); err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

type branchRestoreArgs struct {
	name string
	at   refs.Moment
}

func argonBranchRestoreCommand() *Command {
	type args = branchRestoreArgs
	return definition[args]{
		Command: Command{
			Name: "argonBranchRestore", Group: Branches, traits: project | numbered,
			Help:    "Makes a branch look as it did at a moment. What it leaves behind stays readable under its own LSNs, and restoring to LSN from brings it back.",
			Example: `{argonBranchRestore: "main", at: "-1"}`, DB: "shop",
		},
		access: needing("restoreBranch on the branch", func(n *needs, a *args) { n.branch(a.name, auth.RestoreBranch) }),
		fields: []field[args]{
			text("argonBranchRestore", func(a *args) *string { return &a.name }).need().about("The branch's name."),
			atMoment("at", func(a *args) *refs.Moment { return &a.at }).need(),
		},
		run:   runBranchRestore,
		again: branchAgain(func(c *call) string { return c.args.(*args).name }),
	}.build()
}

func runBranchRestore(ctx context.Context, c *call, a *branchRestoreArgs) (bsonraw.Doc, error) {
	if err := refs.ValidBranchName(a.name); err != nil {
		return nil, err
	}
	if a.at.IsHead() {
		return nil, errs.New(errs.InvalidMoment, "a restore needs a moment to go back to, got the head")
	}
	ref := refs.Ref{Project: c.ref.Project, Branch: a.name, Moment: a.at}
	br, from, err := c.d.store.Restore(ctx, ref, c.meta())
	if err != nil {
		return nil, err
	}
	b := c.reply(256)
	describeBranch(b, "branch", br)
	b.Int64("from", int64(from))
	b.Int64("to", int64(br.ForkLSN))
	return c.ok(), nil
}

func argonBranchMovesCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "argonBranchMoves", Group: Branches, traits: project,
			Help:    "Lists what happened to a branch itself, newest first: it was made, restored, deleted, protected or unprotected, by whom, and the LSN of the head that it left. Restoring to that LSN brings back what a restore took away.",
			Example: `{argonBranchMoves: "main"}`, DB: "shop",
		},
		access: needing("listBranches on the branch", func(n *needs, a *nameArgs) { n.branch(a.name, auth.ListBranches) }),
		fields: []field[nameArgs]{
			text("argonBranchMoves", func(a *nameArgs) *string { return &a.name }).need().about("The branch's name."),
		},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			moves, err := c.d.store.Moves(ctx, c.ref.Project, a.name)
			if err != nil {
				return nil, err
			}
			b := c.reply(128 * (len(moves) + 1))
			b.BeginArray("moves")
			for i := range moves {
				describeMove(b, bsonraw.Index(i), &moves[i])
			}
			b.End()
			return c.ok(), nil
		},
	}.build()
}

func argonBranchProtectCommand() *Command {
	return protectCommand("argonBranchProtect", true,
		"Makes a branch take merges and no other change: writes to it, also of transactions that are open, restoring and deleting it are refused until argonBranchUnprotect.")
}

func argonBranchUnprotectCommand() *Command {
	return protectCommand("argonBranchUnprotect", false, "Lets a branch that took merges only take writes again.")
}

func protectCommand(name string, on bool, help string) *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: name, Group: Branches, traits: project | numbered,
			Help: help, Example: "{" + name + `: "main"}`, DB: "shop",
		},
		access: needing("protectBranch on the branch", func(n *needs, a *nameArgs) { n.branch(a.name, auth.ProtectBranch) }),
		fields: []field[nameArgs]{
			text(name, func(a *nameArgs) *string { return &a.name }).need().about("The branch's name."),
		},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			br, err := c.d.store.OnlyMerges(ctx, refs.Ref{Project: c.ref.Project, Branch: a.name}, on, c.meta())
			if err != nil {
				return nil, err
			}
			b := c.reply(256)
			describeBranch(b, "branch", br)
			return c.ok(), nil
		},
		again: branchAgain(func(c *call) string { return c.args.(*nameArgs).name }),
	}.build()
}
