package mvcc

import (
	"github.com/argon-lab/argon/core/kv"
)

// Versions returns all versions of a document that a lineage sees, newest
// first, deletions included. Their bytes are copies.
func (s *Store) Versions(l Lineage, c CollectionID, idKey []byte) (all []Version, err error) {
	v := s.NewView(l)
	defer v.Close()
	spans, err := v.candidates(c, idKey)
	if err != nil || len(spans) == 0 {
		return nil, err
	}
	if err := v.reader(v.need); err != nil {
		return nil, err
	}
	for _, span := range spans {
		v.key = appendVersionKey(v.key[:0], span.Segment, c, idKey, span.Max)
		for ok := v.r.SeekPrefixGE(v.key); ok; ok = v.r.Next() {
			value, err := v.r.Value()
			if err != nil {
				return nil, err
			}
			doc, err := openVersion(v.r.Key(), value)
			if err != nil {
				return nil, err
			}
			if doc != nil {
				doc = append([]byte(nil), doc...)
			}
			all = append(all, Version{LSN(kv.Version(v.r.Key())), span.Segment, doc})
		}
		if err := v.r.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// VersionCursor walks the versions that a segment wrote: idKeys ascending, and
// for each the versions newest first.
type VersionCursor struct {
	store    *Store
	lo, hi   []byte
	from, to LSN
	r        *reader
	begun    bool
	idKey    []byte
	version  Version
	failed   error
}

// SegmentVersions returns a cursor over the versions of a collection that a
// segment wrote with from < LSN ≤ to.
func (s *Store) SegmentVersions(seg SegmentID, c CollectionID, from, to LSN) *VersionCursor {
	lo := appendHeader(nil, kindVersion, seg, c)
	return &VersionCursor{store: s, lo: lo, hi: successor(lo), from: from, to: to, version: Version{Segment: seg}}
}

// Next moves to the next version and reports whether there is one; if not, Err
// tells why.
func (c *VersionCursor) Next() bool {
	if c.failed != nil {
		return false
	}
	for ok := c.advance(); ok; ok = c.r.Next() {
		key := c.r.Key()
		name, lsn, good := cut(key, headerLen)
		if !good {
			c.failed = corruptKey(key)
			return false
		}
		if lsn <= c.from || lsn > c.to {
			continue
		}
		value, err := c.r.Value()
		if err == nil {
			c.version.Doc, err = openVersion(key, value)
		}
		if err != nil {
			c.failed = err
			return false
		}
		c.idKey, c.version.LSN = name, lsn
		return true
	}
	if c.r != nil && c.failed == nil {
		c.failed = c.r.Err()
	}
	return false
}

func (c *VersionCursor) advance() bool {
	if c.begun {
		return c.r != nil && c.r.Valid() && c.r.Next()
	}
	c.begun = true
	if c.r, c.failed = c.store.pool.take(c.store.LastLSN()); c.failed != nil {
		c.r = nil
		return false
	}
	c.r.bound(c.lo, c.hi)
	return c.r.First()
}

// IDKey returns the current idKey, good until the next Next.
func (c *VersionCursor) IDKey() []byte { return c.idKey }

// Version returns the current version. Its bytes are good until the next Next.
func (c *VersionCursor) Version() Version { return c.version }

// Err returns why Next returned false, nil at the end.
func (c *VersionCursor) Err() error { return c.failed }

// Close releases the cursor and returns Err.
func (c *VersionCursor) Close() error {
	err := c.store.pool.put(c.r)
	c.r, c.begun = nil, true
	if c.failed != nil {
		return c.failed
	}
	return err
}
