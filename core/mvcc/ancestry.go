package mvcc

import (
	"cmp"
	"slices"
	"sort"
	"sync"
)

// ancestry remembers, for a collection or an index of it, what the ancestors in
// a lineage have to show. Ancestors are the spans behind the leaf: the first of
// them determines all others, and what it shows never changes, since it lies
// below a fork. So an entry is right for ever, and reading through a deep
// lineage does not ask every segment again.
type ancestry struct {
	store *Store
	mu    sync.Mutex
	known map[ancestryKey][]run
}

type ancestryKey struct {
	first Span
	depth int
	coll  CollectionID
	index IndexID // 0 for documents
}

// maxAncestries is how many entries are kept; then they start afresh.
const maxAncestries = 256

// run is one segment that touched the collection; or several that follow each
// other in a lineage and hold few names, which are listed.
type run struct {
	spans   []Span
	headers [][]byte // of the keys of each span
	places  []place  // every name of the spans, in order; nil for one segment
}

// place says that a span of a run may have a name.
type place struct {
	name string
	span int
}

// of returns the runs behind the leaf of a lineage.
func (a *ancestry) of(l Lineage, c CollectionID, ix IndexID) ([]run, error) {
	if len(l) < 2 {
		return nil, nil
	}
	key := ancestryKey{l[1], len(l), c, ix}
	a.mu.Lock()
	runs, ok := a.known[key]
	a.mu.Unlock()
	if ok {
		return runs, nil
	}
	runs, err := a.read(l[1:], c, ix)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxAncestries {
		clear(a.known)
	}
	a.known[key] = runs
	return runs, nil
}

// forget drops everything, after an index was built below LSNs that have passed
// or a segment removed.
func (a *ancestry) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.known)
}

func (a *ancestry) read(l Lineage, c CollectionID, ix IndexID) ([]run, error) {
	var spans []Span
	var headers [][]byte
	for _, span := range l {
		has, err := a.store.touched.has(span.Segment, c)
		if err != nil {
			return nil, err
		}
		if has {
			spans = append(spans, span)
			headers = append(headers, dataHeader(span.Segment, c, ix))
		}
	}
	sets := make([]*nameSet, len(spans))
	if len(spans) >= deep {
		var err error
		if sets, err = a.store.names.get(headers); err != nil {
			return nil, err
		}
	}
	return makeRuns(spans, headers, sets), nil
}

// dataHeader is what the keys of a collection's documents, or of an index's
// entries, begin with.
func dataHeader(seg SegmentID, c CollectionID, ix IndexID) []byte {
	if ix == 0 {
		return appendHeader(nil, kindVersion, seg, c)
	}
	return appendIndexHeader(nil, seg, c, ix)
}

// makeRuns groups spans. One without any name neither shows nor hides anything.
func makeRuns(spans []Span, headers [][]byte, sets []*nameSet) (runs []run) {
	open := false // the last run takes more spans
	for i, span := range spans {
		set := sets[i]
		if set == nil || set.many {
			runs = append(runs, run{spans: []Span{span}, headers: [][]byte{headers[i]}})
			open = false
			continue
		}
		if len(set.names) == 0 {
			continue
		}
		if !open {
			runs = append(runs, run{})
			open = true
		}
		r := &runs[len(runs)-1]
		for _, name := range set.names {
			r.places = append(r.places, place{name, len(r.spans)})
		}
		r.spans, r.headers = append(r.spans, span), append(r.headers, headers[i])
	}
	for i := range runs {
		slices.SortFunc(runs[i].places, func(a, b place) int {
			if c := cmp.Compare(a.name, b.name); c != 0 {
				return c
			}
			return cmp.Compare(a.span, b.span)
		})
	}
	return runs
}

// candidates appends the spans of the run that may show a name, leaf first.
func (r *run) candidates(dst []Span, name []byte) []Span {
	if r.places == nil {
		return append(dst, r.spans...)
	}
	for i := firstPlace(r.places, name); i < len(r.places) && r.places[i].name == string(name); i++ {
		dst = append(dst, r.spans[r.places[i].span])
	}
	return dst
}

// within returns the places with names in [lo, hi), nil meaning open.
func (r *run) within(lo, hi []byte) []place {
	from, to := 0, len(r.places)
	if lo != nil {
		from = firstPlace(r.places, lo)
	}
	if hi != nil {
		to = max(from, firstPlace(r.places, hi))
	}
	return r.places[from:to]
}

// firstPlace returns the first place at or above a name.
func firstPlace(places []place, name []byte) int {
	return sort.Search(len(places), func(i int) bool { return places[i].name >= string(name) })
}
