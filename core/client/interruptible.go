package client

import (
	"context"
	"io"
)

// interruptible is a reader whose Read returns when its context ends, although
// the reader below may wait for a terminal or a pipe for ever. A goroutine reads
// ahead; at the end of the context it stays behind in its Read, whose result
// nobody takes, and goes with it.
type interruptible struct {
	ctx    context.Context
	chunks chan chunk
	free   chan []byte
	now    chunk
}

type chunk struct {
	data []byte
	err  error
	buf  []byte // what data is part of
}

const chunkBytes = 256 << 10

func newInterruptible(ctx context.Context, r io.Reader) *interruptible {
	i := &interruptible{ctx: ctx, chunks: make(chan chunk), free: make(chan []byte, 2)}
	i.free <- make([]byte, chunkBytes)
	i.free <- make([]byte, chunkBytes)
	go i.pump(r)
	return i
}

func (i *interruptible) pump(r io.Reader) {
	for {
		var buf []byte
		select {
		case buf = <-i.free:
		case <-i.ctx.Done():
			return
		}
		n, err := r.Read(buf)
		select {
		case i.chunks <- chunk{buf[:n], err, buf}:
		case <-i.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Read returns what was read ahead.
func (i *interruptible) Read(p []byte) (int, error) {
	for len(i.now.data) == 0 {
		if i.now.err != nil {
			return 0, i.now.err
		}
		if i.now.buf != nil {
			i.free <- i.now.buf
			i.now.buf = nil
		}
		select {
		case i.now = <-i.chunks:
		case <-i.ctx.Done():
			return 0, i.ctx.Err()
		}
	}
	n := copy(p, i.now.data)
	i.now.data = i.now.data[n:]
	return n, nil
}
