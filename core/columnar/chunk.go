package columnar

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/argon-lab/argon/core/errs"
)

// chunk is a run of documents, one behind the other: their own lengths part
// them. It is what a worker takes at once, and it becomes one batch.
type chunk struct {
	docs []byte
	rows int
}

// chunkBytes ends a chunk early where documents are large.
const chunkBytes = 8 << 20

// fill reads documents until the chunk is full, and reports whether the stream
// may have more.
func (k *chunk) fill(ctx context.Context, it Iter, rows int) (more bool, err error) {
	k.docs, k.rows = k.docs[:0], 0
	for k.rows < rows && len(k.docs) < chunkBytes {
		doc, ok, err := it.Next(ctx)
		if err != nil && ctx.Err() != nil && errs.As(err) == nil {
			err = canceled(ctx)
		}
		if err != nil || !ok {
			return false, err
		}
		if len(doc) < 5 || int(binary.LittleEndian.Uint32(doc)) != len(doc) {
			return false, errs.New(errs.InvalidBSON, "a stream gave a document of %d bytes that says otherwise", len(doc))
		}
		k.docs = append(k.docs, doc...)
		k.rows++
	}
	return true, nil
}

// pipeline runs a job on every chunk of a stream, on several goroutines, and
// gives the results in the order of the stream. One goroutine reads the stream;
// never more than so many chunks are read ahead.
//
// The order is kept by a queue of channels, one for each chunk, in which the
// worker that had the chunk leaves its result.
type pipeline[T any] struct {
	cancel context.CancelFunc
	order  chan chan outcome[T]
	drop   func(T) // frees a result that nobody takes
	err    error   // why reading ended early; to be read once order is closed
	group  sync.WaitGroup
	free   sync.Pool
}

type outcome[T any] struct {
	value T
	rows  int
	err   error
}

type task[T any] struct {
	chunk  *chunk
	result chan outcome[T]
}

// plan is what a pipeline does.
type plan[T any] struct {
	workers int
	rows    int                            // of a chunk
	first   *chunk                         // read already, or nil
	job     func() func(*chunk) (T, error) // makes the job of one worker
	drop    func(T)
}

// startPipeline takes over the stream and closes it at its end or at stop.
func startPipeline[T any](ctx context.Context, it Iter, p plan[T]) *pipeline[T] {
	ctx, cancel := context.WithCancel(ctx)
	l := &pipeline[T]{cancel: cancel, drop: p.drop, order: make(chan chan outcome[T], p.workers+1)}
	tasks := make(chan task[T])
	l.group.Add(1 + p.workers)
	go l.read(ctx, it, p, tasks)
	for range p.workers {
		go l.work(p.job, tasks)
	}
	return l
}

// read hands the chunks of the stream to the workers.
func (l *pipeline[T]) read(ctx context.Context, it Iter, p plan[T], tasks chan<- task[T]) {
	defer l.group.Done()
	defer close(l.order)
	defer close(tasks)
	l.err = guard(func() error {
		defer it.Close()
		if p.first != nil && !l.hand(ctx, p.first, tasks) {
			return canceled(ctx)
		}
		for {
			k, _ := l.free.Get().(*chunk)
			if k == nil {
				k = &chunk{}
			}
			more, err := k.fill(ctx, it, p.rows)
			if err != nil {
				return err
			}
			if k.rows > 0 && !l.hand(ctx, k, tasks) {
				return canceled(ctx)
			}
			if !more {
				return nil
			}
		}
	})
}

// canceled is the error of a context that is done.
func canceled(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errs.Wrap(ctx.Err(), errs.MaxTimeMSExpired, "operation exceeded time limit")
	}
	return errs.Wrap(ctx.Err(), errs.Interrupted, "operation was interrupted")
}

// hand gives one chunk to a worker, or false where the pipeline was stopped.
func (l *pipeline[T]) hand(ctx context.Context, k *chunk, tasks chan<- task[T]) bool {
	t := task[T]{k, make(chan outcome[T], 1)}
	select {
	case l.order <- t.result:
	case <-ctx.Done():
		return false
	}
	select {
	case tasks <- t:
		return true
	case <-ctx.Done():
		t.result <- outcome[T]{err: canceled(ctx)}
		return false
	}
}

func (l *pipeline[T]) work(newJob func() func(*chunk) (T, error), tasks <-chan task[T]) {
	defer l.group.Done()
	var job func(*chunk) (T, error)
	for t := range tasks {
		o := outcome[T]{rows: t.chunk.rows}
		o.err = guard(func() (err error) {
			if job == nil {
				job = newJob()
			}
			o.value, err = job(t.chunk)
			return err
		})
		if o.err != nil {
			job = nil // whatever state it had
		}
		l.free.Put(t.chunk)
		t.result <- o
	}
}

// next returns the result of the next chunk; false at the end of the stream. A
// stream that broke off gives its error, so that it is never taken for whole.
func (l *pipeline[T]) next() (o outcome[T], ok bool) {
	result, ok := <-l.order
	if !ok {
		return outcome[T]{err: l.err}, l.err != nil
	}
	return <-result, true
}

// stop ends the goroutines, frees what they made, and returns when the stream
// is closed.
func (l *pipeline[T]) stop() {
	l.cancel()
	for result := range l.order {
		if o := <-result; o.err == nil && l.drop != nil {
			l.drop(o.value)
		}
	}
	l.group.Wait()
}

// guard turns a panic into an error: none may leave a goroutine, where no
// caller could recover it.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errs.New(errs.LibraryPanicked, "while making Arrow data: %v", r)
		}
	}()
	return f()
}
