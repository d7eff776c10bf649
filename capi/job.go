package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// job is a call that runs in the background, or a reply that did not fit.
type job struct {
	cancel   context.CancelFunc
	done     chan struct{} // closed when result and stream are set
	progress atomic.Pointer[bsonraw.Doc]

	mu     sync.Mutex
	result answer  // what fetching answers
	err    error   // what the job, or later its stream, ended with
	stream *stream // of argon_arrow
	taken  bool    // the stream is the caller's
}

// work is what a job runs; its result is a document or a stream.
type work func(ctx context.Context, j *job) (bsonraw.Doc, *stream, error)

// startJob runs w on a goroutine, with a context that ends with the client, by
// a cancel, or with the job. The caller has entered the client; the job leaves
// it when w returns.
func startJob(c *connection, w work) answer {
	j := &job{done: make(chan struct{})}
	ctx, cancel := context.WithCancel(c.ctx)
	j.cancel = cancel
	go j.run(ctx, c, w)
	return answer{handle: registry.add(j)}
}

// run ends with done closed, whatever w does. The context of a stream lives as
// long as the stream.
func (j *job) run(ctx context.Context, c *connection, w work) {
	defer c.leave()
	defer close(j.done)
	defer func() {
		if r := recover(); r != nil {
			j.fail(panicked(r))
		}
	}()
	doc, s, err := w(ctx, j)
	if err != nil {
		j.fail(err)
		j.cancel()
		return
	}
	j.mu.Lock()
	j.result, j.stream = answer{doc: doc}, s
	j.mu.Unlock()
	if s == nil {
		j.cancel()
	}
}

func (j *job) fail(err error) {
	a := failure(err)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result, j.err = a, err
}

func (j *job) finished() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// keep makes a finished job of an answer whose document did not fit.
func keep(a answer) int64 {
	j := &job{cancel: func() {}, done: make(chan struct{}), result: a}
	close(j.done)
	return registry.add(j)
}

func startCommand(n int64, db string, cmd bsonraw.Doc) answer {
	c, err := use(n)
	if err != nil {
		return failure(err)
	}
	return startJob(c, func(ctx context.Context, j *job) (bsonraw.Doc, *stream, error) {
		doc, err := c.backend.RunCommand(withProgress(ctx, j.report), db, cmd)
		return doc, nil, err
	})
}

// report keeps the newest progress for argon_job_progress.
func (j *job) report(p bsonraw.Doc) {
	p = p.Clone()
	j.progress.Store(&p)
}

func waitJob(n int64, timeoutMS int) answer {
	j, err := jobOf(n)
	if err != nil {
		return failure(err)
	}
	if j.finished() {
		return answer{}
	}
	timer := time.NewTimer(time.Duration(max(timeoutMS, 0)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-j.done:
		return answer{}
	case <-timer.C:
		return answer{status: running}
	}
}

func cancelJob(n int64) answer {
	j, err := jobOf(n)
	if err != nil {
		return failure(err)
	}
	j.cancel()
	return answer{}
}

func jobProgress(n int64) answer {
	j, err := jobOf(n)
	if err != nil {
		return failure(err)
	}
	if p := j.progress.Load(); p != nil {
		return answer{doc: *p}
	}
	return answer{doc: bsonraw.NewBuilder(nil).Finish()}
}

// jobResult answers with the result of a finished job if it fits into capacity
// bytes, and forgets the job then. A job whose stream was taken stays: it can
// only say why the stream broke.
func jobResult(n, capacity int64) answer {
	j, err := jobOf(n)
	switch {
	case err != nil:
		return failure(err)
	case !j.finished():
		return answer{status: running, handle: n}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.stream != nil && j.result.status != failed:
		return failure(errs.New(errs.HandleInvalid, "the job %d has a stream, not a document: take it with argon_job_stream", n))
	case int64(len(j.result.doc)) > capacity:
		return answer{status: tooSmall, need: len(j.result.doc), handle: n}
	case j.stream == nil:
		registry.forget(n)
	}
	return j.result
}

// dropJob cancels and forgets a job. A stream that it has, or will have, and
// that nobody took ends too.
func dropJob(n int64) answer {
	j, err := jobOf(n)
	if err != nil {
		return failure(err)
	}
	registry.forget(n)
	j.cancel()
	go j.abandon()
	return answer{}
}

func (j *job) abandon() {
	defer func() {
		if r := recover(); r != nil {
			_ = panicked(r)
		}
	}()
	<-j.done
	j.mu.Lock()
	s, taken := j.stream, j.taken
	j.mu.Unlock()
	if s != nil && !taken {
		s.Release()
	}
}
