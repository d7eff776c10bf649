package command

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// What tools ask a server about itself.

type noArgs struct{}

// asking makes a command without fields of its own.
func asking(cmd Command, may access[noArgs], run func(ctx context.Context, c *call) (bsonraw.Doc, error)) *Command {
	return definition[noArgs]{
		Command: cmd, access: may,
		fields: []field[noArgs]{one[noArgs](cmd.Name, 0, "")},
		run:    func(ctx context.Context, c *call, _ *noArgs) (bsonraw.Doc, error) { return run(ctx, c) },
	}.build()
}

func whatsmyuriCommand() *Command {
	return asking(Command{
		Name: "whatsmyuri", Group: Server, Help: "Says from which address the client has connected.",
		Example: `{whatsmyuri: 1}`, DB: "admin",
	}, anyUser[noArgs](), func(_ context.Context, c *call) (bsonraw.Doc, error) {
		b := c.reply(64)
		b.String("you", c.conn.opts.Remote)
		return c.ok(), nil
	})
}

func featuresCommand() *Command {
	return asking(Command{
		Name: "features", Group: Server, Help: "Lists features that old shells look for: there is no JavaScript.",
		Example: `{features: 1}`, DB: "admin",
	}, anyUser[noArgs](), func(_ context.Context, c *call) (bsonraw.Doc, error) {
		b := c.reply(64)
		b.BeginDoc("js")
		b.Bool("utf8", true)
		b.End()
		return c.ok(), nil
	})
}

func connPoolStatsCommand() *Command {
	return asking(Command{
		Name: "connPoolStats", Group: Server, Help: "Describes the connections that the server itself has made to others: none.",
		Example: `{connPoolStats: 1}`, DB: "admin",
	}, onCluster[noArgs](auth.ServerStatus), func(_ context.Context, c *call) (bsonraw.Doc, error) {
		b := c.reply(256)
		for _, name := range []string{"numClientConnections", "numAScopedConnections", "totalInUse", "totalAvailable", "totalCreated", "totalRefreshing"} {
			b.Int32(name, 0)
		}
		for _, name := range []string{"pools", "hosts", "replicaSets"} {
			b.BeginDoc(name)
			b.End()
		}
		return c.ok(), nil
	})
}

func getCmdLineOptsCommand() *Command {
	return asking(Command{
		Name: "getCmdLineOpts", Group: Server, Help: "Shows the command line of the process that has the store open, without passwords.",
		Example: `{getCmdLineOpts: 1}`, DB: "admin",
	}, onCluster[noArgs](auth.GetCmdLineOpts), func(_ context.Context, c *call) (bsonraw.Doc, error) {
		b := c.reply(512)
		b.BeginArray("argv")
		for i, arg := range os.Args {
			b.String(bsonraw.Index(i), strings.ToValidUTF8(withoutPassword(arg), "\uFFFD"))
		}
		b.End()
		b.BeginDoc("parsed")
		b.BeginDoc("replication")
		b.String("replSet", SetName)
		b.End()
		b.End()
		return c.ok(), nil
	})
}

func hostInfoCommand() *Command {
	return asking(Command{
		Name: "hostInfo", Group: Server, Help: "Describes the machine.",
		Example: `{hostInfo: 1}`, DB: "admin",
	}, onCluster[noArgs](auth.HostInfo), func(_ context.Context, c *call) (bsonraw.Doc, error) {
		b := c.reply(512)
		b.BeginDoc("system")
		b.Time("currentTime", c.d.now())
		b.String("hostname", hostname())
		b.Int32("cpuAddrSize", strconv.IntSize)
		b.Int32("memSizeMB", int32(MachineMemory()>>20))
		b.Int32("numCores", int32(runtime.NumCPU()))
		b.String("cpuArch", runtime.GOARCH)
		b.Bool("numaEnabled", false)
		b.End()
		b.BeginDoc("os")
		b.String("type", runtime.GOOS)
		b.String("name", runtime.GOOS)
		b.String("version", "")
		b.End()
		b.BeginDoc("extra")
		b.String("goVersion", runtime.Version())
		b.End()
		return c.ok(), nil
	})
}

// MachineMemory is how much memory the machine has, 0 where it does not say.
func MachineMemory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 || fields[0] != "MemTotal:" {
		return 0
	}
	kb, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}

type getLogArgs struct{ name string }

func getLogCommand() *Command {
	return definition[getLogArgs]{
		Command: Command{
			Name: "getLog", Group: Server,
			Help:    `Shows a log that the server keeps in memory: "startupWarnings" and "global", which are empty, since the log goes to standard error; "*" lists them.`,
			Example: `{getLog: "startupWarnings"}`, DB: "admin",
		},
		access: onCluster[getLogArgs](auth.GetLog),
		fields: []field[getLogArgs]{
			text("getLog", func(a *getLogArgs) *string { return &a.name }).need().about(`"*", "global" or "startupWarnings".`),
		},
		run: func(_ context.Context, c *call, a *getLogArgs) (bsonraw.Doc, error) {
			b := c.reply(128)
			switch a.name {
			case "*":
				appendStrings(b, "names", []string{"global", "startupWarnings"})
			case "global", "startupWarnings":
				b.Int32("totalLinesWritten", 0)
				b.BeginArray("log")
				b.End()
			default:
				return nil, errs.New(errs.OperationFailed, "No log named '%s'", a.name)
			}
			return c.ok(), nil
		},
	}.build()
}

func fsyncCommand() *Command {
	return definition[fsyncArgs]{
		Command: Command{
			Name: "fsync", Group: Server, traits: adminOnly,
			Help:    "Does nothing, since every write is on disk before it is acknowledged. The store cannot be locked.",
			Example: `{fsync: 1}`, DB: "admin",
		},
		access: onCluster[fsyncArgs](auth.Fsync),
		fields: []field[fsyncArgs]{
			one[fsyncArgs]("fsync", 0, ""),
			refused[fsyncArgs]("lock", "copy the store's files while it is closed, or export it"),
		},
		run: func(_ context.Context, c *call, _ *fsyncArgs) (bsonraw.Doc, error) {
			b := c.reply(32)
			b.Int32("numFiles", 1)
			return c.ok(), nil
		},
	}.build()
}

type fsyncArgs struct{}

func logRotateCommand() *Command {
	return asking(Command{
		Name: "logRotate", Group: Server, traits: adminOnly,
		Help:    "Refused: the server logs to standard error, and whoever started it keeps that.",
		Example: `{logRotate: 1}`, DB: "admin",
	}, onCluster[noArgs](auth.SetParameter), func(context.Context, *call) (bsonraw.Doc, error) {
		return nil, errs.New(errs.NotSupported, "there is no log file to rotate: the server logs to standard error").
			WithRemedy("rotate the file that its standard error goes to")
	})
}

func shutdownCommand() *Command {
	return definition[shutdownArgs]{
		Command: Command{
			Name: "shutdown", Group: Server, traits: adminOnly,
			Help:    "Refused: a server is stopped where it was started.",
			Example: `{shutdown: 1}`, DB: "admin",
		},
		access: onCluster[shutdownArgs](auth.Shutdown),
		fields: []field[shutdownArgs]{
			one[shutdownArgs]("shutdown", 0, ""),
			ignored[shutdownArgs]("force", "It is refused in any case."),
			ignored[shutdownArgs]("timeoutSecs", "It is refused in any case."),
		},
		run: func(context.Context, *call, *shutdownArgs) (bsonraw.Doc, error) {
			return nil, errs.New(errs.NotSupported, "a client cannot stop the server").
				WithRemedy("send SIGTERM to argon serve, or press Ctrl-C there: it lets running commands end")
		},
	}.build()
}

type shutdownArgs struct{}

type profileArgs struct{ level int64 }

func profileCommand() *Command {
	return definition[profileArgs]{
		Command: Command{
			Name: "profile", Group: Server,
			Help:    "Says that there is no profiler: level 0, or -1 to ask, is all that can be set.",
			Example: `{profile: -1}`, DB: "shop",
		},
		access: onDatabase[profileArgs](auth.DBStats),
		fields: []field[profileArgs]{
			integer("profile", func(a *profileArgs) *int64 { return &a.level }).need().about("-1 or 0."),
			ignored[profileArgs]("slowms", "There is no profiler."),
			ignored[profileArgs]("sampleRate", "There is no profiler."),
			ignored[profileArgs]("filter", "There is no profiler."),
		},
		run: func(_ context.Context, c *call, a *profileArgs) (bsonraw.Doc, error) {
			if a.level > 0 {
				return nil, errs.New(errs.NotSupported, "there is no profiler").
					WithRemedy("ask one query for its plan with explain, or watch /metrics and currentOp")
			}
			b := c.reply(64)
			b.Int32("was", 0)
			b.Int32("slowms", 100)
			b.Double("sampleRate", 1)
			return c.ok(), nil
		},
	}.build()
}
