package command

// results are the outcomes of a retryable write's statements, by their numbers.
// Neighbours of one outcome, as the documents of an insert, are one entry.
type results struct {
	list []result
	byID map[int32]int // of every number, once there are many entries
}

// result is the outcome of count statements from the number from on.
type result struct {
	from, count int32
	statement
}

// fewResults are searched one by one.
const fewResults = 16

func (r *results) add(id int32, st statement) { r.append(result{id, 1, st}) }

func (r *results) append(next result) {
	if n := len(r.list); n > 0 {
		last := &r.list[n-1]
		if last.from+last.count == next.from && last.plain() && next.plain() && last.n == next.n && last.modified == next.modified {
			last.count += next.count
			r.index(n-1, next)
			return
		}
	}
	r.list = append(r.list, next)
	if len(r.list) == fewResults+1 {
		r.byID = make(map[int32]int)
		for i, old := range r.list {
			r.index(i, old)
		}
		return
	}
	r.index(len(r.list)-1, next)
}

func (r *results) index(at int, of result) {
	if r.byID == nil {
		return
	}
	for i := range of.count {
		r.byID[of.from+i] = at
	}
}

// plain reports whether the outcome is nothing but numbers.
func (s *statement) plain() bool { return s.upserted.IsMissing() && s.reply == nil }

func (r *results) find(id int32) (statement, bool) {
	if r.byID != nil {
		i, ok := r.byID[id]
		if !ok {
			return statement{}, false
		}
		return r.list[i].statement, true
	}
	for _, e := range r.list {
		if id >= e.from && id < e.from+e.count {
			return e.statement, true
		}
	}
	return statement{}, false
}

func (r *results) clear() { *r = results{list: r.list[:0]} }
