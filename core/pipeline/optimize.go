package pipeline

import (
	"math"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/expr"
)

// optimize rewrites neighbouring stages until nothing changes: $match moves to
// the front, $match meets $match, $sort takes the $limit behind it, $skip and
// $limit are joined. As in mongod, an expression may so not be evaluated, and
// not fail, for a document that a later $match or $limit leaves out.
func (p *Pipeline) optimize(c *compiler) error {
	for changed := true; changed; {
		changed = false
		for i := 0; i+1 < len(p.steps); i++ {
			did, err := p.rewrite(c, i)
			if err != nil {
				return err
			}
			changed = changed || did
		}
	}
	p.keepFirst()
	return nil
}

// rewrite looks at stages i and i+1.
func (p *Pipeline) rewrite(c *compiler, i int) (bool, error) {
	first, second := &p.steps[i], &p.steps[i+1]
	switch s := second.stage.(type) {
	case *matchStage:
		if m, ok := first.stage.(*matchStage); ok {
			return true, p.joinMatches(c, i, m, s)
		}
		if canMatchBefore(first.stage, s) {
			p.swap(i)
			return true, nil
		}
	case *skipLimit:
		if w, ok := first.stage.(*skipLimit); ok {
			return p.joinWindows(i, w, s), nil
		}
		if isOneToOne(first.stage) {
			p.swap(i)
			return true, nil
		}
	}
	return false, nil
}

func (p *Pipeline) swap(i int) { p.steps[i], p.steps[i+1] = p.steps[i+1], p.steps[i] }

func (p *Pipeline) remove(i int) { p.steps = append(p.steps[:i:i], p.steps[i+1:]...) }

// joinMatches makes one $match of two.
func (p *Pipeline) joinMatches(c *compiler, i int, a, b *matchStage) error {
	both := one("$and", bsonraw.ArrayValue(a.filter.Raw().Value(), b.filter.Raw().Value()))
	switch {
	case a.filter.IsEmpty():
		both = b.filter.Raw()
	case b.filter.IsEmpty():
		both = a.filter.Raw()
	}
	s, err := compileMatch(c, "$match", both.Value())
	if err != nil {
		return err
	}
	p.steps[i] = step{"$match", both.Value(), s}
	p.remove(i + 1)
	return nil
}

// joinWindows makes one of two $skip and $limit where that is possible: limit
// after limit, skip after skip, limit after skip.
func (p *Pipeline) joinWindows(i int, a, b *skipLimit) bool {
	joint := skipLimit{skip: a.skip, limit: a.limit}
	switch {
	case a.limit < 0:
		if a.skip > math.MaxInt64-b.skip {
			return false
		}
		joint.skip, joint.limit = a.skip+b.skip, b.limit
	case b.limit < 0 && b.skip == 0:
	case b.skip > 0:
		return false
	default:
		joint.limit = min(a.limit, b.limit)
	}
	p.steps[i].stage = &joint
	p.steps[i].name, p.steps[i].spec = windowSpec(&joint)
	p.remove(i + 1)
	return true
}

// windowSpec describes a $skip, a $limit or both for explain.
func windowSpec(w *skipLimit) (string, bsonraw.Value) {
	if w.limit < 0 {
		return "$skip", bsonraw.Int64Value(w.skip)
	}
	return "$limit", bsonraw.Int64Value(w.limit)
}

// isOneToOne reports whether a stage makes one document of each, so that $skip
// and $limit may run before it.
func isOneToOne(s stage) bool {
	switch s.(type) {
	case *projectStage, *replaceStage:
		return true
	}
	return false
}

// canMatchBefore reports whether a filter that follows a stage may as well run
// before it.
func canMatchBefore(s stage, m *matchStage) bool {
	switch t := s.(type) {
	case *sortStage:
		return t.limit == 0
	case *projectStage:
		return independent(m, t.touches)
	case *unwindStage:
		return independent(m, func(path string) bool {
			return related(path, t.dotted) || t.index != nil && related(path, t.indexAt)
		})
	case *lookupStage:
		return independent(m, func(path string) bool { return related(path, t.asPath) })
	}
	return false
}

// independent reports whether a filter reads no path that a stage changes.
func independent(m *matchStage, touches func(path string) bool) bool {
	var d expr.Deps
	m.filter.AddDeps(&d)
	if d.Whole {
		return false
	}
	for _, p := range d.Paths {
		if touches(p) {
			return false
		}
	}
	return true
}

// touches reports whether the projection may change what is at a path.
func (s *projectStage) touches(path string) bool {
	if s.inclusion {
		// Only what is included as it is passes unchanged.
		for _, kept := range s.plain {
			if path == kept || strings.HasPrefix(path, kept+".") {
				return false
			}
		}
		return true
	}
	for _, changed := range s.changed {
		if related(path, changed) {
			return true
		}
	}
	return false
}

// keepFirst gives a $sort the $limit that follows it.
func (p *Pipeline) keepFirst() {
	for i := 0; i+1 < len(p.steps); i++ {
		s, ok := p.steps[i].stage.(*sortStage)
		if !ok {
			continue
		}
		w, ok := p.steps[i+1].stage.(*skipLimit)
		if !ok || w.limit < 0 || w.skip > math.MaxInt64-w.limit {
			continue
		}
		n := w.skip + w.limit
		p.steps[i].stage = &sortStage{sort: s.sort, byID: s.byID, limit: max(n, 1)}
	}
}

// Split takes the stages off the beginning that a find can serve. The rest runs
// on the documents of that find.
func (p *Pipeline) Split() (Front, *Pipeline) {
	var f Front
	n := 0
	if p.initial != nil {
		return f, p
	}
	if n < len(p.steps) {
		if m, ok := p.steps[n].stage.(*matchStage); ok {
			f.Filter = m.filter.Raw()
			n++
		}
	}
	if n < len(p.steps) {
		if _, ok := p.steps[n].stage.(*sortStage); ok {
			f.Sort = p.steps[n].spec.Doc()
			n++
		}
	}
	if n < len(p.steps) {
		if w, ok := p.steps[n].stage.(*skipLimit); ok && w.limit != 0 {
			f.Skip, f.Limit = w.skip, max(w.limit, 0)
			n++
		}
	}
	return f, p.from(n)
}
