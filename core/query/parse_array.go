package query

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// elemMatchOp parses $elemMatch: operators on the element, or a filter on its
// fields.
func (p *parser) elemMatchOp(o *operand) (*node, error) {
	if o.value.Type != bsonraw.Object {
		return nil, errs.New(errs.BadValue, "$elemMatch needs an Object")
	}
	outer := p.inElement
	p.inElement = true
	defer func() { p.inElement = outer }()
	d := o.value.Doc()
	if p.isElementOperators(d) {
		each, err := p.operators("", d, o.depth+1)
		if err != nil {
			return nil, err
		}
		return leaf(o.path, &predicate{op: predElemValue, each: each}), nil
	}
	root, err := p.document(d, o.depth+1)
	if err != nil {
		return nil, err
	}
	return leaf(o.path, &predicate{op: predElemObject, elem: newDocMatcher(root)}), nil
}

// allOp parses $all: each operand is a condition of its own.
func (p *parser) allOp(o *operand) (*node, error) {
	if o.value.Type != bsonraw.Array {
		return nil, errs.New(errs.BadValue, "$all needs an array")
	}
	operands := o.value.Doc().Values()
	if len(operands) == 0 {
		return leaf(o.path, &predicate{op: predNever}), nil
	}
	and := &node{kind: nodeAnd}
	elemMatches := isElemMatch(operands[0])
	for _, v := range operands {
		n, err := p.allOperand(o, v, elemMatches)
		if err != nil {
			return nil, err
		}
		and.kids = append(and.kids, n)
	}
	return and.simplify(), nil
}

func isElemMatch(v bsonraw.Value) bool {
	if v.Type != bsonraw.Object {
		return false
	}
	it := v.Doc().Iter()
	return it.Next() && string(it.Key()) == "$elemMatch"
}

func (p *parser) allOperand(o *operand, v bsonraw.Value, elemMatches bool) (*node, error) {
	switch {
	case elemMatches && !isElemMatch(v):
		return nil, errs.New(errs.BadValue, "$all/$elemMatch has to be consistent")
	case elemMatches:
		d := v.Doc()
		return p.elemMatchOp(&operand{name: "$elemMatch", path: o.path, value: d.Get("$elemMatch"), all: d, depth: o.depth + 1})
	case v.Type == bsonraw.Object && isDollar(v.Doc()):
		return nil, errs.New(errs.BadValue, "no $ expressions in $all")
	case v.Type == bsonraw.Regex:
		return p.regexNode(o.path, v)
	}
	return comparison(predEQ)(p, &operand{name: "$eq", path: o.path, value: v})
}
