package mvcc

import (
	"bytes"

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
	coll   CollectionID // collection of spans
	spans  []Span       // those of the lineage that touched it
	cached bool
}

// NewView returns a view of a lineage, which it keeps. What is committed after
// this call it does not show, even where a span's Max would allow it.
func (s *Store) NewView(l Lineage) *View {
	last := s.LastLSN()
	// In this order: the generation taken then holds everything between its
	// beginning and last, or begins above last.
	v := &View{store: s, lineage: l, recent: s.recent.current.Load()}
	for _, span := range l {
		if span.Max > last {
			v.lineage = clampSpans(l, last)
			break
		}
	}
	for _, span := range v.lineage {
		v.need = max(v.need, min(span.Max, s.heads.newest(span.Segment)))
	}
	return v
}

func clampSpans(l Lineage, last LSN) Lineage {
	clamped := make(Lineage, len(l))
	for i, span := range l {
		clamped[i] = Span{span.Segment, min(span.Max, last)}
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

// touching returns the spans that hold anything of a collection.
func (v *View) touching(c CollectionID) ([]Span, error) {
	if v.cached && v.coll == c {
		return v.spans, nil
	}
	v.cached = false
	v.spans = v.spans[:0]
	for _, span := range v.lineage {
		has, err := v.store.touched.has(span.Segment, c)
		if err != nil {
			return nil, err
		}
		if has {
			v.spans = append(v.spans, span)
		}
	}
	v.coll, v.cached = c, true
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
	spans, err := v.touching(c)
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
	spans, err := v.touching(c)
	if err != nil || len(spans) == 0 || len(idKeys) == 0 {
		return nil, err
	}
	if err := v.reader(v.need); err != nil {
		return nil, err
	}
	decided := make([]bool, len(idKeys))
	for _, span := range spans {
		empty, err := v.rangeIsEmpty(span, c, idKeys[0], idKeys[len(idKeys)-1])
		if err != nil {
			return nil, err
		}
		if empty {
			continue
		}
		for i, idKey := range idKeys {
			if decided[i] {
				continue
			}
			found, ok, err := v.findIn(span, c, idKey)
			if err != nil {
				return nil, err
			}
			decided[i] = ok
			if ok && found.Doc != nil {
				places = append(places, i)
			}
		}
	}
	return places, nil
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

// Scan returns a cursor over the documents with lo ≤ idKey < hi, nil meaning
// open. Bounds may be cut anywhere within an idKey.
func (v *View) Scan(c CollectionID, lo, hi []byte, reverse bool) *Cursor {
	cur := &Cursor{}
	v.prepare(&cur.m, c, lo, hi, reverse, func(seg SegmentID) []byte {
		return appendHeader(nil, kindVersion, seg, c)
	})
	return cur
}

// ScanIndex returns a cursor over the entries of an index with lo ≤ key < hi,
// where key is the encoded fields and the idKey behind them.
func (v *View) ScanIndex(c CollectionID, ix IndexID, lo, hi []byte, reverse bool) *IndexCursor {
	cur := &IndexCursor{}
	v.prepare(&cur.m, c, lo, hi, reverse, func(seg SegmentID) []byte {
		return appendIndexHeader(nil, seg, c, ix)
	})
	return cur
}

func (v *View) prepare(m *merger, c CollectionID, lo, hi []byte, reverse bool, header func(SegmentID) []byte) {
	m.store, m.need, m.reverse = v.store, v.need, reverse
	spans, err := v.touching(c)
	if err != nil {
		m.failed = err
		return
	}
	m.all = make([]*walker, len(spans))
	for i, span := range spans {
		w := &walker{store: v.store, header: header(span.Segment), max: span.Max, order: i}
		w.setBounds(lo, hi)
		m.all[i] = w
	}
}
