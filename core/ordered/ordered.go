package ordered

import (
	"context"
	"errors"
	"sync"

	"github.com/argon-lab/argon/core/errs"
)

// Plan is what a pipeline does.
type Plan[In, Out any] struct {
	// Workers is the number of goroutines that work; at least 1.
	Workers int
	// Read returns the next item, or false at the end. One goroutine calls it.
	Read func(ctx context.Context) (item In, ok bool, err error)
	// Close is called once after the last Read, by the same goroutine; may be
	// nil.
	Close func()
	// Work makes the function of one worker, which may keep state from item to
	// item; a new one is made after an error.
	Work func() func(In) (Out, error)
	// Drop is given the results that nobody takes; may be nil.
	Drop func(Out)
}

// Pipeline is a running plan.
//
// The order is kept by a queue of channels, one for each item, in which the
// worker that had the item leaves its result.
type Pipeline[Out any] struct {
	cancel context.CancelFunc
	queue  chan chan outcome[Out]
	drop   func(Out)
	err    error // why reading ended early; to be read once queue is closed
	group  sync.WaitGroup
}

type outcome[Out any] struct {
	value Out
	err   error
}

type task[In, Out any] struct {
	item   In
	result chan outcome[Out]
}

// Start runs a plan.
func Start[In, Out any](ctx context.Context, p Plan[In, Out]) *Pipeline[Out] {
	ctx, cancel := context.WithCancel(ctx)
	workers := max(p.Workers, 1)
	l := &Pipeline[Out]{cancel: cancel, drop: p.Drop, queue: make(chan chan outcome[Out], workers+1)}
	tasks := make(chan task[In, Out])
	l.group.Add(1 + workers)
	go func() {
		defer l.group.Done()
		defer close(l.queue)
		defer close(tasks)
		l.err = Guard(func() error { return read(ctx, p, l.queue, tasks) })
	}()
	for range workers {
		go func() {
			defer l.group.Done()
			work(p.Work, tasks)
		}()
	}
	return l
}

// read hands the items of the stream to the workers.
func read[In, Out any](ctx context.Context, p Plan[In, Out], queue chan<- chan outcome[Out], tasks chan<- task[In, Out]) error {
	if p.Close != nil {
		defer p.Close()
	}
	for {
		item, ok, err := p.Read(ctx)
		if err != nil && ctx.Err() != nil && errs.As(err) == nil {
			err = Canceled(ctx)
		}
		if err != nil || !ok {
			return err
		}
		t := task[In, Out]{item, make(chan outcome[Out], 1)}
		select {
		case queue <- t.result:
		case <-ctx.Done():
			return Canceled(ctx)
		}
		select {
		case tasks <- t:
		case <-ctx.Done():
			t.result <- outcome[Out]{err: Canceled(ctx)}
			return Canceled(ctx)
		}
	}
}

func work[In, Out any](newJob func() func(In) (Out, error), tasks <-chan task[In, Out]) {
	var job func(In) (Out, error)
	for t := range tasks {
		var o outcome[Out]
		o.err = Guard(func() (err error) {
			if job == nil {
				job = newJob()
			}
			o.value, err = job(t.item)
			return err
		})
		if o.err != nil {
			job = nil
		}
		t.result <- o
	}
}

// Next returns the result of the next item; ok is false at the end of the
// stream. An error of one item comes in its place, one of the stream comes last.
func (l *Pipeline[Out]) Next() (value Out, ok bool, err error) {
	result, open := <-l.queue
	if !open {
		return value, false, l.err
	}
	o := <-result
	return o.value, o.err == nil, o.err
}

// Stop ends the pipeline and returns when all of it has ended.
func (l *Pipeline[Out]) Stop() {
	l.cancel()
	for result := range l.queue {
		if o := <-result; o.err == nil && l.drop != nil {
			l.drop(o.value)
		}
	}
	l.group.Wait()
}

// Canceled is the error of a context that is done.
func Canceled(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errs.Wrap(ctx.Err(), errs.MaxTimeMSExpired, "operation exceeded time limit")
	}
	return errs.Wrap(ctx.Err(), errs.Interrupted, "operation was interrupted")
}

// Guard turns a panic into an error: none may leave a goroutine, where no
// caller could recover it.
func Guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errs.New(errs.LibraryPanicked, "a defect stopped a conversion: %v", r)
		}
	}()
	return f()
}
