package index

import (
	"bytes"
	"math"
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
)

// interval is the values from lo to hi in the total order. Undefined stands for
// the key of an empty array, which is just below null.
type interval struct {
	lo, hi     bsonraw.Value
	loIn, hiIn bool
}

// intervals are disjoint and ascending. The empty list holds no value.
type intervals []interval

var (
	minKey    = bsonraw.Value{Type: bsonraw.MinKey}
	maxKey    = bsonraw.Value{Type: bsonraw.MaxKey}
	emptyKey  = bsonraw.Value{Type: bsonraw.Undefined}
	nullKey   = bsonraw.NullValue
	allValues = intervals{{minKey, maxKey, true, true}}
	nullish   = intervals{point(emptyKey), point(nullKey)}
)

func point(v bsonraw.Value) interval { return interval{v, v, true, true} }

func (iv interval) isPoint() bool { return iv.loIn && iv.hiIn && bsonraw.Compare(iv.lo, iv.hi) == 0 }

func (iv interval) isEmpty() bool {
	c := bsonraw.Compare(iv.lo, iv.hi)
	if iv.lo.Type == bsonraw.Undefined && iv.hi.Type == bsonraw.Null && !iv.loIn && !iv.hiIn {
		return true // no value lies between
	}
	return c > 0 || c == 0 && !(iv.loIn && iv.hiIn)
}

// startsBefore orders intervals by where they begin.
func startsBefore(a, b interval) int {
	if c := bsonraw.Compare(a.lo, b.lo); c != 0 {
		return c
	}
	switch {
	case a.loIn == b.loIn:
		return 0
	case a.loIn:
		return -1
	}
	return 1
}

// endsBefore orders intervals by where they end.
func endsBefore(a, b interval) int {
	if c := bsonraw.Compare(a.hi, b.hi); c != 0 {
		return c
	}
	switch {
	case a.hiIn == b.hiIn:
		return 0
	case a.hiIn:
		return 1
	}
	return -1
}

func (l intervals) allPoints() bool {
	for _, iv := range l {
		if !iv.isPoint() {
			return false
		}
	}
	return len(l) > 0
}

func (l intervals) isSinglePoint() bool { return len(l) == 1 && l[0].isPoint() }

func (l intervals) isAll() bool {
	return len(l) == 1 && l[0].loIn && l[0].hiIn &&
		l[0].lo.Type == bsonraw.MinKey && l[0].hi.Type == bsonraw.MaxKey
}

func (l intervals) contains(v bsonraw.Value) bool { return point(v).within(l) }

// within reports whether one interval of l holds all of iv.
func (iv interval) within(l intervals) bool {
	for _, o := range l {
		if startsBefore(o, iv) <= 0 && endsBefore(iv, o) <= 0 {
			return true
		}
	}
	return false
}

// within reports whether l holds nothing that o does not.
func (l intervals) within(o intervals) bool {
	for _, iv := range l {
		if !iv.within(o) {
			return false
		}
	}
	return true
}

// normalize sorts intervals, drops empty ones and joins those that overlap.
// Neighbours that only touch, [1, 2) and [2, 3], are joined as well.
func normalize(l intervals) intervals {
	l = slices.DeleteFunc(l, interval.isEmpty)
	slices.SortStableFunc(l, startsBefore)
	out := l[:0]
	for _, iv := range l {
		if n := len(out); n > 0 && touches(out[n-1], iv) {
			if endsBefore(out[n-1], iv) < 0 {
				out[n-1].hi, out[n-1].hiIn = iv.hi, iv.hiIn
			}
			continue
		}
		out = append(out, iv)
	}
	return out
}

// touches reports whether b, which does not begin before a, begins within a or
// where a ends.
func touches(a, b interval) bool {
	c := bsonraw.Compare(b.lo, a.hi)
	return c < 0 || c == 0 && (b.loIn || a.hiIn)
}

func union(a, b intervals) intervals {
	return normalize(append(slices.Clone(a), b...))
}

func intersect(a, b intervals) intervals {
	var out intervals
	for _, x := range a {
		for _, y := range b {
			if startsBefore(x, y) < 0 {
				x.lo, x.loIn = y.lo, y.loIn
			}
			iv := x
			if endsBefore(y, iv) < 0 {
				iv.hi, iv.hiIn = y.hi, y.hiIn
			}
			if !iv.isEmpty() {
				out = append(out, iv)
			}
		}
	}
	return normalize(out)
}

// complement returns every value that l does not hold.
func complement(l intervals) intervals {
	var out intervals
	next := interval{lo: minKey, loIn: true}
	for _, iv := range l {
		next.hi, next.hiIn = iv.lo, !iv.loIn
		out = append(out, next)
		next = interval{lo: iv.hi, loIn: !iv.hiIn}
	}
	next.hi, next.hiIn = maxKey, true
	return normalize(append(out, next))
}

// Bounds of the type classes. Numbers begin above NaN, which no range but one
// with NaN itself holds.
var (
	emptyString   = bsonraw.StringValue("")
	emptyObject   = bsonraw.EmptyDoc.Value()
	emptyArray    = bsonraw.Value{Type: bsonraw.Array, Data: bsonraw.EmptyDoc}
	emptyBinary   = bsonraw.BinaryValue(0, nil)
	minObjectID   = bsonraw.ObjectIDValue([12]byte{})
	maxObjectID   = bsonraw.Value{Type: bsonraw.ObjectID, Data: bytes.Repeat([]byte{0xFF}, 12)}
	emptyRegex    = bsonraw.Value{Type: bsonraw.Regex, Data: []byte{0, 0}}
	emptyPointer  = bsonraw.Value{Type: bsonraw.DBPointer, Data: append([]byte{1, 0, 0, 0, 0}, make([]byte, 12)...)}
	emptyCode     = bsonraw.Value{Type: bsonraw.JavaScript, Data: []byte{1, 0, 0, 0, 0}}
	emptyScope    = bsonraw.Value{Type: bsonraw.CodeWithScope, Data: []byte{14, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0, 0}}
	notANumber    = bsonraw.DoubleValue(math.NaN())
	lowestNumber  = bsonraw.DoubleValue(math.Inf(-1))
	highestNumber = bsonraw.DoubleValue(math.Inf(1))
)

// classOf returns all values of the type's class: those that $lt and $gt
// compare with a value of the type.
func classOf(t bsonraw.Type) interval {
	switch t {
	case bsonraw.Double, bsonraw.Int32, bsonraw.Int64, bsonraw.Decimal128:
		return interval{lowestNumber, highestNumber, true, true}
	case bsonraw.String, bsonraw.Symbol:
		return interval{emptyString, emptyObject, true, false}
	case bsonraw.Object:
		return interval{emptyObject, emptyArray, true, false}
	case bsonraw.Array:
		return interval{emptyArray, emptyBinary, true, false}
	case bsonraw.Binary:
		return interval{emptyBinary, minObjectID, true, false}
	case bsonraw.ObjectID:
		return interval{minObjectID, maxObjectID, true, true}
	case bsonraw.Boolean:
		return interval{bsonraw.BoolValue(false), bsonraw.BoolValue(true), true, true}
	case bsonraw.DateTime:
		return interval{bsonraw.DateValue(math.MinInt64), bsonraw.DateValue(math.MaxInt64), true, true}
	case bsonraw.Timestamp:
		return interval{bsonraw.TimestampValue(0, 0), bsonraw.TimestampValue(math.MaxUint32, math.MaxUint32), true, true}
	case bsonraw.Regex:
		return interval{emptyRegex, emptyPointer, true, false}
	case bsonraw.DBPointer:
		return interval{emptyPointer, emptyCode, true, false}
	case bsonraw.JavaScript:
		return interval{emptyCode, emptyScope, true, false}
	case bsonraw.CodeWithScope:
		return interval{emptyScope, maxKey, true, false}
	case bsonraw.MinKey:
		return point(minKey)
	case bsonraw.MaxKey:
		return point(maxKey)
	}
	return interval{emptyKey, nullKey, true, true}
}

func (iv interval) String() string {
	open, end := "(", ")"
	if iv.loIn {
		open = "["
	}
	if iv.hiIn {
		end = "]"
	}
	return open + text(iv.lo) + ", " + text(iv.hi) + end
}

// reversed is the interval as a descending part of an index runs through it.
func (iv interval) reversed() interval { return interval{iv.hi, iv.lo, iv.hiIn, iv.loIn} }
