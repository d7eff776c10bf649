package command

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

// ParseDuration reads a time span as people write it: "30d", "2w", "12h",
// "1d12h", "90m".
func ParseDuration(text string) (time.Duration, error) {
	bad := errs.New(errs.BadValue, "%q is no time span", text).WithRemedy("say 30d, 2w, 12h or 90m")
	var total time.Duration
	rest := text
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if end <= 0 {
			return 0, bad
		}
		n, err := strconv.ParseFloat(rest[:end], 64)
		unit := durationUnits[rest[end]]
		if err != nil || unit == 0 || n*float64(unit) > float64(200*365*24*time.Hour) {
			return 0, bad
		}
		total += time.Duration(n * float64(unit))
		rest = rest[end+1:]
	}
	if total == 0 {
		return 0, bad
	}
	return total, nil
}

var durationUnits = map[byte]time.Duration{
	's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
}

// FormatDuration writes a span in the largest unit that it is whole in.
func FormatDuration(d time.Duration) string {
	for _, u := range []byte{'w', 'd', 'h', 'm'} {
		if unit := durationUnits[u]; d >= unit && d%unit == 0 {
			return strconv.FormatInt(int64(d/unit), 10) + string(u)
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

// span is a field with a time span.
func span[A any](name string, at func(*A) *time.Duration) field[A] {
	return kind(name, "string", []bsonraw.Type{bsonraw.String}, func(a *A, v bsonraw.Value) error {
		d, err := ParseDuration(v.Str())
		*at(a) = d
		return err
	})
}

type retentionArgs struct {
	keep  time.Duration
	given bool
}

func argonRetentionCommand() *Command {
	type args = retentionArgs
	return definition[args]{
		Command: Command{
			Name: "argonRetention", Group: Maintenance, traits: project,
			Help:    "Shows, or with keep sets, how long a project keeps the past. Null keeps everything, which is the default. argonGC removes what is older, except what a tag or a branch can see.",
			Example: `{argonRetention: 1, keep: "30d"}`, DB: "shop",
		},
		access: needing("listBranches on the project; setRetention to change it", func(n *needs, a *args) {
			if a.given {
				n.project(n.c.ref.Project, auth.SetRetention)
				return
			}
			n.branch("", auth.ListBranches)
		}),
		fields: []field[args]{
			one[args]("argonRetention", 0, ""),
			kind("keep", "string or null", nil, readKeep).about(`"30d", "2w", "12h", or null for ever.`),
		},
		run: runRetention,
	}.build()
}

func readKeep(a *retentionArgs, v bsonraw.Value) (err error) {
	a.given = true
	switch v.Type {
	case bsonraw.Null:
	case bsonraw.String:
		a.keep, err = ParseDuration(v.Str())
	default:
		err = errs.New(errs.TypeMismatch, wrongType, "argonRetention", "keep", v.Type.Name(), "s '[string, null']")
	}
	return err
}

func runRetention(ctx context.Context, c *call, a *retentionArgs) (bsonraw.Doc, error) {
	if a.given {
		if err := c.d.store.SetRetention(ctx, c.ref.Project, a.keep); err != nil {
			return nil, err
		}
	}
	keep, err := c.d.store.Retention(ctx, c.ref.Project)
	if err != nil {
		return nil, err
	}
	b := c.reply(64)
	b.String("project", c.ref.Project)
	if keep == 0 {
		b.Null("keep")
	} else {
		b.String("keep", FormatDuration(keep))
	}
	return c.ok(), nil
}

type gcArgs struct {
	dryRun bool
	keep   time.Duration
}

func argonGCCommand() *Command {
	type args = gcArgs
	return definition[args]{
		Command: Command{
			Name: "argonGC", Group: Maintenance, traits: adminOnly,
			Help:    "Shows what garbage collection would remove: versions that retention lets go and that no branch or tag can see, and what deleted branches and projects left. dryRun: false removes it.",
			Example: `{argonGC: 1, dryRun: true}`, DB: "admin",
		},
		access:   onCluster[args](auth.CollectGarbage),
		defaults: args{dryRun: true},
		fields: []field[args]{
			one[args]("argonGC", 0, ""),
			flag("dryRun", func(a *args) *bool { return &a.dryRun }).about("Only show; the default."),
			span("keep", func(a *args) *time.Duration { return &a.keep }).about("Instead of each project's retention."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			reply, err := c.d.store.GC(ctx, &engine.GCSpec{DryRun: a.dryRun, Keep: a.keep})
			if err != nil {
				return nil, err
			}
			return c.okWith(reply), nil
		},
	}.build()
}

// storeCommand is a command on the whole store that has no fields and whose
// reply is the engine's.
func storeCommand(name, help string, access access[struct{}], run func(ctx context.Context, c *call) (bsonraw.Doc, error)) *Command {
	type args = struct{}
	return definition[args]{
		Command: Command{
			Name: name, Group: Maintenance, traits: adminOnly,
			Help: help, Example: "{" + name + ": 1}", DB: adminDB,
		},
		access: access,
		fields: []field[args]{one[args](name, 0, "")},
		run: func(ctx context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			reply, err := run(ctx, c)
			if err != nil {
				return nil, err
			}
			return c.okWith(reply), nil
		},
	}.build()
}

func argonFsckCommand() *Command {
	return storeCommand("argonFsck",
		"Checks the whole store: every key parses, every document is well-formed and stands under its _id, the log and the versions agree, indexes match documents, checksums hold.",
		onCluster[struct{}](auth.CheckStore),
		func(ctx context.Context, c *call) (bsonraw.Doc, error) { return c.d.store.Check(ctx) })
}

func argonStatusCommand() *Command {
	return storeCommand("argonStatus",
		"Describes the store: its directory, format, newest LSN, projects, branches, size, and the process that has it open.",
		onCluster[struct{}](auth.ServerStatus),
		func(ctx context.Context, c *call) (bsonraw.Doc, error) {
			status, err := c.d.store.Status(ctx)
			if err != nil {
				return nil, err
			}
			b := bsonraw.NewBuilder(nil)
			b.BeginDoc("store")
			appendFields(b, status)
			c.d.appendHost(b)
			c.d.appendClients(b)
			b.End()
			return b.Finish(), nil
		})
}

func argonMetricsCommand() *Command {
	return storeCommand("argonMetrics",
		"Returns the counters of the storage layer, and those of the mirrors by name.",
		onCluster[struct{}](auth.ServerStatus),
		func(ctx context.Context, c *call) (bsonraw.Doc, error) {
			m, err := c.d.store.Metrics(ctx)
			if err != nil || c.d.mirrors == nil {
				return m, err
			}
			b := bsonraw.NewBuilder(nil)
			appendFields(b, m)
			b.Doc("mirrors", c.d.mirrors.Metrics())
			return b.Finish(), nil
		})
}

func argonCompactCommand() *Command {
	return storeCommand("argonCompact",
		"Compacts the storage now, which otherwise happens in the background.",
		onCluster[struct{}](auth.Compact),
		func(ctx context.Context, c *call) (bsonraw.Doc, error) {
			return bsonraw.EmptyDoc, c.d.store.Compact(ctx)
		})
}

func argonVersionCommand() *Command {
	return storeCommand("argonVersion",
		"Says which Argon this is.",
		anyUser[struct{}](),
		func(context.Context, *call) (bsonraw.Doc, error) {
			b := bsonraw.NewBuilder(nil)
			b.String("version", Version)
			b.String("mongodb", mongoVersion)
			return b.Finish(), nil
		})
}
