package command

import (
	"context"
	"time"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

type failpointArgs struct {
	name string
	mode bsonraw.Value
	data bsonraw.Doc
}

func configureFailPointCommand() *Command {
	type args = failpointArgs
	return definition[args]{
		Command: Command{
			Name: "configureFailPoint", Group: Server, traits: adminOnly,
			Help:    "Makes commands fail on purpose, for the tests of drivers and of applications: with an error code, a closed connection, a delay or a write concern error. Only on a server started with --enable-test-commands.",
			Example: `{configureFailPoint: "failCommand", mode: {times: 1}, data: {failCommands: ["insert"], errorCode: 91}}`, DB: "admin",
		},
		access: onCluster[args](auth.SetParameter),
		fields: []field[args]{
			text("configureFailPoint", func(a *args) *string { return &a.name }).need().about(`"failCommand".`),
			anything("mode", func(a *args) *bsonraw.Value { return &a.mode }).about(`"alwaysOn", "off", {times: n}, {skip: n} or {activationProbability: p}.`),
			object("data", func(a *args) *bsonraw.Doc { return &a.data }).about("Which commands fail, and how: failCommands, errorCode, errorLabels, closeConnection, blockConnection with blockTimeMS, writeConcernError, appName, namespace."),
		},
		run: runConfigureFailPoint,
	}.build()
}

func runConfigureFailPoint(_ context.Context, c *call, a *failpointArgs) (bsonraw.Doc, error) {
	f := &c.d.fail
	if !f.enabled.Load() {
		return nil, errs.New(errs.CommandNotFound, "no such command: 'configureFailPoint'").
			WithRemedy("start the server with --enable-test-commands")
	}
	if a.name != "failCommand" {
		return nil, errs.New(errs.FailPointSetFailed, "%s not found", a.name).WithRemedy("there is failCommand")
	}
	var spec failSpec
	on, err := spec.readMode(a.mode)
	if err != nil {
		return nil, err
	}
	if err := failData.read(&spec, orEmpty(a.data), nil); err != nil {
		return nil, err
	}
	f.mu.Lock()
	count := f.entered
	f.spec = spec
	f.spec.commands, f.spec.extra, f.spec.wcError = spec.commands.Clone(), spec.extra.Clone(), spec.wcError.Clone()
	f.on.Store(on)
	f.mu.Unlock()
	b := c.reply(32)
	b.Int64("count", count)
	return c.ok(), nil
}

// readMode says when the fail point is on.
func (s *failSpec) readMode(mode bsonraw.Value) (on bool, err error) {
	if mode.Type == bsonraw.String && mode.Str() != "off" && mode.Str() != "alwaysOn" {
		return false, errs.New(errs.BadValue, "unknown mode: %s", mode.Str())
	}
	bad := func() (bool, error) {
		return false, errs.New(errs.FailedToParse, `a fail point's mode is "off", "alwaysOn", {times: n}, {skip: n} or {activationProbability: p}`)
	}
	if mode.Type == bsonraw.String {
		switch mode.Str() {
		case "off":
			return false, nil
		case "alwaysOn":
			s.always = true
			return true, nil
		}
		return bad()
	}
	it := mode.Doc().Iter()
	if !it.Next() {
		return bad()
	}
	n, whole := it.Value().AsInt64()
	p, _ := it.Value().AsFloat64()
	switch key := string(it.Key()); {
	case key == "times" && whole && n >= 0:
		s.times = n
		return n > 0, nil
	case key == "skip" && whole && n >= 0:
		s.skip, s.always = n, true
		return true, nil
	case key == "activationProbability" && p > 0 && p <= 1:
		s.probability, s.always = p, true
		return true, nil
	}
	return bad()
}

// failData is the table of failCommand's data.
var failData = newTable("failCommand", []field[failSpec]{
	kind("failCommands", "array", []bsonraw.Type{bsonraw.Array}, func(s *failSpec, v bsonraw.Value) error {
		s.commands = v.Doc()
		return nil
	}),
	looseFlag("closeConnection", func(s *failSpec) *bool { return &s.closes }),
	kind("errorCode", "number", numeric, func(s *failSpec, v bsonraw.Value) error {
		s.code, s.hasCode = errs.Code(truncated(v)), true
		return nil
	}),
	kind("errorLabels", "array", []bsonraw.Type{bsonraw.Array}, func(s *failSpec, v bsonraw.Value) error {
		s.hasLabels = true
		for _, l := range v.Doc().Values() {
			s.labels = append(s.labels, str(l, ""))
		}
		return nil
	}),
	object("errorExtraInfo", func(s *failSpec) *bsonraw.Doc { return &s.extra }),
	object("writeConcernError", func(s *failSpec) *bsonraw.Doc { return &s.wcError }),
	looseFlag("blockConnection", func(s *failSpec) *bool { return &s.blocks }),
	kind("blockTimeMS", "number", numeric, func(s *failSpec, v bsonraw.Value) error {
		s.blockTime = time.Duration(truncated(v)) * time.Millisecond
		return nil
	}),
	text("appName", func(s *failSpec) *string { return &s.appName }),
	text("namespace", func(s *failSpec) *string { return &s.namespace }),
	ignored[failSpec]("failInternalCommands", "There are none.", bsonraw.Boolean),
	ignored[failSpec]("failLocalClients", "There are none.", bsonraw.Boolean),
	ignored[failSpec]("threadName", "Clients have no names of their own.", bsonraw.String),
})
