package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/argon-lab/argon/core/index"
)

// uses counts how often each index was read since the store was opened, so that
// $indexStats tells which ones nobody needs. Indexes are counted by their number:
// one that branches share is one. That of _id is not counted, since nobody could
// do without it.
type uses struct {
	since time.Time
	byID  sync.Map // uint32 to *atomic.Int64
}

// note counts one use of what a plan reads.
func (u *uses) note(p *index.Plan) {
	if p.Kind != index.IndexScan {
		return
	}
	n, ok := u.byID.Load(p.Index.ID)
	if !ok {
		n, _ = u.byID.LoadOrStore(p.Index.ID, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
}

func (u *uses) of(d *index.Definition) int64 {
	if n, ok := u.byID.Load(d.ID); ok {
		return n.(*atomic.Int64).Load()
	}
	return 0
}
