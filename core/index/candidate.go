package index

import (
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
)

// maxRanges bounds the ranges that several parts with lists of values multiply
// to; parts beyond that are checked entry by entry.
const maxRanges = 4096

// candidate is one way to answer a request: through an index, or through the
// collection as the index on _id (def nil).
type candidate struct {
	def      *Definition
	parts    []KeyPart
	multikey Multikey
	bounds   []intervals
	chosen   []*predicate // by part, the one predicate that its bounds are of; nil for none or many
	used     map[*predicate]bool
	scanned  int // leading parts that the ranges cover
	exact    bool
	score    score
	limited  bool // not all matching documents are wanted
	sorted   bool
	reverse  bool
}

var idParts = []KeyPart{{Path: "_id"}}

// newCandidate works out the bounds of an index for a filter. Nil if the index
// may not hold all the documents that match.
func newCandidate(ix *Index, c *conjunction) *candidate {
	cand := &candidate{parts: idParts, used: map[*predicate]bool{}}
	if ix != nil {
		cand.def, cand.parts, cand.multikey = ix.Definition, ix.Keys, ix.Multikey
	}
	cand.chosen = make([]*predicate, len(cand.parts))
	for i := range cand.parts {
		cand.bounds = append(cand.bounds, cand.boundsOf(i, c))
	}
	if ix == nil {
		cand.finish(c)
		return cand
	}
	if ix.Partial != nil && !c.implies(ix.condition) || ix.Sparse && !cand.sparseHoldsAll(c) {
		return nil
	}
	cand.finish(c)
	return cand
}

// fullCandidate reads the whole index, whatever it leaves out: what a hint on a
// sparse or partial index that does not fit the filter asks for.
func fullCandidate(ix *Index) *candidate {
	cand := newCandidate(&Index{Definition: &Definition{
		Name: ix.Name, ID: ix.ID, Keys: ix.Keys, Options: ix.Options, Unique: ix.Unique,
	}, Multikey: ix.Multikey}, &conjunction{})
	cand.def = ix.Definition
	return cand
}

func (cand *candidate) boundsOf(i int, c *conjunction) intervals {
	out := allValues
	if cand.multikey.Has(i) {
		if p := cand.pick(i, c); p != nil {
			cand.chosen[i], cand.used[p] = p, true
			out = p.bounds
		}
		return out
	}
	for k := range c.preds {
		p := &c.preds[k]
		if p.path == cand.parts[i].Path {
			out = intersect(out, p.bounds)
			cand.used[p] = true
		}
	}
	return out
}

// pick chooses the predicate for a part that runs through arrays: only one,
// since another may be met by another element, and only one that goes with
// those of the parts before.
func (cand *candidate) pick(i int, c *conjunction) *predicate {
	path := cand.parts[i].Path
	if hasNumber(path) {
		return nil // an index or a name: the index's keys know only one of both
	}
	var best *predicate
	for k := range c.preds {
		p := &c.preds[k]
		if p.path != path || p.singleOnly || !cand.goesWith(p, i) {
			continue
		}
		if best == nil || rankOf(p.bounds) > rankOf(best.bounds) {
			best = p
		}
	}
	return best
}

// goesWith reports whether the bounds of p on part i may be combined with those
// of the parts before: not where both run through the same array, unless one
// element of it meets both predicates.
func (cand *candidate) goesWith(p *predicate, i int) bool {
	for j := range i {
		o := cand.chosen[j]
		if o == nil || o.bounds.isAll() {
			continue
		}
		shared := commonPath(cand.parts[i].Path, cand.parts[j].Path)
		if shared != "" && (p.group == 0 || p.group != o.group || p.groupPath != shared) {
			return false
		}
	}
	return true
}

// commonPath returns the leading components that two paths share.
func commonPath(a, b string) string {
	n := 0
	for i := 0; i <= min(len(a), len(b)); i++ {
		endA, endB := i == len(a) || a[i] == '.', i == len(b) || b[i] == '.'
		if endA && endB {
			n = i
		}
		if i == len(a) || i == len(b) || a[i] != b[i] {
			break
		}
	}
	return a[:n]
}

func hasNumber(path string) bool {
	for _, name := range strings.Split(path, ".") {
		if name != "" && name[0] >= '0' && name[0] <= '9' {
			return true
		}
	}
	return false
}

// rankOf says how much bounds narrow a scan down.
func rankOf(l intervals) int {
	switch {
	case l.isAll():
		return 0
	case len(l) == 0:
		return 7
	case l.isSinglePoint():
		return 6
	case l.allPoints():
		return 5
	case l[0].lo.Type == bsonraw.MinKey || l[len(l)-1].hi.Type == bsonraw.MaxKey:
		return 1 // a negation
	case len(l) == 1 && !isClassEnd(l[0].lo) && !isClassEnd(l[0].hi):
		return 4
	case len(l) == 1 && isClassEnd(l[0].lo) && isClassEnd(l[0].hi):
		return 2
	}
	return 3
}

// isClassEnd reports whether v is where a type class begins or ends, so that a
// bound there narrows by type only.
func isClassEnd(v bsonraw.Value) bool {
	class := classOf(v.Type)
	return bsonraw.Equal(v, class.lo) || bsonraw.Equal(v, class.hi)
}

// sparseHoldsAll reports whether a sparse index has an entry within the bounds
// for every document that matches: where a predicate that asks for a field
// takes part in the bounds, or, without bounds, where there is one at all.
func (cand *candidate) sparseHoldsAll(c *conjunction) bool {
	bounded, needs := false, false
	for p := range cand.used {
		bounded = bounded || !p.bounds.isAll()
		needs = needs || !p.missing
	}
	if needs || bounded {
		return needs
	}
	for i := range c.preds {
		p := &c.preds[i]
		if !p.missing && slices.ContainsFunc(cand.parts, func(k KeyPart) bool { return k.Path == p.path }) {
			return true
		}
	}
	return false
}

// finish decides which parts the ranges cover, whether they are exact, and how
// good the candidate is.
func (cand *candidate) finish(c *conjunction) {
	product := 1
	cand.scanned = 0
	for i, l := range cand.bounds {
		if i > 0 && product*len(l) > maxRanges {
			break
		}
		cand.scanned = i + 1
		product *= max(1, len(l))
		if !l.allPoints() {
			break
		}
	}
	cand.exact = c.complete && len(c.ors) == 0
	for k := range c.preds {
		p := &c.preds[k]
		multi := true
		for i, part := range cand.parts {
			if part.Path == p.path {
				multi = cand.multikey.Has(i)
			}
		}
		if !cand.used[p] || p.exact == inexact || p.exact == exactSingle && multi {
			cand.exact = false
		}
	}
	cand.rate()
}

// empty reports whether the bounds hold nothing.
func (cand *candidate) empty() bool {
	return slices.ContainsFunc(cand.bounds, func(l intervals) bool { return len(l) == 0 })
}

// plan turns the candidate into a plan.
func (cand *candidate) plan() *Plan {
	p := &Plan{
		Kind: IndexScan, Index: cand.def, Reverse: cand.reverse, SortProvided: cand.sorted,
		Exact: cand.exact, parts: cand.parts, bounds: cand.bounds, multikey: cand.multikey,
	}
	switch {
	case cand.def != nil:
		p.Ranges = cand.ranges()
		p.Dedup = cand.repeats()
	case cand.empty():
		p.Kind = Nothing
	case cand.bounds[0].isAll():
		p.Kind = CollScan
	case cand.bounds[0].allPoints():
		p.Kind = IDLookup
		for _, iv := range cand.bounds[0] {
			p.IDs = append(p.IDs, iv.lo)
		}
		if cand.reverse {
			slices.Reverse(p.IDs)
		}
	default:
		p.Kind = IDRange
		p.Ranges = cand.ranges()
	}
	for i := cand.scanned; i < len(cand.bounds); i++ {
		if l := cand.bounds[i]; !l.isAll() {
			p.checks = append(p.checks, check{i, rangesOf(nil, l, cand.parts[i].Desc)})
		}
	}
	return p
}

// repeats reports whether a document may have several entries in the ranges.
func (cand *candidate) repeats() bool {
	for i, l := range cand.bounds {
		if cand.multikey.Has(i) && !l.isSinglePoint() {
			return true
		}
	}
	return false
}

// ranges multiplies the bounds of the parts that are scanned.
func (cand *candidate) ranges() []Range {
	if cand.empty() {
		return nil
	}
	prefixes := [][]byte{nil}
	last := cand.scanned - 1
	for i := range last {
		var longer [][]byte
		for _, prefix := range prefixes {
			for _, iv := range inOrder(cand.bounds[i], cand.parts[i].Desc) {
				longer = append(longer, appendKey(slices.Clone(prefix), iv.lo, cand.parts[i].Desc))
			}
		}
		prefixes = longer
	}
	var out []Range
	for _, prefix := range prefixes {
		out = append(out, rangesOf(prefix, cand.bounds[last], cand.parts[last].Desc)...)
	}
	return out
}

// rangesOf returns the keys that begin with prefix and a value in l. Where that
// is every value, the prefix alone says so.
func rangesOf(prefix []byte, l intervals, desc bool) []Range {
	if l.isAll() {
		return []Range{{Lo: prefix, Hi: successor(prefix)}}
	}
	var out []Range
	for _, iv := range inOrder(l, desc) {
		out = append(out, rangeOf(prefix, iv, desc))
	}
	return out
}

// inOrder returns the intervals as the bytes of the part order them.
func inOrder(l intervals, desc bool) intervals {
	if !desc {
		return l
	}
	l = slices.Clone(l)
	slices.Reverse(l)
	return l
}
