package update

// kidSet is a set of places of kids.
type kidSet struct {
	first uint64
	rest  []bool // where there are more than 64
}

func (s *kidSet) init(n int) {
	if n > 64 {
		s.rest = make([]bool, n-64)
	}
}

func (s *kidSet) has(k int) bool {
	if k < 64 {
		return s.first>>k&1 != 0
	}
	return s.rest[k-64]
}

// add puts a place into the set; false if it was there.
func (s *kidSet) add(k int) bool {
	if s.has(k) {
		return false
	}
	if k < 64 {
		s.first |= 1 << k
	} else {
		s.rest[k-64] = true
	}
	return true
}
