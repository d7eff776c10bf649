package mvcc

import (
	"bytes"
	"slices"

	"github.com/argon-lab/argon/core/kv"
)

// View reads a lineage. It belongs to one goroutine; the cursors made from it
// may be used by others.
//
// A view holds no snapshot of the key-value store: versions are never changed,
// so any iterator that is new enough shows it the same.
type View struct {
	store   *Store
	lineage Lineage
	need    LSN         // it shows nothing committed above
	recent  *generation // what was committed above its from

	r      *reader // for point reads
	key    []byte
	coll   CollectionID // the collection that these are about:
	leaf   bool         // the leaf touched it
	above  []run        // what ancestors touched it
	cached bool
	spans  []Span // scratch
}

// NewView returns a view of a lineage, which it keeps: spans leaf first, whose
// Max do not ascend. What is committed after this call it does not show, even
// where a span's Max would allow it.
func (s *Store) NewView(l Lineage) *View {
	last := s.LastLSN()
	// In this order: the generation taken then holds everything between its
	// beginning and last, or begins above last.
	v := &View{store: s, lineage: l, recent: s.recent.current.Load()}
	if len(l) > 0 && l[0].Max > last {
		v.lineage = clampSpans(l, last)
	}
	for i, span := range v.lineage {
		if i == 2 {
			v.need = max(v.need, span.Max) // and so not below those that follow
			break
		}
		v.need = max(v.need, min(span.Max, s.heads.newest(span.Segment)))
	}
	return v
}

func clampSpans(l Lineage, last LSN) Lineage {
	clamped := append(Lineage(nil), l...)
	for i := range clamped {
		if clamped[i].Max <= last {
			break
		}
		clamped[i].Max = last
	}
	return clamped
}

// Lineage returns what the view reads.
func (v *View) Lineage() Lineage { return v.lineage }

// Close releases the view. Bytes that Get returned are not good any more;
// cursors are, until they are closed themselves.
func (v *View) Close() {
	if v.r != nil {
		_ = v.store.pool.put(v.r) // its errors were returned by the reads
		v.r = nil
	}
}

// touching finds out which segments have anything of a collection.
func (v *View) touching(c CollectionID) (err error) {
	if v.cached && v.coll == c || len(v.lineage) == 0 {
		return nil
	}
	v.cached = false
	if v.above, err = v.store.ancestry.of(v.lineage, c, 0); err != nil {
		return err
	}
	if v.leaf, err = v.store.touched.has(v.lineage[0].Segment, c); err != nil {
		return err
	}
	v.coll, v.cached = c, true
	return nil
}

// candidates returns the spans that may show a document, leaf first. The slice
// is the view's.
func (v *View) candidates(c CollectionID, idKey []byte) ([]Span, error) {
	if err := v.touching(c); err != nil {
		return nil, err
	}
	v.spans = v.spans[:0]
	if v.leaf {
		v.spans = append(v.spans, v.lineage[0])
	}
	for i := range v.above {
		v.spans = v.above[i].candidates(v.spans, idKey)
	}
	return v.spans, nil
}

// Get returns the visible version of a document; false if there is none or it
// is deleted. Its bytes are good until the next call on the view.
func (v *View) Get(c CollectionID, idKey []byte) (Version, bool, error) {
	found, ok, err := v.find(c, idKey)
	return found, ok && found.Doc != nil, err
}

// Latest returns the LSN of the newest visible version of a document, deletions
// included; false if it never existed.
func (v *View) Latest(c CollectionID, idKey []byte) (LSN, bool, error) {
	found, ok, err := v.find(c, idKey)
	return found.LSN, ok, err
}

func (v *View) find(c CollectionID, idKey []byte) (Version, bool, error) {
	spans, err := v.candidates(c, idKey)
	if err != nil || len(spans) == 0 {
		return Version{}, false, err
	}
	if err := v.reader(min(v.need, v.recent.from)); err != nil {
		return Version{}, false, err
	}
	for _, span := range spans {
		found, ok, err := v.findIn(span, c, idKey)
		if ok || err != nil {
			return found, ok, err
		}
	}
	return Version{}, false, nil
}

// reader sees to an iterator that sees every commit up to need.
func (v *View) reader(need LSN) error {
	if v.r != nil && v.r.sees >= need {
		return nil
	}
	r, err := v.store.pool.take(need)
	if err != nil {
		return err
	}
	v.Close()
	r.point()
	v.r = r
	return nil
}

func (v *View) findIn(span Span, c CollectionID, idKey []byte) (Version, bool, error) {
	v.key = append(appendHeader(v.key[:0], kindVersion, span.Segment, c), idKey...)
	if found, ok := v.recent.find(v.key, span.Max); ok {
		return found, true, nil
	}
	v.key = kv.AppendVersion(v.key, uint64(span.Max))
	if !v.r.SeekPrefixGE(v.key) {
		return Version{}, false, v.r.Err()
	}
	value, err := v.r.Value()
	if err != nil {
		return Version{}, false, err
	}
	doc, err := openVersion(v.r.Key(), value)
	if err != nil {
		return Version{}, false, err
	}
	return Version{LSN: LSN(kv.Version(v.r.Key())), Segment: span.Segment, Doc: doc}, true, nil
}

// ExistsSorted returns the places in idKeys, which must ascend, of the
// documents that exist.
func (v *View) ExistsSorted(c CollectionID, idKeys [][]byte) (places []int, err error) {
	if len(idKeys) == 0 || len(v.lineage) == 0 {
		return nil, nil
	}
	if len(idKeys) == 1 { // an older iterator may do
		if _, ok, err := v.Get(c, idKeys[0]); err != nil || !ok {
			return nil, err
		}
		return []int{0}, nil
	}
	if err := v.touching(c); err != nil {
		return nil, err
	}
	if err := v.reader(v.need); err != nil {
		return nil, err
	}
	e := existence{view: v, c: c, idKeys: idKeys, decided: make([]bool, len(idKeys))}
	if v.leaf {
		err = e.in(v.lineage[0])
	}
	for i := range v.above {
		if r := &v.above[i]; err == nil && r.places == nil {
			err = e.in(r.spans[0])
		} else if err == nil {
			err = e.inRun(r)
		}
	}
	slices.Sort(e.places)
	return e.places, err
}

// existence decides, segment by segment, which of some documents exist.
type existence struct {
	view    *View
	c       CollectionID
	idKeys  [][]byte
	decided []bool
	places  []int
}

func (e *existence) in(span Span) error {
	empty, err := e.view.rangeIsEmpty(span, e.c, e.idKeys[0], e.idKeys[len(e.idKeys)-1])
	if err != nil || empty {
		return err
	}
	for i := range e.idKeys {
		if err := e.ask(span, i); err != nil {
			return err
		}
	}
	return nil
}

func (e *existence) inRun(r *run) error {
	if last := e.idKeys[len(e.idKeys)-1]; len(r.within(e.idKeys[0], append(last[:len(last):len(last)], 0))) == 0 {
		return nil
	}
	for i, idKey := range e.idKeys {
		e.view.spans = r.candidates(e.view.spans[:0], idKey)
		for _, span := range e.view.spans {
			if err := e.ask(span, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask looks for the i-th document in a segment unless one before knew it.
func (e *existence) ask(span Span, i int) error {
	if e.decided[i] {
		return nil
	}
	found, ok, err := e.view.findIn(span, e.c, e.idKeys[i])
	if ok && err == nil {
		e.decided[i] = true
		if found.Doc != nil {
			e.places = append(e.places, i)
		}
	}
	return err
}

// rangeIsEmpty reports whether a segment holds no version of any name in
// [first, last]: one seek that saves many, since most ids ascend.
func (v *View) rangeIsEmpty(span Span, c CollectionID, first, last []byte) (bool, error) {
	v.key = append(appendHeader(v.key[:0], kindVersion, span.Segment, c), first...)
	v.key = append(v.key, 0)
	if !v.r.SeekGE(v.key) {
		return true, v.r.Err()
	}
	name, _, ok := cut(v.r.Key(), headerLen)
	inside := ok && bytes.Equal(v.r.Key()[:headerLen], v.key[:headerLen])
	return !inside || bytes.Compare(name, last) > 0, nil
}
