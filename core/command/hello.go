package command

import (
	"context"
	"os"
	"runtime"
	"sort"
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Version is Argon's version. The build may set it.
var Version = "0.1.0"

// The MongoDB whose commands and wire protocol these are.
const (
	mongoVersion   = "7.0.0"
	maxWireVersion = 21
	maxMessageSize = 48_000_000
)

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return h
}

func helloCommand() *Command {
	type args = helloArgs
	return definition[args]{
		Command: Command{
			Name: "hello", Aliases: []string{"isMaster", "ismaster"}, Group: Server, traits: loose,
			Help:    "Says what this server is and what it can do. The wire server adds its addresses.",
			Example: `{hello: 1}`, DB: "admin",
		},
		access: anybody[args](),
		fields: []field[args]{
			one[args]("hello", 0, ""),
			ignored[args]("helloOk", "Both names are understood."),
			object("client", func(a *args) *bsonraw.Doc { return &a.client }).about("What a driver says about itself; application.name stands in the log for what the connection writes."),
			ignored[args]("compression", "The wire server's business.", bsonraw.Array),
			ignored[args]("topologyVersion", "The wire server's business.", bsonraw.Object),
			ignored[args]("maxAwaitTimeMS", "The wire server's business."),
			ignored[args]("loadBalanced", "There is no load balancer.", bsonraw.Boolean),
			ignored[args]("hostInfo", "Of old mongos."),
			kind("saslSupportedMechs", "string or object", []bsonraw.Type{bsonraw.String, bsonraw.Object}, readMechsOf).about("database.user, or {user, db}: how that user can authenticate."),
			object("speculativeAuthenticate", func(a *args) *bsonraw.Doc { return &a.speculative }).about("A saslStart or authenticate, which spares a round trip."),
		},
		run: func(ctx context.Context, c *call, a *args) (bsonraw.Doc, error) {
			c.sess.introduce(a.client)
			mechanisms, err := c.mechanisms(ctx, a.user)
			if err != nil {
				return nil, err
			}
			b := c.reply(256)
			it := c.raw.Iter()
			it.Next()
			if string(it.Key()) == "hello" {
				b.Bool("isWritablePrimary", true)
			} else {
				b.Bool("ismaster", true)
			}
			b.Bool("helloOk", true)
			b.Int32("maxBsonObjectSize", bsonraw.MaxDocSize)
			b.Int32("maxMessageSizeBytes", maxMessageSize)
			b.Int32("maxWriteBatchSize", maxBatch)
			b.Time("localTime", c.d.now())
			b.Int32("logicalSessionTimeoutMinutes", int32(sessionIdle.Minutes()))
			b.Int32("minWireVersion", 0)
			b.Int32("maxWireVersion", maxWireVersion)
			b.Bool("readOnly", false)
			b.String("argonVersion", Version)
			appendStrings(b, "saslSupportedMechs", mechanisms)
			c.speculate(ctx, b, a.speculative)
			return c.ok(), nil
		},
	}.build()
}

func pingCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "ping", Group: Server, traits: inTxn,
			Help:    "Answers.",
			Example: `{ping: 1}`, DB: "admin",
		},
		access: anybody[args](),
		fields: []field[args]{one[args]("ping", 0, "")},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			return c.okWith(bsonraw.EmptyDoc), nil
		},
	}.build()
}

func buildInfoCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "buildInfo", Aliases: []string{"buildinfo"}, Group: Server,
			Help:    "Says which MongoDB's language this is, and which Argon.",
			Example: `{buildInfo: 1}`, DB: "admin",
		},
		access: anybody[args](),
		fields: []field[args]{one[args]("buildInfo", 0, "")},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			b := c.reply(512)
			b.String("version", mongoVersion)
			b.String("argonVersion", Version)
			b.String("gitVersion", "argon-"+Version)
			b.BeginArray("modules")
			b.End()
			b.BeginArray("versionArray")
			for i, n := range []int32{7, 0, 0, 0} {
				b.Int32(bsonraw.Index(i), n)
			}
			b.End()
			b.String("javascriptEngine", "none")
			b.Int32("bits", strconv.IntSize)
			b.Bool("debug", false)
			b.Int32("maxBsonObjectSize", bsonraw.MaxDocSize)
			b.BeginArray("storageEngines")
			b.String("0", "argon")
			b.End()
			b.BeginDoc("buildEnvironment")
			b.String("target_arch", runtime.GOARCH)
			b.String("target_os", runtime.GOOS)
			b.String("goVersion", runtime.Version())
			b.End()
			return c.ok(), nil
		},
	}.build()
}

func listCommandsCommand() *Command {
	type args struct{}
	return definition[args]{
		Command: Command{
			Name: "listCommands", Group: Server,
			Help:    "Lists the commands with their help.",
			Example: `{listCommands: 1}`, DB: "admin",
		},
		access: anyUser[args](),
		fields: []field[args]{one[args]("listCommands", 0, "")},
		run: func(_ context.Context, c *call, _ *args) (bsonraw.Doc, error) {
			names := make([]string, 0, len(c.d.commands))
			for name, cmd := range c.d.commands {
				if name == cmd.Name {
					names = append(names, name)
				}
			}
			sort.Strings(names)
			b := c.reply(16 << 10)
			b.BeginDoc("commands")
			for _, name := range names {
				cmd := c.d.commands[name]
				b.BeginDoc(name)
				b.String("help", cmd.Help)
				b.String("example", cmd.Example)
				b.Bool("adminOnly", cmd.has(adminOnly))
				b.End()
			}
			b.End()
			return c.ok(), nil
		},
	}.build()
}
