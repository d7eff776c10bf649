package mvcc

import (
	"sort"

	"github.com/argon-lab/argon/core/kv"
)

// patch is what a walker has that stands for a run of several segments. It goes
// through their names, which are listed, and looks each one up in the segments
// that have it, leaf first.
type patch struct {
	run    *run
	places []place // those within the bounds
	at     int     // the first place of the current name
	key    []byte
}

// behind returns the place behind all those of the name at i.
func (p *patch) behind(i int) int {
	name := p.places[i].name
	for i < len(p.places) && p.places[i].name == name {
		i++
	}
	return i
}

// before returns the first place of the name that ends at i.
func (p *patch) before(i int) int {
	name := p.places[i].name
	for i > 0 && p.places[i-1].name == name {
		i--
	}
	return i
}

// search returns the first place at or above a name, or above it only.
func (p *patch) search(name []byte, above bool) int {
	if !above {
		return firstPlace(p.places, name)
	}
	return sort.Search(len(p.places), func(i int) bool { return p.places[i].name > string(name) })
}

// patchNext is walker.next of a patch.
func (w *walker) patchNext() bool {
	p := w.patch
	if !w.begun {
		w.begun = true
		return w.patchForward(0)
	}
	if p.at >= len(p.places) {
		return false
	}
	return w.patchForward(p.behind(p.at))
}

// patchPrev is walker.prev of a patch.
func (w *walker) patchPrev() bool {
	if !w.begun {
		w.begun = true
		w.patch.at = len(w.patch.places)
	}
	return w.patchBack(w.patch.at)
}

// patchSeek is walker.seekTo of a patch.
func (w *walker) patchSeek(name []byte, reverse, beyond bool) bool {
	w.begun = true
	if reverse {
		return w.patchBack(w.patch.search(name, !beyond))
	}
	return w.patchForward(w.patch.search(name, beyond))
}

// patchForward makes the first visible name from place i on current.
func (w *walker) patchForward(i int) bool {
	p := w.patch
	for ; i < len(p.places); i = p.behind(i) {
		if w.lookUp(i) || w.failed != nil {
			p.at = i
			return w.failed == nil
		}
	}
	p.at = len(p.places)
	return false
}

// patchBack makes the last visible name before place i current.
func (w *walker) patchBack(i int) bool {
	p := w.patch
	for i > 0 {
		i = p.before(i - 1)
		if w.lookUp(i) || w.failed != nil {
			p.at = i
			return w.failed == nil
		}
	}
	p.at = 0
	return false
}

// lookUp makes the name at place i current if one of its spans shows it.
func (w *walker) lookUp(i int) bool {
	p := w.patch
	name := p.places[i].name
	for ; i < len(p.places) && p.places[i].name == name; i++ {
		span := p.places[i].span
		p.key = append(append(p.key[:0], p.run.headers[span]...), name...)
		p.key = kv.AppendVersion(p.key, uint64(p.run.spans[span].Max))
		if !w.r.SeekPrefixGE(p.key) {
			if w.failed = w.r.Err(); w.failed != nil {
				return false
			}
			continue
		}
		w.header = p.run.headers[span]
		w.name = append(w.name[:0], name...)
		w.lsn = LSN(kv.Version(w.r.Key()))
		return w.take()
	}
	return false
}
