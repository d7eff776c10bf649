package query

import (
	"math"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// bitMask is the operand of $bitsAllSet, $bitsAllClear, $bitsAnySet and
// $bitsAnyClear. A number counts as 64 bits of two's complement, then its sign
// for ever; binary data as bits from the least of its first byte, then zeros.
type bitMask struct {
	op        bitOp
	positions []uint32
	low       uint64 // the positions below 64, as a mask
	high      bool   // whether there are positions of 64 and above
}

type bitOp uint8

const (
	bitsAllSet bitOp = iota
	bitsAllClear
	bitsAnySet
	bitsAnyClear
)

func (m *bitMask) match(v bsonraw.Value) bool {
	if v.Type == bsonraw.Binary {
		_, data := rawBinary(v)
		return m.decide(func(at uint32) bool {
			return int(at>>3) < len(data) && data[at>>3]>>(at&7)&1 != 0
		})
	}
	n, ok := bitInteger(v)
	if !ok {
		return false
	}
	if !m.high {
		return m.decideLow(uint64(n))
	}
	return m.decide(func(at uint32) bool { return n>>min(at, 63)&1 != 0 })
}

// rawBinary returns the bytes as they are stored: with the inner length that
// subtype 2 has.
func rawBinary(v bsonraw.Value) (subtype byte, data []byte) { return v.Data[4], v.Data[5:] }

// bitInteger returns a number as an integer of 64 bits. A double must be one. A
// decimal is rounded half to even, and what is no such number then counts as
// the least integer: mongod has it from its decimal library.
func bitInteger(v bsonraw.Value) (int64, bool) {
	if v.Type != bsonraw.Decimal128 {
		return v.AsInt64()
	}
	d := v.Decimal()
	if n, ok := d.Int64(); ok {
		return n, true
	}
	n, ok := truncateDecimal(d)
	if !ok {
		return math.MinInt64, true
	}
	return n + int64(roundHalfEven(d, n)), true
}

// roundHalfEven returns what to add to n, which is d without its fraction.
func roundHalfEven(d bsonraw.Decimal, n int64) int {
	half := bsonraw.DoubleValue(float64(n) + math.Copysign(0.5, 1-2*boolFloat(d.Negative())))
	c := bsonraw.CompareNumbers(d.Value(), half)
	switch {
	case d.Negative() && (c < 0 || c == 0 && n&1 != 0):
		return -1
	case !d.Negative() && (c > 0 || c == 0 && n&1 != 0):
		return 1
	}
	return 0
}

func boolFloat(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *bitMask) decideLow(n uint64) bool {
	switch m.op {
	case bitsAllSet:
		return n&m.low == m.low
	case bitsAllClear:
		return n&m.low == 0
	case bitsAnySet:
		return n&m.low != 0
	}
	return n&m.low != m.low
}

func (m *bitMask) decide(isSet func(at uint32) bool) bool {
	all := m.op == bitsAllSet || m.op == bitsAllClear
	want := m.op == bitsAllSet || m.op == bitsAnySet
	for _, at := range m.positions {
		if (isSet(at) == want) != all {
			return !all
		}
	}
	return all
}

// parseBits reads the operand: a mask as a number or binary, or an array of
// positions.
func parseBits(op bitOp, name, path string, v bsonraw.Value) (*bitMask, error) {
	m := &bitMask{op: op}
	switch {
	case v.Type == bsonraw.Array:
		it := v.Doc().Iter()
		for it.Next() {
			n, problem := integerProblem(it.Value())
			if problem != "" {
				return nil, errs.New(errs.BadValue, "Failed to parse bit position. %s", describe(problem, string(it.Key()), it.Value()))
			}
			if n > math.MaxInt32 {
				return nil, errs.New(errs.BadValue, "Failed to parse bit position. Cannot represent %s in an int", element(string(it.Key()), it.Value()))
			}
			m.add(uint32(n))
		}
	case v.Type == bsonraw.Binary:
		_, data := rawBinary(v)
		for at := range uint32(len(data) * 8) {
			if data[at>>3]>>(at&7)&1 != 0 {
				m.add(at)
			}
		}
	case v.IsNumber():
		n, problem := integerProblem(v)
		if problem != "" {
			return nil, errs.New(errs.FailedToParse, "%s", describe(problem, name, v))
		}
		for at := range uint32(64) {
			if n>>at&1 != 0 {
				m.add(at)
			}
		}
	default:
		return nil, errs.New(errs.BadValue, "%s takes an Array, a number, or a BinData but received: %s", path, element(name, v))
	}
	return m, nil
}

func (m *bitMask) add(at uint32) {
	m.positions = append(m.positions, at)
	if at < 64 {
		m.low |= 1 << at
	} else {
		m.high = true
	}
}
