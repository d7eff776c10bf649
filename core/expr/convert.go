package expr

import (
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/number"
)

// convert is $convert, and $toInt and its like.
type convert struct {
	input, to       Expr
	onError, onNull Expr // may be nil
}

func parseConvert(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(errs.FailedToParse, "$convert expects an object of named arguments but found: %s", arg.Type.Name())
	}
	names := []string{"input", "to", "onError", "onNull"}
	parts, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(errs.FailedToParse, "$convert found an unknown argument: %s", field)
	})
	if err != nil {
		return nil, err
	}
	for i, v := range parts[:2] {
		if v.IsMissing() {
			return nil, errs.New(errs.FailedToParse, "Missing '%s' parameter to $convert", names[i])
		}
	}
	x := &convert{}
	return x, c.compileEach(parts, &x.input, &x.to, &x.onError, &x.onNull)
}

// converting is the row of $toInt and its like.
func converting(to bsonraw.Type) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		args, err := c.arguments(arg)
		if err != nil {
			return nil, err
		}
		if len(args) != 1 {
			return nil, errs.New(50723, "%s requires a single argument, got %d", name, len(args))
		}
		return &convert{input: args[0], to: constantOf(bsonraw.StringValue(to.Name()))}, nil
	}
}

func (x *convert) children(visit func(*Expr)) {
	visitSome(visit, &x.input, &x.to, &x.onError, &x.onNull)
}

func (x *convert) foldable() bool { return true }

func (x *convert) Eval(env *Env) (bsonraw.Value, error) {
	to, err := x.to.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	input, err := x.input.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	target, err := convertTarget(to)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case input.IsNullish():
		return evalOr(env, x.onNull, null)
	case to.IsNullish():
		return null, nil
	}
	v, err := convertTo(env, input, target)
	if err != nil && x.onError != nil && errs.Is(err, errs.CannotConvert) {
		return x.onError.Eval(env)
	}
	return v, err
}

// convertTarget reads the type to convert to, by name or number.
func convertTarget(v bsonraw.Value) (bsonraw.Type, error) {
	switch {
	case v.IsNullish():
		return bsonraw.Missing, nil
	case v.Type == bsonraw.String:
		t, ok := bsonraw.TypeByName(v.Str())
		if !ok && v.Str() != "missing" {
			return 0, errs.New(errs.BadValue, "Unknown type name: %s", v.StringBytes())
		}
		return t, nil
	case !v.IsNumber():
		return 0, errs.New(errs.FailedToParse, "$convert's 'to' argument must be a string or number, but is %s", v.Type.Name())
	}
	n, whole := v.AsInt64()
	if !whole {
		return 0, errs.New(errs.FailedToParse, "In $convert, numeric 'to' argument is not an integer")
	}
	if n != -1 && (n < 0 || n > 127 || bsonraw.Type(n).Name() == "unknown") {
		return 0, errs.New(errs.FailedToParse, "In $convert, numeric value for 'to' does not correspond to a BSON type: %d", n)
	}
	return bsonraw.Type(byte(n)), nil
}

func cannotConvert(format string, args ...any) error {
	return errs.New(errs.CannotConvert, format, args...)
}

func convertTo(env *Env, v bsonraw.Value, to bsonraw.Type) (bsonraw.Value, error) {
	switch {
	case to == bsonraw.Boolean:
		// A text is true even when empty; everything but numbers is.
		return boolean(v.Truthy()), nil
	case v.Type == to:
		if isConvertible(to) {
			return v, nil
		}
	case v.IsNumber():
		return convertNumber(env, v, to)
	case v.Type == bsonraw.String:
		return convertText(env, v.Str(), to)
	case v.Type == bsonraw.Boolean:
		return convertBool(env, v.Bool(), to)
	case v.Type == bsonraw.DateTime:
		return convertDate(env, v.Int64(), to)
	case v.Type == bsonraw.ObjectID && to == bsonraw.String:
		return env.str(hex.EncodeToString(v.Data)), nil
	case v.Type == bsonraw.ObjectID && to == bsonraw.DateTime:
		return env.date(objectIDMillis(v)), nil
	case v.Type == bsonraw.Timestamp && to == bsonraw.DateTime:
		seconds, _ := v.Timestamp()
		return env.date(int64(seconds) * 1000), nil
	}
	return bsonraw.Value{}, unsupported(v.Type, to)
}

// isConvertible reports whether a type converts to itself.
func isConvertible(t bsonraw.Type) bool {
	switch t {
	case bsonraw.Double, bsonraw.String, bsonraw.ObjectID, bsonraw.DateTime, bsonraw.Int32, bsonraw.Int64, bsonraw.Decimal128:
		return true
	}
	return false
}

func unsupported(from, to bsonraw.Type) error {
	return cannotConvert("Unsupported conversion from %s to %s in $convert with no onError value", from.Name(), to.Name())
}

func convertNumber(env *Env, v bsonraw.Value, to bsonraw.Type) (bsonraw.Value, error) {
	n, _ := number.Of(v)
	switch to {
	case bsonraw.String:
		return env.str(n.Format()), nil
	case bsonraw.Decimal128:
		return env.number(number.Decimal(n.AsDecimal())), nil
	case bsonraw.Double:
		f := n.AsDouble()
		if n.Type == bsonraw.Decimal128 && !n.Dec.IsInf() && (math.IsInf(f, 0) || f == 0 && !n.IsZero()) {
			return bsonraw.Value{}, overflows(n)
		}
		return env.double(f), nil
	case bsonraw.Int32, bsonraw.Int64:
		return convertToInt(env, n, to)
	case bsonraw.DateTime:
		if n.Type == bsonraw.Int32 {
			break
		}
		r, err := convertToInt(env, n, bsonraw.Int64)
		r.Type = bsonraw.DateTime
		return r, err
	}
	return bsonraw.Value{}, unsupported(v.Type, to)
}

func overflows(n number.Number) error {
	text := ""
	if !n.IsInt() {
		text = n.Format()
	}
	return cannotConvert("Conversion would overflow target type in $convert with no onError value: %s", text)
}

// convertToInt cuts the fraction off.
func convertToInt(env *Env, n number.Number, to bsonraw.Type) (bsonraw.Value, error) {
	i, ok := n.Int, true
	switch n.Type {
	case bsonraw.Double:
		switch {
		case math.IsNaN(n.Flt):
			return bsonraw.Value{}, cannotConvert("Attempt to convert NaN value to integer type in $convert with no onError value")
		case math.IsInf(n.Flt, 0):
			return bsonraw.Value{}, cannotConvert("Attempt to convert infinity value to integer type in $convert with no onError value")
		}
		ok = n.Flt >= -(1<<63) && n.Flt < 1<<63
		if to == bsonraw.Int32 {
			// Looked at with the fraction, unlike a decimal.
			ok = n.Flt >= math.MinInt32 && n.Flt <= math.MaxInt32
		}
		if ok {
			i = int64(n.Flt)
		}
	case bsonraw.Decimal128:
		switch {
		case n.Dec.IsNaN():
			return bsonraw.Value{}, cannotConvert("Attempt to convert NaN value to integer type in $convert with no onError value")
		case n.Dec.IsInf():
			return bsonraw.Value{}, cannotConvert("Attempt to convert infinity value to integer type in $convert with no onError value")
		}
		i, ok = number.DecimalQuantize(n.Dec, 0, number.TowardZero).Int64()
	}
	if !ok || to == bsonraw.Int32 && i != int64(int32(i)) {
		return bsonraw.Value{}, overflows(n)
	}
	if to == bsonraw.Int32 {
		return env.int32(int(i)), nil
	}
	return env.int64(i), nil
}

func convertBool(env *Env, t bool, to bsonraw.Type) (bsonraw.Value, error) {
	n := 0
	if t {
		n = 1
	}
	switch to {
	case bsonraw.Double:
		return env.double(float64(n)), nil
	case bsonraw.String:
		return env.str(strconv.FormatBool(t)), nil
	case bsonraw.Int32:
		return env.int32(n), nil
	case bsonraw.Int64:
		return env.int64(int64(n)), nil
	case bsonraw.Decimal128:
		return env.number(number.Decimal(number.DecimalOfInt(int64(n)))), nil
	}
	return bsonraw.Value{}, unsupported(bsonraw.Boolean, to)
}

func convertDate(env *Env, ms int64, to bsonraw.Type) (bsonraw.Value, error) {
	switch to {
	case bsonraw.Double:
		return env.double(float64(ms)), nil
	case bsonraw.String:
		s, err := formatISO(ms)
		if err != nil {
			return bsonraw.Value{}, err
		}
		return env.text(s)
	case bsonraw.Int64:
		return env.int64(ms), nil
	case bsonraw.Decimal128:
		return env.number(number.Decimal(number.DecimalOfInt(ms))), nil
	}
	return bsonraw.Value{}, unsupported(bsonraw.DateTime, to)
}

func convertText(env *Env, s string, to bsonraw.Type) (bsonraw.Value, error) {
	switch to {
	case bsonraw.Double, bsonraw.Int32, bsonraw.Int64, bsonraw.Decimal128:
		return parseNumber(env, s, to)
	case bsonraw.ObjectID:
		return parseObjectID(env, s)
	case bsonraw.DateTime:
		ms, err := parseDateText(s, nil)
		if err != nil {
			return bsonraw.Value{}, cannotConvert("%s", errs.As(err).Message)
		}
		return env.date(ms), nil
	}
	return bsonraw.Value{}, unsupported(bsonraw.String, to)
}

func parseObjectID(env *Env, s string) (bsonraw.Value, error) {
	if len(s) != 24 {
		return bsonraw.Value{}, cannotConvert("Failed to parse objectId '%s' in $convert with no onError value: Invalid string length for parsing to OID, expected 24 but found %d", s, len(s))
	}
	id := env.arena.alloc(12)
	if _, err := hex.Decode(id, []byte(s)); err != nil {
		return bsonraw.Value{}, cannotConvert("Failed to parse objectId '%s' in $convert with no onError value: Invalid character found in hex string: '%c'", s, badHex(s))
	}
	return bsonraw.Value{Type: bsonraw.ObjectID, Data: id}, nil
}

func badHex(s string) byte {
	i := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
	return s[max(i, 0)]
}

func badNumber(s, why string) error {
	return cannotConvert("Failed to parse number '%s' in $convert with no onError value: %s", s, why)
}

func parseNumber(env *Env, s string, to bsonraw.Type) (bsonraw.Value, error) {
	if strings.HasPrefix(s, "0x") {
		return bsonraw.Value{}, cannotConvert("Illegal hexadecimal input in $convert with no onError value: %s", s)
	}
	switch to {
	case bsonraw.Double:
		f, why := parseDouble(s)
		if why != "" {
			return bsonraw.Value{}, badNumber(s, why)
		}
		return env.double(f), nil
	case bsonraw.Decimal128:
		if s == "" {
			return bsonraw.Value{}, badNumber(s, "Empty string")
		}
		d, err := number.ParseDecimal(s)
		if err != nil {
			return bsonraw.Value{}, badNumber(s, errs.As(err).Message)
		}
		return env.number(number.Decimal(d)), nil
	}
	n, why := parseInteger(s, to)
	if why != "" {
		return bsonraw.Value{}, badNumber(s, why)
	}
	if to == bsonraw.Int32 {
		return env.int32(int(n)), nil
	}
	return env.int64(n), nil
}

// parseInteger reads decimal digits with an optional sign.
func parseInteger(s string, to bsonraw.Type) (n int64, why string) {
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	if digits == "" {
		return 0, "No digits"
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, "Did not consume whole string."
		}
	}
	width := 64
	if to == bsonraw.Int32 {
		width = 32
	}
	n, err := strconv.ParseInt(s, 10, width)
	if err != nil {
		return 0, "Overflow"
	}
	return n, ""
}

// parseDouble reads what C's strtod does, without hexadecimal digits.
func parseDouble(s string) (f float64, why string) {
	if s == "" {
		return 0, "Empty string"
	}
	if strings.IndexByte(" \t\n\v\f\r", s[0]) >= 0 {
		return 0, "Leading whitespace"
	}
	if strings.ContainsAny(s, "_xXpP") {
		return 0, "Did not consume whole string."
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case len(s) == 4 && strings.EqualFold(s[1:], "nan") && (s[0] == '-' || s[0] == '+'):
		return bsonraw.NaN(), ""
	case errors.Is(err, strconv.ErrRange):
		return 0, "Out of range"
	case err != nil && !strings.ContainsAny(s, "0123456789"):
		return 0, "Did not consume any digits"
	case err != nil:
		return 0, "Did not consume whole string."
	case f == 0 && strings.ContainsAny(mantissa(s), "123456789"):
		return 0, "Out of range"
	case math.IsNaN(f):
		return bsonraw.NaN(), ""
	}
	return f, ""
}

func mantissa(s string) string {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		return s[:i]
	}
	return s
}
