package mvcc

import (
	"sync"
	"sync/atomic"

	"github.com/argon-lab/argon/core/bsonraw"
)

// An iterator shows the store as of when it was made, and making one costs as
// much as ten point reads. A writer of single documents reads before it writes
// (is the _id taken? what did the document hold?) and would need a new one for
// every commit, under its branch's lock. So the versions of the last small
// commits are kept in memory: what they wrote is found here, and for everything
// else an iterator will do that was made before them.
//
// They are kept in generations. A generation holds, once it is in use, every
// version committed above its from; a view takes the generation that is current
// when the view is made and keeps it. A large commit, or a full generation,
// begins a new one: iterators made before that serve no new view any more.
type generation struct {
	from LSN

	mu       sync.RWMutex
	versions map[string][]Version // by key without LSN; ascending
	bytes    int
	count    atomic.Int32
}

const (
	recentWrites  = 16      // of a commit, at most
	recentKeys    = 4096    // of a generation, at most
	recentBytes   = 1 << 20 // documents of a generation, at most
	recentDocSize = 64 << 10
)

// recent holds the current generation.
type recent struct{ current atomic.Pointer[generation] }

func (r *recent) begin(from LSN) {
	r.current.Store(&generation{from: from, versions: map[string][]Version{}})
}

// add takes in a commit that is applied but not visible yet.
func (r *recent) add(c *Commit, lsn LSN) {
	size := 0
	for i := range c.Writes {
		size += len(c.Writes[i].Doc)
	}
	g := r.current.Load()
	if len(c.Writes) > recentWrites || size > recentDocSize || g.full() {
		r.begin(lsn)
		return
	}
	if len(c.Writes) > 0 {
		g.add(c, lsn)
	}
}

// full reports whether the next commit begins another generation. Only commits
// change what it looks at, and they come one at a time.
func (g *generation) full() bool { return len(g.versions) >= recentKeys || g.bytes >= recentBytes }

func (g *generation) add(c *Commit, lsn LSN) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var key []byte
	for i := range c.Writes {
		w := &c.Writes[i]
		key = append(appendHeader(key[:0], kindVersion, c.Segment, w.Collection), w.IDKey...)
		v := Version{LSN: lsn, Segment: c.Segment}
		if w.Doc != nil {
			v.Doc = append(make(bsonraw.Doc, 0, len(w.Doc)), w.Doc...)
		}
		g.versions[string(key)] = append(g.versions[string(key)], v)
		g.bytes += len(key) + len(v.Doc) + 64
	}
	g.count.Store(int32(len(g.versions)))
}

// find returns the newest version at or below an LSN that was committed in this
// generation. The key has no LSN.
func (g *generation) find(key []byte, at LSN) (Version, bool) {
	if at <= g.from || g.count.Load() == 0 {
		return Version{}, false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	versions := g.versions[string(key)]
	for i := len(versions) - 1; i >= 0; i-- {
		if versions[i].LSN <= at {
			return versions[i], true
		}
	}
	return Version{}, false
}
