package mirror

import (
	"slices"
	"sync"
	"time"
)

// lagMeter keeps the newest lags: from when an event happened at the source to
// when its commit was durable here, by the two machines' clocks.
type lagMeter struct {
	mu   sync.Mutex
	ring [1024]time.Duration
	n    int
}

func (m *lagMeter) add(now time.Time, e *event) {
	if e.wall == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring[m.n%len(m.ring)] = max(0, now.Sub(time.UnixMilli(e.wall)))
	m.n++
}

// percentiles returns the median and the 95th percentile of the newest lags.
func (m *lagMeter) percentiles() (p50, p95 time.Duration) {
	m.mu.Lock()
	all := slices.Clone(m.ring[:min(m.n, len(m.ring))])
	m.mu.Unlock()
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*95/100]
}
