package mirror

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

const (
	// readAhead is how many batches may wait to be applied.
	readAhead = 1
	// saveEvery is how often the position is stored while nothing happens that
	// is of ours, so that it does not fall out of the source's log.
	saveEvery = 10 * time.Second
)

// follow applies the change stream from where the lane is.
func (l *lane) follow(ctx context.Context) error {
	l.prepareCatchUp()
	for {
		err := l.stream(ctx, streamOptions{token: l.token(), start: stampOf(l.state.Start)})
		switch {
		case serverCode(err) == codeTooLarge:
			err = l.stepLarge(ctx, "the event was too large for the source to send", err)
		case l.isStuck(err):
			err = l.stepLarge(ctx, "the source broke the connection rather than send the event", err)
		}
		if err != nil || ctx.Err() != nil {
			return l.src.wrap(ctx, err)
		}
	}
}

// stuckAfter is how often a connection has to break at the same place before that
// is taken for the event that stands there.
const stuckAfter = 3

// isStuck reports whether it is always the same event that a connection breaks at.
// A server answers so, instead of refusing the event for its size, where the event
// is just small enough and the answer around it is not (seen on 6.0.5).
func (l *lane) isStuck(err error) bool {
	if !mongo.IsNetworkError(err) {
		return false
	}
	if at := string(l.token()); l.brokeAt != at {
		l.brokeAt, l.broke = at, 0
	}
	l.broke++
	return l.broke >= stuckAfter
}

func (l *lane) token() bsonraw.Doc {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bsonraw.Doc(l.position.Token)
}

// stream opens the stream and applies it until it ends: with an error, or with
// nil where the source closed it in order.
func (l *lane) stream(ctx context.Context, o streamOptions) error {
	reader, err := l.src.openStream(ctx, l.Database, o)
	if err != nil {
		return err
	}
	defer reader.close(ctx)
	l.setStage(stageFollowing, nil)
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan *batch, readAhead)
	var failed error
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(batches)
		for {
			b, err := reader.next(ctx)
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if err != nil || b.closed {
				failed = err
				return
			}
		}
	})
	defer reading.Wait()
	defer cancel()
	for b := range batches {
		if err := l.applyBatch(ctx, b); err != nil {
			return err
		}
		if err := l.applyReading(ctx); err != nil {
			return err
		}
		l.attempts.Store(0)
	}
	return failed
}

// applyBatch makes the commits of a batch, which share a sync.
func (l *lane) applyBatch(ctx context.Context, b *batch) error {
	var done []*event
	if len(b.groups) > 0 {
		l.caughtUp.Store(0)
		err := l.store.Replicate(ctx, l.ref(), l.meta(""), func(f *engine.Replica) error {
			for _, g := range b.groups {
				if err := l.applyGroup(ctx, f, g); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		now := time.Now()
		for _, g := range b.groups {
			done = append(done, g...)
			l.lag.add(now, g.last())
		}
	}
	l.events.Add(int64(len(done)))
	return l.advance(ctx, b, done)
}

// advance notes where the stream is, and stores it if no commit has for long.
func (l *lane) advance(ctx context.Context, b *batch, done []*event) error {
	at, token := b.position, b.token
	if len(done) > 0 {
		last := done[len(done)-1]
		if last.at > at {
			at, token = last.at, last.token.Clone()
		}
	}
	now := time.Now()
	if b.caughtUp {
		l.caughtUp.Store(now.UnixMilli())
	}
	l.mu.Lock()
	moved := token != nil && (at > stampOf(l.position.Cluster) || string(token) != string(l.position.Token))
	if moved {
		l.position.Token, l.position.Cluster = []byte(token), at.timestamp()
	}
	wall := l.position.Wall
	save := moved && now.Sub(l.saved) > saveEvery
	if save {
		l.saved = now
	}
	past := len(l.copies) > 0 && at > l.copyEnd
	l.signal()
	l.mu.Unlock()
	if save {
		if err := l.store.PutSetting(ctx, stateKind, l.key("token"), positionDoc(token, at, wall)); err != nil {
			return err
		}
	}
	if past {
		return l.endCatchUp(ctx)
	}
	return nil
}

// applyGroup makes the commit of a group.
func (l *lane) applyGroup(ctx context.Context, f *engine.Replica, g group) error {
	wanted := slices.ContainsFunc(g, func(e *event) bool { return l.isOurs(e) })
	last := g.last()
	if !wanted {
		return nil
	}
	message, err := l.describe(ctx, g)
	if err != nil {
		return err
	}
	meta := l.meta(message)
	meta.Time, meta.Source = last.time(), g[0].source()
	_, err = f.Commit(ctx, meta, func(t *engine.Txn) error {
		a := applier{l: l, t: t}
		for _, e := range g {
			if !l.isOurs(e) {
				continue
			}
			if err := a.apply(ctx, e); err != nil {
				return err
			}
			if !isData(e.op) {
				l.noteMoved(e)
			}
		}
		return t.PutSetting(stateKind, l.key("token"), positionDoc(last.token, last.at, last.wall))
	})
	if err != nil {
		return err
	}
	l.commits.Add(1)
	l.mu.Lock()
	l.position.Token, l.position.Cluster, l.position.Wall = []byte(last.token.Clone()), last.at.timestamp(), last.wall
	l.saved = time.Now()
	l.mu.Unlock()
	return nil
}

// isOurs reports whether an event is of something that the lane follows, and not
// in the copy already.
func (l *lane) isOurs(e *event) bool {
	if e.at <= stampOf(l.state.Start) {
		return false
	}
	if l.known != nil && e.uuid != "" {
		name, ok := l.known[e.uuid]
		if e.at <= stampOf(l.state.Listed) {
			if !ok {
				return false // dropped since, before the catalogue was read
			}
			e.coll = name // perhaps renamed since
		}
	}
	if l.known != nil && e.at <= stampOf(l.state.Listed) && !isData(e.op) {
		return false // the catalogue was listed later
	}
	switch e.op {
	case "invalidate":
		return false
	case "dropDatabase":
		return true
	case "rename":
		return l.def.wants(l.Database, e.coll) || l.def.wants(l.Database, e.to)
	case "insert", "update", "replace", "delete":
		if !l.def.wants(l.Database, e.coll) {
			return false
		}
		if c := l.copies[e.coll]; l.known != nil && c != nil && e.at <= stampOf(c.Since) {
			return false // it is in the copy
		}
		// While catching up: a collection that was not there any more when the
		// catalogue was read is none of ours.
		return l.known == nil || l.copies[e.coll] != nil || e.at > stampOf(l.state.Listed)
	}
	return l.def.wants(l.Database, e.coll)
}

// isData reports whether an operation is on documents.
func isData(op string) bool {
	return op == "insert" || op == "update" || op == "replace" || op == "delete"
}

// lenient reports whether an event may be in the copy already, so that it need
// not fit.
func (l *lane) lenient(e *event) bool {
	c := l.copies[e.coll]
	return l.known != nil && c != nil && c.Mixed && e.at <= stampOf(c.Time)
}

// stepLarge takes the one event that the source cannot send: what it is of is read
// without its contents, and the contents from the collection. Where no event
// stands there, the error that led here is of something else.
func (l *lane) stepLarge(ctx context.Context, why string, cause error) error {
	reader, err := l.src.openStream(ctx, l.Database, streamOptions{token: l.token(), start: stampOf(l.state.Start), lean: true})
	if err != nil {
		return err
	}
	defer reader.close(ctx)
	b, err := reader.next(ctx)
	if err != nil {
		return err
	}
	if len(b.groups) == 0 {
		return cause
	}
	for _, e := range b.groups[0] {
		if e.op != "delete" && !e.id.IsMissing() {
			e.op, e.fetched = "replace", why
		}
	}
	return l.applyBatch(ctx, &batch{groups: b.groups[:1]})
}
