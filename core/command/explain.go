package command

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
)

type explainArgs struct {
	command   bsonraw.Doc
	verbosity string
}

func explainCommand() *Command {
	return definition[explainArgs]{
		Command: Command{
			Name: "explain", Group: Query, traits: reads,
			Help:    "Shows how a find, aggregate, count, distinct, update, delete or findAndModify would be run: which index, which ranges, and what it examined.",
			Example: `{explain: {find: "users", filter: {age: {$gte: 30}}}, verbosity: "executionStats"}`, DB: "shop",
		},
		access:   needing("what the explained command needs", func(n *needs, a *explainArgs) { n.explained(a.command) }),
		defaults: explainArgs{verbosity: "allPlansExecution"},
		fields: []field[explainArgs]{
			object("explain", func(a *explainArgs) *bsonraw.Doc { return &a.command }).need().about("The command."),
			text("verbosity", func(a *explainArgs) *string { return &a.verbosity }).about("queryPlanner, executionStats or allPlansExecution (the default)."),
		},
		run: runExplain,
	}.build()
}

func runExplain(ctx context.Context, c *call, a *explainArgs) (bsonraw.Doc, error) {
	switch a.verbosity {
	case "queryPlanner", "executionStats", "allPlansExecution":
	default:
		return nil, errs.New(errs.BadValue, "Enumeration value '%s' for field 'explain.verbosity' is not a valid value.", a.verbosity)
	}
	it := a.command.Iter()
	it.Next()
	cmd := c.d.commands[string(it.Key())]
	if cmd == nil {
		return nil, errs.New(errs.CommandNotFound, "Explain failed due to unknown command: %s", it.Key())
	}
	if cmd.explain == nil {
		return nil, errs.New(errs.CommandNotSupported, "the command '%s' cannot be explained", cmd.Name)
	}
	inner := newCall(c.d, c.sess, cmd, c.db, a.command)
	defer inner.release()
	if err := cmd.parse(inner); err != nil {
		return nil, err
	}
	coll, spec, err := cmd.explain(inner)
	if err != nil {
		return nil, err
	}
	if coll != "" || spec.Aggregate == nil {
		if err := readableCollection(c.db, coll); err != nil {
			return nil, err
		}
	}
	spec.Verbosity = a.verbosity
	return c.explainReply(ctx, a.command, coll, spec)
}

// explainReply is the reply to an explain: the engine's body, the command, and
// the server, as MongoDB has them.
func (c *call) explainReply(ctx context.Context, command bsonraw.Doc, coll string, spec *engine.ExplainSpec) (bsonraw.Doc, error) {
	var body bsonraw.Doc
	err := c.read(ctx, func(r engine.Reader) (err error) {
		body, err = r.Explain(ctx, coll, spec)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := c.reply(len(body) + len(command) + 256)
	if body.Get("explainVersion").IsMissing() {
		b.String("explainVersion", "1")
	}
	appendFields(b, body)
	b.BeginDoc("command")
	it := command.Iter()
	for it.Next() {
		if !isGeneric(it.Key()) {
			b.ValueBytes(it.Key(), it.Value())
		}
	}
	b.String("$db", c.db)
	b.End()
	b.BeginDoc("serverInfo")
	b.String("host", hostname())
	b.String("version", mongoVersion)
	b.String("argonVersion", Version)
	b.End()
	return c.ok(), nil
}

// isGeneric reports whether a field is about the session and not the query.
func isGeneric(key []byte) bool {
	switch string(key) {
	case "$db", "lsid", "txnNumber", "$clusterTime", "$readPreference", "autocommit", "startTransaction", "apiVersion":
		return true
	}
	return false
}
