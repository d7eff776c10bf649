package columnar

// lookAhead is how many places from the expected one on are compared with a
// name before the index is asked: as many as optional fields are often absent.
const lookAhead = 4

// nameIndex finds the place of a field by its name and its occurrence.
type nameIndex struct {
	first map[string]int // the first occurrence: one map lookup, no allocation
	more  map[occurrence]int
}

type occurrence struct {
	name string
	nth  int
}

func (x *nameIndex) add(name string, nth, at int) {
	if nth > 1 {
		if x.more == nil {
			x.more = map[occurrence]int{}
		}
		x.more[occurrence{name, nth}] = at
		return
	}
	if x.first == nil {
		x.first = map[string]int{}
	}
	x.first[name] = at
}

// find returns -1 where there is none.
func (x *nameIndex) find(name []byte, nth int) int {
	if nth == 1 {
		if at, ok := x.first[string(name)]; ok {
			return at
		}
		return -1
	}
	if at, ok := x.more[occurrence{string(name), nth}]; ok {
		return at
	}
	return -1
}
