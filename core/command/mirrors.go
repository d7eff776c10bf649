package command

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/refs"
)

// Mirrors follows live MongoDBs into branches; core/mirror is it. Replies are
// the bodies of the commands' replies.
type Mirrors interface {
	Add(ctx context.Context, spec *MirrorSpec, meta engine.CommitMeta) (bsonraw.Doc, error)
	Remove(ctx context.Context, name string, meta engine.CommitMeta) error
	// List describes every mirror, as Status does.
	List(ctx context.Context) ([]bsonraw.Doc, error)
	// Start has the mirror run in this process from now on, and wherever the
	// store is hosted later.
	Start(ctx context.Context, name string, resync bool) (bsonraw.Doc, error)
	Stop(ctx context.Context, name string) (bsonraw.Doc, error)
	// Status describes a mirror; with synced it first waits until the mirror has
	// what the source had when it was asked.
	Status(ctx context.Context, name string, synced bool) (bsonraw.Doc, error)
	// Wait returns the status once it differs from the one with this version.
	Wait(ctx context.Context, name string, version int64) (bsonraw.Doc, error)
	Verify(ctx context.Context, name string, limit int64) (bsonraw.Doc, error)
	Role(ctx context.Context, name string, databases []string) (bsonraw.Doc, error)
	// Metrics are counters for monitoring.
	Metrics() bsonraw.Doc
}

// MirrorSpec is a new mirror.
type MirrorSpec struct {
	Name, Source     string
	Databases        []MirrorDatabase
	Include, Exclude []string
	OnGap            string
	Window           time.Duration
	Parallel         int64
	NoSnapshot       bool
	Adopt            bool
}

// MirrorDatabase says into which branch a database of the source goes.
type MirrorDatabase struct {
	Database, Project, Branch string
}

// SetMirrors gives the dispatcher what its argonMirror commands run on. Call it
// before the first command.
func (d *Dispatcher) SetMirrors(m Mirrors) { d.mirrors = m }

func (c *call) mirrors() (Mirrors, error) {
	if c.d.mirrors == nil {
		return nil, errs.New(errs.NotSupported, "mirrors cannot run here")
	}
	return c.d.mirrors, nil
}

// readDatabases takes names of databases, and documents {database, project,
// branch}.
func readDatabases(a *MirrorSpec, v bsonraw.Value) error {
	for it := v.Doc().Iter(); it.Next(); {
		m := MirrorDatabase{}
		switch v := it.Value(); v.Type {
		case bsonraw.String:
			m.Database = v.Str()
		case bsonraw.Object:
			for f := v.Doc().Iter(); f.Next(); {
				at := map[string]*string{"database": &m.Database, "project": &m.Project, "branch": &m.Branch}[string(f.Key())]
				if at == nil || f.Value().Type != bsonraw.String {
					return errs.New(errs.BadValue, "a database of a mirror has the fields database, project and branch, all strings, not %q", f.Key())
				}
				*at = f.Value().Str()
			}
		default:
			return errs.New(errs.TypeMismatch, wrongType, "argonMirrorAdd", "databases", v.Type.Name(), "s '[string, object]'")
		}
		if ref, err := refs.ParseRef(m.Branch); m.Branch != "" && (err != nil || !ref.Moment.IsHead()) {
			return errs.New(errs.InvalidName, "%q cannot be the branch of a mirror", m.Branch)
		}
		a.Databases = append(a.Databases, m)
	}
	return nil
}

func argonMirrorAddCommand() *Command {
	type args = MirrorSpec
	return definition[args]{
		Command: Command{
			Name: "argonMirrorAdd", Group: Publishing, traits: adminOnly,
			Help:    "Defines a mirror: databases of a live MongoDB replica set that are copied into branches once and then followed through change streams. The branches take no direct writes from then on; branch from them. It does not start it.",
			Example: `{argonMirrorAdd: "live", source: "mongodb://reader@db.example.com/shop", exclude: ["log_*"]}`, DB: "admin",
		},
		access: onCluster[args](auth.ManageMirrors),
		fields: []field[args]{
			text("argonMirrorAdd", func(a *args) *string { return &a.Name }).need().about("The mirror's name."),
			text("source", func(a *args) *string { return &a.Source }).need().about("The connection string. It is stored as it is, password included, in the store's files, and shown without."),
			kind("databases", "array", []bsonraw.Type{bsonraw.Array}, readDatabases).about("What to follow: names, or {database, project, branch}. A database goes into the branch main of a project of its name unless said. Without it, the database that the connection string names."),
			texts("include", func(a *args) *[]string { return &a.Include }).about(`Patterns of the collections to follow, such as "order*" or "shop.order*"; all of them if empty.`),
			texts("exclude", func(a *args) *[]string { return &a.Exclude }).about("Patterns of collections to leave out."),
			text("onGap", func(a *args) *string { return &a.OnGap }).about(`What to do once the source's oplog no longer reaches back to where the mirror was: "resync" (compare, and record the difference as one commit; the default) or "stop".`),
			span("window", func(a *args) *time.Duration { return &a.Window }).about("Warn when the oplog reaches back less than this; 1h if not said."),
			natural("parallel", func(a *args) *int64 { return &a.Parallel }).about("How many ranges the first copy reads at once; 4 if not said."),
			flag("noSnapshot", func(a *args) *bool { return &a.NoSnapshot }).about("Copy while the stream is buffered, also where the source could show one moment."),
			flag("adopt", func(a *args) *bool { return &a.Adopt }).about("Take branches that hold something already, and bring them in line by comparison."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			m, err := c.mirrors()
			if err != nil {
				return nil, err
			}
			reply, err := m.Add(ctx, a, c.meta())
			return c.orError(reply, err)
		},
	}.build()
}

// orError is a reply of the fields of body, or the error.
func (c *call) orError(body bsonraw.Doc, err error) (bsonraw.Doc, error) {
	if err != nil {
		return nil, err
	}
	return c.okWith(body), nil
}

type mirrorArgs struct {
	name      string
	resync    bool
	synced    bool
	version   int64
	limit     int64
	databases []string
}

// mirrorCommand is a command on one mirror by its name.
func mirrorCommand(name, help, example string, more []field[mirrorArgs], run func(ctx context.Context, c *call, m Mirrors, a *mirrorArgs) (bsonraw.Doc, error)) *Command {
	type args = mirrorArgs
	return definition[args]{
		Command: Command{Name: name, Group: Publishing, traits: adminOnly, Help: help, Example: example, DB: "admin"},
		access:  onCluster[args](auth.ManageMirrors),
		fields: append([]field[args]{
			text(name, func(a *args) *string { return &a.name }).need().about("The mirror's name."),
		}, more...),
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			m, err := c.mirrors()
			if err != nil {
				return nil, err
			}
			reply, err := run(ctx, c, m, a)
			return c.orError(reply, err)
		},
	}.build()
}

func mirrorCommands() []*Command {
	type args = mirrorArgs
	return []*Command{
		argonMirrorAddCommand(), argonMirrorListCommand(),
		mirrorCommand("argonMirrorRemove", "Stops a mirror and forgets it. Its branches stay, and take writes again.",
			`{argonMirrorRemove: "live"}`, nil,
			func(ctx context.Context, c *call, m Mirrors, a *args) (bsonraw.Doc, error) {
				return bsonraw.EmptyDoc, m.Remove(ctx, a.name, c.meta())
			}),
		mirrorCommand("argonMirrorStart", "Has a mirror run in the process that hosts the store: the first copy, or what is left of it, then the change stream.",
			`{argonMirrorStart: "live"}`, []field[args]{
				flag("resync", func(a *args) *bool { return &a.resync }).about("First compare everything with the source, and record the difference as one commit."),
			},
			func(ctx context.Context, _ *call, m Mirrors, a *args) (bsonraw.Doc, error) {
				return m.Start(ctx, a.name, a.resync)
			}),
		mirrorCommand("argonMirrorStop", "Stops a mirror. Started again, it goes on where it was, if the source's oplog still reaches back so far.",
			`{argonMirrorStop: "live"}`, nil,
			func(ctx context.Context, _ *call, m Mirrors, a *args) (bsonraw.Doc, error) {
				return m.Stop(ctx, a.name)
			}),
		mirrorCommand("argonMirrorStatus", "Shows what a mirror is doing: state, progress of the copy, lag, gaps, notes, warnings.",
			`{argonMirrorStatus: "live"}`, []field[args]{
				flag("synced", func(a *args) *bool { return &a.synced }).about("Wait until the mirror has what the source had when this was asked. maxTimeMS bounds the wait."),
				natural("after", func(a *args) *int64 { return &a.version }).about("Wait until the status differs from the one with this version."),
			},
			func(ctx context.Context, _ *call, m Mirrors, a *args) (bsonraw.Doc, error) {
				if a.version > 0 {
					return m.Wait(ctx, a.name, a.version)
				}
				return m.Status(ctx, a.name, a.synced)
			}),
		mirrorCommand("argonMirrorVerify", "Compares source and mirror at one cluster time: hashes by range of _id, and the documents that differ by name.",
			`{argonMirrorVerify: "live"}`, []field[args]{
				natural("limit", func(a *args) *int64 { return &a.limit }).about("How many differing documents to name; 1,000 if not said."),
			},
			func(ctx context.Context, _ *call, m Mirrors, a *args) (bsonraw.Doc, error) {
				return m.Verify(ctx, a.name, a.limit)
			}),
		argonMirrorRoleCommand(),
	}
}

func argonMirrorListCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "argonMirrorList", Group: Publishing, traits: adminOnly,
			Help:    "Lists the mirrors by name, with what each is doing.",
			Example: `{argonMirrorList: 1}`, DB: "admin",
		},
		access: onCluster[args](auth.ManageMirrors),
		fields: []field[args]{one[args]("argonMirrorList", 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			m, err := c.mirrors()
			if err != nil {
				return nil, err
			}
			list, err := m.List(ctx)
			if err != nil {
				return nil, err
			}
			b := c.reply(512 * (len(list) + 1))
			b.BeginArray("mirrors")
			for i, doc := range list {
				b.Doc(bsonraw.Index(i), doc)
			}
			b.End()
			return c.ok(), nil
		},
	}.build()
}

func argonMirrorRoleCommand() *Command {
	type args = mirrorArgs
	return definition[args]{
		Command: Command{
			Name: "argonMirrorRole", Group: Publishing, traits: adminOnly,
			Help:    "Returns the least privileged role that a mirror needs at its source, as the mongosh command that makes it.",
			Example: `{argonMirrorRole: "live"}`, DB: "admin",
		},
		access: onCluster[args](auth.ManageMirrors),
		fields: []field[args]{
			text("argonMirrorRole", func(a *args) *string { return &a.name }).need().about("The mirror's name, or empty with databases."),
			texts("databases", func(a *args) *[]string { return &a.databases }).about("Databases, for a mirror that is not defined yet."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			m, err := c.mirrors()
			if err != nil {
				return nil, err
			}
			reply, err := m.Role(ctx, a.name, a.databases)
			return c.orError(reply, err)
		},
	}.build()
}
