package engine

import (
	"context"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/mvcc"
	"github.com/argon-lab/argon/core/refs"
)

// source gives steps of one branch or of many, by LSN.
type source interface {
	// next returns the next step and its feed, or nil if there is none now.
	next(ctx context.Context) (*step, *feed, error)
	// notice returns a channel that is closed when there may be more.
	notice() <-chan struct{}
	// position is up to where everything was given, and on which segment.
	position() (mvcc.LSN, mvcc.SegmentID)
	rest()
}

// single is the source of one branch, which may not be there yet.
type single struct {
	s     *Store
	ref   refs.Ref
	after mvcc.LSN
	feed  *feed
}

func (o *single) open() error {
	if o.feed != nil {
		return nil
	}
	f, err := o.s.feedOf(o.ref, o.after)
	if err != nil {
		if isUnborn(err, o.ref) {
			return nil
		}
		return err
	}
	o.feed = f
	return nil
}

// isUnborn reports whether a branch is only not there yet: the main branch of a
// project that nobody has written to.
func isUnborn(err error, ref refs.Ref) bool {
	return errs.Is(err, errs.ProjectNotFound) && ref.Branch == refs.Main
}

func (o *single) next(ctx context.Context) (*step, *feed, error) {
	durable := o.s.mv.DurableLSN()
	if err := o.open(); err != nil {
		return nil, nil, err
	}
	if o.feed == nil {
		o.after = max(o.after, durable)
		return nil, nil, nil
	}
	st, err := o.feed.Next(ctx, durable)
	if st == nil && err == nil {
		o.feed.after = max(o.feed.after, durable)
	}
	return st, o.feed, err
}

func (o *single) notice() <-chan struct{} {
	if o.feed == nil {
		return o.s.mv.Notice(0)
	}
	return o.s.mv.Notice(o.feed.place())
}

func (o *single) position() (mvcc.LSN, mvcc.SegmentID) {
	if o.feed == nil {
		return o.after, 0
	}
	return o.feed.after, o.feed.place()
}

func (o *single) rest() {
	if o.feed != nil {
		o.feed.rest()
	}
}

// many is the source of all branches of a project, or of the store.
//
// It works in rounds: what is durable at the beginning of a round is told by
// LSN, whichever branch it is on; then it waits for more.
type many struct {
	s       *Store
	project string // "": all
	start   mvcc.LSN
	durable mvcc.LSN // of the round
	begun   bool
	feeds   []*fed
	seen    map[*project]int // entries of its ref log that were looked at
}

// fed is a feed with its next step.
type fed struct {
	*feed
	ready  *step
	unread bool // there may be a step
}

func (s *Store) openMany(name string, after mvcc.LSN) (*many, error) {
	m := &many{s: s, project: name, start: after, durable: after, seen: map[*project]int{}}
	if name != "" {
		if _, err := s.project(name); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// discover adds feeds of branches made since the last round.
func (m *many) discover() {
	m.s.mu.RLock()
	defer m.s.mu.RUnlock()
	for name, p := range m.s.projects {
		if m.project != "" && m.project != name {
			continue
		}
		for at := m.seen[p]; at < len(p.log); at++ {
			e := &p.log[at]
			if e.Op == opCreate && e.LSN <= m.durable {
				m.feeds = append(m.feeds, &fed{feed: m.s.newFeed(p, e.Branch, e.LSN, max(e.LSN, m.start))})
			} else if e.LSN > m.durable {
				break
			}
			m.seen[p] = at + 1
		}
	}
}

func (m *many) next(ctx context.Context) (*step, *feed, error) {
	for {
		var first *fed
		for _, f := range m.feeds {
			if f.unread {
				var err error
				if f.ready, err = f.Next(ctx, m.durable); err != nil {
					return nil, nil, err
				}
				f.unread = false
			}
			if f.ready != nil && (first == nil || f.ready.lsn < first.ready.lsn) {
				first = f
			}
		}
		if first != nil {
			st := first.ready
			first.ready, first.unread = nil, true
			return st, first.feed, nil
		}
		if !m.nextRound() {
			return nil, nil, nil
		}
	}
}

// nextRound takes in what has become durable; false if nothing has.
func (m *many) nextRound() bool {
	live := m.feeds[:0]
	for _, f := range m.feeds {
		f.after = max(f.after, m.durable)
		if leaf, deleted := f.leaf(); leaf == 0 && f.end != nil && f.end.LSN <= m.durable || deleted != 0 && deleted <= m.durable {
			continue // it is told to its end
		}
		live = append(live, f)
	}
	m.feeds = live
	durable := m.s.mv.DurableLSN()
	if durable <= m.durable && m.begun {
		return false
	}
	m.begun, m.durable = true, durable
	m.discover()
	for _, f := range m.feeds {
		f.unread = true
	}
	return true
}

func (m *many) notice() <-chan struct{} { return m.s.mv.Notice(0) }

func (m *many) position() (mvcc.LSN, mvcc.SegmentID) { return m.durable, 0 }

// rest closes what feeds hold open. What one has ready it will read again.
func (m *many) rest() {
	for _, f := range m.feeds {
		if f.ready != nil {
			f.after, f.ready, f.unread = f.ready.lsn-1, nil, true
		}
		f.feed.rest()
	}
}
