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

// failpoints make commands fail on purpose, for the tests of drivers. There is
// one, MongoDB's failCommand. Without EnableTestCommands there is none.
type failpoints struct {
	enabled atomic.Bool
	mu      sync.Mutex
	on      atomic.Bool // failCommand may match something
	spec    failSpec
	entered int64 // how often it matched
}

// failSpec is the configuration of failCommand.
type failSpec struct {
	always      bool
	times, skip int64
	probability float64

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
}

// EnableTestCommands allows configureFailPoint, which lets any client make the
// commands of others fail.
func (d *Dispatcher) EnableTestCommands() { d.fail.enabled.Store(true) }

// Failpoint says how a command is to fail, or nil. A door asks it before it runs
// a command, which need not be valid.
func (d *Dispatcher) Failpoint(sess *Session, raw bsonraw.Doc) *Failure {
	if !d.fail.on.Load() {
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
	return d.fail.match(sess, cmd, raw)
}

func (f *failpoints) match(sess *Session, cmd *Command, raw bsonraw.Doc) *Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.spec
	if !f.on.Load() || !s.names(cmd) || s.appName != "" && s.appName != sess.AppName() {
		return nil
	}
	if s.namespace != "" && s.namespace != str(raw.Get("$db"), "")+"."+str(raw.Get(cmd.Name), "") {
		return nil
	}
	switch {
	case s.skip > 0:
		s.skip--
		return nil
	case s.probability > 0 && rand.Float64() >= s.probability:
		return nil
	case !s.always:
		if s.times--; s.times <= 0 {
			f.on.Store(false)
		}
	}
	f.entered++
	return s.failure(cmd, raw)
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
	}
	_, numbered := raw.Lookup("txnNumber")
	labels := func(code errs.Code) []string {
		switch {
		case s.hasLabels:
			return s.labels
		case numbered && (cmd.has(endsTxn) || cmd.has(retryable) && raw.Get("autocommit").IsMissing()) && retryableCodes[code]:
			return []string{retryableLabel}
		}
		return nil
	}
	if s.hasCode {
		e := errs.New(s.code, "Failing command via 'failCommand' failpoint")
		e.Labels = labels(s.code)
		e.Details = s.extra
		f.Err = e
	}
	if s.wcError != nil {
		f.WriteConcernError = s.wcError
		code, _ := s.wcError.Get("code").AsInt64()
		f.labels = labels(errs.Code(code))
	}
	return f
}

const retryableLabel = "RetryableWriteError"

// retryableCodes are the errors after which drivers send a write again.
var retryableCodes = map[errs.Code]bool{
	6: true, 7: true, 89: true, 91: true, 189: true, 262: true, 9001: true, 10107: true, 11600: true,
	11602: true, 13435: true, 13436: true,
}

// Block waits as long as the failure says.
func (f *Failure) Block(ctx context.Context) error {
	if f.block <= 0 {
		return nil
	}
	t := time.NewTimer(f.block)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
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
