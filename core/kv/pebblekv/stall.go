package pebblekv

import (
	"math"
	"sync"
	"sync/atomic"
)

// Writers wait while more layers of tables lie on top of each other than reads
// should have to look through. Pebble can make them wait too, but then there is
// no way back for them when the store has stopped: behind the fence a compaction
// may never succeed. So they wait here, where a failure lets them go.

const (
	// stopLayers is how many layers of level 0 make writers wait.
	stopLayers = 24
	// neverStop keeps Pebble from doing it.
	neverStop = math.MaxInt32
)

// stallGate makes writers wait.
type stallGate struct {
	changes atomic.Int64 // flushes and compactions that ended, and the failure
	looked  int64        // changes at the last look; belongs to who holds applying
	mu      sync.Mutex
	moved   *sync.Cond // changes went up
	waiting atomic.Bool
}

func newStallGate() *stallGate {
	g := &stallGate{}
	g.moved = sync.NewCond(&g.mu)
	return g
}

// change lets those who wait look again.
func (g *stallGate) change() {
	g.mu.Lock()
	g.changes.Add(1)
	g.mu.Unlock()
	g.moved.Broadcast()
}

// pass waits while there are too many layers and returns why the store stopped,
// if it did. The caller holds applying. It costs one comparison unless a flush
// or compaction has ended since the last time.
func (s *Store) pass() error {
	g := s.gate
	for g.looked != g.changes.Load() {
		now := g.changes.Load()
		if int(s.db.Metrics().Levels[0].Sublevels) < stopLayers {
			g.looked = now
			return nil
		}
		g.waiting.Store(true)
		g.mu.Lock()
		for g.changes.Load() == now && s.failed.Load() == nil {
			g.moved.Wait()
		}
		g.mu.Unlock()
		g.waiting.Store(false)
		if err := s.broken(); err != nil {
			return err
		}
	}
	return nil
}
