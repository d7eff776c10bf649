package query

import (
	"bytes"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/regex"
)

// predOp is the kind of a condition on one value.
type predOp uint8

const (
	predEQ predOp = iota
	predLT
	predLTE
	predGT
	predGTE
	predIn
	predRegex
	predExists
	predType
	predSize
	predMod
	predBits
	predElemObject // $elemMatch of a filter
	predElemValue  // $elemMatch of operators
	predNever      // $in: [], $all: []
)

// predicate is a condition on one value. Which fields are set follows from op.
type predicate struct {
	op    predOp
	value bsonraw.Value // EQ, LT …: the operand, with bytes of its own
	set   *inSet
	regex *valueRegex
	types typeSet
	size  int64
	mod   modulus
	bits  *bitMask
	elem  *docMatcher // of predElemObject
	each  *node       // of predElemValue
}

// wholeArrays reports whether the predicate looks at arrays and not at their
// elements.
func (p *predicate) wholeArrays() bool {
	return p.op == predSize || p.op == predElemObject || p.op == predElemValue
}

// match evaluates the condition on v, which is missing where a path ended
// nowhere.
func (p *predicate) match(v bsonraw.Value, r *run) bool {
	switch p.op {
	case predEQ, predLT, predLTE, predGT, predGTE:
		return p.compare(v)
	case predIn:
		return p.set.match(v, r)
	case predRegex:
		return p.regex.match(v, r)
	case predExists:
		return v.Type != bsonraw.Missing
	case predType:
		return p.types.has(v.Type)
	case predSize:
		return v.Type == bsonraw.Array && int64(v.Doc().Len()) == p.size
	case predMod:
		return p.mod.match(v)
	case predBits:
		return p.bits.match(v)
	case predElemObject:
		return p.matchObjects(v, r)
	case predElemValue:
		return p.matchEach(v, r)
	}
	return false
}

// compare is type bracketing: values of another class than the operand's do not
// match, but for MinKey and MaxKey as operands of < and >.
func (p *predicate) compare(v bsonraw.Value) bool {
	w := p.value
	switch {
	case v.Type == w.Type:
	case v.IsNullish() && w.IsNullish():
		return p.op != predLT && p.op != predGT
	case !bsonraw.SameClass(v.Type, w.Type):
		switch w.Type {
		case bsonraw.MaxKey:
			return p.op == predLT || p.op == predLTE
		case bsonraw.MinKey:
			return p.op == predGT || p.op == predGTE
		}
		return false
	}
	if p.op == predEQ && v.Type == w.Type {
		switch v.Type {
		case bsonraw.String, bsonraw.ObjectID, bsonraw.Int32, bsonraw.Int64, bsonraw.Boolean, bsonraw.DateTime:
			return bytes.Equal(v.Data, w.Data)
		}
	}
	c := bsonraw.Compare(v, w)
	switch p.op {
	case predEQ:
		return c == 0
	case predLT:
		return c < 0 && !isNaN(v)
	case predLTE:
		return c == 0 || c < 0 && !isNaN(v)
	case predGT:
		return c > 0 && !isNaN(w)
	}
	return c == 0 || c > 0 && !isNaN(w)
}

// isNaN reports whether v is a NaN, which is in no range but equal to itself.
func isNaN(v bsonraw.Value) bool {
	switch v.Type {
	case bsonraw.Double:
		f := v.Double()
		return f != f
	case bsonraw.Decimal128:
		return v.Decimal().IsNaN()
	}
	return false
}

// matchObjects is {$elemMatch: filter}: an element, which may be an array with
// its indexes for names, satisfies the filter.
func (p *predicate) matchObjects(v bsonraw.Value, r *run) bool {
	if v.Type != bsonraw.Array {
		return false
	}
	record := r.record
	r.record = false
	defer func() { r.record = record }()
	it := v.Doc().Iter()
	for i := 0; it.Next(); i++ {
		if elem := it.Value().Doc(); elem != nil && p.elem.match(elem, r) {
			r.record = record
			r.note(i)
			return true
		}
	}
	return false
}

// matchEach is {$elemMatch: operators}: one element satisfies them all.
func (p *predicate) matchEach(v bsonraw.Value, r *run) bool {
	if v.Type != bsonraw.Array {
		return false
	}
	it := v.Doc().Iter()
	for i := 0; it.Next(); i++ {
		if p.each.matchElement(it.Value(), r) {
			r.note(i)
			return true
		}
	}
	return false
}

// valueRegex is a regular expression as a condition: text that it matches, or
// the same expression as a value.
type valueRegex struct {
	value bsonraw.Value
	re    *regex.Regex
}

func (x *valueRegex) match(v bsonraw.Value, r *run) bool {
	switch v.Type {
	case bsonraw.String, bsonraw.Symbol:
		ok, err := x.re.Match(v.StringBytes())
		if err != nil {
			return r.fail(err)
		}
		return ok
	case bsonraw.Regex:
		return bytes.Equal(v.Data, x.value.Data)
	}
	return false
}
