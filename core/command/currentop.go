package command

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

type currentOpArgs struct{ own bool }

func currentOpCommand() *Command {
	type args = currentOpArgs
	return definition[args]{
		Command: Command{
			Name: "currentOp", Group: Server, traits: adminOnly | loose,
			Help:    "Lists the commands that run now. Further fields are a filter on what is listed. The stage $currentOp lists the same.",
			Example: `{currentOp: 1, op: "query"}`, DB: "admin",
		},
		access: needing("inprog on the cluster, for the commands of others", func(n *needs, a *args) {
			if !a.own {
				n.cluster(auth.Inprog)
			}
		}),
		fields: []field[args]{
			one[args]("currentOp", 0, ""),
			looseFlag("$ownOps", func(a *args) *bool { return &a.own }).about("Only those of this user."),
			ignored[args]("$all", "Connections that wait are not listed."),
		},
		run: runCurrentOp,
	}.build()
}

func runCurrentOp(_ context.Context, c *call, a *currentOpArgs) (bsonraw.Doc, error) {
	filter, err := query.Compile(operationFilter(c.raw), nil)
	if err != nil {
		return nil, err
	}
	b := c.reply(4096)
	b.BeginArray("inprog")
	n := 0
	for _, doc := range c.operations(a.own) {
		ok, err := filter.Match(doc)
		if err != nil {
			return nil, err
		}
		if ok {
			b.Doc(bsonraw.Index(n), doc)
			n++
		}
	}
	b.End()
	return c.ok(), nil
}

// operationFilter is what is left of currentOp without its own fields.
func operationFilter(raw bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	it := raw.Iter()
	it.Next()
	for it.Next() {
		switch key := string(it.Key()); {
		case key == "$all" || key == "$ownOps" || isEnvelope(it.Key()):
		default:
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	return b.Finish()
}

// isEnvelope reports whether a field is one that every command takes.
func isEnvelope(key []byte) bool {
	switch string(key) {
	case "comment", "maxTimeMS", "readConcern", "writeConcern", "$argon", "apiStrict", "apiDeprecationErrors", "$client":
		return true
	}
	return isGeneric(key)
}

// operations describes the commands that run, the call's own among them.
func (c *call) operations(own bool) []bsonraw.Doc {
	var list []bsonraw.Doc
	now := c.d.now()
	c.d.ops.each(func(other *call) {
		if own && other.sess.user() != c.sess.user() {
			return
		}
		b := bsonraw.NewBuilder(nil)
		other.describe(b, now)
		list = append(list, b.Finish())
	})
	return list
}

// describe appends what is told of a command that runs. Its list is locked.
func (c *call) describe(b *bsonraw.Builder, now time.Time) {
	took := now.Sub(c.op.started)
	b.String("type", "op")
	b.String("host", hostname())
	if c.conn.opts.Remote != "" {
		b.String("client", c.conn.opts.Remote)
	}
	if app := c.conn.AppName(); app != "" {
		b.String("appName", app)
	}
	b.Bool("active", true)
	b.String("currentOpTime", c.op.started.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	b.Int64("opid", c.op.id)
	b.Int64("secs_running", int64(took.Seconds()))
	b.Int64("microsecs_running", took.Microseconds())
	b.String("op", c.cmd.opName())
	b.String("ns", c.namespace())
	b.BeginDoc("command")
	c.appendShown(b)
	b.End()
	if user := c.sess.user(); user != "" {
		b.BeginArray("effectiveUsers")
		b.String("0", user)
		b.End()
	}
}

// maxShownCommand is the largest command that is shown in full.
const maxShownCommand = 64 << 10

// appendShown appends the command's fields without secrets.
func (c *call) appendShown(b *bsonraw.Builder) {
	if len(c.raw) > maxShownCommand {
		b.String("$truncated", c.cmd.Name)
		return
	}
	it := c.raw.Iter()
	for it.Next() {
		switch v := it.Value(); {
		case secret(string(it.Key())):
			b.String(string(it.Key()), "xxx")
		case v.Type == bsonraw.String: // it may be a connection string
			b.String(string(it.Key()), withoutPassword(v.Str()))
		default:
			b.ValueBytes(it.Key(), v)
		}
	}
}

// opName is MongoDB's word for a kind of command.
func (c *Command) opName() string {
	switch c.Name {
	case "find":
		return "query"
	case "insert", "update":
		return c.Name
	case "getMore":
		return "getmore"
	case "delete":
		return "remove"
	}
	return "command"
}

// namespace is what a command is about: its database, and its collection where
// its first field names one.
func (c *call) namespace() string {
	db := c.op.db // not c.db, which the command is about to set
	if db == "" {
		db = str(c.raw.Get("$db"), "")
	}
	it := c.raw.Iter()
	if it.Next() && it.Value().Type == bsonraw.String && c.cmd.has(reads|writes) {
		return db + "." + it.Value().Str()
	}
	return db + ".$cmd"
}

type killOpArgs struct {
	op    int64
	given bool
}

func killOpCommand() *Command {
	type args = killOpArgs
	return definition[args]{
		Command: Command{
			Name: "killOp", Group: Server, traits: adminOnly,
			Help:    "Interrupts a command that another client runs; currentOp shows its opid. One that has ended already is no error.",
			Example: `{killOp: 1, op: 4711}`, DB: "admin",
		},
		access: needing("killop on the cluster, for the commands of others", func(n *needs, a *args) {
			if !n.c.ownsOperation(a.op) {
				n.cluster(auth.Killop)
			}
		}),
		fields: []field[args]{
			one[args]("killOp", 0, ""),
			kind("op", "number", numeric, func(a *args, v bsonraw.Value) error {
				a.op, a.given = truncated(v), true
				return nil
			}).about("The command's opid."),
		},
		run: func(_ context.Context, c *call, a *args) (bsonraw.Doc, error) {
			if !a.given {
				return nil, errs.New(errs.NoSuchKey, `Missing expected field "op"`)
			}
			found, able := c.d.ops.interrupt(a.op)
			if found && !able {
				return nil, errs.New(errs.NotSupported, "the process that has the store open runs the command %d itself", a.op).
					WithRemedy("interrupt it there")
			}
			b := c.reply(64)
			b.String("info", "attempting to kill op")
			return c.ok(), nil
		},
	}.build()
}

// ownsOperation reports whether a command that runs is this user's.
func (c *call) ownsOperation(id int64) bool {
	mine := false
	c.d.ops[id&15].each(func(other *call) {
		mine = mine || other.op.id == id && other.sess.user() == c.sess.user()
	})
	return mine
}
