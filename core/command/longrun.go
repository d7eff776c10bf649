package command

import (
	"context"
	"sync"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/ordered"
)

// A long command answers at its end, or, where the client asked for progress,
// with a cursor whose documents are {progress: {…}} while it runs, and at last
// {result: {…}}. So the same works in this process, on an attached socket and
// over the wire, with nothing but find's own getMore: the client asks for
// batches of one document, and each comes when there is one.

// longRun runs a long command.
func longRun(ctx context.Context, c *call, progress bool, run func(ctx context.Context, report func(bsonraw.Doc)) (bsonraw.Doc, error)) (*stream, error) {
	if !progress {
		body, err := run(ctx, nil)
		if err != nil {
			return nil, err
		}
		return &stream{reply: c.okWith(body)}, nil
	}
	none := int64(0)
	return &stream{
		ns: c.db + ".$cmd." + c.cmd.Name, batchSize: &none, noTimeout: true,
		open: func(ctx context.Context) (engine.Cursor, error) { return startRun(ctx, run), nil },
	}, nil
}

// running is a command that runs beside its cursor. It outlives the call that
// started it, and ends with the cursor.
type running struct {
	cancel context.CancelFunc
	ended  chan struct{}
	wake   chan struct{} // has room for one: there is something new

	mu   sync.Mutex
	last bsonraw.Doc // progress that was not handed out; a newer takes its place
	body bsonraw.Doc
	err  error
	over bool // the result was handed out
}

func startRun(ctx context.Context, run func(ctx context.Context, report func(bsonraw.Doc)) (bsonraw.Doc, error)) *running {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	go func() {
		defer close(r.ended)
		var body bsonraw.Doc
		err := ordered.Guard(func() (err error) {
			body, err = run(ctx, r.report)
			return err
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		r.body, r.err = body, err
	}()
	return r
}

func (r *running) report(doc bsonraw.Doc) {
	r.mu.Lock()
	r.last = doc
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Next waits for news. A client that is slow misses progress and no result.
func (r *running) Next(ctx context.Context) (bsonraw.Doc, bool, error) {
	for !r.over {
		select {
		case <-ctx.Done():
			return nil, false, r.interrupted(ctx)
		case <-r.wake:
			r.mu.Lock()
			doc := r.last
			r.last = nil
			r.mu.Unlock()
			if doc != nil {
				return wrapped("progress", doc), true, nil
			}
		case <-r.ended:
			r.over = true
			if r.err != nil {
				return nil, false, r.err
			}
			return wrapped("result", r.body), true, nil
		}
	}
	return nil, false, nil
}

// interrupted ends the run with a client that was interrupted, so that the error
// is what the run says about how it ended. A time limit is the getMore's alone.
func (r *running) interrupted(ctx context.Context) error {
	if ctx.Err() == context.Canceled {
		r.Close() //nolint:errcheck // always nil
		if r.err != nil {
			return r.err
		}
	}
	return errs.New(errs.Interrupted, "operation was interrupted")
}

func wrapped(name string, doc bsonraw.Doc) bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Doc(name, doc)
	return b.Finish()
}

// Close stops what runs, and waits until it has.
func (r *running) Close() error {
	r.cancel()
	<-r.ended
	return nil
}
