package pipeline

import (
	"math"
	"sort"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/expr"
)

// frame is the window of a window function: which documents around each one.
type frame struct {
	byRange  bool
	lo, hi   bound
	unit     string // of a range of dates
	explicit bool
}

// bound is one end of a frame.
type bound struct {
	unbounded bool
	offset    int       // documents
	shifted   expr.Expr // the sort value, "$v", moved by the offset of a range
}

// wholeFrame is the whole partition.
var wholeFrame = frame{lo: bound{unbounded: true}, hi: bound{unbounded: true}}

// frame reads the window of a function.
func (p *windowParser) frame() (frame, error) {
	f := wholeFrame
	if p.window.IsMissing() || p.window.Doc().IsEmpty() {
		return f, nil
	}
	documents, hasDocuments := p.window.Doc().Lookup("documents")
	span, hasRange := p.window.Doc().Lookup("range")
	unit, hasUnit := p.window.Doc().Lookup("unit")
	it := p.window.Doc().Iter()
	for it.Next() {
		switch string(it.Key()) {
		case "documents", "range", "unit":
		default:
			return f, p.fail("'window' field can only contain 'documents' as the only argument or 'range' with an optional 'unit' field")
		}
	}
	f.explicit = true
	switch {
	case hasDocuments && hasRange:
		return f, p.fail("Window bounds can specify either 'documents' or 'unit', not both.")
	case hasUnit && !hasRange:
		return f, p.fail("Window bounds can only specify 'unit' with range-based bounds.")
	case hasDocuments:
		return f, p.documents(&f, documents)
	case hasUnit && unit.Type != bsonraw.String:
		return f, p.fail("'unit' must be a string, but found %s", unit.Type.Name())
	case hasUnit:
		f.unit = unit.Str()
		if !isTimeUnit(f.unit) {
			return f, p.fail("unknown time unit value: %s", f.unit)
		}
	}
	return f, p.span(&f, span)
}

var timeUnits = []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"}

func isTimeUnit(name string) bool {
	for _, u := range timeUnits {
		if u == name {
			return true
		}
	}
	return false
}

// two returns the two elements of a bounds array.
func (p *windowParser) two(name string, v bsonraw.Value) (lo, hi bsonraw.Value, err error) {
	if v.Type != bsonraw.Array || v.Doc().Len() != 2 {
		return lo, hi, p.fail("Window bounds must be a 2-element array: %s: %s", name, brief(v))
	}
	both := v.Doc().Values()
	for _, b := range both {
		if b.Type == bsonraw.String && (b.Str() == "unbounded" || b.Str() == "current") || b.IsNumber() {
			continue
		}
		return lo, hi, p.fail("Window bounds must be 'unbounded', 'current', or a number.")
	}
	return both[0], both[1], nil
}

func (p *windowParser) documents(f *frame, v bsonraw.Value) error {
	lo, hi, err := p.two("documents", v)
	if err != nil {
		return err
	}
	for _, b := range []struct {
		v  bsonraw.Value
		to *bound
	}{{lo, &f.lo}, {hi, &f.hi}} {
		*b.to = bound{unbounded: b.v.Type == bsonraw.String && b.v.Str() == "unbounded"}
		if !b.v.IsNumber() {
			continue
		}
		n, ok := b.v.AsInt64()
		if !ok || n > math.MaxInt32 || n < math.MinInt32 {
			return p.fail("Numeric document-based bounds must be an integer")
		}
		b.to.offset = int(n)
	}
	if !f.lo.unbounded && !f.hi.unbounded && f.lo.offset > f.hi.offset {
		return errs.New(5339900, "Lower bound must not exceed upper bound: [%d, %d]", f.lo.offset, f.hi.offset)
	}
	if p.sort == nil && !(f.lo.unbounded && f.hi.unbounded) {
		return errs.New(5339901, "Document-based bounds require a sortBy")
	}
	return nil
}

func (p *windowParser) span(f *frame, v bsonraw.Value) error {
	f.byRange = true
	lo, hi, err := p.two("range", v)
	if err != nil {
		return err
	}
	if f.lo, err = p.rangeBound(lo, f.unit); err != nil {
		return err
	}
	if f.hi, err = p.rangeBound(hi, f.unit); err != nil {
		return err
	}
	if lo.IsNumber() && hi.IsNumber() && bsonraw.Compare(lo, hi) > 0 {
		return errs.New(5339900, "Lower bound must not exceed upper bound: [%s, %s]", brief(lo), brief(hi))
	}
	switch {
	case f.lo.unbounded && f.hi.unbounded:
	case !p.oneSort():
		return errs.New(5339902, "Range-based bounds require sortBy a single field")
	case p.sort.Parts()[0].Desc:
		return errs.New(5429404, "Range-based bounds require an ascending sortBy")
	}
	return nil
}

// rangeBound compiles the expression that moves a sort value by an offset.
func (p *windowParser) rangeBound(v bsonraw.Value, unit string) (bound, error) {
	if !v.IsNumber() {
		return bound{unbounded: v.Str() == "unbounded"}, nil
	}
	b := bsonraw.NewBuilder(nil)
	if unit == "" {
		b.Array("$add", bsonraw.ArrayOf(bsonraw.StringValue("$v"), v))
	} else {
		n, ok := v.AsInt64()
		if !ok {
			return bound{}, p.fail("With 'unit', range-based bounds must be an integer")
		}
		b.BeginDoc("$dateAdd")
		b.String("startDate", "$v")
		b.String("unit", unit)
		b.Int64("amount", n)
		b.End()
	}
	e, err := expr.Compile(b.Finish().Value(), nil)
	return bound{shifted: e}, err
}

// of returns the documents [lo, hi) of the window around document i.
func (f *frame) of(p *partition, i int) (lo, hi int, err error) {
	n := p.count()
	if f.byRange {
		return f.rangeOf(p, i)
	}
	lo, hi = 0, n
	if !f.lo.unbounded {
		lo = min(max(i+f.lo.offset, 0), n)
	}
	if !f.hi.unbounded {
		hi = min(max(i+f.hi.offset+1, lo), n)
	}
	return lo, hi, nil
}

// rangeOf finds the window by the sort values. As in mongod, "current" is the
// document itself, not all that have its sort value.
func (f *frame) rangeOf(p *partition, i int) (lo, hi int, err error) {
	v := bsonraw.Value{}
	if f.lo.shifted != nil || f.hi.shifted != nil {
		if v, err = p.sortValue(i); err != nil {
			return 0, 0, err
		}
		v = v.Clone()
	}
	switch {
	case f.lo.shifted != nil:
		lo, err = f.reach(p, f.lo, v, 0)
	case !f.lo.unbounded:
		lo = i
	}
	if err != nil {
		return 0, 0, err
	}
	switch {
	case f.hi.shifted != nil:
		hi, err = f.reach(p, f.hi, v, 1)
	case f.hi.unbounded:
		hi = p.count()
	default:
		hi = i + 1
	}
	return lo, max(lo, hi), err
}

// reach returns the first document whose sort value is at least (past 0) or
// above (past 1) v moved by the bound's offset.
func (f *frame) reach(p *partition, b bound, v bsonraw.Value, past int) (int, error) {
	limit, err := f.move(p, b, v)
	if err != nil {
		return 0, err
	}
	return p.search(func(o bsonraw.Value) bool { return bsonraw.Compare(o, limit) >= past })
}

// move returns the sort value moved by a bound's offset.
func (f *frame) move(p *partition, b bound, v bsonraw.Value) (bsonraw.Value, error) {
	if f.unit != "" && v.Type != bsonraw.DateTime {
		return v, errs.New(5429513, "Invalid range: Expected the sortBy field to be a Date, but it was %s", v.Type.Name())
	}
	if f.unit == "" {
		switch {
		case v.Type == bsonraw.DateTime:
			return v, errs.New(5429413, "Invalid range: For windows that involve date or time ranges, a unit must be provided.")
		case !v.IsNumber():
			return v, errs.New(5429414, "Invalid range: Expected the sortBy field to be a number, but it was %s", v.Type.Name())
		}
	}
	moved, err := evalOn(p.env, b.shifted, one("v", v))
	return moved.Clone(), err
}

// search returns the first document whose sort value satisfies a condition that
// all later ones satisfy too.
func (p *partition) search(reached func(v bsonraw.Value) bool) (int, error) {
	var failed error
	i := sort.Search(p.count(), func(i int) bool {
		v, err := p.sortValue(i)
		if err != nil {
			failed = err
			return true
		}
		return reached(v)
	})
	return i, failed
}
