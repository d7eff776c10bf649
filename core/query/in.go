package query

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
)

// inSet is the operand of $in: values in order and each once, and regular
// expressions.
type inSet struct {
	values  []bsonraw.Value
	hasNull bool
	regexes []*valueRegex
}

// newInSet sorts values, which it keeps.
func newInSet(values []bsonraw.Value, regexes []*valueRegex) *inSet {
	slices.SortStableFunc(values, bsonraw.Compare)
	values = slices.CompactFunc(values, bsonraw.Equal)
	s := &inSet{values: values, regexes: regexes}
	s.hasNull = s.contains(bsonraw.NullValue)
	return s
}

func (s *inSet) match(v bsonraw.Value, r *run) bool {
	if v.IsNullish() {
		return s.hasNull
	}
	if s.contains(v) {
		return true
	}
	for _, x := range s.regexes {
		if x.match(v, r) {
			return true
		}
	}
	return false
}

// contains looks v up. It is a binary search by hand, since one through a
// function value would cost more than the comparisons.
func (s *inSet) contains(v bsonraw.Value) bool {
	lo, hi := 0, len(s.values)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := bsonraw.Compare(s.values[mid], v); {
		case c == 0:
			return true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false
}
