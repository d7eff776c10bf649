package mvcc

import (
	"github.com/argon-lab/argon/core/bsonraw"
)

// Cursor walks the documents of a collection in the order of their idKeys, as
// a view shows them. It belongs to one goroutine and holds resources until
// Close, or Pause.
type Cursor struct {
	m   merger
	doc bsonraw.Doc
}

// Next moves to the next document and reports whether there is one; if not, Err
// tells why.
func (c *Cursor) Next() bool {
	for c.m.next() {
		w := c.m.top()
		doc, err := openVersion(w.name, w.value)
		if err != nil {
			c.m.failed = err
			break
		}
		if doc != nil {
			c.doc = doc
			return true
		}
	}
	c.doc = nil
	return false
}

// Doc returns the current document. Its bytes are good until the next call of
// Next, Pause or Close.
func (c *Cursor) Doc() bsonraw.Doc { return c.doc }

// IDKey returns the current idKey, good as long as Doc.
func (c *Cursor) IDKey() []byte { return c.m.top().name }

// LSN returns the LSN of the commit that wrote the current document.
func (c *Cursor) LSN() LSN { return c.m.top().lsn }

// Segment returns the segment that the current document was written in.
func (c *Cursor) Segment() SegmentID { return segmentOf(c.m.top().header) }

// Seek lets the next Next find the first document at or above idKey, or in a
// reverse cursor the last at or below it, within the cursor's bounds.
func (c *Cursor) Seek(idKey []byte) { c.m.seekTo(idKey) }

// Pause gives up what the cursor holds. The next Next goes on behind the
// document that was current. A cursor kept between two requests of a client
// should be paused, or it keeps old files on disk.
func (c *Cursor) Pause() {
	c.doc = nil
	if err := c.m.pause(); err != nil && c.m.failed == nil {
		c.m.failed = err
	}
}

// Err returns why Next returned false, nil at the end.
func (c *Cursor) Err() error { return c.m.failed }

// Close releases the cursor and returns Err.
func (c *Cursor) Close() error { return c.m.close() }

// IndexCursor walks the entries of a secondary index in the order of their
// keys, as a view shows them.
type IndexCursor struct {
	m     merger
	idLen int
}

// Next moves to the next entry and reports whether there is one; if not, Err
// tells why.
func (c *IndexCursor) Next() bool {
	for c.m.next() {
		w := c.m.top()
		n, present, err := openEntry(w.name, w.value)
		if err != nil {
			c.m.failed = err
			break
		}
		if present {
			c.idLen = n
			return true
		}
	}
	return false
}

// Key returns the whole key of the current entry: the encoded fields and the
// idKey. It is good until the next call of Next, Pause or Close.
func (c *IndexCursor) Key() []byte { return c.m.top().name }

// Fields returns the encoded fields of the current entry, good as long as Key.
func (c *IndexCursor) Fields() []byte {
	key := c.Key()
	return key[:len(key)-c.idLen]
}

// IDKey returns the idKey of the current entry, good as long as Key.
func (c *IndexCursor) IDKey() []byte {
	key := c.Key()
	return key[len(key)-c.idLen:]
}

// LSN returns the LSN of the commit that wrote the current entry.
func (c *IndexCursor) LSN() LSN { return c.m.top().lsn }

// Seek lets the next Next find the first entry at or above key, or in a reverse
// cursor the last at or below it, within the cursor's bounds. key may be cut
// anywhere.
func (c *IndexCursor) Seek(key []byte) { c.m.seekTo(key) }

// Pause gives up what the cursor holds, as Cursor.Pause does.
func (c *IndexCursor) Pause() {
	if err := c.m.pause(); err != nil && c.m.failed == nil {
		c.m.failed = err
	}
}

// Err returns why Next returned false, nil at the end.
func (c *IndexCursor) Err() error { return c.m.failed }

// Close releases the cursor and returns Err.
func (c *IndexCursor) Close() error { return c.m.close() }
