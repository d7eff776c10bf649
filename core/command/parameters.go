package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// parameters are the settings of MongoDB's that tools look at. None can be
// changed.
var parameters = []struct {
	name string
	show func(d *Dispatcher, b *bsonraw.Builder, name string)
}{
	{"featureCompatibilityVersion", func(_ *Dispatcher, b *bsonraw.Builder, name string) {
		b.BeginDoc(name)
		b.String("version", mongoVersion[:3])
		b.End()
	}},
	{"authenticationMechanisms", func(_ *Dispatcher, b *bsonraw.Builder, name string) {
		appendStrings(b, name, []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "MONGODB-X509"})
	}},
	{"cursorTimeoutMillis", func(_ *Dispatcher, b *bsonraw.Builder, name string) { b.Int64(name, cursorIdle.Milliseconds()) }},
	{"localLogicalSessionTimeoutMinutes", func(_ *Dispatcher, b *bsonraw.Builder, name string) { b.Int32(name, int32(sessionIdle.Minutes())) }},
	{"transactionLifetimeLimitSeconds", func(_ *Dispatcher, b *bsonraw.Builder, name string) { b.Int32(name, int32(txnIdle.Seconds())) }},
	{"enableTestCommands", func(d *Dispatcher, b *bsonraw.Builder, name string) { b.Bool(name, d.fail.enabled.Load()) }},
	{"requireApiVersion", func(_ *Dispatcher, b *bsonraw.Builder, name string) { b.Bool(name, false) }},
	{"quiet", func(_ *Dispatcher, b *bsonraw.Builder, name string) { b.Bool(name, false) }},
	{"logLevel", func(_ *Dispatcher, b *bsonraw.Builder, name string) { b.Int32(name, 0) }},
}

func getParameterCommand() *Command {
	return definition[noArgs]{
		Command: Command{
			Name: "getParameter", Group: Server, traits: adminOnly | loose,
			Help:    "Shows settings by name, as further fields, or all of them. They are those of MongoDB's that tools look at.",
			Example: `{getParameter: 1, featureCompatibilityVersion: 1}`, DB: "admin",
		},
		access: onCluster[noArgs](auth.GetParameter),
		fields: []field[noArgs]{kind("getParameter", `1, "*" or {allParameters: true}`, nil, func(*noArgs, bsonraw.Value) error { return nil }).need()},
		run:    func(_ context.Context, c *call, _ *noArgs) (bsonraw.Doc, error) { return runGetParameter(c) },
	}.build()
}

func runGetParameter(c *call) (bsonraw.Doc, error) {
	what := c.raw.Get("getParameter")
	all := what.Type == bsonraw.String && what.Str() == "*" ||
		what.Type == bsonraw.Object && what.Doc().Get("allParameters").Truthy()
	b := c.reply(256)
	found := false
	for _, p := range parameters {
		if _, asked := c.raw.Lookup(p.name); asked || all {
			p.show(c.d, b, p.name)
			found = true
		}
	}
	if !found {
		return nil, errs.New(errs.InvalidOptions, "no option found to get")
	}
	return c.ok(), nil
}

func setParameterCommand() *Command {
	return definition[noArgs]{
		Command: Command{
			Name: "setParameter", Group: Server, traits: adminOnly | loose,
			Help:    "Refused, except where nothing changes: settings are options of argon serve.",
			Example: `{setParameter: 1, quiet: false}`, DB: "admin",
		},
		access: onCluster[noArgs](auth.SetParameter),
		fields: []field[noArgs]{one[noArgs]("setParameter", 0, "")},
		run:    func(_ context.Context, c *call, _ *noArgs) (bsonraw.Doc, error) { return runSetParameter(c) },
	}.build()
}

func runSetParameter(c *call) (bsonraw.Doc, error) {
	b := bsonraw.NewBuilder(nil)
	for _, p := range parameters {
		p.show(c.d, b, p.name)
	}
	now := b.Finish()
	reply := c.reply(64)
	asked := 0
	it := c.raw.Iter()
	it.Next()
	for it.Next() {
		if isEnvelope(it.Key()) {
			continue
		}
		asked++
		is, known := now.Lookup(string(it.Key()))
		switch {
		case !known:
			return nil, errs.New(errs.InvalidOptions, "attempted to set unrecognized parameter [%s], use help:true to see options", it.Key())
		case bsonraw.Compare(is, it.Value()) != 0:
			return nil, errs.New(errs.IllegalOperation, "not allowed to change [%s] at runtime", it.Key()).
				WithRemedy("settings are options of argon serve")
		case asked == 1:
			reply.Value("was", is)
		}
	}
	if asked == 0 {
		return nil, errs.New(errs.InvalidOptions, "no option found to set, use help:true to see options")
	}
	return c.ok(), nil
}
