package engine

import (
	"strings"

	"github.com/argon-lab/argon/core/mvcc"
)

// docStream yields live documents in key order, ascending or descending. The
// bytes are valid until the next call.
type docStream interface {
	Next() bool
	IDKey() []byte
	Doc() Doc
	Err() error
	Close() error
}

// mergedDocs lays a transaction's pending documents over a cursor of its view.
// It walks both in step; where both have a key, the pending one wins.
type mergedDocs struct {
	base    *mvcc.Cursor
	over    *treeIter[*pendingDoc]
	reverse bool

	baseOK, overOK bool
	primed         bool
	fromOver       bool
	key            []byte
}

func (m *mergedDocs) Next() bool {
	if !m.primed {
		m.primed = true
		m.baseOK, m.overOK = m.base.Next(), m.over.next()
	} else {
		m.advance()
	}
	for m.baseOK || m.overOK {
		if m.pick(); !m.fromOver || m.over.value().doc != nil {
			return true
		}
		m.advance()
	}
	return false
}

// pick decides which side has the next key.
func (m *mergedDocs) pick() {
	switch c := m.compare(); {
	case c == 0:
		m.baseOK = m.base.Next() // shadowed
		m.fromOver = true
	default:
		m.fromOver = c > 0
	}
}

// compare is negative where the base comes first in the direction of the walk.
func (m *mergedDocs) compare() int {
	switch {
	case !m.overOK:
		return -1
	case !m.baseOK:
		return 1
	}
	c := strings.Compare(string(m.base.IDKey()), m.over.key())
	if m.reverse {
		return -c
	}
	return c
}

// advance moves the side that gave the last document.
func (m *mergedDocs) advance() {
	if m.fromOver {
		m.overOK = m.over.next()
	} else {
		m.baseOK = m.base.Next()
	}
}

func (m *mergedDocs) IDKey() []byte {
	if m.fromOver {
		m.key = append(m.key[:0], m.over.key()...)
		return m.key
	}
	return m.base.IDKey()
}

func (m *mergedDocs) Doc() Doc {
	if m.fromOver {
		return m.over.value().doc
	}
	return m.base.Doc()
}

func (m *mergedDocs) Err() error   { return m.base.Err() }
func (m *mergedDocs) Close() error { return m.base.Close() }

// entryStream yields live index entries in key order.
type entryStream interface {
	Next() bool
	Key() []byte   // the encoded fields and the encoded _id
	IDKey() []byte // its last part, the encoded _id
	Err() error
	Close() error
}

// mergedEntries lays pending index entries over a cursor of the view.
type mergedEntries struct {
	base    *mvcc.IndexCursor
	over    *treeIter[pendingEntry]
	reverse bool

	baseOK, overOK bool
	primed         bool
	fromOver       bool
	key            []byte // of the overlay's current entry
}

func (m *mergedEntries) Next() bool {
	if !m.primed {
		m.primed = true
		m.baseOK = m.base.Next()
		m.overOK = m.over.next()
	} else {
		m.advance()
	}
	for m.baseOK || m.overOK {
		if m.pick(); !m.fromOver || !m.over.value().deleted {
			return true
		}
		m.advance()
	}
	return false
}

func (m *mergedEntries) pick() {
	c := 0
	switch {
	case !m.overOK:
		c = -1
	case !m.baseOK:
		c = 1
	default:
		c = strings.Compare(string(m.base.Key()), m.over.key())
		if m.reverse {
			c = -c
		}
	}
	if c == 0 {
		m.baseOK = m.base.Next()
	}
	m.fromOver = c >= 0
	if m.fromOver {
		m.key = append(m.key[:0], m.over.key()...)
	}
}

func (m *mergedEntries) advance() {
	if m.fromOver {
		m.overOK = m.over.next()
	} else {
		m.baseOK = m.base.Next()
	}
}

func (m *mergedEntries) Key() []byte {
	if m.fromOver {
		return m.key
	}
	return m.base.Key()
}

func (m *mergedEntries) IDKey() []byte {
	if m.fromOver {
		return m.key[m.over.value().fields:]
	}
	return m.base.IDKey()
}

func (m *mergedEntries) Err() error   { return m.base.Err() }
func (m *mergedEntries) Close() error { return m.base.Close() }
