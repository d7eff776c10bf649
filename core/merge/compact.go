package merge

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
	"github.com/argon-lab/argon/core/update"
)

// compact returns fewer operators with exactly the same effect, bit for bit, on
// every document: a thousand increments of a counter become one. All are at one
// path and of one commuting kind.
func compact(ops []update.Change) []update.Change {
	var out []update.Change
	for _, op := range ops {
		if len(out) > 0 {
			if v, ok := together(op.Kind, out[len(out)-1].Operand, op.Operand); ok {
				out[len(out)-1].Operand = v
				continue
			}
		}
		out = append(out, op)
	}
	return out
}

// together returns the operand with the effect of a and then b, if there is one.
func together(kind update.Kind, a, b bsonraw.Value) (bsonraw.Value, bool) {
	switch kind {
	case update.Inc:
		return sumOf(a, b)
	case update.Min:
		return extreme(a, b, -1), true
	case update.Max:
		return extreme(a, b, 1), true
	case update.Push, update.AddToSet:
		return bsonraw.ArrayValue(append(a.Doc().Values(), b.Doc().Values()...)...), true
	case update.BitAnd, update.BitOr, update.BitXor:
		v, err := number.Bits(number.BitOp(kind-update.BitAnd), a, b)
		return v, err == nil
	}
	return bsonraw.Value{}, false // products round and overflow on their way
}

// sumOf adds integers of one type and sign. Others would not have the same
// effect: doubles round at each step, and an int32 that overflows on its way
// stays an int64.
func sumOf(a, b bsonraw.Value) (bsonraw.Value, bool) {
	x, ok1 := number.Of(a)
	y, ok2 := number.Of(b)
	if !ok1 || !ok2 || x.Type != y.Type || !x.IsInt() || (x.Int < 0) != (y.Int < 0) {
		return bsonraw.Value{}, false
	}
	sum, err := number.AddUpdate(a, b)
	return sum, err == nil && sum.Type == a.Type
}

// extreme returns b if it is beyond a in the direction, and otherwise a.
func extreme(a, b bsonraw.Value, direction int) bsonraw.Value {
	if bsonraw.Compare(b, a)*direction > 0 {
		return b
	}
	return a
}
