package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/argon-lab/argon/core/client"
	"github.com/argon-lab/argon/core/command"
	"github.com/argon-lab/argon/core/errs"
)

func newMirror(a *app) *cobra.Command {
	cmd := group("mirror", "Follow a live MongoDB into branches",
		newMirrorAdd(a), newMirrorRemove(a), newMirrorList(a), newMirrorStart(a), newMirrorStop(a),
		newMirrorStatus(a), newMirrorVerify(a), newMirrorRole(a))
	cmd.Long = `Follow a live MongoDB: its databases are copied into branches once, and then
every change is applied as it comes, at the source's own time. The branches take
no direct writes; branch from them, instantly, at any moment.`
	cmd.Example = example(`
argon mirror add live --from mongodb://reader@db.example.com/shop
argon mirror start live --foreground
argon branches create exp -p shop --from main
argon time-travel query -p shop -c orders --at 2026-11-24T06:00:00Z`)
	cmd.Aliases = []string{"mirrors"}
	return cmd
}

type mirrorAddOptions struct {
	name, from, onGap, window string
	databases                 []string
	include, exclude          []string
	parallel                  int64
	noSnapshot, adopt         bool
}

func newMirrorAdd(a *app) *cobra.Command {
	var o mirrorAddOptions
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Define a mirror",
		Long: `Define a mirror of a replica set. It looks at the source and at the rights of its
user; argon mirror start runs it.

A database goes into the branch main of a project of its name, or of -p where one
database is mirrored. --database SHOP=project~branch says otherwise.

The connection string is stored in the store's files as it is given, password
included, and shown without it.`,
		Example: example(`
argon mirror add live --from mongodb://reader@db.example.com/shop
argon mirror add live --from "mongodb://a,b,c/?replicaSet=rs0" --database shop --database crm=customers
argon mirror add live --from mongodb://localhost/shop -p copy --exclude "log_*" --exclude tmp`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runMirrorAdd(cmd.Context(), a, &o, cmd.Flags().Changed("project"))
		},
	}
	nameArg(cmd, &o.name)
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "the source: mongodb://… or mongodb+srv://…")
	f.StringArrayVar(&o.databases, "database", nil, "a database, or DATABASE=PROJECT, or DATABASE=PROJECT~BRANCH; may be repeated")
	f.StringArrayVar(&o.include, "include", nil, "a pattern of collections to follow, as order*; may be repeated (all)")
	f.StringArrayVar(&o.exclude, "exclude", nil, "a pattern of collections to leave out; may be repeated")
	f.StringVar(&o.onGap, "on-gap", "", "what to do when the source's oplog no longer reaches back: resync or stop (resync)")
	f.StringVar(&o.window, "window", "", "warn when the oplog reaches back less than this (1h)")
	f.Int64Var(&o.parallel, "parallel", 0, "how many ranges the first copy reads at once (4)")
	f.BoolVar(&o.noSnapshot, "no-snapshot", false, "copy while the stream is buffered, not at one moment")
	f.BoolVar(&o.adopt, "adopt", false, "take branches that hold something, and bring them in line by comparison")
	return cmd
}

func runMirrorAdd(ctx context.Context, a *app, o *mirrorAddOptions, inProject bool) error {
	if o.from == "" {
		return usage("a source is missing\n  usage: argon mirror add NAME --from mongodb://HOST/DATABASE")
	}
	spec := &client.MirrorOptions{
		Name: o.name, Source: o.from, Include: o.include, Exclude: o.exclude, OnGap: o.onGap,
		Parallel: o.parallel, NoSnapshot: o.noSnapshot, Adopt: o.adopt,
	}
	var err error
	if o.window != "" {
		if spec.Window, err = command.ParseDuration(o.window); err != nil {
			return err
		}
	}
	if spec.Databases, err = a.mirrorDatabases(o, inProject); err != nil {
		return err
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	m, err := c.Mirrors().Add(ctx, spec)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(m)
	}
	for _, d := range m.Databases {
		a.printf("Mirror %s: database %s of %s goes into branch %s of project %s.\n", m.Name, d.Database, m.Source, d.Branch, d.Project)
	}
	a.printf("Start it: argon mirror start %s --foreground\n", m.Name)
	return nil
}

// mirrorDatabases reads --database and -p.
func (a *app) mirrorDatabases(o *mirrorAddOptions, inProject bool) ([]client.MirrorDatabase, error) {
	var list []client.MirrorDatabase
	for _, text := range o.databases {
		name, target, _ := strings.Cut(text, "=")
		project, branch, _ := strings.Cut(target, "~")
		list = append(list, client.MirrorDatabase{Database: name, Project: project, Branch: branch})
	}
	if !inProject {
		return list, nil
	}
	if len(list) == 0 {
		name := databaseOf(o.from)
		if name == "" {
			return nil, usage("the connection string names no database: write mongodb://HOST/DATABASE, or say --database")
		}
		list = append(list, client.MirrorDatabase{Database: name})
	}
	if len(list) > 1 {
		return nil, usage("-p names one project and there are %d databases: say --database DATABASE=PROJECT for each", len(list))
	}
	if list[0].Project == "" {
		list[0].Project = a.project
	}
	return list, nil
}

// databaseOf returns the database that a connection string names, or "".
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	_, name, _ := strings.Cut(rest, "/")
	return name
}

func newMirrorRemove(a *app) *cobra.Command {
	var name string
	var yes bool
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Stop a mirror and forget it", Aliases: []string{"rm"},
		Long:    "Stop a mirror and forget it. Its branches stay, and take writes again.",
		Example: example(`argon mirror remove live --yes`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			m, err := c.Mirrors().Status(cmd.Context(), name)
			if err != nil {
				return err
			}
			if err := a.confirm(yes, "Forget mirror "+name+" of "+m.Source+"?"); err != nil {
				return err
			}
			if err := c.Mirrors().Remove(cmd.Context(), name); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"removed": name})
			}
			a.printf("Removed mirror %s. Its branches stay.\n", name)
			return nil
		},
	}
	nameArg(cmd, &name)
	yesFlag(cmd, &yes)
	return cmd
}

func newMirrorList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the mirrors", Aliases: []string{"ls"}, Args: cobra.NoArgs,
		Example: example(`argon mirror list`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			list, err := c.Mirrors().List(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				if list == nil {
					list = []client.MirrorInfo{}
				}
				return a.printJSON(list)
			}
			var rows [][]string
			for _, m := range list {
				for _, d := range m.Databases {
					rows = append(rows, []string{m.Name, m.Source, d.Database, d.Project, d.Branch, d.State, number(int64(len(d.Gaps)))})
				}
			}
			return a.table([]string{"NAME", "SOURCE", "DATABASE", "PROJECT", "BRANCH", "STATE", "GAPS"}, rows)
		},
	}
}

func newMirrorStop(a *app) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "stop NAME", Short: "Stop a mirror",
		Long:    "Stop a mirror. Started again, it goes on where it was, if the source's oplog still\nreaches back so far.",
		Example: example(`argon mirror stop live`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			m, err := c.Mirrors().Stop(cmd.Context(), name)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(m)
			}
			a.printf("Mirror %s is stopped.\n", name)
			return nil
		},
	}
	nameArg(cmd, &name)
	return cmd
}

func newMirrorVerify(a *app) *cobra.Command {
	var name string
	var limit int64
	cmd := &cobra.Command{
		Use: "verify NAME", Short: "Compare a mirror with its source",
		Long: `Compare a mirror with its source: hashes by range of _id, and the documents that
differ by name. Each range is compared at one cluster time. A source keeps a moment
for a few minutes only, so what takes longer goes on at newer ones, which are shown.
It exits with code 10 if any document differs.`,
		Example: example(`argon mirror verify live`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runMirrorVerify(cmd.Context(), a, name, limit)
		},
	}
	nameArg(cmd, &name)
	cmd.Flags().Int64Var(&limit, "limit", 0, "how many differing documents to name (1,000)")
	return cmd
}

func runMirrorVerify(ctx context.Context, a *app, name string, limit int64) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	r, err := c.Mirrors().Verify(ctx, name, limit)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else if err := a.printReport(r); err != nil {
		return err
	}
	if !r.Clean {
		return errs.New(errs.MirrorDiffers, "%d documents of mirror %q differ from the source", r.Differing, name).
			WithRemedy("argon mirror start %s --resync brings them in line, as one commit", name)
	}
	return nil
}

func (a *app) printReport(r *client.MirrorReport) error {
	var rows [][]string
	for _, c := range r.Collections {
		rows = append(rows, []string{c.Database, c.Collection, number(c.Documents), number(c.Differing), cut(c.Hash, 12)})
	}
	if err := a.table([]string{"DATABASE", "COLLECTION", "DOCUMENTS", "DIFFERING", "HASH"}, rows); err != nil {
		return err
	}
	for _, d := range r.Documents {
		a.printf("%s: %s.%s %s\n", d.Kind, d.Database, d.Collection, short(d.ID))
	}
	for _, n := range r.Notes {
		a.printf("%s\n", n)
	}
	for _, d := range r.Databases {
		for _, m := range d.Moments {
			a.printf("%s: %d ranges were compared at %s, LSN %d.\n", d.Database, m.Ranges, when(m.Time), m.LSN)
		}
	}
	a.printf("It took %s.\n", time.Duration(r.ElapsedMS)*time.Millisecond)
	return nil
}

func newMirrorRole(a *app) *cobra.Command {
	var databases []string
	cmd := &cobra.Command{
		Use: "role [NAME]", Short: "Print the least privileged role that a mirror needs", Args: cobra.MaximumNArgs(1),
		Long: `Print the mongosh command that makes the least privileged role which a mirror
needs at its source. On a managed MongoDB the built-in role read on the database
is enough.`,
		Example: example(`
argon mirror role live
argon mirror role --database shop`),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			if name == "" && len(databases) == 0 {
				return usage("name a mirror, or --database\n  usage: argon mirror role NAME")
			}
			c, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			role, err := c.Mirrors().Role(cmd.Context(), name, databases...)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"role": role})
			}
			a.printf("%s\n", role)
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&databases, "database", nil, "a database, for a mirror that is not defined yet; may be repeated")
	return cmd
}
