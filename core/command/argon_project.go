package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
)

type nameArgs struct {
	name string
}

func argonProjectCreateCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "argonProjectCreate", Group: Projects, traits: adminOnly | numbered,
			Help:    "Makes a project with an empty branch main. A first write makes one too.",
			Example: `{argonProjectCreate: "shop"}`, DB: "admin",
		},
		access: needing("createProject on the project", func(n *needs, a *nameArgs) { n.database(a.name, "", auth.CreateProject) }),
		fields: []field[nameArgs]{
			text("argonProjectCreate", func(a *nameArgs) *string { return &a.name }).need().about("The project's name."),
		},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			p, err := c.d.store.CreateProject(ctx, a.name, c.meta())
			if err != nil {
				return nil, err
			}
			b := c.reply(128)
			describeProject(b, "project", p)
			return c.ok(), nil
		},
		again: projectAgain,
	}.build()
}

func argonProjectListCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "argonProjectList", Group: Projects, traits: adminOnly,
			Help:    "Lists the projects by name.",
			Example: `{argonProjectList: 1}`, DB: "admin",
		},
		access: anyUser[args](),
		fields: []field[args]{one[args]("argonProjectList", 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			list, err := c.d.store.Projects(ctx)
			if err != nil {
				return nil, err
			}
			b := c.reply(128 * (len(list) + 1))
			b.BeginArray("projects")
			n := 0
			for _, p := range list {
				ok, err := c.seesProject(ctx, p.Name)
				if err != nil {
					return nil, err
				}
				if ok {
					describeProject(b, bsonraw.Index(n), p)
					n++
				}
			}
			b.End()
			return c.ok(), nil
		},
	}.build()
}

func argonProjectDeleteCommand() *Command {
	return definition[nameArgs]{
		Command: Command{
			Name: "argonProjectDelete", Group: Projects, traits: adminOnly | numbered,
			Help:    "Deletes a project with all its branches, tags and history. Its space comes back with argonGC.",
			Example: `{argonProjectDelete: "shop"}`, DB: "admin",
		},
		access: needing("dropProject on all branches of the project", func(n *needs, a *nameArgs) { n.project(a.name, auth.DropProject) }),
		fields: []field[nameArgs]{
			text("argonProjectDelete", func(a *nameArgs) *string { return &a.name }).need().about("The project's name."),
		},
		run: func(ctx context.Context, c *call, a *nameArgs) (bsonraw.Doc, error) {
			if err := c.d.store.DeleteProject(ctx, a.name, c.meta()); err != nil {
				return nil, err
			}
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}
