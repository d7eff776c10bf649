package mirror

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

// lane follows one database into one branch. It is run by one goroutine; others
// read its status.
type lane struct {
	Mapping
	def     *Definition
	store   *engine.Store
	log     *slog.Logger
	src     *source // while connected
	tuning  tuning
	version *versions // raised with every change of the status; may be nil

	mu        sync.Mutex // guards what follows
	state     laneState
	position  position
	copies    map[string]*copyState // by collection; empty once caught up
	stage     string                // what it is doing, for the status
	lastErr   error
	retryAt   time.Time
	saved     time.Time
	windowLow string        // a warning, or ""
	copyEnd   stamp         // the newest moment of the copy
	loadBytes int           // of a commit of the copy
	workBegan time.Time     // when this process began with, or went on with, a copy or re-sync
	workFrom  int64         // the documents that were done then
	changed   chan struct{} // closed and replaced when the status changes
	polled    *catalogue    // not compared yet

	known     map[string]string // uuid to our name, while catching up
	moved     map[string]stamp  // by collection: when the stream dropped or renamed it; for polling
	brokeAt   string            // the token at which connections broke
	broke     int               // how often in a row
	refetched int64

	events, commits atomic.Int64
	lag             lagMeter
	attempts        atomic.Int64                  // in a row that failed
	caughtUp        atomic.Int64                  // Unix ms of when the source had nothing more; 0 if it has
	windowLeft      atomic.Pointer[time.Duration] // nil while it is unknown
}

// The stages of a lane, as the status shows them.
const (
	stageStopped    = "stopped"
	stageConnecting = "connecting"
	stageCopying    = "copying"
	stageFollowing  = "following"
	stageResyncing  = "re-syncing"
	stageWaiting    = "waiting to reconnect"
	stageRoom       = "waiting for disk space"
	stageFailed     = "failed"
)

func newLane(store *engine.Store, def *Definition, m Mapping, log *slog.Logger) *lane {
	return &lane{
		Mapping: m, def: def, store: store, log: log.With("mirror", def.Name, "database", m.Database),
		stage: stageStopped, changed: make(chan struct{}), copies: map[string]*copyState{},
		moved: map[string]stamp{},
	}
}

// setStage tells what the lane is doing.
func (l *lane) setStage(stage string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stage, l.retryAt = stage, time.Time{}
	if err != nil || stage == stageFollowing {
		l.lastErr = err
	}
	l.signal()
}

// signal wakes those who wait for a change. l.mu is held.
func (l *lane) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
	if l.version != nil {
		l.version.raise()
	}
}

// The bounds of the wait between attempts.
const (
	firstWait = 100 * time.Millisecond
	longWait  = 30 * time.Second
)

// run follows the database until ctx ends or something fails for good.
func (l *lane) run(ctx context.Context) error {
	for {
		err := l.once(ctx)
		switch {
		case ctx.Err() != nil:
			l.setStage(stageStopped, nil)
			return nil
		case isFinal(err):
			l.log.Error("the mirror has failed", "error", err)
			l.setStage(stageFailed, err)
			return err
		case err == nil:
			l.attempts.Store(0)
			continue // the stream ended in order
		}
		wait, stage := l.backoff(), stageWaiting
		if errs.Is(err, errs.OutOfDiskSpace) {
			stage = stageRoom
		}
		l.log.Warn("the mirror is "+stage, "error", err, "wait", wait)
		l.setStage(stage, err)
		l.mu.Lock()
		l.retryAt = time.Now().Add(wait)
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// backoff returns how long to wait, longer each time, with some chance in it so
// that many mirrors do not come back at once.
func (l *lane) backoff() time.Duration {
	wait := min(firstWait<<min(l.attempts.Add(1)-1, 12), longWait)
	return wait/2 + rand.N(wait)
}

// isFinal tells errors that trying again does not help against.
func isFinal(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, errStop) {
		return true
	}
	switch errs.CodeOf(err) {
	case errs.SourceUnavailable, errs.OutOfDiskSpace, errs.StoreIO, errs.Interrupted, errs.MirrorGap:
		return false
	}
	return true
}

// errStop is in errors that end a mirror which was told to stop at a gap.
var errStop = errors.New("onGap is stop")

// once connects and works until something is in the way.
func (l *lane) once(ctx context.Context) error {
	l.setStage(stageConnecting, nil)
	src, err := connect(ctx, l.def.URI, l.def.Name)
	if err != nil {
		return err
	}
	defer src.close(ctx)
	l.src, src.plain = src, l.tuning.plain
	if err := src.checkRights(ctx, l.Database); err != nil {
		return err
	}
	if err := l.load(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.watchWindow(ctx, src)
	if !src.expanded() {
		go l.pollCatalog(ctx)
	}
	switch l.phase() {
	case "", phaseCopy:
		err = l.firstCopy(ctx)
	case phaseResync:
		err = l.resync(ctx)
	}
	if err == nil {
		err = l.follow(ctx)
	}
	if errs.Is(err, errs.MirrorGap) && l.phase() == phaseFollow {
		return l.lost(ctx, err)
	}
	return src.wrap(ctx, err)
}

func (l *lane) phase() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Phase
}

// meta is what every commit of the lane says.
func (l *lane) meta(message string) engine.CommitMeta {
	return engine.CommitMeta{Actor: "mirror:" + l.def.Name, Message: message, Kind: wal.KindMirror, Replica: true}
}

// metaAt is meta of something that was at the source at a cluster time.
func (l *lane) metaAt(at stamp, message string) engine.CommitMeta {
	m := l.meta(message)
	m.Time, m.Source = at.time(), &wal.Source{ClusterTime: uint64(at)}
	return m
}

// note keeps something that a person should know, once.
func (l *lane) note(ctx context.Context, text string) error {
	l.mu.Lock()
	for _, n := range l.state.Notes {
		if n == text {
			l.mu.Unlock()
			return nil
		}
	}
	l.mu.Unlock()
	l.log.Warn(text)
	return l.change(ctx, func(s *laneState) { s.Notes = append(s.Notes, text) })
}

// maxRefused is how many refused documents are kept by name.
const maxRefused = 100

// refuse keeps the name of a document that we cannot hold.
func (l *lane) refuse(s *laneState, coll string, id bsonraw.Value, err error) {
	message := err.Error()
	if e := errs.As(err); e != nil {
		message = e.Message
	}
	l.log.Error("a document cannot be held", "collection", coll, "error", message)
	now := refusal{coll, rawValue(id), message}
	for i := range s.Refused {
		if s.Refused[i].is(coll, id) {
			s.Refused[i] = now
			return
		}
	}
	if s.Refusals++; len(s.Refused) < maxRefused {
		s.Refused = append(s.Refused, now)
	}
}

func (r *refusal) is(coll string, id bsonraw.Value) bool {
	return r.Collection == coll && r.ID.Type == bson.Type(id.Type) && bytes.Equal(r.ID.Value, id.Data)
}

// accept forgets, in a commit, refusals whose documents are gone or are held now.
func (l *lane) accept(t *engine.Txn, which func(*refusal) bool) error {
	l.mu.Lock()
	var kept []refusal
	for i := range l.state.Refused {
		if !which(&l.state.Refused[i]) {
			kept = append(kept, l.state.Refused[i])
		}
	}
	gone := len(l.state.Refused) - len(kept)
	l.mu.Unlock()
	if gone == 0 {
		return nil
	}
	return l.changeIn(t, func(s *laneState) { s.Refused, s.Refusals = kept, s.Refusals-int64(gone) })
}
