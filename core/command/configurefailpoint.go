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
			text("configureFailPoint", func(a *args) *string { return &a.name }).need().about(`"failCommand", "failGetMoreAfterCursorCheckout", "onPrimaryTransactionalWrite" or "maxTimeAlwaysTimeOut".`),
			anything("mode", func(a *args) *bsonraw.Value { return &a.mode }).about(`"alwaysOn", "off", {times: n}, {skip: n} or {activationProbability: p}.`),
			object("data", func(a *args) *bsonraw.Doc { return &a.data }).about("Which commands fail, and how: failCommands, errorCode, errorLabels, closeConnection, blockConnection with blockTimeMS, writeConcernError, appName, namespace. Of onPrimaryTransactionalWrite: failBeforeCommitExceptionCode, closeConnection."),
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
	mode, on, err := readFailMode(a.mode)
	if err != nil {
		return nil, err
	}
	var count int64
	switch a.name {
	case "failCommand":
		count, err = f.setCommand(&f.commands, failData, on, mode, orEmpty(a.data))
	case "failGetMoreAfterCursorCheckout":
		count, err = f.setCommand(&f.getMores, failGetMoreData, on, mode, orEmpty(a.data))
	case "onPrimaryTransactionalWrite":
		count, err = f.setWrite(on, mode, orEmpty(a.data))
	case "maxTimeAlwaysTimeOut":
		f.mu.Lock()
		count = f.timeouts.set(on, mode)
		f.mu.Unlock()
	default:
		err = errs.New(errs.FailPointSetFailed, "%s not found", a.name).WithRemedy("there are failCommand, failGetMoreAfterCursorCheckout, maxTimeAlwaysTimeOut and onPrimaryTransactionalWrite")
	}
	if err != nil {
		return nil, err
	}
	b := c.reply(32)
	b.Int64("count", count)
	return c.ok(), nil
}

func (f *failpoints) setCommand(which *failCommand, t *table[failSpec], on bool, mode failMode, data bsonraw.Doc) (int64, error) {
	var spec failSpec
	if err := t.read(&spec, data, nil); err != nil {
		return 0, err
	}
	spec.commands, spec.extra, spec.wcError = spec.commands.Clone(), spec.extra.Clone(), spec.wcError.Clone()
	if t == failGetMoreData {
		spec.commands = onlyGetMore
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	which.failSpec = spec
	return which.set(on, mode), nil
}

// onlyGetMore is the array ["getMore"].
var onlyGetMore = func() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.String("0", "getMore")
	return b.Finish()
}()

func (f *failpoints) setWrite(on bool, mode failMode, data bsonraw.Doc) (int64, error) {
	var spec failWriteSpec
	if err := failWriteData.read(&spec, data, nil); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes.failWriteSpec = spec
	return f.writes.set(on, mode), nil
}

// readFailMode says when a fail point is on.
func readFailMode(mode bsonraw.Value) (m failMode, on bool, err error) {
	if mode.Type == bsonraw.String {
		switch mode.Str() {
		case "off":
			return m, false, nil
		case "alwaysOn":
			return failMode{always: true}, true, nil
		}
		return m, false, errs.New(errs.BadValue, "unknown mode: %s", mode.Str())
	}
	if it := mode.Doc().Iter(); it.Next() {
		n, whole := it.Value().AsInt64()
		p, _ := it.Value().AsFloat64()
		switch key := string(it.Key()); {
		case key == "times" && whole && n >= 0:
			return failMode{times: n}, n > 0, nil
		case key == "skip" && whole && n >= 0:
			return failMode{skip: n, always: true}, true, nil
		case key == "activationProbability" && p > 0 && p <= 1:
			return failMode{probability: p, always: true}, true, nil
		}
	}
	return m, false, errs.New(errs.FailedToParse, `a fail point's mode is "off", "alwaysOn", {times: n}, {skip: n} or {activationProbability: p}`)
}

var (
	failCloses = looseFlag("closeConnection", func(s *failSpec) *bool { return &s.closes })
	failCode   = kind("errorCode", "number", numeric, func(s *failSpec, v bsonraw.Value) error {
		s.code, s.hasCode = errs.Code(truncated(v)), true
		return nil
	})
)

// failGetMoreData is the table of failGetMoreAfterCursorCheckout's data.
var failGetMoreData = newTable("failGetMoreAfterCursorCheckout", []field[failSpec]{failCloses, failCode})

// failData is the table of failCommand's data.
var failData = newTable("failCommand", []field[failSpec]{
	kind("failCommands", "array", []bsonraw.Type{bsonraw.Array}, func(s *failSpec, v bsonraw.Value) error {
		s.commands = v.Doc()
		return nil
	}),
	failCloses,
	failCode,
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

// failWriteData is the table of onPrimaryTransactionalWrite's data.
var failWriteData = newTable("onPrimaryTransactionalWrite", []field[failWriteSpec]{
	kind("failBeforeCommitExceptionCode", "number", numeric, func(w *failWriteSpec, v bsonraw.Value) error {
		w.before = errs.Code(truncated(v))
		return nil
	}),
	kind("closeConnection", "bool", []bsonraw.Type{bsonraw.Boolean}, func(w *failWriteSpec, v bsonraw.Value) error {
		w.stays = !v.Bool()
		return nil
	}),
})
