package expr

// arena hands out bytes that live until reset. It is a chain of chunks of which
// only the last, the largest, is held: full chunks belong to those who point
// into them. A steady load allocates nothing.
type arena struct {
	chunk []byte // len: used, cap: size
}

const (
	minChunk = 1 << 10
	// maxKept bounds what an Env holds on to after one huge result.
	maxKept = 1 << 20
)

func (a *arena) reset() {
	if cap(a.chunk) > maxKept {
		a.chunk = nil
	}
	a.chunk = a.chunk[:0]
}

// alloc returns n bytes of unspecified content, with no room to grow into its
// neighbour's.
func (a *arena) alloc(n int) []byte {
	used := len(a.chunk)
	if used+n > cap(a.chunk) {
		a.chunk = make([]byte, 0, max(minChunk, min(2*cap(a.chunk), maxKept), n))
		used = 0
	}
	a.chunk = a.chunk[:used+n]
	return a.chunk[used : used+n : used+n]
}

// mark names the present fill of the arena.
type mark struct {
	chunk []byte
}

func (a *arena) mark() mark { return mark{a.chunk} }

// release frees everything allocated since m, which nothing may use any more.
func (a *arena) release(m mark) {
	if cap(m.chunk) == cap(a.chunk) && cap(m.chunk) > 0 && &m.chunk[:1][0] == &a.chunk[:1][0] {
		a.chunk = m.chunk
		return
	}
	// A chunk begun since then holds nothing older.
	a.chunk = a.chunk[:0]
}
