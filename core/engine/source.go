package engine

import (
	"context"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/index"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/query"
)

// docs returns the live documents of a collection with _id keys in [lo, hi).
func (r *reader) docs(v *mvcc.View, c mvcc.CollectionID, lo, hi []byte, reverse bool) docStream {
	base := v.Scan(c, lo, hi, reverse)
	if r.over == nil {
		return base
	}
	co := r.over.colls[c]
	if co == nil || co.docs.Len() == 0 {
		return base
	}
	return &mergedDocs{base: base, over: iterate(&co.docs, lo, hi, reverse), reverse: reverse}
}

// entries returns the live entries of an index with keys in [lo, hi).
func (r *reader) entries(v *mvcc.View, c mvcc.CollectionID, ix mvcc.IndexID, lo, hi []byte, reverse bool) entryStream {
	base := v.ScanIndex(c, ix, lo, hi, reverse)
	if r.over == nil {
		return base
	}
	co := r.over.colls[c]
	if co == nil || co.indexes[ix] == nil {
		return base
	}
	return &mergedEntries{base: base, over: iterate(co.indexes[ix], lo, hi, reverse), reverse: reverse}
}

// get returns the live document of an encoded _id, or nil. The bytes are valid
// until the next read of the same view.
func (r *reader) get(view *mvcc.View, c mvcc.CollectionID, idKey []byte) (Doc, error) {
	if r.over != nil {
		if p := r.over.get(c, idKey); p != nil {
			return p.doc, nil
		}
	}
	v, ok, err := view.Get(c, idKey)
	if err != nil || !ok {
		return nil, err
	}
	return v.Doc, nil
}

// planStream walks the documents that a plan finds, without the filter.
type planStream struct {
	r    *reader
	view *mvcc.View // of its own: what another stream reads must not move this one's document
	coll mvcc.CollectionID
	plan *index.Plan

	at      int // next ID, range or child
	docs    docStream
	entries entryStream
	child   *planStream
	seen    map[string]struct{} // _id keys, where documents may repeat
	idKey   []byte
	doc     Doc
	err     error

	keysExamined, docsExamined int64
}

func (r *reader) stream(c mvcc.CollectionID, plan *index.Plan) *planStream {
	r.store.uses.note(plan)
	p := &planStream{r: r, view: r.newView(), coll: c, plan: plan}
	if plan.Dedup || plan.Kind == index.Union {
		p.seen = make(map[string]struct{})
	}
	return p
}

// next moves to the next document and reports whether there is one. A document
// stays valid until the next call.
func (p *planStream) next() bool {
	for p.err == nil {
		var ok bool
		switch p.plan.Kind {
		case index.IDLookup:
			ok = p.nextID()
		case index.IndexScan:
			ok = p.nextEntry()
		case index.Union:
			ok = p.nextChild()
		case index.Nothing:
			return false
		default:
			ok = p.nextDoc()
		}
		if !ok {
			return false
		}
		if p.doc != nil && p.fresh() {
			p.docsExamined++
			return true
		}
	}
	return false
}

// fresh reports whether the document has not come before.
func (p *planStream) fresh() bool {
	if p.seen == nil {
		return true
	}
	if _, dup := p.seen[string(p.idKey)]; dup {
		return false
	}
	p.seen[string(p.idKey)] = struct{}{}
	return true
}

func (p *planStream) nextID() bool {
	if p.at >= len(p.plan.IDs) {
		return false
	}
	p.idKey = bsonraw.AppendKey(p.idKey[:0], p.plan.IDs[p.at])
	p.at++
	p.keysExamined++
	p.doc, p.err = p.r.get(p.view, p.coll, p.idKey)
	return p.err == nil
}

// nextRange returns the next range in the plan's direction.
func (p *planStream) nextRange() (index.Range, bool) {
	ranges := p.plan.Ranges
	if p.plan.Kind == index.CollScan {
		ranges = wholeCollection
	}
	if p.at >= len(ranges) {
		return index.Range{}, false
	}
	i := p.at
	if p.plan.Reverse {
		i = len(ranges) - 1 - i
	}
	p.at++
	return ranges[i], true
}

var wholeCollection = []index.Range{{}}

func (p *planStream) nextDoc() bool {
	for {
		if p.docs == nil {
			rg, ok := p.nextRange()
			if !ok {
				return false
			}
			p.docs = p.r.docs(p.view, p.coll, rg.Lo, rg.Hi, p.plan.Reverse)
		}
		if p.docs.Next() {
			p.idKey, p.doc = p.docs.IDKey(), p.docs.Doc()
			return true
		}
		if p.err = p.docs.Err(); p.err != nil {
			return false
		}
		p.docs.Close()
		p.docs = nil
	}
}

func (p *planStream) nextEntry() bool {
	for {
		if p.entries == nil {
			rg, ok := p.nextRange()
			if !ok {
				return false
			}
			p.entries = p.r.entries(p.view, p.coll, mvcc.IndexID(p.plan.Index.ID), rg.Lo, rg.Hi, p.plan.Reverse)
		}
		if p.entries.Next() {
			p.keysExamined++
			if !p.plan.Accepts(p.entries.Key()) {
				continue
			}
			p.idKey = append(p.idKey[:0], p.entries.IDKey()...)
			p.doc, p.err = p.r.get(p.view, p.coll, p.idKey)
			return p.err == nil
		}
		if p.err = p.entries.Err(); p.err != nil {
			return false
		}
		p.entries.Close()
		p.entries = nil
	}
}

func (p *planStream) nextChild() bool {
	for {
		if p.child == nil {
			if p.at >= len(p.plan.Children) {
				return false
			}
			p.child = p.r.stream(p.coll, p.plan.Children[p.at])
			p.at++
		}
		if p.child.next() {
			p.idKey, p.doc = p.child.idKey, p.child.doc
			return true
		}
		if p.closeChild(); p.err != nil {
			return false
		}
	}
}

// close releases the cursors and the view. It may be called twice.
func (p *planStream) close() {
	if p.docs != nil {
		p.docs.Close()
		p.docs = nil
	}
	if p.entries != nil {
		p.entries.Close()
		p.entries = nil
	}
	if p.child != nil {
		p.closeChild()
	}
	if p.view != nil {
		p.view.Close()
		p.view = nil
	}
}

// closeChild ends a branch of a union.
func (p *planStream) closeChild() {
	p.child.close()
	p.keysExamined += p.child.keysExamined
	if p.err == nil {
		p.err = p.child.err
	}
	p.child = nil
}

// matchIter applies a filter to the documents of a plan. It is the pipeline.Iter
// that every read begins with.
type matchIter struct {
	stream  *planStream
	filter  *query.Filter // nil: every document matches
	matched int64
	ticks   uint
}

// checkEvery is how many documents go by between two looks at the context: a
// power of two, some tens of microseconds of work.
const checkEvery = 256

func (m *matchIter) Next(ctx context.Context) (Doc, bool, error) {
	for {
		if m.ticks++; m.ticks%checkEvery == 0 {
			if err := ctxError(ctx); err != nil {
				return nil, false, err
			}
		}
		if !m.stream.next() {
			return nil, false, m.stream.err
		}
		if m.filter != nil {
			ok, err := m.filter.Match(m.stream.doc)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				continue
			}
		}
		m.matched++
		return m.stream.doc, true, nil
	}
}

// Pause gives up what an open cursor keeps the store from dropping, until the
// next Next: for cursors that wait for a client.
func (m *matchIter) Pause() {
	if cur, ok := m.stream.docs.(*mvcc.Cursor); ok {
		cur.Pause()
	}
	if cur, ok := m.stream.entries.(*mvcc.IndexCursor); ok {
		cur.Pause()
	}
}

func (m *matchIter) Close() error {
	m.stream.close()
	return nil
}
