package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/refs"
)

type tagCreateArgs struct {
	name   string
	branch refs.Ref
	at     refs.Moment
}

func argonTagCreateCommand() *Command {
	type args = tagCreateArgs
	return definition[args]{
		Command: Command{
			Name: "argonTagCreate", Group: Tags, traits: project | numbered,
			Help:    "Gives a branch at a moment an immutable name. Retention never removes what a tag can see.",
			Example: `{argonTagCreate: "v1", branch: "main"}`, DB: "shop",
		},
		access: needing("createTag on the branch", func(n *needs, a *args) { n.branch(a.branch.Branch, auth.CreateTag) }),
		fields: []field[args]{
			text("argonTagCreate", func(a *args) *string { return &a.name }).need().about("The tag's name."),
			refField("branch", func(a *args) *refs.Ref { return &a.branch }).about("The branch, or branch@moment; else the database's own."),
			atMoment("at", func(a *args) *refs.Moment { return &a.at }),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			at := c.inProject(a.branch)
			if !a.at.IsHead() {
				at.Moment = a.at
			}
			t, err := c.d.store.CreateTag(ctx, a.name, at, c.meta())
			if err != nil {
				return nil, err
			}
			b := c.reply(256)
			describeTag(b, "tag", t)
			return c.ok(), nil
		},
		again: tagAgain,
	}.build()
}

func argonTagListCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "argonTagList", Group: Tags, traits: project,
			Help:    "Lists the tags of a project by name.",
			Example: `{argonTagList: 1}`, DB: "shop",
		},
		access: anyUser[args](),
		fields: []field[args]{one[args]("argonTagList", 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			list, err := c.d.store.Tags(ctx, c.ref.Project)
			if err != nil {
				return nil, err
			}
			b := c.reply(128 * (len(list) + 1))
			b.BeginArray("tags")
			n := 0
			for _, t := range list {
				if c.sees(t.Project, t.Branch) {
					describeTag(b, bsonraw.Index(n), t)
					n++
				}
			}
			b.End()
			return c.ok(), nil
		},
	}.build()
}

func argonTagDeleteCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "argonTagDelete", Group: Tags, traits: project | numbered,
			Help:    "Deletes a tag.",
			Example: `{argonTagDelete: "v1"}`, DB: "shop",
		},
		access: needing("dropTag on the branch that is tagged", needsOfTagDelete),
		fields: []field[nameArgs]{
			text("argonTagDelete", func(a *nameArgs) *string { return &a.name }).need().about("The tag's name."),
		},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			if err := c.d.store.DeleteTag(ctx, c.ref.Project, a.name, c.meta()); err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}
