package expr

import (
	"bytes"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// coerceText turns a value into text as the older string operators do: numbers,
// dates, timestamps and code are printed, null is empty.
func coerceText(v bsonraw.Value) ([]byte, error) {
	if n, ok := number.Of(v); ok {
		return []byte(formatBound(n)), nil
	}
	switch v.Type {
	case bsonraw.String, bsonraw.Symbol, bsonraw.JavaScript:
		return v.StringBytes(), nil
	case bsonraw.DateTime:
		return formatISO(v.Int64())
	case bsonraw.Timestamp:
		seconds, increment := v.Timestamp()
		// The format of C's ctime, without the weekday and the year.
		text := time.Unix(int64(seconds), 0).UTC().Format("Jan _2 15:04:05")
		return fmt.Appendf(nil, "%s:%d", text, increment), nil
	case bsonraw.Missing, bsonraw.Null, bsonraw.Undefined:
		return nil, nil
	}
	return nil, errs.New(16007, "can't convert from BSON type %s to String", v.Type.Name())
}

func checkConcat(args []bsonraw.Value, _ int) (done bool, err error) {
	v := args[len(args)-1]
	switch {
	case v.Type == bsonraw.String:
		return false, nil
	case v.IsNullish():
		return true, nil
	}
	return false, errs.New(16702, "$concat only supports strings, not %s", v.Type.Name())
}

func concat(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	n := 0
	for _, v := range args {
		n += len(v.StringBytes())
	}
	if n > maxResult {
		return bsonraw.Value{}, tooLarge(n)
	}
	r, body := env.textOf(n)
	for _, v := range args {
		body = body[copy(body, v.StringBytes()):]
	}
	return r, nil
}

// mapText is $toUpper or $toLower: of ASCII letters only.
func mapText(fn func(byte) byte) fn1 {
	return func(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
		s, err := coerceText(v)
		if err != nil {
			return bsonraw.Value{}, err
		}
		r, body := env.textOf(len(s))
		for i, c := range s {
			body[i] = fn(c)
		}
		return r, nil
	}
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c - 'A' + 'a'
	}
	return c
}

func substrCP(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	s, err := coerceText(args[0])
	if err != nil {
		return bsonraw.Value{}, err
	}
	var parts [2]int
	for i, what := range [2]string{"starting index", "length"} {
		v := args[i+1]
		if !v.IsNumber() {
			return bsonraw.Value{}, errs.New(34450+2*errs.Code(i), "$substrCP: %s must be a numeric type (is BSON type %s)", what, v.Type.Name())
		}
		n, ok := asInt32(v)
		if !ok {
			return bsonraw.Value{}, errs.New(34451+2*errs.Code(i), "$substrCP: %s cannot be represented as a 32-bit integral value: %s", what, show(v))
		}
		parts[i] = int(n)
	}
	if parts[1] < 0 {
		return bsonraw.Value{}, errs.New(34454, "$substrCP: length must be a nonnegative integer.")
	}
	if parts[0] < 0 {
		return bsonraw.Value{}, errs.New(34455, "$substrCP: the starting index must be nonnegative integer.")
	}
	s = s[skipRunes(s, parts[0]):]
	return env.text(s[:skipRunes(s, parts[1])])
}

// skipRunes returns the length in bytes of the first n code points of s.
func skipRunes(s []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRune(s[at:])
		at += size
	}
	return at
}

func substrBytes(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	s, err := coerceText(args[0])
	if err != nil {
		return bsonraw.Value{}, err
	}
	for i, what := range [2]string{"starting index", "length"} {
		if !args[i+1].IsNumber() {
			return bsonraw.Value{}, errs.New(16034+errs.Code(i), "$substrBytes:  %s must be a numeric type (is BSON type %s)", what, args[i+1].Type.Name())
		}
	}
	from, err := coerceLong(args[1])
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case from < 0:
		return bsonraw.Value{}, errs.New(50752, "$substrBytes:  starting index must be non-negative (got: %d)", from)
	}
	length, err := coerceLong(args[2])
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case from < int64(len(s)) && isContinuation(s[from]):
		return bsonraw.Value{}, errs.New(28656, "$substrBytes:  Invalid range, starting index is a UTF-8 continuation byte.")
	case from >= int64(len(s)):
		return env.str(""), nil
	}
	s = s[from:]
	if length < 0 || length >= int64(len(s)) {
		return env.text(s)
	}
	if isContinuation(s[length]) {
		return bsonraw.Value{}, errs.New(28657, "$substrBytes:  Invalid range, ending index is in the middle of a UTF-8 character.")
	}
	return env.text(s[:length])
}

func isContinuation(c byte) bool { return c&0xC0 == 0x80 }

// coerceLong cuts the fraction of a double off, and rounds a decimal.
func coerceLong(v bsonraw.Value) (int64, error) {
	switch v.Type {
	case bsonraw.Double:
		f := v.Double()
		return int64(f), checkLong(f)
	case bsonraw.Decimal128:
		return decimalToLong(v.Decimal()), nil
	}
	n, _ := v.AsInt64()
	return n, nil
}

// textLength is $strLenCP or $strLenBytes.
func textLength(name string, code errs.Code, length func([]byte) int) parser {
	return one(func(env *Env, v bsonraw.Value) (bsonraw.Value, error) {
		if v.Type != bsonraw.String {
			return bsonraw.Value{}, errs.New(code, "%s requires a string argument, found: %s", name, v.Type.Name())
		}
		return env.int32(length(v.StringBytes())), nil
	})
}

func byteCount(s []byte) int { return len(s) }

func split(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	switch s, sep := args[0], args[1]; {
	case s.IsNullish() || sep.IsNullish():
		return null, nil
	case s.Type != bsonraw.String:
		return bsonraw.Value{}, errs.New(40085, "$split requires an expression that evaluates to a string as a first argument, found: %s", s.Type.Name())
	case sep.Type != bsonraw.String:
		return bsonraw.Value{}, errs.New(40086, "$split requires an expression that evaluates to a string as a second argument, found: %s", sep.Type.Name())
	}
	rest, sep := args[0].StringBytes(), args[1].StringBytes()
	if len(sep) == 0 {
		return bsonraw.Value{}, errs.New(40087, "$split requires a non-empty separator")
	}
	at := env.open()
	for i, more := 0, true; more; i++ {
		var part []byte
		part, rest, more = bytes.Cut(rest, sep)
		v, err := env.text(part)
		if err != nil {
			return bsonraw.Value{}, err
		}
		env.element(i, v)
	}
	return env.close(bsonraw.Array, at)
}

var (
	codesOfCP    = [2]errs.Code{40093, 40094}
	codesOfBytes = [2]errs.Code{40091, 40092}
)

// indexIn is $indexOfCP or $indexOfBytes.
func indexIn(name string, codes [2]errs.Code, find func(s, sub []byte, args []bsonraw.Value) (int, error)) parser {
	check := func(args []bsonraw.Value, _ int) (done bool, err error) {
		n := len(args)
		switch v := args[n-1]; {
		case n == 1 && v.IsNullish():
			return true, nil
		case n == 1 && v.Type != bsonraw.String:
			return false, errs.New(codes[0], "%s requires a string as the first argument, found: %s", name, v.Type.Name())
		case n == 2 && v.Type != bsonraw.String:
			return false, errs.New(codes[1], "%s requires a string as the second argument, found: %s", name, v.Type.Name())
		case n > 2:
			_, err = searchIndex(name, n-3, v)
		}
		return false, err
	}
	return between(2, 4, func(env *Env, args []bsonraw.Value) (bsonraw.Value, error) {
		i, err := find(args[0].StringBytes(), args[1].StringBytes(), args)
		return env.int32(i), err
	}).each(check)
}

func indexOfBytes(s, sub []byte, args []bsonraw.Value) (int, error) {
	from, to, err := searchRange("$indexOfBytes", args, len(s))
	if err != nil || from > to {
		return -1, err
	}
	i := bytes.Index(s[from:to], sub)
	if i < 0 {
		return -1, nil
	}
	return from + i, nil
}

// indexOfCP counts in code points. Other than by bytes, a match only begins
// before the end; and an empty text is not found at the end of another.
func indexOfCP(s, sub []byte, args []bsonraw.Value) (int, error) {
	count := utf8.RuneCount(s)
	from, to, err := searchRange("$indexOfCP", args, max(count, 1))
	if err != nil || from >= to {
		return -1, err
	}
	start := skipRunes(s, from)
	i := bytes.Index(s[start:], sub)
	if i < 0 || i > 0 && i >= skipRunes(s[start:], to-from) {
		return -1, nil
	}
	return from + utf8.RuneCount(s[start:start+i]), nil
}

func strcasecmp(_ *Env, args []bsonraw.Value) (bsonraw.Value, error) {
	a, err := coerceText(args[0])
	if err != nil {
		return bsonraw.Value{}, err
	}
	b, err := coerceText(args[1])
	if err != nil {
		return bsonraw.Value{}, err
	}
	order := bytes.Compare(mapBytes(a, upper), mapBytes(b, upper))
	return compareResults[order+1], nil
}

func mapBytes(s []byte, fn func(byte) byte) []byte {
	r := make([]byte, len(s))
	for i, c := range s {
		r[i] = fn(c)
	}
	return r
}
