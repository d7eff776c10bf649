package mvcc

import (
	"sort"
	"strings"
	"sync"
)

// A lineage may be a thousand segments deep, most of which changed a handful of
// documents. Opening an iterator on each, or asking the filters of every table
// for each, would make a read as expensive as the lineage is deep. So for the
// segments of a deep lineage that hold few names of a collection (or of an
// index) the names are kept in memory. Those of segments that follow each other
// are put into one list (ancestry.go): a point read finds in it which segments
// to ask, and a scan takes all of them together for one source (patch.go).
//
// A set may hold names that an LSN does not see yet, never too few of those
// that it sees.
type nameSet struct {
	names []string // ascending; unchanged once published
	many  bool     // too many to keep: the segment has to be asked
}

const (
	// deep is how many spans a lineage has before it is worth the trouble.
	deep = 4
	// maxNames is how many names a set may hold.
	maxNames = 512
	// maxAllNames is how many names all sets may hold; then they start afresh.
	maxAllNames = 100_000
	// namesAtOnce is how many sets are read before commits get their turn.
	namesAtOnce = 32
)

// with returns a set that has these names too.
func (n *nameSet) with(added []string, limit int) *nameSet {
	sort.Strings(added)
	merged := make([]string, 0, len(n.names)+len(added))
	old := n.names
	for _, name := range added {
		i := sort.SearchStrings(old, name)
		merged = append(merged, old[:i]...)
		old = old[i:]
		if len(old) > 0 && old[0] == name || len(merged) > 0 && merged[len(merged)-1] == name {
			continue
		}
		merged = append(merged, name)
	}
	merged = append(merged, old...)
	if len(merged) > limit {
		return &nameSet{many: true}
	}
	return &nameSet{names: merged}
}

// names keeps the sets, by the header of their keys.
type names struct {
	store *Store
	limit int // of a set
	mu    sync.RWMutex
	sets  map[string]*nameSet
	total int
}

// get returns the sets of these headers.
func (n *names) get(headers [][]byte) ([]*nameSet, error) {
	sets := make([]*nameSet, len(headers))
	for from := 0; from < len(headers); from += namesAtOnce {
		to := min(from+namesAtOnce, len(headers))
		if err := n.fill(sets[from:to], headers[from:to]); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// fill looks sets up and reads those that are not there yet.
func (n *names) fill(sets []*nameSet, headers [][]byte) error {
	missing := 0
	n.mu.RLock()
	for i, header := range headers {
		if sets[i] = n.sets[string(header)]; sets[i] == nil {
			missing++
		}
	}
	n.mu.RUnlock()
	if missing == 0 {
		return nil
	}
	// A commit adds its names between being applied and being visible, to the
	// sets that are there; so a set is read under the lock, and with an
	// iterator made under it, which sees everything applied before.
	n.mu.Lock()
	defer n.mu.Unlock()
	it, err := n.store.kv.NewIter(nil, nil)
	if err != nil {
		return err
	}
	r := &reader{Iterator: it}
	for i, header := range headers {
		if sets[i] == nil {
			if sets[i], err = n.read(r, header); err != nil {
				break
			}
		}
	}
	return firstError(err, r.Close())
}

func (n *names) read(r *reader, header []byte) (*nameSet, error) {
	if set := n.sets[string(header)]; set != nil {
		return set, nil
	}
	set := &nameSet{}
	r.bound(header, successor(header))
	for ok := r.First(); ok; ok = r.Next() {
		name, _, good := cut(r.Key(), len(header))
		if !good {
			return nil, corruptKey(r.Key())
		}
		if last := len(set.names) - 1; last >= 0 && set.names[last] == string(name) {
			continue
		}
		if len(set.names) == n.limit {
			set = &nameSet{many: true}
			break
		}
		set.names = append(set.names, string(name))
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	n.put(string(header), set)
	return set, nil
}

func (n *names) put(header string, set *nameSet) {
	if n.total += len(set.names) + 1; n.total > maxAllNames {
		n.sets, n.total = map[string]*nameSet{}, len(set.names)+1
	}
	n.sets[header] = set
}

// add takes in a commit that is applied but not visible yet.
func (n *names) add(c *Commit) {
	n.mu.RLock()
	none := len(n.sets) == 0
	n.mu.RUnlock()
	if none {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	a := adder{n: n}
	var header []byte
	for i := range c.Writes {
		w := &c.Writes[i]
		header = appendHeader(header[:0], kindVersion, c.Segment, w.Collection)
		if a.wants(header) {
			a.names = append(a.names, string(w.IDKey))
		}
	}
	for i := range c.IndexWrites {
		w := &c.IndexWrites[i]
		header = appendIndexHeader(header[:0], c.Segment, w.Collection, w.Index)
		if a.wants(header) {
			a.names = append(a.names, string(w.Key)+string(w.IDKey))
		}
	}
	a.flush()
}

// adder adds names run by run of one header.
type adder struct {
	n      *names
	header string
	set    *nameSet // nil or full: nobody wants the names
	names  []string
}

// wants begins a run where the header changes, and reports whether its set
// still takes names.
func (a *adder) wants(header []byte) bool {
	if string(header) != a.header {
		a.flush()
		a.header = string(header)
		a.set = a.n.sets[a.header]
	}
	return a.set != nil && !a.set.many
}

func (a *adder) flush() {
	if len(a.names) > 0 {
		a.n.total -= len(a.set.names) + 1
		a.n.put(a.header, a.set.with(a.names, a.n.limit))
		a.names = a.names[:0]
	}
}

// forget drops the sets whose header begins with prefix.
func (n *names) forget(prefix []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for header, set := range n.sets {
		if strings.HasPrefix(header, string(prefix)) {
			n.total -= len(set.names) + 1
			delete(n.sets, header)
		}
	}
}
