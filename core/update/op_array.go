package update

import (
	"encoding/binary"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/query"
)

// arrayWriter builds an array in memory that is used again for the next one.
type arrayWriter struct {
	buf []byte
	n   int
}

// begin starts an empty array.
func (w *arrayWriter) begin() {
	w.buf = append(w.buf[:0], 0, 0, 0, 0)
	w.n = 0
}

// beginWith starts with the elements of an array, as they are.
func (w *arrayWriter) beginWith(array bsonraw.Doc) {
	w.buf = append(w.buf[:0], array[:len(array)-1]...)
	w.n = 0
	for it := array.Iter(); it.Next(); {
		w.n++
	}
}

func (w *arrayWriter) append(v bsonraw.Value) {
	w.buf = append(w.buf, byte(v.Type))
	w.buf = appendIndex(w.buf, w.n)
	w.buf = append(w.buf, 0)
	w.buf = append(w.buf, v.Data...)
	w.n++
}

// finish returns the array. It is valid until the next begin.
func (w *arrayWriter) finish() bsonraw.Value {
	w.buf = append(w.buf, 0)
	binary.LittleEndian.PutUint32(w.buf, uint32(len(w.buf)))
	return bsonraw.Value{Type: bsonraw.Array, Data: w.buf}
}

// addToSetOp is $addToSet.
type addToSetOp struct {
	creator
	each  []bsonraw.Value // no two of them equal
	keys  map[string]int  // of each, by order-preserving key, where they are many
	array bsonraw.Value   // of each
	depth int
}

// fewValues is up to how many values are searched one by one.
const fewValues = 8

func parseAddToSet(arg bsonraw.Value) (operator, error) {
	first := arg.Doc().Iter()
	if arg.Type != bsonraw.Object || !first.Next() || string(first.Key()) != "$each" {
		return newAddToSet([]bsonraw.Value{arg}), nil
	}
	each := first.Value()
	if each.Type != bsonraw.Array {
		return nil, errs.New(errs.TypeMismatch, "The argument to $each in $addToSet must be an array but it was of type %s", each.Type.Name())
	}
	if first.Next() {
		return nil, errs.New(errs.BadValue, "Found unexpected fields after $each in $addToSet: %s", describeDoc(arg.Doc()))
	}
	return newAddToSet(each.Doc().Values()), nil
}

func newAddToSet(each []bsonraw.Value) addToSetOp {
	seen := newValueSet(each)
	o := addToSetOp{each: seen.values, keys: seen.keys}
	o.array = bsonraw.ArrayValue(o.each...)
	o.depth = nestingOf(o.array)
	return o
}

// existing records only what was really added: that is what an undo takes away.
func (o addToSetOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if v.Type != bsonraw.Array {
		return effect{}, errs.New(errs.BadValue, "Cannot apply $addToSet to non-array field. Field named '%s' has non-array type %s", x.name(), v.Type.Name())
	}
	added := o.without(v.Doc())
	if len(added) == 0 {
		return effect{}, nil
	}
	operand := o.array
	if len(added) < len(o.each) {
		operand = bsonraw.ArrayValue(added...)
	}
	x.array.beginWith(v.Doc())
	for _, e := range added {
		x.array.append(e)
	}
	return effect{action: put, value: x.array.finish(), depth: o.depth, kind: AddToSet, operand: operand}, nil
}

// without returns the elements of each that the array does not have.
func (o addToSetOp) without(array bsonraw.Doc) []bsonraw.Value {
	set := valueSet{values: o.each, keys: o.keys}
	there := make([]bool, len(o.each))
	for it := array.Iter(); it.Next(); {
		if i := set.find(it.Value()); i >= 0 {
			there[i] = true
		}
	}
	var added []bsonraw.Value
	for i, e := range o.each {
		if !there[i] {
			added = append(added, e)
		}
	}
	return added
}

func (o addToSetOp) missing(*rewriter) (effect, error) {
	return effect{action: put, value: o.array, depth: o.depth, kind: AddToSet, operand: o.array}, nil
}

// valueSet is a set of values in the sense of MongoDB's equality (1 is 1.0).
// Many go by their order-preserving keys, in which equal values are the same.
type valueSet struct {
	values []bsonraw.Value
	keys   map[string]int // places in values
	key    []byte
}

// newValueSet returns the set of these values: of equal ones the first.
func newValueSet(values []bsonraw.Value) *valueSet {
	s := &valueSet{}
	if len(values) > fewValues {
		s.keys = make(map[string]int, len(values))
	}
	for _, v := range values {
		if s.find(v) >= 0 {
			continue
		}
		if s.keys != nil {
			s.keys[string(s.key)] = len(s.values)
		}
		s.values = append(s.values, v)
	}
	return s
}

// find returns the place of a value in the set, or -1.
func (s *valueSet) find(v bsonraw.Value) int {
	if s.keys != nil {
		s.key = bsonraw.AppendKey(s.key[:0], v)
		if i, ok := s.keys[string(s.key)]; ok {
			return i
		}
		return -1
	}
	for i, e := range s.values {
		if bsonraw.Equal(e, v) {
			return i
		}
	}
	return -1
}

// pullOp is $pull and $pullAll: it removes the elements that doomed accepts.
type pullOp struct {
	shrinker
	doomed func(v bsonraw.Value) (bool, error)
}

func parsePull(arg bsonraw.Value, o *query.Options) (operator, error) {
	m, err := query.CompileElement(arg, o)
	if err != nil {
		return nil, err
	}
	return pullOp{doomed: m.Match}, nil
}

func parsePullAll(arg bsonraw.Value) (operator, error) {
	if arg.Type != bsonraw.Array {
		return nil, errs.New(errs.BadValue, "$pullAll requires an array argument but was given a %s", arg.Type.Name())
	}
	doomed := newValueSet(arg.Doc().Values())
	return pullOp{doomed: func(v bsonraw.Value) (bool, error) { return doomed.find(v) >= 0, nil }}, nil
}

func (o pullOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if v.Type != bsonraw.Array {
		return effect{}, errs.New(errs.BadValue, "Cannot apply $pull to a non-array value")
	}
	x.array.begin()
	pulled := false
	for it := v.Doc().Iter(); it.Next(); {
		doomed, err := o.doomed(it.Value())
		if err != nil {
			return effect{}, err
		}
		if pulled = pulled || doomed; !doomed {
			x.array.append(it.Value())
		}
	}
	if !pulled {
		return effect{}, nil
	}
	return set(x.array.finish(), 0), nil
}

// popOp is $pop.
type popOp struct {
	shrinker
	first bool
}

func parsePop(path string, arg bsonraw.Value) (operator, error) {
	if !arg.IsNumber() {
		return nil, errs.New(errs.FailedToParse, "Expected a number in: %s", describeElement(path, arg))
	}
	n, ok := arg.AsInt64()
	if !ok {
		return nil, errs.New(errs.FailedToParse, "Expected an integer: %s", describeElement(path, arg))
	}
	if n != 1 && n != -1 {
		return nil, errs.New(errs.FailedToParse, "$pop expects 1 or -1, found: %d", n)
	}
	return popOp{first: n == -1}, nil
}

func (o popOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if v.Type != bsonraw.Array {
		return effect{}, errs.New(errs.TypeMismatch, "Path '%s' contains an element of non-array type '%s'", x.path, v.Type.Name())
	}
	if v.Doc().IsEmpty() {
		return effect{}, nil
	}
	x.array.begin()
	it := v.Doc().Iter()
	more := it.Next()
	if o.first {
		more = it.Next()
	}
	for more {
		last := it.Value()
		if more = it.Next(); more || o.first {
			x.array.append(last)
		}
	}
	return set(x.array.finish(), 0), nil
}
