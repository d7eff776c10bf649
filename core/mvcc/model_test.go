package mvcc

import (
	"bytes"
	"sort"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/wal"
)

// model is the naive store: every version of everything in maps. It shares no
// code with the real one but the encoding of ids.
type model struct {
	segments map[SegmentID]*modelSegment
	times    map[LSN]int64
}

type modelSegment struct {
	parent SegmentID
	fork   LSN
	// versions of each document by collection and idKey, ascending LSNs.
	versions map[CollectionID]map[string][]Version
	log      []wal.Record
	// readable is the lowest LSN at which views are still right after garbage
	// collections, pins the exceptions below it.
	readable LSN
	pins     map[LSN]bool
}

func newModel() *model {
	return &model{segments: map[SegmentID]*modelSegment{}, times: map[LSN]int64{}}
}

func (m *model) fork(id, parent SegmentID, at LSN) {
	m.segments[id] = &modelSegment{
		parent: parent, fork: at,
		versions: map[CollectionID]map[string][]Version{}, pins: map[LSN]bool{},
	}
}

func (m *model) write(seg SegmentID, c CollectionID, idKey []byte, v Version) {
	all := m.segments[seg].versions
	if all[c] == nil {
		all[c] = map[string][]Version{}
	}
	all[c][string(idKey)] = append(all[c][string(idKey)], v)
}

// lineage is what a segment sees at an LSN, leaf first.
func (m *model) lineage(seg SegmentID, at LSN) (l Lineage) {
	for seg != 0 {
		s := m.segments[seg]
		l = append(l, Span{seg, at})
		seg, at = s.parent, min(at, s.fork)
	}
	return l
}

// latest returns the newest version that a lineage sees, deletions included.
func (m *model) latest(l Lineage, c CollectionID, idKey string) (Version, bool) {
	for _, span := range l {
		all := m.segments[span.Segment].versions[c][idKey]
		for i := len(all) - 1; i >= 0; i-- {
			if all[i].LSN <= span.Max {
				return all[i], true
			}
		}
	}
	return Version{}, false
}

type modelDoc struct {
	idKey string
	Version
}

// scan returns the documents that a lineage sees with lo ≤ idKey < hi, in order.
func (m *model) scan(l Lineage, c CollectionID, lo, hi []byte) (docs []modelDoc) {
	names := map[string]bool{}
	for _, span := range l {
		for name := range m.segments[span.Segment].versions[c] {
			names[name] = true
		}
	}
	for name := range names {
		if lo != nil && bytes.Compare([]byte(name), lo) < 0 || hi != nil && bytes.Compare([]byte(name), hi) >= 0 {
			continue
		}
		if v, ok := m.latest(l, c, name); ok && v.Doc != nil {
			docs = append(docs, modelDoc{name, v})
		}
	}
	sort.Slice(docs, func(i, j int) bool { return docs[i].idKey < docs[j].idKey })
	return docs
}

// versions returns all versions of a document that a lineage sees, newest
// first.
func (m *model) versions(l Lineage, c CollectionID, idKey string) (all []Version) {
	for _, span := range l {
		vs := m.segments[span.Segment].versions[c][idKey]
		for i := len(vs) - 1; i >= 0; i-- {
			if vs[i].LSN <= span.Max {
				all = append(all, vs[i])
			}
		}
	}
	return all
}

// commits returns the LSNs of the commits that a lineage sees, newest first.
func (m *model) commits(l Lineage) (all []LSN) {
	for _, span := range l {
		log := m.segments[span.Segment].log
		for i := len(log) - 1; i >= 0; i-- {
			if log[i].LSN <= span.Max {
				all = append(all, log[i].LSN)
			}
		}
	}
	return all
}

// entries returns the entries of the index on n that a lineage sees, in order.
func (m *model) entries(l Lineage, c CollectionID) (keys []string) {
	for _, d := range m.scan(l, c, nil, nil) {
		keys = append(keys, string(indexKey(d.Doc))+d.idKey)
	}
	sort.Strings(keys)
	return keys
}

// indexKey is the index of the tests: on the field n.
func indexKey(doc bsonraw.Doc) []byte { return bsonraw.AppendKey(nil, doc.Get("n")) }
