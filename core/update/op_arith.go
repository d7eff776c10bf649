package update

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// arithOp is $inc and $mul.
type arithOp struct {
	creator
	kind    Kind // Inc or Mul
	operand bsonraw.Value
}

func parseArith(kind Kind, field string, arg bsonraw.Value) (operator, error) {
	if !arg.IsNumber() {
		verb := "increment"
		if kind == Mul {
			verb = "multiply"
		}
		return nil, errs.New(errs.TypeMismatch, "Cannot %s with non-numeric argument: {%s}", verb, describeElement(field, arg))
	}
	return arithOp{kind: kind, operand: arg}, nil
}

func (o arithOp) compute(v bsonraw.Value) (bsonraw.Value, error) {
	if o.kind == Inc {
		return number.AddUpdate(v, o.operand)
	}
	return number.MulUpdate(v, o.operand)
}

func (o arithOp) effect(v bsonraw.Value) effect {
	return effect{action: put, value: v, kind: o.kind, operand: o.operand}
}

func (o arithOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if !v.IsNumber() {
		return effect{}, errs.New(errs.TypeMismatch, "Cannot apply %s to a value of non-numeric type. {%s} has the field '%s' of non-numeric type %s",
			o.kind, describeID(x.src), x.name(), v.Type.Name())
	}
	if o.kind == Inc && v.Type == o.operand.Type {
		if sum, ok := x.addSame(v, o.operand); ok && !sameNumber(v, sum) {
			return o.effect(sum), nil
		}
	}
	sum, err := o.compute(v)
	if err != nil {
		return effect{}, errs.New(errs.BadValue, "Failed to apply %s operations to current value ((%s)%s) for document {%s}",
			o.kind, shellName(v.Type), describe(nil, v), describeID(x.src))
	}
	if sameNumber(v, sum) {
		return effect{}, nil
	}
	return o.effect(sum), nil
}

// addSame adds two numbers of one type without allocating, where that neither
// overflows nor takes decimals.
func (x *rewriter) addSame(a, b bsonraw.Value) (bsonraw.Value, bool) {
	buf := x.number[:0]
	switch a.Type {
	case bsonraw.Int32:
		sum := int64(a.Int32()) + int64(b.Int32())
		return bsonraw.Value{Type: a.Type, Data: number.Int32(int32(sum)).Append(buf)}, sum == int64(int32(sum))
	case bsonraw.Int64:
		p, q := a.Int64(), b.Int64()
		return bsonraw.Value{Type: a.Type, Data: number.Int64(p + q).Append(buf)}, (p+q > p) == (q > 0)
	case bsonraw.Double:
		return bsonraw.Value{Type: a.Type, Data: number.Double(a.Double() + b.Double()).Append(buf)}, true
	}
	return bsonraw.Value{}, false
}

// shellName is how mongod names a number's type in arithmetic errors.
func shellName(t bsonraw.Type) string {
	switch t {
	case bsonraw.Int32:
		return "NumberInt"
	case bsonraw.Int64:
		return "NumberLong"
	case bsonraw.Decimal128:
		return "NumberDecimal"
	}
	return "NumberDouble"
}

// sameNumber is when mongod takes a computed number for no change: of the same
// type and equal, so that -0.0 is 0.0 and 1.0 is 1.00, but NaN is not NaN.
func sameNumber(a, b bsonraw.Value) bool {
	if a.Type != b.Type || bsonraw.CompareNumbers(a, b) != 0 {
		return false
	}
	n, _ := number.Of(a)
	return !n.IsNaN()
}

var zero = bsonraw.Int32Value(0)

func (o arithOp) missing(*rewriter) (effect, error) {
	if o.kind == Inc {
		return o.effect(o.operand), nil
	}
	product, err := number.MulUpdate(zero, o.operand)
	return o.effect(product), err
}

// extremeOp is $min and $max.
type extremeOp struct {
	creator
	kind    Kind // Min or Max
	operand bsonraw.Value
	depth   int
}

func (o extremeOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if c := bsonraw.Compare(o.operand, v); o.kind == Min && c < 0 || o.kind == Max && c > 0 {
		return o.missing(x)
	}
	return effect{}, nil
}

func (o extremeOp) missing(*rewriter) (effect, error) {
	return effect{action: put, value: o.operand, depth: o.depth, kind: o.kind, operand: o.operand}, nil
}

// bitOp is $bit: one or several operations one after the other.
type bitOp struct {
	creator
	steps []bitStep
}

type bitStep struct {
	op      number.BitOp
	operand bsonraw.Value
}

var bitNames = map[string]number.BitOp{"and": number.BitAnd, "or": number.BitOr, "xor": number.BitXor}

func parseBit(arg bsonraw.Value) (operator, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(errs.BadValue, "The $bit modifier is not compatible with a %s. You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}", arg.Type.Name())
	}
	var o bitOp
	it := arg.Doc().Iter()
	for it.Next() {
		op, ok := bitNames[string(it.Key())]
		if !ok {
			return nil, errs.New(errs.BadValue, "The $bit modifier only supports 'and', 'or', and 'xor', not '%s' which is an unknown operator: {%s}",
				it.Key(), describeElement(it.Key(), it.Value()))
		}
		if t := it.Value().Type; t != bsonraw.Int32 && t != bsonraw.Int64 {
			return nil, errs.New(errs.BadValue, "The $bit modifier field must be an Integer(32/64 bit); a '%s' is not supported here: {%s}",
				t.Name(), describeElement(it.Key(), it.Value()))
		}
		o.steps = append(o.steps, bitStep{op, it.Value()})
	}
	if len(o.steps) == 0 {
		return nil, errs.New(errs.BadValue, "You must pass in at least one bitwise operation. The format is: {$bit: {field: {and/or/xor: #}}")
	}
	return o, nil
}

func (o bitOp) existing(x *rewriter, v bsonraw.Value) (effect, error) {
	if v.Type != bsonraw.Int32 && v.Type != bsonraw.Int64 {
		return effect{}, errs.New(errs.BadValue, "Cannot apply $bit to a value of non-integral type.%s has the field %s of non-integer type %s",
			describeID(x.src), x.name(), v.Type.Name())
	}
	result, err := o.compute(v)
	if err != nil || sameNumber(v, result) {
		return effect{}, err
	}
	return o.effect(result), nil
}

func (o bitOp) compute(v bsonraw.Value) (bsonraw.Value, error) {
	for _, s := range o.steps {
		var err error
		if v, err = number.Bits(s.op, v, s.operand); err != nil {
			return v, err
		}
	}
	return v, nil
}

// effect records one operation as itself, and several as the value they led to,
// since they do not commute with each other.
func (o bitOp) effect(v bsonraw.Value) effect {
	if len(o.steps) > 1 {
		return set(v, 0)
	}
	kind := [...]Kind{number.BitAnd: BitAnd, number.BitOr: BitOr, number.BitXor: BitXor}[o.steps[0].op]
	return effect{action: put, value: v, kind: kind, operand: o.steps[0].operand}
}

func (o bitOp) missing(*rewriter) (effect, error) {
	v, err := o.compute(zero)
	return o.effect(v), err
}
