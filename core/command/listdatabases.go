package command

import (
	"context"
	"slices"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
	"github.com/argon-lab/argon/core/refs"
)

type listDatabasesArgs struct {
	filter   bsonraw.Doc
	nameOnly bool
	// authorized lists only what may be read, also to who may list all; with no,
	// on the other hand, who may not gets an error.
	authorized triState
}

func listDatabasesCommand() *Command {
	type args = listDatabasesArgs
	return definition[args]{
		Command: Command{
			Name: "listDatabases", Group: Catalog, traits: adminOnly,
			Help:    "Lists projects, and their branches as project~branch, but not those whose collections were all dropped.",
			Example: `{listDatabases: 1, nameOnly: true}`, DB: "admin",
		},
		access: needing("a user; listDatabases on the cluster to see all", func(n *needs, a *args) {
			if a.authorized == no {
				n.cluster(auth.ListDatabases)
			}
		}),
		fields: []field[args]{
			one[args]("listDatabases", 0, ""),
			object("filter", func(a *args) *bsonraw.Doc { return &a.filter }).about("A filter on what is listed."),
			flag("nameOnly", func(a *args) *bool { return &a.nameOnly }).about("Only names."),
			kind("authorizedDatabases", "bool", []bsonraw.Type{bsonraw.Boolean}, func(a *args, v bsonraw.Value) error {
				a.authorized = no
				if v.Bool() {
					a.authorized = yes
				}
				return nil
			}).about("true: only what the user may read; false: all, or an error. Else all, or what the user may read."),
		},
		run: runListDatabases,
	}.build()
}

// runListDatabases gives no size of its own to a branch: branches share what
// they have in common. The total is the store's.
func runListDatabases(ctx context.Context, c *call, a *listDatabasesArgs) (bsonraw.Doc, error) {
	filter, err := query.Compile(orEmpty(a.filter), nil)
	if err != nil {
		return nil, err
	}
	all := c.may(auth.Target{Cluster: true}, auth.ListDatabases) && a.authorized != yes
	branches, err := c.databases(ctx)
	if err != nil {
		return nil, err
	}
	b := c.reply(1024)
	b.BeginArray("databases")
	n := 0
	for _, br := range branches {
		if !all && !c.sees(br.Project, br.Name) {
			continue
		}
		doc, err := c.describeDatabase(ctx, br, a.nameOnly)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ok, err := filter.Match(doc)
		if err != nil {
			return nil, err
		}
		if ok && doc != nil {
			b.Doc(bsonraw.Index(n), doc)
			n++
		}
	}
	b.End()
	if !a.nameOnly {
		if err := c.appendTotalSize(ctx, b); err != nil {
			return nil, err
		}
	}
	return c.ok(), nil
}

// databases lists every branch of every project, main branches first.
func (c *call) databases(ctx context.Context) ([]*engine.Branch, error) {
	projects, err := c.d.store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	var out []*engine.Branch
	for _, p := range projects {
		branches, err := c.d.store.Branches(ctx, p.Name)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(branches, func(a, b *engine.Branch) int { return mainFirst(a) - mainFirst(b) })
		out = append(out, branches...)
	}
	return out, nil
}

func mainFirst(br *engine.Branch) int {
	if br.Name == refs.Main {
		return 0
	}
	return 1
}

// gone reports whether what was listed a moment ago was deleted since.
func gone(err error) bool {
	return errs.Is(err, errs.ProjectNotFound) || errs.Is(err, errs.BranchNotFound)
}

// describeDatabase returns nil of a branch whose collections were all dropped: in
// MongoDB such a database is gone, and drivers and tools look whether it is. A
// branch that nothing was written to yet is listed, so that it can be found.
func (c *call) describeDatabase(ctx context.Context, br *engine.Branch, nameOnly bool) (bsonraw.Doc, error) {
	ref := refs.Ref{Project: br.Project, Branch: br.Name}
	snap, err := c.d.store.Snapshot(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	list, err := snap.Collections(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 && br.HeadLSN > br.ForkLSN {
		return nil, nil
	}
	b := bsonraw.NewBuilder(nil)
	b.String("name", refs.FormatDBName(ref))
	if !nameOnly {
		b.Int64("sizeOnDisk", 0)
		b.Bool("empty", len(list) == 0)
	}
	return b.Finish(), nil
}

func (c *call) appendTotalSize(ctx context.Context, b *bsonraw.Builder) error {
	status, err := c.d.store.Status(ctx)
	if err != nil {
		return err
	}
	size, _ := status.Get("sizeOnDisk").AsInt64()
	if inner := status.Get("store").Doc(); inner != nil {
		size, _ = inner.Get("sizeOnDisk").AsInt64()
	}
	b.Int64("totalSize", size)
	b.Int64("totalSizeMb", size>>20)
	return nil
}
