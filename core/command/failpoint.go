package command

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// failpoints make commands fail on purpose, for the tests of drivers. There are
// four of MongoDB's: failCommand, failGetMoreAfterCursorCheckout, for retryable
// writes onPrimaryTransactionalWrite, and for commands with a time limit
// maxTimeAlwaysTimeOut. Without EnableTestCommands there is none.
type failpoints struct {
	enabled  atomic.Bool
	mu       sync.Mutex
	commands failCommand
	getMores failCommand
	writes   failWrite
	timeouts trigger
}

// failCommand is a fail point of the doors, which ask before a command runs.
type failCommand struct {
	trigger
	failSpec
}

// trigger says when a fail point fails something. The lock of all of them guards
// it, except for on.
type trigger struct {
	on      atomic.Bool // it may match something
	entered int64       // how often it matched
	failMode
}

// failMode is the mode of a fail point.
type failMode struct {
	always      bool
	times, skip int64
	probability float64
}

// set configures it and returns how often it matched so far.
func (t *trigger) set(on bool, mode failMode) int64 {
	t.failMode = mode
	t.on.Store(on)
	return t.entered
}

// pull reports whether this time it fails.
func (t *trigger) pull() bool {
	switch {
	case !t.on.Load():
		return false
	case t.skip > 0:
		t.skip--
		return false
	case t.probability > 0 && rand.Float64() >= t.probability:
		return false
	case !t.always:
		if t.times--; t.times <= 0 {
			t.on.Store(false)
		}
	}
	t.entered++
	return true
}

// failSpec is the configuration of failCommand.
type failSpec struct {
	commands  bsonraw.Doc
	namespace string
	appName   string
	closes    bool
	blocks    bool
	blockTime time.Duration
	code      errs.Code
	hasCode   bool
	labels    []string
	hasLabels bool
	extra     bsonraw.Doc
	wcError   bsonraw.Doc
}

// Failure is how a command is to fail.
type Failure struct {
	// Close says that the connection is to be closed without an answer.
	Close bool
	// Err is the command's answer, unless it is nil.
	Err error
	// WriteConcernError is put into the answer of a command that runs.
	WriteConcernError bsonraw.Doc

	labels []string
	block  time.Duration
	limit  time.Duration // the command's maxTimeMS, which goes on while it is blocked
}

// EnableTestCommands allows configureFailPoint, which lets any client make the
// commands of others fail.
func (d *Dispatcher) EnableTestCommands() { d.fail.enabled.Store(true) }

// Failpoint says how a command is to fail, or nil. A door asks it before it runs
// a command, which need not be valid.
func (d *Dispatcher) Failpoint(sess *Session, raw bsonraw.Doc) *Failure {
	if !d.fail.commands.on.Load() && !d.fail.getMores.on.Load() {
		return nil
	}
	it := raw.Iter()
	if !it.Next() {
		return nil
	}
	cmd := d.commands[string(it.Key())]
	if cmd == nil {
		return nil
	}
	if cmd.Name == "hello" { // it may be meant by the name that it is about to give
		sess.introduce(raw.Get("client").Doc())
	}
	d.fail.mu.Lock()
	defer d.fail.mu.Unlock()
	if f := d.fail.commands.match(sess, cmd, raw); f != nil {
		return f
	}
	f := d.fail.getMores.match(sess, cmd, raw)
	if f != nil && f.Err != nil && d.cursors.isChangeStream(raw) {
		f.Err = errs.As(f.Err).WithLabel(resumableLabel)
	}
	return f
}

func (f *failCommand) match(sess *Session, cmd *Command, raw bsonraw.Doc) *Failure {
	if !f.on.Load() || !f.names(cmd) || f.appName != "" && f.appName != sess.AppName() {
		return nil
	}
	if f.namespace != "" && f.namespace != str(raw.Get("$db"), "")+"."+str(raw.Get(cmd.Name), "") {
		return nil
	}
	if !f.pull() {
		return nil
	}
	return f.failure(cmd, raw)
}

func (s *failSpec) names(cmd *Command) bool {
	for _, v := range s.commands.Values() {
		if v.Type != bsonraw.String {
			continue
		}
		name := v.Str()
		if name == cmd.Name {
			return true
		}
		for _, alias := range cmd.Aliases {
			if name == alias {
				return true
			}
		}
	}
	return false
}

// failure makes what the configuration says of one command.
func (s *failSpec) failure(cmd *Command, raw bsonraw.Doc) *Failure {
	f := &Failure{Close: s.closes}
	if s.blocks {
		f.block = s.blockTime
		if limit, ok := raw.Get("maxTimeMS").AsInt64(); ok && !cmd.has(awaits) {
			f.limit = time.Duration(limit) * time.Millisecond
		}
	}
	labels := func(code errs.Code, concern bool) []string {
		if s.hasLabels {
			return s.labels
		}
		return labelsOf(code, concern, cmd, raw)
	}
	if s.hasCode {
		e := errs.New(s.code, "Failing command via 'failCommand' failpoint")
		e.Labels = labels(s.code, false)
		e.Details = s.extra
		f.Err = e
	}
	if s.wcError != nil {
		f.WriteConcernError = s.wcError
		code, _ := s.wcError.Get("code").AsInt64()
		f.labels = labels(errs.Code(code), true)
	}
	return f
}

const (
	retryableLabel = "RetryableWriteError"
	resumableLabel = "ResumableChangeStreamError"
)

// labelsOf are the labels that a member of a replica set puts on an error, by
// which drivers decide whether to run a transaction or a write again. One of the
// write concern does not end a transaction.
func labelsOf(code errs.Code, concern bool, cmd *Command, raw bsonraw.Doc) []string {
	if raw.Get("txnNumber").IsMissing() {
		return nil
	}
	inside := !raw.Get("autocommit").IsMissing()
	switch {
	case inside && !concern && (transientCodes[code] || retryableCodes[code] && !cmd.has(endsTxn)):
		return []string{transientLabel}
	case (!inside && cmd.has(retryable) || cmd.has(endsTxn)) && retryableCodes[code]:
		return []string{retryableLabel}
	}
	return nil
}

// retryableCodes are the errors after which drivers send a write again.
var retryableCodes = map[errs.Code]bool{
	6: true, 7: true, 89: true, 91: true, 189: true, 262: true, 9001: true, 10107: true, 11600: true,
	11602: true, 13435: true, 13436: true,
}

// transientCodes are those by which a transaction ends that may be run again:
// conflicts, and what it read from or was itself being gone.
var transientCodes = map[errs.Code]bool{24: true, 112: true, 239: true, 246: true, 251: true, 267: true}

// failWrite is the configuration of onPrimaryTransactionalWrite: a retryable
// write fails before its commit, or loses its connection after it.
type failWrite struct {
	trigger
	failWriteSpec
}

type failWriteSpec struct {
	before errs.Code // 0: it is committed
	stays  bool      // the connection
}

// beforeCommit is asked when a retryable write of n statements is about to be
// committed. Its error keeps it from that.
func (f *failpoints) beforeCommit(sess *Session, n int) error {
	if !f.writes.on.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fails := false
	for range n {
		fails = f.writes.pull() || fails
	}
	if !fails {
		return nil
	}
	if !f.writes.stays {
		sess.hangUp.Store(true)
	}
	if f.writes.before != 0 {
		return errs.New(f.writes.before, "Failing write via 'onPrimaryTransactionalWrite' failpoint")
	}
	return nil
}

// timesOut says whether a command with a time limit is to run into it.
func (f *failpoints) timesOut() error {
	if !f.timeouts.on.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.timeouts.pull() {
		return nil
	}
	return context.DeadlineExceeded
}

// HangUp reports, once, whether a fail point wants the client's connection closed
// without an answer.
func (s *Session) HangUp() bool { return s.hangUp.Load() && s.hangUp.Swap(false) }

// Block waits as long as the failure says, or until the command's time is over: a
// command whose client has given up must not run after all.
func (f *Failure) Block(ctx context.Context) error {
	if f.block <= 0 {
		return nil
	}
	wait, err := f.block, error(nil)
	if f.limit > 0 && f.limit <= wait {
		wait, err = f.limit, context.DeadlineExceeded
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AppendWriteConcernError puts the write concern error, and its labels, into a
// reply, the document that stands in out from at to its end.
func (f *Failure) AppendWriteConcernError(out []byte, at int) []byte {
	b := bsonraw.NewBuilder(nil)
	b.Doc("writeConcernError", f.WriteConcernError)
	if len(f.labels) > 0 {
		appendLabels(b, f.labels)
	}
	add := b.Finish()
	out = append(append(out[:len(out)-1], add[4:len(add)-1]...), 0)
	binary.LittleEndian.PutUint32(out[at:], uint32(len(out)-at))
	return out
}

func appendLabels(b *bsonraw.Builder, labels []string) {
	b.BeginArray("errorLabels")
	for i, l := range labels {
		b.String(bsonraw.Index(i), l)
	}
	b.End()
}
