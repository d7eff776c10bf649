package engine

import (
	"maps"
	"slices"
)

// The naive model that meta_test.go holds the engine against. It keeps every
// state as a map, and of every state the set of write events that went into it:
// no segments, no vector of LSNs, no log. Merging looks at sets of events.

// modelDoc is a document: fields with numbers.
type modelDoc map[string]int64

// modelEvent is one write to one document.
type modelEvent struct {
	doc   int
	field string // "" is the whole document: inserted or deleted
	inc   bool
	by    int64
}

// modelState is what a branch holds after a commit.
type modelState struct {
	docs   map[int]modelDoc
	events map[int]bool // numbers of events that it knows
}

func newState() *modelState {
	return &modelState{docs: map[int]modelDoc{}, events: map[int]bool{}}
}

func (s *modelState) clone() *modelState {
	c := &modelState{docs: map[int]modelDoc{}, events: maps.Clone(s.events)}
	for id, d := range s.docs {
		c.docs[id] = maps.Clone(d)
	}
	return c
}

// modelCommit is a state with its LSN.
type modelCommit struct {
	lsn   uint64
	state *modelState
}

// modelBranch is a branch: its commits since it was made or restored, oldest
// first. The first one is where it began.
type modelBranch struct {
	commits []modelCommit
}

func (b *modelBranch) head() *modelState { return b.commits[len(b.commits)-1].state }

// model is a project.
type model struct {
	events   []modelEvent
	branches map[string]*modelBranch
	tags     map[string]*modelState
}

// record adds an event to a state that is being made.
func (m *model) record(s *modelState, e modelEvent) {
	s.events[len(m.events)] = true
	m.events = append(m.events, e)
}

// unknown lists, by document, the events that a knows and b does not.
func (m *model) unknown(a, b *modelState) map[int][]modelEvent {
	out := map[int][]modelEvent{}
	for _, n := range slices.Sorted(maps.Keys(a.events)) {
		if !b.events[n] {
			e := m.events[n]
			out[e.doc] = append(out[e.doc], e)
		}
	}
	return out
}

// merge returns ours with theirs merged in, and the number of conflicts, which
// all go to the winner, "ours" or "theirs".
func (m *model) merge(ours, theirs *modelState, winner string) (*modelState, int) {
	out, conflicts := ours.clone(), 0
	mine := m.unknown(ours, theirs)
	for id, added := range m.unknown(theirs, ours) {
		if mine[id] == nil {
			take(out, theirs, id)
			continue
		}
		conflicts += m.mergeDoc(out, theirs, id, mine[id], added, winner)
	}
	maps.Copy(out.events, theirs.events)
	return out, conflicts
}

func take(out, from *modelState, id int) {
	if d, ok := from.docs[id]; ok {
		out.docs[id] = maps.Clone(d)
	} else {
		delete(out.docs, id)
	}
}

func (m *model) mergeDoc(out, theirs *modelState, id int, mine, added []modelEvent, winner string) int {
	_, oursThere := out.docs[id]
	_, theirsThere := theirs.docs[id]
	if whole(mine) || whole(added) || !oursThere || !theirsThere {
		if !oursThere && !theirsThere {
			return 0
		}
		if winner == "theirs" {
			take(out, theirs, id)
		}
		m.record(out, modelEvent{doc: id}) // the decision is an event, too
		return 1
	}
	conflicts := 0
	for field, changes := range byField(added) {
		own := byField(mine)[field]
		switch {
		case own == nil:
			out.docs[id][field] = theirs.docs[id][field]
		case allInc(own) && allInc(changes):
			for _, e := range changes {
				out.docs[id][field] += e.by
			}
		default:
			conflicts++
			if winner == "theirs" {
				out.docs[id][field] = theirs.docs[id][field]
			}
			m.record(out, modelEvent{doc: id, field: field})
		}
	}
	return conflicts
}

func whole(events []modelEvent) bool {
	return slices.ContainsFunc(events, func(e modelEvent) bool { return e.field == "" })
}

func allInc(events []modelEvent) bool {
	return !slices.ContainsFunc(events, func(e modelEvent) bool { return !e.inc })
}

func byField(events []modelEvent) map[string][]modelEvent {
	out := map[string][]modelEvent{}
	for _, e := range events {
		out[e.field] = append(out[e.field], e)
	}
	return out
}
