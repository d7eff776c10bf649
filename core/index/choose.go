package index

import (
	"cmp"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// score orders candidates: the first difference decides, larger is better.
//
// The order is that of the rule of thumb "equality, sort, range": parts pinned
// to values first, then an order that saves a sort, then a range.
type score struct {
	unique  int // every part of a unique index, or _id, pinned to one value
	pinned  int // leading parts pinned to values
	bounded int // anything narrows the scan
	sorted  int
	narrow  int // rankOf of the part behind the pinned ones
	checked int // later parts that are checked entry by entry
	points  int // parts pinned to one value
	direct  int // the documents are there already: the collection itself
	short   int // fewer parts
}

func (a score) compare(b score) int {
	return cmp.Or(
		cmp.Compare(a.unique, b.unique), cmp.Compare(a.pinned, b.pinned),
		cmp.Compare(a.bounded, b.bounded), cmp.Compare(a.sorted, b.sorted),
		cmp.Compare(a.narrow, b.narrow), cmp.Compare(a.checked, b.checked),
		cmp.Compare(a.points, b.points), cmp.Compare(a.direct, b.direct),
		cmp.Compare(a.short, b.short),
	)
}

// rate scores all but the sort, which is not known yet.
func (cand *candidate) rate() {
	s := score{short: -len(cand.parts)}
	leading := true
	for i, l := range cand.bounds {
		rank := rankOf(l)
		if rank >= 6 {
			s.points++
		}
		switch {
		case leading && rank >= 5:
			s.pinned++
		case leading:
			leading = false
			s.narrow = rank
		case rank > 0 && i > 0:
			s.checked++
		}
	}
	if s.narrow == 0 && cand.def != nil && cand.def.Sparse {
		s.narrow = 1 // it leaves out documents that cannot match
	}
	if s.pinned > 0 || s.narrow > weakRank || s.narrow > 0 && !cand.limited {
		s.bounded = 1
	}
	if cand.def == nil {
		s.direct = 1
	}
	if s.points == len(cand.parts) && (cand.def == nil || cand.def.Unique) || cand.empty() {
		s.unique = 1
	}
	if cand.def == nil && s.pinned == 1 {
		s.unique = 2 // _id lookups, of many values too, read nothing in vain
	}
	cand.score = s
}

// weakRank is the rank of bounds that narrow little: negations, whole classes.
// Where only some documents are wanted, an order that saves a sort beats them.
const weakRank = 2

// Choose makes the plan for a request. It fails only for a hint that names no
// index (error BadValue), names several, or is no hint.
func Choose(r *Request) (*Plan, error) {
	c := analyze(orEmpty(r.Filter))
	sort := sortParts(orEmpty(r.Sort))
	if !r.Hint.IsMissing() && (r.Hint.Type != bsonraw.Object || !r.Hint.Doc().IsEmpty()) {
		return hinted(r, c, sort)
	}
	if direction, ok := natural(r.Sort); ok {
		cand := newCandidate(nil, c)
		cand.sorted, cand.reverse = true, direction < 0
		return cand.plan(), nil
	}
	best := bestCandidate(r.Indexes, c, sort, r.Limit > 0)
	if best.score.bounded == 0 && best.score.narrow == 0 {
		if p := chooseUnion(r.Indexes, c); p != nil {
			return p, nil
		}
	}
	return best.plan(), nil
}

func orEmpty(d bsonraw.Doc) bsonraw.Doc {
	if d == nil {
		return bsonraw.EmptyDoc
	}
	return d
}

func bestCandidate(indexes []Index, c *conjunction, sort []KeyPart, limited bool) *candidate {
	best := newCandidate(nil, c)
	best.limited = limited
	best.rate()
	best.order(sort)
	for i := range indexes {
		if indexes[i].Hidden {
			continue
		}
		cand := newCandidate(&indexes[i], c)
		if cand == nil {
			continue
		}
		cand.limited = limited
		cand.rate()
		cand.order(sort)
		if cand.worthwhile() && cand.score.compare(best.score) > 0 {
			best = cand
		}
	}
	return best
}

// worthwhile reports whether reading through the index can beat reading the
// collection.
func (cand *candidate) worthwhile() bool {
	return cand.score.bounded > 0 || cand.score.sorted > 0 || cand.score.narrow > 0
}

func (cand *candidate) order(sort []KeyPart) {
	if len(sort) == 0 {
		return
	}
	cand.provideSort(sort)
	if cand.sorted {
		cand.score.sorted = 1
	}
}

// chooseUnion answers a $or, each branch by an index of its own, joined with
// what else the filter says. Nil if a branch has none.
func chooseUnion(indexes []Index, c *conjunction) *Plan {
	for i, alternatives := range c.ors {
		p := &Plan{Kind: Union, Dedup: true, Exact: true}
		for _, a := range alternatives {
			joint := &conjunction{complete: c.complete}
			joint.merge(a)
			joint.merge(&conjunction{preds: c.preds, groups: c.groups, complete: c.complete})
			joint.ors = append(joint.ors, slices.Delete(slices.Clone(c.ors), i, i+1)...)
			child := bestCandidate(indexes, joint, nil, false)
			if child.score.bounded == 0 && !child.empty() {
				p = nil
				break
			}
			plan := child.plan()
			p.Exact = p.Exact && plan.Exact
			p.Children = append(p.Children, plan)
		}
		if p != nil {
			return p
		}
	}
	return nil
}

// hinted makes the plan that a hint asks for.
func hinted(r *Request, c *conjunction, sort []KeyPart) (*Plan, error) {
	if direction, ok := natural(r.Hint.Doc()); ok {
		p := newCandidate(nil, &conjunction{}).plan()
		p.Reverse = direction < 0
		p.Exact = c.complete && len(c.preds) == 0 && len(c.ors) == 0
		// The collection is in _id order, which may be the one asked for.
		p.SortProvided = len(sort) > 0 && sort[0] == KeyPart{"_id", p.Reverse}
		return p, nil
	}
	ix, isID, err := findHint(r)
	if err != nil {
		return nil, err
	}
	var cand *candidate
	if isID {
		cand = newCandidate(nil, c)
	} else if cand = newCandidate(ix, c); cand == nil {
		cand = fullCandidate(ix)
	}
	cand.order(sort)
	return cand.plan(), nil
}

// natural reads {$natural: ±1}.
func natural(d bsonraw.Doc) (direction float64, ok bool) {
	v, ok := orEmpty(d).Lookup("$natural")
	if !ok {
		return 0, false
	}
	direction, _ = v.AsFloat64()
	return direction, true
}

var idPattern = func() bsonraw.Doc {
	b := bsonraw.NewBuilder(nil)
	b.Int32("_id", 1)
	return b.Finish()
}()

// findHint finds the index that a hint names.
func findHint(r *Request) (ix *Index, isID bool, err error) {
	byName := r.Hint.Type == bsonraw.String
	if !byName && r.Hint.Type != bsonraw.Object {
		return nil, false, errs.New(errs.FailedToParse, "Hint must be a string or an object, but is %s", text(r.Hint))
	}
	if byName && r.Hint.Str() == idName || !byName && bsonraw.CompareDocs(r.Hint.Doc(), idPattern) == 0 {
		return nil, true, nil
	}
	for i := range r.Indexes {
		candidate := &r.Indexes[i]
		if candidate.Hidden {
			continue
		}
		if byName && candidate.Name != r.Hint.Str() || !byName && bsonraw.CompareDocs(candidate.KeyPattern(), r.Hint.Doc()) != 0 {
			continue
		}
		if ix != nil {
			return nil, false, errs.New(errs.IndexNotFound, "Hint matched multiple indexes, must hint by index name. Matched: %s and %s", ix.Name, candidate.Name)
		}
		ix = candidate
	}
	if ix == nil {
		return nil, false, errs.New(errs.BadValue, "error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index: %s", text(r.Hint))
	}
	return ix, false, nil
}
