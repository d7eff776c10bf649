package index

import (
	"slices"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/regex"
)

// opBounds are the bounds of one operator and its argument; see predicate.
type opBounds struct {
	intervals  intervals
	exact      exactness
	missing    bool
	singleOnly bool
}

// boundsOf returns the bounds of {op: v}, false if keys say nothing about it.
func boundsOf(op string, v, options bsonraw.Value) (opBounds, bool) {
	switch op {
	case "$eq":
		return equalBounds(v), true
	case "$in":
		return inBounds(v.Doc()), true
	case "$lt", "$lte", "$gt", "$gte":
		return compareBounds(op, v), true
	case "$ne":
		return negate(equalBounds(v))
	case "$nin":
		return negate(inBounds(v.Doc()))
	case "$not":
		return notBounds(v)
	case "$exists":
		if v.Truthy() {
			return opBounds{intervals: allValues}, true
		}
		return opBounds{intervals: intervals{point(nullKey)}, missing: true}, true
	case "$regex":
		return regexBounds(v, options)
	case "$type":
		return typeBounds(v)
	case "$mod":
		return opBounds{intervals: intervals{{notANumber, highestNumber, true, true}}}, true
	}
	return opBounds{}, false
}

func equalBounds(v bsonraw.Value) opBounds {
	switch {
	case v.IsNullish():
		return opBounds{intervals: nullish, exact: exactSingle, missing: true}
	case v.Type == bsonraw.Array:
		// The array itself is a key only inside another array; otherwise its
		// first element is one, or the key of an empty array.
		first := bsonraw.Value{Type: bsonraw.Undefined}
		if it := v.Doc().Iter(); it.Next() {
			first = it.Value()
		}
		return opBounds{intervals: normalize(intervals{point(first), point(v)})}
	}
	return opBounds{intervals: intervals{point(v)}, exact: exactAlways}
}

func inBounds(values bsonraw.Doc) opBounds {
	out := opBounds{exact: exactAlways}
	it := values.Iter()
	for it.Next() {
		b := equalBounds(it.Value())
		if it.Value().Type == bsonraw.Regex {
			b, _ = regexBounds(it.Value(), bsonraw.Value{})
		}
		out.intervals = append(out.intervals, b.intervals...)
		out.exact = min(out.exact, b.exact)
		out.missing = out.missing || b.missing
	}
	out.intervals = normalize(out.intervals)
	return out
}

// compareBounds are those of $lt, $lte, $gt and $gte: within the class of the
// value, except for MinKey and MaxKey, which compare with everything.
func compareBounds(op string, v bsonraw.Value) opBounds {
	below := op == "$lt" || op == "$lte"
	including := op == "$lte" || op == "$gte"
	switch {
	case v.IsNullish():
		if including {
			return equalBounds(nullKey)
		}
		return opBounds{exact: exactAlways}
	case v.Type == bsonraw.Array:
		return arrayCompareBounds(below, v)
	case v.IsNumber() && bsonraw.Equal(v, notANumber):
		if including {
			return opBounds{intervals: intervals{point(notANumber)}, exact: exactAlways}
		}
		return opBounds{exact: exactAlways}
	}
	class := classOf(v.Type)
	if v.Type == bsonraw.MinKey || v.Type == bsonraw.MaxKey {
		class = allValues[0]
	}
	iv := interval{v, class.hi, including, class.hiIn}
	if below {
		iv = interval{class.lo, v, class.loIn, including}
	}
	out := opBounds{intervals: normalize(intervals{iv}), exact: exactAlways}
	if class.lo.Type == bsonraw.MinKey && class.hi.Type == bsonraw.MaxKey {
		// An array as a whole, which is no key, compares with these too.
		out.exact, out.singleOnly, out.missing = exactSingle, true, true
	}
	return out
}

// arrayCompareBounds: an array below v is empty, or its first element is not
// above v's first; or it is a key itself, inside another array.
func arrayCompareBounds(below bool, v bsonraw.Value) opBounds {
	it := v.Doc().Iter()
	if !it.Next() || it.Value().IsNullish() {
		return opBounds{intervals: allValues}
	}
	first := it.Value()
	if (bsonraw.Compare(first, v) < 0) == below {
		first = v
	}
	if below {
		return opBounds{intervals: intervals{{minKey, first, true, true}}}
	}
	return opBounds{intervals: intervals{{first, maxKey, true, true}}}
}

// negate turns the bounds of a condition into those of its negation, which
// holds where no key meets the condition.
func negate(b opBounds) (opBounds, bool) {
	if b.exact == inexact {
		return opBounds{}, false
	}
	out := opBounds{intervals: complement(b.intervals), exact: exactSingle}
	out.missing = out.intervals.contains(nullKey)
	// Below an array a path may lead nowhere, which is no value to the filter
	// but a null key to the index.
	out.singleOnly = !out.missing || !out.intervals.contains(emptyKey)
	return out, true
}

// notBounds are those of {$not: {op: v}} with one operator.
func notBounds(v bsonraw.Value) (opBounds, bool) {
	if !isOperators(v) {
		return opBounds{}, false
	}
	it := v.Doc().Iter()
	it.Next()
	op, arg := string(it.Key()), it.Value()
	if it.Next() {
		return opBounds{}, false
	}
	b, ok := boundsOf(op, arg, bsonraw.Value{})
	if !ok || op == "$not" || op == "$regex" {
		return opBounds{}, false
	}
	return negate(b)
}

// regexBounds are strings with the literal prefix of the pattern, and the
// regular expression itself.
func regexBounds(v, options bsonraw.Value) (opBounds, bool) {
	pattern, flags := "", ""
	switch v.Type {
	case bsonraw.Regex:
		pattern, flags = v.Regex()
	case bsonraw.String:
		pattern = v.Str()
	default:
		return opBounds{}, false
	}
	if options.Type == bsonraw.String {
		flags = options.Str()
	}
	texts := classOf(bsonraw.String)
	prefix, exact, ok := regex.Prefix(pattern, flags)
	if ok {
		texts.lo, texts.hi = bsonraw.StringValue(prefix), bsonraw.StringValue(string(successor([]byte(prefix))))
	}
	out := opBounds{intervals: normalize(intervals{texts, point(regexValue(pattern, flags)), point(regexValue(pattern, sortedText(flags)))})}
	if ok && exact && v.Type == bsonraw.Regex {
		out.exact = exactAlways
	}
	return out, true
}

// regexValue is the stored value that a regular expression also matches.
func regexValue(pattern, flags string) bsonraw.Value {
	return bsonraw.Value{Type: bsonraw.Regex, Data: []byte(pattern + "\x00" + flags + "\x00")}
}

func sortedText(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}

// typeBounds are the classes of the types. Numbers share one class, strings
// one with symbols, so that the filter must look again.
func typeBounds(v bsonraw.Value) (opBounds, bool) {
	types := []bsonraw.Value{v}
	if v.Type == bsonraw.Array {
		types = v.Doc().Values()
	}
	var out opBounds
	for _, t := range types {
		list, ok := oneTypeBounds(t)
		if !ok {
			return opBounds{}, false
		}
		out.intervals = append(out.intervals, list...)
	}
	out.intervals = normalize(out.intervals)
	return out, true
}

func oneTypeBounds(v bsonraw.Value) (intervals, bool) {
	numbers := intervals{{notANumber, highestNumber, true, true}}
	var t bsonraw.Type
	if v.Type == bsonraw.String {
		if v.Str() == "number" {
			return numbers, true
		}
		named, ok := bsonraw.TypeByName(v.Str())
		if !ok {
			return nil, false
		}
		t = named
	} else {
		n, ok := v.AsInt64()
		switch {
		case !ok || n != -1 && (n < 1 || n > 127):
			return nil, false
		case n == -1:
			n = 0xFF
		}
		t = bsonraw.Type(n)
	}
	switch t {
	case bsonraw.Double, bsonraw.Int32, bsonraw.Int64, bsonraw.Decimal128:
		return numbers, true
	case bsonraw.Array:
		return allValues, true
	case bsonraw.Undefined:
		return intervals{point(emptyKey)}, true
	case bsonraw.Null:
		return intervals{point(nullKey)}, true
	}
	return intervals{classOf(t)}, true
}
