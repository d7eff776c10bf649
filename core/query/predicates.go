package query

import "github.com/argon-lab/argon/core/bsonraw"

// Op is the kind of a Predicate.
type Op uint8

// The kinds of predicates.
const (
	// EQ: equal to Values[0], which is neither null, an array nor a regex.
	EQ Op = iota
	// IN: a key of the path equals one of Values, which are sorted and
	// distinct. An equality with an array is the array or its first element.
	IN
	// LT, LTE, GT and GTE: a range against Values[0] within the type class of
	// Values[0] (with MinKey and MaxKey: over all types).
	LT
	// LTE is less or equal.
	LTE
	// GT is greater.
	GT
	// GTE is greater or equal.
	GTE
	// NULL: null, undefined or missing.
	NULL
	// EXISTS: the path exists, null included.
	EXISTS
	// REGEXPREFIX: a string or symbol that begins with the text of Values[0],
	// or the regular expression Values[1] itself.
	REGEXPREFIX
)

// Predicate is a condition on one path that every matching document satisfies
// with at least one of its keys of that path (index.Definition.Keys). It is
// necessary, not sufficient: the filter has to look at the document again.
//
// Where the path of an index holds arrays, two predicates may be satisfied by
// different elements, so that their ranges must not be intersected and the
// bounds of two paths under one array not be combined, unless both have the
// same Group other than zero: those are of one $elemMatch, and one element
// satisfies them all.
type Predicate struct {
	Path   string
	Op     Op
	Values []bsonraw.Value
	Group  int
}

// Predicates returns the conditions that the filter joins with AND at its top.
func (f *Filter) Predicates() []Predicate { return nil }

// Alternatives returns the branches of a $or at the filter's top as filters of
// their own, and the rest is not looked at: each matching document matches one
// of them. Nil if there is no such $or.
func (f *Filter) Alternatives() []*Filter { return nil }
