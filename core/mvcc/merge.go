package mvcc

import "bytes"

// merger walks what a lineage shows of a range. For each name the segment
// nearest to the leaf that knows it decides, deletions included. With one
// segment there is nothing to merge, and the walker's steps are all it costs;
// with more, a heap of walkers gives the least name.
type merger struct {
	store   *Store
	need    LSN
	reverse bool

	all    []*walker // leaf first
	heap   []*walker // those at a name, the least on top
	name   []byte    // current name, of several walkers
	begun  bool
	paused bool
	target []byte // where to seek before the next step
	beyond bool
	seek   bool
	failed error
}

// next moves to the next name. top is current then.
func (m *merger) next() bool {
	if m.failed != nil {
		return false
	}
	switch {
	case m.seek || m.paused:
		return m.reposition()
	case !m.begun:
		m.begun = true
		return m.start(func(w *walker) bool { return m.step(w) })
	case len(m.heap) == 0:
		return false
	case len(m.all) == 1:
		return m.single()
	}
	m.leave()
	return m.arrive()
}

func (m *merger) top() *walker { return m.heap[0] }

func (m *merger) step(w *walker) bool {
	if m.reverse {
		return w.prev()
	}
	return w.next()
}

// single steps the only walker.
func (m *merger) single() bool {
	w := m.all[0]
	if m.step(w) {
		return true
	}
	m.heap = m.heap[:0]
	m.failed = w.failed
	return false
}

// start positions every walker with move and builds the heap.
func (m *merger) start(move func(*walker) bool) bool {
	m.heap = m.heap[:0]
	for _, w := range m.all {
		if !w.acquire(m.need) {
			m.failed = w.failed
			return false
		}
		if move(w) {
			m.heap = append(m.heap, w)
		} else if w.failed != nil {
			m.failed = w.failed
			return false
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return m.arrive()
}

func (m *merger) reposition() bool {
	target, beyond := m.target, m.beyond
	if !m.seek {
		target, beyond = m.name, true
	}
	m.begun, m.seek, m.paused = true, false, false
	return m.start(func(w *walker) bool { return w.seekTo(target, m.reverse, beyond) })
}

// arrive remembers the name on top, by which the others that have it are found.
func (m *merger) arrive() bool {
	if len(m.heap) == 0 || m.failed != nil {
		return false
	}
	if len(m.all) > 1 {
		m.name = append(m.name[:0], m.heap[0].name...)
	}
	return true
}

// leave steps every walker that is at the current name.
func (m *merger) leave() {
	for len(m.heap) > 0 && bytes.Equal(m.heap[0].name, m.name) {
		w := m.heap[0]
		if !m.step(w) {
			if w.failed != nil {
				m.failed = w.failed
				return
			}
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.down(0)
	}
}

// before is the order of the heap: by name, then leaf first.
func (m *merger) before(a, b *walker) bool {
	c := bytes.Compare(a.name, b.name)
	if c == 0 {
		return a.order < b.order
	}
	return c < 0 != m.reverse
}

func (m *merger) down(i int) {
	for {
		least, left := i, 2*i+1
		if left < len(m.heap) && m.before(m.heap[left], m.heap[least]) {
			least = left
		}
		if right := left + 1; right < len(m.heap) && m.before(m.heap[right], m.heap[least]) {
			least = right
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}

// seekTo lets the next step find name, or what follows it.
func (m *merger) seekTo(name []byte) {
	m.target = append(m.target[:0], name...)
	m.seek, m.beyond = true, false
}

// pause gives the iterators back; the next step goes on behind the current
// name.
func (m *merger) pause() error {
	if !m.begun || m.paused || m.failed != nil {
		return nil
	}
	if len(m.heap) == 0 && !m.seek {
		return m.release() // at the end, and stays there
	}
	if len(m.heap) > 0 {
		m.name = append(m.name[:0], m.heap[0].name...)
	}
	m.paused = true
	return m.release()
}

func (m *merger) release() error {
	var first error
	for _, w := range m.all {
		if err := w.release(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (m *merger) close() error {
	err := m.release()
	m.all, m.heap = nil, nil
	m.begun, m.paused, m.seek = true, false, false
	if m.failed != nil {
		return m.failed
	}
	return err
}
