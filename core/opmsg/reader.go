package opmsg

import (
	"errors"
	"io"
	"math/bits"
	"sync"
)

// Sizes of a reader's buffer. A message beyond eager gets its memory when eager
// bytes of it have come, so that a client pays for what it claims.
const (
	idleSize = 4 << 10
	eager    = 1 << 20
)

// Reader reads messages from a stream. It keeps idleSize bytes between messages;
// what a larger message needs comes from a pool and goes back there.
type Reader struct {
	r     io.Reader
	limit int

	small []byte // idleSize bytes, once the first message is awaited
	buf   []byte // small, or one of the pool
	lo    int    // buf[lo:hi] is read and not yet used
	hi    int

	inflated []byte // the message inside an OP_COMPRESSED
	msg      Message
}

// NewReader returns a reader of messages of at most limit bytes each; 0 is
// MaxMessageSize.
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = MaxMessageSize
	}
	return &Reader{r: r, limit: limit}
}

// SetLimit changes the limit for the messages to come.
func (r *Reader) SetLimit(limit int) { r.limit = limit }

// Buffered returns how many bytes of the next message are here already.
func (r *Reader) Buffered() int { return r.hi - r.lo }

// Next returns the next message. It is valid, with everything that it points to,
// until Next or Release is called. io.EOF means that the stream ended between
// two messages.
func (r *Reader) Next() (*Message, error) {
	r.Release()
	if err := r.fill(HeaderSize); err != nil {
		return nil, err
	}
	m := &r.msg
	m.Header = ParseHeader(r.buf[r.lo:])
	m.Compressor = NoCompressor
	if err := m.check(r.limit); err != nil {
		return nil, err
	}
	n := int(m.Length)
	if err := r.fill(n); err != nil {
		return nil, unexpected(err)
	}
	raw := r.buf[r.lo : r.lo+n : r.lo+n]
	r.lo += n
	if m.Op == OpCompressed {
		out, c, err := decompress(take(inflatedHint(raw)), raw, r.limit)
		if err != nil {
			return nil, err
		}
		r.inflated, raw = out, out
		m.Header, m.Compressor = ParseHeader(out), c
	}
	return m, m.parse(raw)
}

// inflatedHint is the size of a buffer for what an OP_COMPRESSED holds, which is
// checked only later.
func inflatedHint(raw []byte) int { return min(max(4*len(raw), idleSize), eager) }

// Release gives large buffers back. Next does it too; a server calls it once it
// has answered, since the next message may be long in coming.
func (r *Reader) Release() {
	if r.inflated != nil {
		give(r.inflated)
		r.inflated = nil
	}
	if r.lo == r.hi {
		r.lo, r.hi = 0, 0
	}
	if r.buf == nil || len(r.buf) == len(r.small) || r.hi-r.lo > len(r.small) {
		return
	}
	n := copy(r.small, r.buf[r.lo:r.hi])
	give(r.buf)
	r.buf, r.lo, r.hi = r.small, 0, n
}

// fill reads until n bytes are here.
func (r *Reader) fill(n int) error {
	if r.buf == nil {
		r.small = make([]byte, idleSize)
		r.buf = r.small
	}
	for r.hi-r.lo < n {
		r.room(n)
		got, err := r.r.Read(r.buf[r.hi:])
		if got < 0 || got > len(r.buf)-r.hi {
			return malformed("the stream says that it read %d bytes", got)
		}
		r.hi += got
		if err != nil && r.hi-r.lo < n {
			if r.hi > r.lo {
				err = unexpected(err)
			}
			return err
		}
	}
	return nil
}

// room makes room for a message of n bytes behind lo.
func (r *Reader) room(n int) {
	have := r.hi - r.lo
	want := n
	switch {
	case n > eager && have < eager:
		want = eager
	case n > MaxMessageSize && have < n/2:
		want = max(MaxMessageSize, 2*have) // of the few that may be as large
	}
	switch {
	case len(r.buf) >= want && r.lo+want <= len(r.buf) && r.hi < len(r.buf):
		return
	case len(r.buf) >= want && have < len(r.buf):
		copy(r.buf, r.buf[r.lo:r.hi])
	default:
		bigger := take(want)
		bigger = bigger[:cap(bigger)]
		copy(bigger, r.buf[r.lo:r.hi])
		if len(r.buf) != len(r.small) {
			give(r.buf)
		}
		r.buf = bigger
	}
	r.lo, r.hi = 0, have
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// pools hold buffers of 2^(13+i) bytes, up to 64 MiB.
var pools [14]sync.Pool

const smallestClass = 13

// take returns an empty buffer for at least n bytes.
func take(n int) []byte {
	class := max(bits.Len(uint(n-1)), smallestClass)
	if class-smallestClass >= len(pools) {
		return make([]byte, 0, n)
	}
	if p, ok := pools[class-smallestClass].Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, 1<<class)
}

// give takes a buffer back that take gave out, or one that grew out of it.
func give(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	if class < smallestClass || class-smallestClass >= len(pools) {
		return
	}
	b = b[:0]
	pools[class-smallestClass].Put(&b)
}

// Buffer returns an empty buffer for at least n bytes from the pool that readers
// use. Recycle gives it back.
func Buffer(n int) []byte { return take(max(n, 1)) }

// Recycle gives a buffer back, which must not be used any more.
func Recycle(b []byte) { give(b) }
