package expr

// arena hands out bytes that live until reset. It is a chain of chunks of which
// reset keeps the last, the largest, so that a steady load allocates nothing.
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
// neighbour's. A full chunk is left to those who point into it.
func (a *arena) alloc(n int) []byte {
	used := len(a.chunk)
	if used+n > cap(a.chunk) {
		a.chunk = make([]byte, 0, max(minChunk, 2*cap(a.chunk), n))
		used = 0
	}
	a.chunk = a.chunk[:used+n]
	return a.chunk[used : used+n : used+n]
}
