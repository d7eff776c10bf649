package mvcc

// Scan returns a cursor over the documents with lo ≤ idKey < hi, nil meaning
// open. Bounds may be cut anywhere within an idKey.
func (v *View) Scan(c CollectionID, lo, hi []byte, reverse bool) *Cursor {
	cur := &Cursor{}
	v.plan(&cur.m, c, 0, lo, hi, reverse)
	return cur
}

// ScanIndex returns a cursor over the entries of an index with lo ≤ key < hi,
// where key is the encoded fields and the idKey behind them.
func (v *View) ScanIndex(c CollectionID, ix IndexID, lo, hi []byte, reverse bool) *IndexCursor {
	cur := &IndexCursor{}
	v.plan(&cur.m, c, ix, lo, hi, reverse)
	return cur
}

// plan decides what a merger reads: the leaf, and each run behind it that has
// anything within the bounds.
func (v *View) plan(m *merger, c CollectionID, ix IndexID, lo, hi []byte, reverse bool) {
	m.store, m.need, m.reverse = v.store, v.need, reverse
	if m.failed = v.touching(c); m.failed != nil || len(v.lineage) == 0 {
		return
	}
	above := v.above
	if ix != 0 {
		if above, m.failed = v.store.ancestry.of(v.lineage, c, ix); m.failed != nil {
			return
		}
	}
	if v.leaf {
		leaf := v.lineage[0]
		m.direct(leaf, dataHeader(leaf.Segment, c, ix), lo, hi)
	}
	for i := range above {
		r := &above[i]
		if r.places == nil {
			m.direct(r.spans[0], r.headers[0], lo, hi)
		} else if places := r.within(lo, hi); len(places) > 0 {
			m.all = append(m.all, &walker{
				store: v.store, header: r.headers[0], order: len(m.all), patch: &patch{run: r, places: places},
			})
		}
	}
}

// direct adds a walker of one segment.
func (m *merger) direct(span Span, header, lo, hi []byte) {
	w := &walker{store: m.store, header: header, max: span.Max, order: len(m.all)}
	w.setBounds(lo, hi)
	m.all = append(m.all, w)
}
