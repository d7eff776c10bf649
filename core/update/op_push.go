package update

import (
	"math"
	"slices"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// pushOp is $push with its modifiers: insert at the position, then sort, then
// cut.
type pushOp struct {
	creator
	each     []bsonraw.Value
	array    bsonraw.Value // of each
	depth    int
	position int         // from the start, or the end if negative
	slice    int         // keep so many, from the end if negative; noSlice
	sort     []pushOrder // nil: none
	plain    bool        // no modifiers but $each: it commutes
}

const (
	atEnd   = math.MaxInt
	noSlice = math.MaxInt
)

// pushOrder is one field of a $sort; an empty path is the whole element.
type pushOrder struct {
	path []string
	desc bool
}

func newPush(each []bsonraw.Value) pushOp {
	array := bsonraw.ArrayValue(each...)
	return pushOp{each: each, array: array, depth: nestingOf(array), position: atEnd, slice: noSlice, plain: true}
}

func parsePush(arg bsonraw.Value) (operator, error) {
	if arg.Type != bsonraw.Object || arg.Doc().Get("$each").IsMissing() {
		return newPush([]bsonraw.Value{arg}), nil
	}
	clauses := map[string]bsonraw.Value{}
	for it := arg.Doc().Iter(); it.Next(); {
		switch name := string(it.Key()); name {
		case "$each", "$slice", "$sort", "$position":
			if _, twice := clauses[name]; twice {
				return nil, errs.New(errs.BadValue, "Only one %s is supported in $push", name)
			}
			clauses[name] = it.Value()
		default:
			return nil, errs.New(errs.BadValue, "Unrecognized clause in $push: %s", name)
		}
	}
	each := clauses["$each"]
	if each.Type != bsonraw.Array {
		return nil, errs.New(errs.BadValue, "The argument to $each in $push must be an array but it was of type: %s", each.Type.Name())
	}
	o := newPush(each.Doc().Values())
	o.plain = len(clauses) == 1
	return o, o.parseModifiers(clauses)
}

func (o *pushOp) parseModifiers(clauses map[string]bsonraw.Value) error {
	if v, ok := clauses["$slice"]; ok {
		n, whole := v.AsInt64()
		if !whole {
			return errs.New(errs.BadValue, "The value for $slice must be an integer value but was given type: %s", v.Type.Name())
		}
		o.slice = int(n)
	}
	if v, ok := clauses["$sort"]; ok {
		if err := o.parseSort(v); err != nil {
			return err
		}
	}
	if v, ok := clauses["$position"]; ok {
		n, whole := v.AsInt64()
		if !whole {
			return errs.New(errs.BadValue, "The value for $position must be an integer value, not of type: %s", v.Type.Name())
		}
		o.position = int(n)
	}
	return nil
}

func (o *pushOp) parseSort(v bsonraw.Value) error {
	switch {
	case v.Type == bsonraw.Object:
		return o.parsePattern(v.Doc())
	case !v.IsNumber():
		return errs.New(errs.BadValue, "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
	}
	desc, ok := direction(v)
	if !ok {
		return errs.New(errs.BadValue, "The $sort element value must be either 1 or -1")
	}
	o.sort = []pushOrder{{desc: desc}}
	return nil
}

func (o *pushOp) parsePattern(pattern bsonraw.Doc) error {
	if pattern.IsEmpty() {
		return errs.New(errs.BadValue, "The sort pattern is empty when it should be a set of fields.")
	}
	for it := pattern.Iter(); it.Next(); {
		desc, ok := direction(it.Value())
		if !ok {
			return errs.New(errs.BadValue, "The sort element value must be either 1 or -1")
		}
		path := string(it.Key())
		if path == "" {
			return errs.New(errs.BadValue, "The sort field cannot be empty")
		}
		parts := strings.Split(path, ".")
		if slices.Contains(parts, "") {
			return errs.New(errs.BadValue, "The sort field is a dotted field but has an empty part: %s", path)
		}
		o.sort = append(o.sort, pushOrder{parts, desc})
	}
	return nil
}

// direction reads 1 or -1 of any numeric type.
func direction(v bsonraw.Value) (desc, ok bool) {
	n, whole := v.AsInt64()
	return n == -1, whole && (n == 1 || n == -1)
}

// existing has an effect, as mongod's has, whenever something was added or cut
// or the array was sorted, even if the array looks the same after it.
func (o pushOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if v.Type != bsonraw.Array {
		return effect{}, errs.New(errs.BadValue, "The field '%s' must be an array but is of type %s in document {%s}", x.path, v.Type.Name(), describeID(x.src))
	}
	if o.plain {
		return o.appendTo(x, v.Doc()), nil
	}
	elems := v.Doc().Values()
	before := len(elems)
	elems = o.cut(o.sorted(o.inserted(elems)))
	if len(o.each) == 0 && len(elems) == before && (o.sort == nil || before == 0) {
		return effect{}, nil
	}
	return set(x.arrayOf(elems), o.depth), nil
}

func (o pushOp) appendTo(x *rewriter, array bsonraw.Doc) effect {
	if len(o.each) == 0 {
		return effect{}
	}
	x.array.beginWith(array)
	for _, e := range o.each {
		x.array.append(e)
	}
	return effect{action: put, value: x.array.finish(), depth: o.depth, kind: Push, operand: o.array}
}

func (o pushOp) missing(x *rewriter) (effect, error) {
	if o.plain {
		return effect{action: put, value: o.array, depth: o.depth, kind: Push, operand: o.array}, nil
	}
	return set(x.arrayOf(o.cut(o.sorted(slices.Clone(o.each)))), o.depth), nil
}

// arrayOf returns an array of these values. It is valid until the next array.
func (x *rewriter) arrayOf(elems []bsonraw.Value) bsonraw.Value {
	x.array.begin()
	for _, e := range elems {
		x.array.append(e)
	}
	return x.array.finish()
}

func (o pushOp) inserted(elems []bsonraw.Value) []bsonraw.Value {
	at := o.position
	if at < 0 {
		at = max(0, at+len(elems))
	}
	return slices.Insert(elems, min(at, len(elems)), o.each...)
}

func (o pushOp) cut(elems []bsonraw.Value) []bsonraw.Value {
	switch {
	case o.slice >= 0:
		return elems[:min(o.slice, len(elems))]
	case len(elems)+o.slice > 0:
		return elems[len(elems)+o.slice:]
	}
	return elems
}

func (o pushOp) sorted(elems []bsonraw.Value) []bsonraw.Value {
	if o.sort != nil {
		slices.SortStableFunc(elems, o.compare)
	}
	return elems
}

// compare orders two elements. Unlike the sort of a query, arrays count as a
// whole, and a missing field as null.
func (o pushOp) compare(a, b bsonraw.Value) int {
	for _, by := range o.sort {
		c := bsonraw.Compare(by.of(a), by.of(b))
		if c != 0 && by.desc {
			return -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// of returns what an element is sorted by.
func (p pushOrder) of(elem bsonraw.Value) bsonraw.Value {
	if len(p.path) > 0 && elem.Type != bsonraw.Object {
		return bsonraw.NullValue
	}
	for _, name := range p.path {
		elem = elem.Doc().Get(name)
	}
	if elem.IsMissing() {
		return bsonraw.NullValue
	}
	return elem
}
