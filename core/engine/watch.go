package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/changes"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/pipeline"
	"github.com/argon-lab/argon/core/refs"
)

// WatchSpec says what a change stream shows.
type WatchSpec struct {
	// Ref is a branch at its head. Without a branch it is every branch of the
	// project, without a project every branch of the store.
	Ref        refs.Ref
	Collection string // "": all

	// Where to begin: at most one of these. None is with the next commit.
	ResumeAfter *changes.Token
	StartAfter  *changes.Token // as ResumeAfter, also behind an invalidate
	StartAt     *changes.Time  // with the first commit at or after
	Since       *refs.Moment   // with the first commit behind this moment

	FullDocument bool // updates come with the document
	BeforeChange bool // updates, replacements and deletions come with the document before
	Expanded     bool // also changes of collections and indexes
	Pipeline     []Doc
	Let          Doc
}

// ChangeStream is an open change stream. One goroutine reads it; Close may come
// from any.
type ChangeStream struct {
	s    *Store
	spec WatchSpec
	src  source
	step *step      // the next step, while it is not begun
	feed *feed      // and whose it is
	u    *unfolding // the step that is being told, or nil

	pipe  pipeline.Iter // over raw
	split bool          // large events are split
	parts []Doc         // of a split event, not yet handed out
	queue []Doc         // events that follow the last one: an invalidate

	skip    changes.Token // events up to here are passed over
	from    changes.Time  // steps before are passed over
	last    changes.Token // of the newest event that was handed out
	scanned changes.Token // everything up to here was looked at
	pending changes.Token // of the event that raw gave last
	id      Doc           // its document
	ended   bool          // invalidated

	buf    bsonraw.Builder
	once   sync.Once
	closed chan struct{}
}

// Watch opens a change stream. It shows what is durable, each commit's changes
// once, in the order of commits.
func (s *Store) Watch(ctx context.Context, spec *WatchSpec) (*ChangeStream, error) {
	if !spec.Ref.Moment.IsHead() {
		return nil, errs.New(errs.PinnedMoment, "%s is a past moment, at which nothing changes any more", spec.Ref).
			WithRemedy("watch the branch, and start at the moment")
	}
	w := &ChangeStream{s: s, spec: *spec, closed: make(chan struct{})}
	w.spec.Pipeline = nil
	if err := w.compile(ctx, spec.Pipeline, spec.Let); err != nil {
		return nil, err
	}
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// allowedStages are those of a change stream's pipeline.
var allowedStages = []string{
	"$match", "$project", "$addFields", "$set", "$unset", "$replaceRoot", "$replaceWith", "$redact",
}

const splitStage = "$changeStreamSplitLargeEvent"

// compile compiles the pipeline on events.
func (w *ChangeStream) compile(ctx context.Context, stages []Doc, let Doc) error {
	now := w.s.clock()
	_, vars, err := letVars(let, now)
	if err != nil {
		return err
	}
	for i, st := range stages {
		it := st.Iter()
		it.Next()
		name := string(it.Key())
		if name != splitStage {
			continue
		}
		if i != len(stages)-1 {
			return errs.New(7182802, "%s must be the last stage in the pipeline", splitStage)
		}
		if v := it.Value(); v.Type != bsonraw.Object || !v.Doc().IsEmpty() {
			return errs.New(7182800, "%s spec should be an empty object", splitStage)
		}
		w.split = true
		stages = stages[:i]
	}
	p, err := pipeline.Compile(stages, &pipeline.Options{Let: vars, Now: now})
	if err != nil {
		return err
	}
	for _, st := range stages {
		it := st.Iter()
		it.Next()
		if !slices.Contains(allowedStages, string(it.Key())) {
			return errs.New(errs.IllegalOperation, "%s is not permitted in a $changeStream pipeline", it.Key())
		}
	}
	w.pipe, err = p.Follow(ctx, (*rawEvents)(w))
	return err
}

// Next returns the next event, and waits for it. False is the end of the stream:
// an invalidate was the last event.
func (w *ChangeStream) Next(ctx context.Context) (Doc, bool, error) {
	for {
		notice := w.src.notice()
		doc, ok, err := w.TryNext(ctx)
		if ok || err != nil || w.ended {
			return doc, ok, err
		}
		w.Pause()
		select {
		case <-notice:
		case <-w.closed:
			return nil, false, errs.New(errs.CursorKilled, "the change stream was closed")
		case <-ctx.Done():
			return nil, false, ctxError(ctx)
		}
	}
}

// TryNext returns the next event if there is one.
func (w *ChangeStream) TryNext(ctx context.Context) (Doc, bool, error) {
	switch {
	case w.isClosed():
		return nil, false, errs.New(errs.CursorKilled, "the change stream was closed")
	case len(w.parts) > 0:
		return w.nextPart()
	case len(w.queue) > 0:
		doc := w.queue[0]
		w.queue = w.queue[1:]
		w.last.Part, w.ended = changes.Invalidated, true
		w.scanned = w.last
		return doc, true, nil
	case w.ended:
		return nil, false, nil
	}
	for {
		doc, ok, err := w.pipe.Next(ctx)
		if err != nil || !ok {
			return nil, false, err
		}
		if err := w.checkID(doc); err != nil {
			return nil, false, err
		}
		if w.split && len(doc) > bsonraw.MaxDocSize {
			if err := w.splitEvent(doc); err != nil {
				return nil, false, err
			}
			if len(w.parts) == 0 {
				continue // all of them were handed out before
			}
			return w.nextPart()
		}
		if len(doc) > maxEvent {
			return nil, false, errs.New(errs.BSONObjectTooLarge, "BSONObj size: %d is invalid. Size must be between 0 and %d", len(doc), maxEvent).
				WithRemedy("leave fields out with $project, or end the pipeline with {%s: {}}", splitStage)
		}
		w.last = w.pending
		return doc, true, nil
	}
}

// maxEvent is the most that an event may have: a document, and what is around it.
const maxEvent = bsonraw.MaxDocSize + 16<<10

// checkID sees that the pipeline left the resume token as it was.
func (w *ChangeStream) checkID(doc Doc) error {
	got := doc.Get("_id")
	if bsonraw.Identical(got, w.id.Value()) {
		return nil
	}
	return errs.New(errs.ChangeStreamFatalError, "Encountered an event whose _id field, which contains the resume token, was modified by the pipeline. Modifying the _id field of an event makes it impossible to resume the stream from that point. Only transformations that retain the unmodified _id field are allowed. Expected: {_id: {_data: %q}}", w.pending.String()).
		WithLabel("NonResumableChangeStreamError")
}

// Token returns the resume token of the newest event handed out, or, where
// everything that there was has been looked at, a later one that saves looking
// at it again.
func (w *ChangeStream) Token() changes.Token {
	if len(w.parts) > 0 || len(w.queue) > 0 || w.ended || w.last.Compare(w.scanned) >= 0 {
		return w.last
	}
	return w.scanned
}

// Ended reports whether the stream is over, by an invalidate event.
func (w *ChangeStream) Ended() bool { return w.ended }

// Notice returns a channel that is closed when TryNext may have more, or when
// the stream is closed. It is to be taken before TryNext.
func (w *ChangeStream) Notice() (more, closed <-chan struct{}) { return w.src.notice(), w.closed }

// Pause lets go of what the stream holds open, until the next call.
func (w *ChangeStream) Pause() {
	if w.u != nil {
		w.u.rest()
	}
	w.src.rest()
}

func (w *ChangeStream) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}

// Interrupt ends a Next that waits, from another goroutine; the stream is closed
// to further use, and its owner still calls Close.
func (w *ChangeStream) Interrupt() { w.once.Do(func() { close(w.closed) }) }

// Close ends the stream. It is for the goroutine that reads.
func (w *ChangeStream) Close() error {
	w.Interrupt()
	if w.u != nil {
		w.u.close()
		w.u = nil
	}
	w.src.rest()
	return nil
}

// rawEvents is the stream before its pipeline.
type rawEvents ChangeStream

// Next returns the next event that the stream is to show, false if there is none yet.
func (r *rawEvents) Next(ctx context.Context) (Doc, bool, error) {
	w := (*ChangeStream)(r)
	for len(w.queue) == 0 {
		if w.u == nil {
			more, err := w.nextStep(ctx)
			if err != nil || !more {
				return nil, false, err
			}
		}
		ev, err := w.u.next(ctx)
		if err != nil {
			return nil, false, err
		}
		if ev == nil {
			w.scanned = changes.Token{LSN: w.u.step.lsn, N: changes.AllEvents, Segment: w.u.step.segment}
			w.u.close()
			w.u = nil
			continue
		}
		doc, ok, err := w.show(ev)
		if err != nil || ok {
			return doc, ok, err
		}
	}
	return nil, false, nil
}

func (r *rawEvents) Close() error { return nil }

// nextStep goes to the next commit; false if there is none yet.
func (w *ChangeStream) nextStep(ctx context.Context) (bool, error) {
	for {
		if err := w.s.open(); err != nil {
			return false, err
		}
		if w.step == nil {
			var err error
			if w.step, w.feed, err = w.src.next(ctx); err != nil {
				return false, err
			}
		}
		st := w.step
		if st == nil {
			lsn, seg := w.src.position()
			if t := (changes.Token{LSN: lsn, N: changes.AllEvents, Segment: seg}); t.Compare(w.scanned) > 0 {
				w.scanned = t
			}
			return false, nil
		}
		u, err := w.feed.unfold(ctx, st)
		if err != nil {
			return false, err
		}
		w.step = nil
		if changes.TimeOf(st.lsn, st.ms).Compare(w.from) < 0 {
			u.close()
			continue
		}
		w.u = u
		return true, nil
	}
}

// Clock returns MongoDB's name of the newest moment: an operationTime.
func (s *Store) Clock() changes.Time {
	lsn := s.mv.LastLSN() // first: a later commit's time only moves it up to that commit
	now := changes.TimeOf(lsn, s.mv.LatestTime())
	if now.IsZero() {
		now.Increment = 1 // of an empty store: MongoDB does not take 0 for a time
	}
	return now
}

// LSNAt returns the newest commit of a branch at or before a cluster time.
func (s *Store) LSNAt(ref refs.Ref, t changes.Time) (mvcc.LSN, error) {
	b, err := s.branch(ref.Project, ref.Branch)
	if err != nil {
		return 0, err
	}
	before, err := s.lsnAtMs(b, t.First()-1)
	if err != nil {
		return 0, err
	}
	within, err := s.lsnAtMs(b, t.Last())
	if err != nil {
		return 0, err
	}
	return t.LSN(before, within), nil
}
