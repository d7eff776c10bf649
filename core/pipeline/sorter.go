package pipeline

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
)

// sorter sorts documents by keys that compare byte by byte; equal keys stay in
// the order in which they came. It holds what fits its memory limit and writes
// the rest as sorted runs to one temporary file. With a limit it keeps only so
// many of the first.
type sorter struct {
	r       *run
	stage   string // for messages
	limit   int64  // 0: all
	entries []sortEntry
	free    []byte // of the current chunk
	bytes   int
	seq     int
	file    *spillFile
	runs    []int64 // where each run in file ends
}

// sortEntry is a document and its key.
type sortEntry struct {
	prefix uint64 // the key's first bytes, which decide most comparisons
	rec    []byte // the key, then the document
	key    int    // length of the key
	seq    int
}

// entryOverhead is what an entry takes besides its bytes.
const entryOverhead = 48

// chunkSize is how much memory is asked for at once.
const chunkSize = 1 << 20

func newSorter(r *run, stage string, limit int64) *sorter {
	return &sorter{r: r, stage: stage, limit: limit}
}

func (a *sortEntry) compare(b *sortEntry) int {
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	if c := bytes.Compare(a.rec[:a.key], b.rec[:b.key]); c != 0 {
		return c
	}
	return cmp.Compare(a.seq, b.seq)
}

func prefixOf(key []byte) uint64 {
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// add takes a copy of a document and its key.
func (s *sorter) add(key []byte, doc bsonraw.Doc) error {
	e := sortEntry{prefix: prefixOf(key), key: len(key), seq: s.seq}
	s.seq++
	if s.limit > 0 && int64(len(s.entries)) >= s.limit {
		return s.replace(e, key, doc)
	}
	e.rec = s.keep(key, doc)
	s.entries = append(s.entries, e)
	s.bytes += len(e.rec) + entryOverhead
	if s.limit > 0 {
		up(s.entries)
	}
	if s.bytes > s.r.limit() {
		return s.flush()
	}
	return nil
}

// replace puts a document in the place of the last of the first ones, if it
// belongs before it.
func (s *sorter) replace(e sortEntry, key []byte, doc bsonraw.Doc) error {
	top := &s.entries[0]
	if c := cmp.Compare(e.prefix, top.prefix); c > 0 || c == 0 && bytes.Compare(key, top.rec[:top.key]) >= 0 {
		return nil
	}
	s.bytes += len(key) + len(doc) - len(top.rec)
	e.rec = append(append(top.rec[:0], key...), doc...)
	*top = e
	down(s.entries)
	if s.bytes > s.r.limit() {
		return s.flush()
	}
	return nil
}

// keep copies key and document into memory of the sorter's own. Where entries
// are replaced each has memory that it can use again.
func (s *sorter) keep(key []byte, doc bsonraw.Doc) []byte {
	n := len(key) + len(doc)
	if s.limit > 0 {
		return append(append(make([]byte, 0, n+n/8), key...), doc...)
	}
	if len(s.free) < n {
		s.free = make([]byte, max(chunkSize, n))
	}
	rec := append(append(s.free[:0], key...), doc...)
	s.free = s.free[n:]
	return rec[:n:n]
}

// up and down keep a heap with the last entry on top. The standard library's
// heap would box every entry.
func up(h []sortEntry) {
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[i].compare(&h[parent]) <= 0 {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func down(h []sortEntry) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].compare(&h[child]) > 0 {
			child++
		}
		if h[child].compare(&h[i]) <= 0 {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

func (s *sorter) sortEntries() {
	slices.SortFunc(s.entries, func(a, b sortEntry) int { return a.compare(&b) })
}

// flush writes what is in memory as a sorted run.
func (s *sorter) flush() error {
	if !s.r.maySpill() {
		return s.r.tooMuch(s.stage)
	}
	if s.file == nil {
		f, err := s.r.newSpill()
		if err != nil {
			return err
		}
		s.file = f
	}
	s.sortEntries()
	for i := range s.entries {
		e := &s.entries[i]
		if err := s.file.write(e.rec[:e.key], e.rec[e.key:]); err != nil {
			return err
		}
	}
	s.runs = append(s.runs, s.file.size)
	clear(s.entries)
	s.entries, s.bytes, s.free = s.entries[:0], 0, nil
	return nil
}

// sorted is the result of a sorter.
type sorted interface {
	// next returns the next document and its key, valid until the next call.
	next() (key []byte, doc bsonraw.Doc, ok bool, err error)
	close() error
}

// finish returns all documents in order. The sorter must not be used any more.
func (s *sorter) finish() (sorted, error) {
	if s.file == nil {
		s.sortEntries()
		return &memorySorted{entries: s.entries}, nil
	}
	if len(s.entries) > 0 {
		if err := s.flush(); err != nil {
			return nil, err
		}
	}
	return s.merge()
}

func (s *sorter) close() error { return s.file.close() }

type memorySorted struct {
	entries []sortEntry
}

func (m *memorySorted) next() ([]byte, bsonraw.Doc, bool, error) {
	if len(m.entries) == 0 {
		return nil, nil, false, nil
	}
	e := &m.entries[0]
	m.entries = m.entries[1:]
	return e.rec[:e.key], e.rec[e.key:], true, nil
}

func (m *memorySorted) close() error {
	m.entries = nil
	return nil
}

// mergeSorted merges runs, of which the earlier comes first where keys are
// equal.
type mergeSorted struct {
	file  *spillFile
	runs  []*mergeRun // a heap
	moved bool        // the top run has been handed out and must be read on
}

type mergeRun struct {
	spillReader
	at int
}

func (s *sorter) merge() (sorted, error) {
	m := &mergeSorted{file: s.file}
	from := int64(0)
	for i, to := range s.runs {
		r, err := s.file.reader(from, to)
		if err != nil {
			return nil, err
		}
		from = to
		run := &mergeRun{*r, i}
		ok, err := run.next()
		if err != nil {
			return nil, err
		}
		if ok {
			m.runs = append(m.runs, run)
		}
	}
	heap.Init(m)
	return m, nil
}

func (m *mergeSorted) Len() int      { return len(m.runs) }
func (m *mergeSorted) Swap(i, j int) { m.runs[i], m.runs[j] = m.runs[j], m.runs[i] }
func (m *mergeSorted) Push(any)      {} // runs only leave
func (m *mergeSorted) Pop() any {
	last := len(m.runs) - 1
	m.runs = m.runs[:last]
	return nil
}

func (m *mergeSorted) Less(i, j int) bool {
	if c := bytes.Compare(m.runs[i].key, m.runs[j].key); c != 0 {
		return c < 0
	}
	return m.runs[i].at < m.runs[j].at
}

func (m *mergeSorted) next() ([]byte, bsonraw.Doc, bool, error) {
	if m.moved {
		ok, err := m.runs[0].next()
		if err != nil {
			return nil, nil, false, err
		}
		if ok {
			heap.Fix(m, 0)
		} else {
			heap.Pop(m)
		}
		m.moved = false
	}
	if len(m.runs) == 0 {
		return nil, nil, false, nil
	}
	m.moved = true
	return m.runs[0].key, m.runs[0].doc, true, nil
}

func (m *mergeSorted) close() error { return m.file.close() }
