package engine

import (
	"sync"

	"github.com/argon-lab/argon/core/mvcc"
)

// catalogCache keeps the catalogs of past moments, so that many reads at one
// LSN load it once. A catalog at a position never changes, so entries are only
// dropped to make room: all of them, when there are too many.
type catalogCache struct {
	mu      sync.Mutex
	entries map[mvcc.Span]*catalog
}

const maxCachedCatalogs = 1024

// get returns the catalog that a lineage sees.
func (c *catalogCache) get(s *Store, l mvcc.Lineage, lsn mvcc.LSN) (*catalog, error) {
	key := mvcc.Span{Segment: l[0].Segment, Max: lsn}
	c.mu.Lock()
	cat := c.entries[key]
	c.mu.Unlock()
	if cat != nil {
		return cat, nil
	}
	v := s.mv.NewView(l)
	defer v.Close()
	cat, err := loadCatalog(v)
	if err != nil {
		return nil, err
	}
	c.put(key, cat)
	return cat, nil
}

func (c *catalogCache) put(key mvcc.Span, cat *catalog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCachedCatalogs {
		c.entries = make(map[mvcc.Span]*catalog)
	}
	c.entries[key] = cat
}

// forget drops everything, after garbage collection.
func (c *catalogCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
}
