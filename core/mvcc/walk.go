package mvcc

import (
	"bytes"

	"github.com/argon-lab/argon/core/kv"
)

// walker walks what one segment shows of a range at an LSN: for each name (an
// idKey, or the key of an index entry) its newest version at or below the LSN,
// deletions included. Names of one collection, or index, are ordered by their
// bytes, and none is a prefix of another.
//
// Versions of one name follow each other, newest first, so a walk steps over
// those that are too new and those that are too old. Stepping is much cheaper
// than seeking while the versions are few (and than NextPrefix, on data not yet
// compacted, always); behind maxSteps of one name it seeks.
type walker struct {
	store  *Store
	header []byte // of every key
	max    LSN
	lo, hi []byte // bounds, whole keys
	order  int    // place in the lineage, leaf first
	patch  *patch // set where this stands for several segments

	r    *reader
	name []byte // current name
	lsn  LSN
	// value is the current version's value: the iterator's in a forward walk,
	// kept in a reverse one, where the iterator is beyond it already.
	value  []byte
	kept   []byte
	seek   []byte // scratch
	at     bool   // a name is current
	begun  bool
	failed error
}

const maxSteps = 12

// setBounds turns bounds of names into bounds of keys. Each ends in 00, as the
// split of keys asks (core/kv). Bounds that cross leave nothing.
func (w *walker) setBounds(lo, hi []byte) {
	w.lo = append(append(append(w.lo[:0], w.header...), lo...), 0)
	if hi == nil {
		w.hi = successor(w.header)
	} else {
		w.hi = append(append(append(w.hi[:0], w.header...), hi...), 0)
	}
	if bytes.Compare(w.lo, w.hi) > 0 {
		w.hi = w.lo
	}
}

// acquire takes an iterator for the range.
func (w *walker) acquire(need LSN) bool {
	if w.r != nil {
		return true
	}
	r, err := w.store.pool.take(need)
	if err != nil {
		w.failed = err
		return false
	}
	if w.patch != nil {
		r.point()
	} else {
		r.bound(w.lo, w.hi)
	}
	w.r = r
	return true
}

func (w *walker) release() error {
	r := w.r
	w.r = nil
	return w.store.pool.put(r)
}

// next moves to the next name and reports whether there is one.
func (w *walker) next() bool {
	if w.patch != nil {
		return w.patchNext()
	}
	var ok bool
	switch {
	case !w.begun:
		w.begun = true
		ok = w.r.First()
	case w.at:
		ok = w.leave()
	}
	return w.settle(ok)
}

// leave moves the iterator to the first key behind the current name.
func (w *walker) leave() bool {
	for range maxSteps {
		if !w.r.Next() {
			return false
		}
		if !w.sameName(w.r.Key()) {
			return true
		}
	}
	w.seek = append(append(append(w.seek[:0], w.header...), w.name...), 1)
	return w.r.SeekGE(w.seek)
}

// sameName reports whether a key is a version of the current name.
func (w *walker) sameName(key []byte) bool {
	h, n := len(w.header), len(w.name)
	return len(key) == h+n+1+kv.SuffixLen && bytes.Equal(key[h:h+n], w.name)
}

// settle moves on from the iterator's key to the first version that is not too
// new, and makes it current.
func (w *walker) settle(ok bool) bool {
	w.at = false
	for steps := 0; ok; steps++ {
		key := w.r.Key()
		name, lsn, good := cut(key, len(w.header))
		if !good {
			w.failed = corruptKey(key)
			return false
		}
		if lsn <= w.max {
			w.name = append(w.name[:0], name...)
			w.lsn = lsn
			return w.take()
		}
		if steps < maxSteps {
			ok = w.r.Next()
			continue
		}
		steps = 0
		w.seek = append(w.seek[:0], key...)
		kv.PutVersion(w.seek, uint64(w.max))
		ok = w.r.SeekGE(w.seek)
	}
	return w.end()
}

func (w *walker) take() bool {
	value, err := w.r.Value()
	if err != nil {
		w.failed = err
		return false
	}
	w.value, w.at = value, true
	return true
}

func (w *walker) end() bool {
	w.at = false
	if err := w.r.Err(); err != nil {
		w.failed = err
	}
	return false
}

// prev moves to the previous name and reports whether there is one. The
// iterator always stands at the last key below those of the names passed.
func (w *walker) prev() bool {
	if w.patch != nil {
		return w.patchPrev()
	}
	ok := true
	if !w.begun {
		w.begun = true
		ok = w.r.Last()
	} else {
		ok = w.r.Valid()
	}
	for ok {
		key := w.r.Key()
		name, _, good := cut(key, len(w.header))
		if !good {
			w.failed = corruptKey(key)
			return false
		}
		w.name = append(w.name[:0], name...)
		var found bool
		if found, ok = w.climb(); found || w.failed != nil {
			return found
		}
	}
	return w.end()
}

// climb goes up the versions of the current name, oldest first, to the newest
// that is not too new, and on to the key below the name. found tells whether
// there was one, ok whether the iterator is at a key.
func (w *walker) climb() (found, ok bool) {
	for steps := 0; ; steps++ {
		lsn := LSN(kv.Version(w.r.Key()))
		if lsn > w.max {
			return found, w.below()
		}
		if steps == maxSteps {
			return w.climbFar()
		}
		if !w.keep(lsn) {
			return false, false
		}
		found = true
		if !w.r.Prev() {
			return true, false
		}
		if !w.sameName(w.r.Key()) {
			return true, true
		}
	}
}

// climbFar is climb over many versions.
func (w *walker) climbFar() (found, ok bool) {
	w.seek = append(append(w.seek[:0], w.header...), w.name...)
	w.seek = kv.AppendVersion(w.seek, uint64(w.max))
	if !w.r.SeekGE(w.seek) || !w.keep(LSN(kv.Version(w.r.Key()))) {
		return false, false
	}
	return true, w.below()
}

// below moves to the last key before the current name.
func (w *walker) below() bool {
	w.seek = append(append(append(w.seek[:0], w.header...), w.name...), 0)
	return w.r.SeekLT(w.seek)
}

// keep makes the iterator's version current, with a copy of its value.
func (w *walker) keep(lsn LSN) bool {
	if !w.take() {
		return false
	}
	w.kept = append(w.kept[:0], w.value...)
	w.value, w.lsn = w.kept, lsn
	return true
}

// seekTo lets the next step find the first name at or above name or, in a
// reverse walk, the last at or below it; with beyond, above and below only.
func (w *walker) seekTo(name []byte, reverse, beyond bool) bool {
	if w.patch != nil {
		return w.patchSeek(name, reverse, beyond)
	}
	end := byte(0)
	if reverse != beyond {
		end = 1
	}
	w.seek = append(append(append(w.seek[:0], w.header...), name...), end)
	w.begun = true
	if reverse {
		w.at = false
		w.r.SeekLT(w.seek)
		return w.prev()
	}
	return w.settle(w.r.SeekGE(w.seek))
}
