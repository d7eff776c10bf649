package main

import (
	"sync"

	"github.com/argon-lab/argon/core/errs"
)

// handles maps the numbers that C holds to clients and jobs. Numbers ascend
// and are never used again, so a stale one can only fail.
type handles struct {
	mu     sync.RWMutex
	last   int64
	values map[int64]any
}

var registry = &handles{values: map[int64]any{}}

// add gives v a number.
func (h *handles) add(v any) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.values[h.last] = v
	return h.last
}

// forget removes a number and returns what it named, or nil.
func (h *handles) forget(n int64) any {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.values[n]
	delete(h.values, n)
	return v
}

func (h *handles) get(n int64) any {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.values[n]
}

// count returns how many clients and jobs there are, for the tests of leaks.
func (h *handles) count() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.values)
}

func connectionOf(n int64) (*connection, error) {
	if c, ok := registry.get(n).(*connection); ok {
		return c, nil
	}
	if n == 0 { // what bindings keep in place of a handle that they closed
		return nil, errs.New(errs.StoreClosed, "the client is closed")
	}
	return nil, errs.New(errs.StoreClosed, "the client %d is closed, or never was", n)
}

func jobOf(n int64) (*job, error) {
	if j, ok := registry.get(n).(*job); ok {
		return j, nil
	}
	return nil, errs.New(errs.HandleInvalid, "the job %d is finished and fetched, or never was", n)
}
