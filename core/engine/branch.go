package engine

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// branch is an open branch. Its record changes only under the store's ref lock
// together with its own lock.
type branch struct {
	project *project
	rec     refs.Branch

	// mu is the branch's lock: evaluating a write and applying it. It is not
	// held while waiting for the disk, so that writers share syncs.
	mu sync.Mutex
	// head is what the branch's newest commit left. It is nil until the branch
	// is first used; every commit publishes a new one.
	head atomic.Pointer[headState]
	// gone is set, under mu, when the branch is deleted.
	gone bool

	intentMu sync.Mutex
	intents  map[string]*Txn // documents that open transactions have written
}

// headState is a branch's head: immutable, so that one atomic load gives a
// snapshot an LSN and a catalog that belong together.
type headState struct {
	lineage mvcc.Lineage
	lsn     mvcc.LSN // newest commit visible
	catalog *catalog
}

// ref names the branch at its head.
func (b *branch) ref() refs.Ref {
	return refs.Ref{Project: b.project.rec.Name, Branch: b.rec.Name}
}

// advance returns the head after a commit on the same segment.
func (h *headState) advance(lsn mvcc.LSN, c *catalog) *headState {
	lineage := append(mvcc.Lineage(nil), h.lineage...)
	lineage[0].Max = lsn
	return &headState{lineage: lineage, lsn: lsn, catalog: c}
}

// intentKey names a document among a branch's intents.
func intentKey(c mvcc.CollectionID, idKey []byte) string {
	return string(append(binary.BigEndian.AppendUint32(nil, uint32(c)), idKey...))
}

// claim makes a document t's until it ends. It returns true if the claim is new,
// and MongoDB's write conflict if another open transaction has it.
func (b *branch) claim(t *Txn, key string) (bool, error) {
	b.intentMu.Lock()
	defer b.intentMu.Unlock()
	switch owner := b.intents[key]; owner {
	case t:
		return false, nil
	case nil:
		if b.intents == nil {
			b.intents = make(map[string]*Txn)
		}
		b.intents[key] = t
		return true, nil
	}
	return false, writeConflict("another open transaction has changed the same document")
}

// unclaim gives up claims.
func (b *branch) unclaim(t *Txn, keys []string) {
	b.intentMu.Lock()
	defer b.intentMu.Unlock()
	for _, key := range keys {
		if b.intents[key] == t {
			delete(b.intents, key)
		}
	}
}
