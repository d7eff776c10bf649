package main

import (
	"errors"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/argon-lab/argon/core/errs"
)

// stream is a reader of record batches on its way to C. Beside what it wraps,
// it recovers panics, which would end the process inside the consumer's call;
// it ends when its client closes; and it leaves the error that ended it in its
// job, since a consumer hands on the text at most.
type stream struct {
	client *connection
	job    *job
	schema *arrow.Schema

	mu     sync.Mutex
	number int64              // of the job that ends with the stream, or 0
	reader array.RecordReader // nil once the stream has ended
	source source
	refs   int
	err    error
}

func newStream(c *connection, j *job, r array.RecordReader, src source) (*stream, error) {
	s := &stream{client: c, job: j, schema: r.Schema(), reader: r, source: src, refs: 1}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		r.Release()
		return nil, errors.Join(errs.New(errs.StoreClosed, "the client is closed"), src.Close())
	}
	c.streams[s] = struct{}{}
	return s, nil
}

// takeStream hands over the stream of a finished job, or the error that it ended
// with; nil while the job runs. The job stays registered until the stream is released, so that it can be
// cancelled, or with keepJob until it is dropped.
func takeStream(n int64, keepJob bool) (*stream, error) {
	j, err := jobOf(n)
	if err != nil {
		return nil, err
	}
	if !j.finished() {
		return nil, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.stream == nil && j.err != nil:
		return nil, j.err
	case j.stream == nil || j.taken:
		return nil, errs.New(errs.HandleInvalid, "the job %d has no stream to give: it is another kind of job, or gave it already", n)
	}
	j.taken = true
	if !keepJob {
		j.stream.number = n
	}
	return j.stream, nil
}

// Schema returns the schema of every batch.
func (s *stream) Schema() *arrow.Schema { return s.schema }

// Next reads the next batch.
func (s *stream) Next() bool {
	if err := s.client.enter(); err != nil {
		s.fail(err)
		return false
	}
	defer s.client.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	more, err := s.read()
	if err != nil {
		s.err = err
		s.job.fail(err)
	}
	return more
}

func (s *stream) read() (more bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			more, err = false, panicked(r)
		}
	}()
	switch {
	case poisoned.Load():
		return false, errs.New(errs.LibraryPanicked, "an earlier call stopped on a defect")
	case s.reader == nil:
		return false, errs.New(errs.StoreClosed, "the stream has ended")
	case s.reader.Next():
		return true, nil
	}
	return false, s.reader.Err()
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.job.fail(err)
}

// RecordBatch returns the batch that Next read.
func (s *stream) RecordBatch() arrow.RecordBatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reader == nil {
		return nil
	}
	return s.reader.RecordBatch()
}

// Record is RecordBatch by the name that array.RecordReader deprecates.
func (s *stream) Record() arrow.RecordBatch { return s.RecordBatch() }

// Err returns the error that ended the stream.
func (s *stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Retain counts one more holder.
func (s *stream) Retain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refs++
}

// Release counts one holder less; after the last one the stream ends, and
// its job is forgotten with it.
func (s *stream) Release() {
	s.mu.Lock()
	s.refs--
	last, number := s.refs == 0, s.number
	s.mu.Unlock()
	if !last {
		return
	}
	registry.forget(number)
	s.client.mu.Lock()
	delete(s.client.streams, s)
	s.client.mu.Unlock()
	s.end()
}

// end cancels what the stream runs, releases the reader and closes its source,
// unless a panic has left them in an unknown state. Closing a source that was
// only read has nothing to report.
func (s *stream) end() {
	defer func() {
		if r := recover(); r != nil {
			_ = panicked(r)
		}
	}()
	s.job.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	reader := s.reader
	s.reader = nil
	if reader != nil && !poisoned.Load() {
		reader.Release()
		_ = s.source.Close()
	}
}
