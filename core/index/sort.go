package index

import "github.com/argon-lab/argon/core/bsonraw"

// provideSort works out whether the candidate hands out documents in the order
// of a sort pattern, and in which direction it must then be read.
//
// Index entries that are equal in all parts follow each other in the order of
// _id, so that an index has _id as an ascending last part of its own.
func (cand *candidate) provideSort(sort []KeyPart) {
	parts := cand.parts
	if cand.def != nil {
		parts = append(parts[:len(parts):len(parts)], KeyPart{Path: "_id"})
	}
	if cand.def == nil && cand.fixed(0) {
		cand.sorted = true // one document
		return
	}
	next, direction := 0, 0
	for _, s := range sort {
		if cand.fixes(s.Path) {
			continue
		}
		for next < len(cand.parts) && cand.bounds[next].isSinglePoint() {
			next++
		}
		if next == len(parts) || parts[next].Path != s.Path || !cand.ordersBy(next) {
			return
		}
		d := 1
		if parts[next].Desc != s.Desc {
			d = -1
		}
		if direction == -d {
			return
		}
		direction = d
		next++
		if s.Path == "_id" {
			break // no two documents are equal here
		}
	}
	cand.sorted, cand.reverse = true, direction < 0
}

// fixed reports whether all documents have the same value in a part, and no
// other beside it.
func (cand *candidate) fixed(i int) bool {
	return cand.bounds[i].isSinglePoint() && !cand.multikey.Has(i)
}

func (cand *candidate) fixes(path string) bool {
	for i, p := range cand.parts {
		if p.Path == path && cand.fixed(i) {
			return true
		}
	}
	return false
}

// ordersBy reports whether the first entry of each document stands where a sort
// by this part puts it. A sort takes a document's least key of all (the largest
// when descending), so that none must be cut off by bounds where the part, or
// one below the same array, has several.
func (cand *candidate) ordersBy(i int) bool {
	if i >= len(cand.parts) || !cand.multikey.Has(i) {
		return true
	}
	for j, l := range cand.bounds {
		if j != i && (!cand.multikey.Has(j) || commonPath(cand.parts[i].Path, cand.parts[j].Path) == "") {
			continue
		}
		if !l.isAll() {
			return false
		}
	}
	return true
}

// sortParts reads a sort pattern; nil for {$natural: …} and other patterns that
// no index provides.
func sortParts(sort bsonraw.Doc) []KeyPart {
	var parts []KeyPart
	it := sort.Iter()
	for it.Next() {
		f, ok := it.Value().AsFloat64()
		if !ok || len(it.Key()) > 0 && it.Key()[0] == '$' {
			return nil
		}
		parts = append(parts, KeyPart{string(it.Key()), f < 0})
	}
	return parts
}
