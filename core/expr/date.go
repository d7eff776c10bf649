package expr

import (
	"encoding/binary"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// objectIDMillis returns the moment in an ObjectId.
func objectIDMillis(v bsonraw.Value) int64 {
	return int64(int32(binary.BigEndian.Uint32(v.Data))) * 1000
}

// asDate returns the moment of a date, timestamp or ObjectId in milliseconds.
func asDate(v bsonraw.Value) (ms int64, ok bool) {
	switch v.Type {
	case bsonraw.DateTime:
		return v.Int64(), true
	case bsonraw.Timestamp:
		seconds, _ := v.Timestamp()
		return int64(seconds) * 1000, true
	case bsonraw.ObjectID:
		return objectIDMillis(v), true
	}
	return 0, false
}

// coerceDate is asDate with the error of the older date operators.
func coerceDate(v bsonraw.Value) (int64, error) {
	ms, ok := asDate(v)
	if !ok {
		return 0, errs.New(16006, "can't convert from BSON type %s to Date", v.Type.Name())
	}
	return ms, nil
}

// formatISO writes a date as $toString does.
func formatISO(ms int64) ([]byte, error) {
	return formatDate(nil, isoFormat, local(ms, time.UTC))
}

const isoFormat = "%Y-%m-%dT%H:%M:%S.%LZ"

// dateOperators makes the rows of the date operators.
func dateOperators() map[string]parser {
	rows := map[string]parser{
		"$dateToString":   parseDateToString,
		"$dateFromString": parseDateFromString,
		"$dateToParts":    parseDateToParts,
		"$dateFromParts":  parseDateFromParts,
		"$dateAdd":        parseDateAdd,
		"$dateSubtract":   parseDateAdd,
		"$dateDiff":       parseDateDiff,
		"$dateTrunc":      parseDateTrunc,
		"$isoWeekYear": dateParser(func(env *Env, t time.Time) bsonraw.Value {
			return env.int64(int64(isoYear(t)))
		}),
	}
	for name, part := range map[string]func(time.Time) int{
		"$year":         time.Time.Year,
		"$month":        func(t time.Time) int { return int(t.Month()) },
		"$dayOfMonth":   time.Time.Day,
		"$hour":         time.Time.Hour,
		"$minute":       time.Time.Minute,
		"$second":       time.Time.Second,
		"$millisecond":  func(t time.Time) int { return t.Nanosecond() / 1e6 },
		"$dayOfWeek":    func(t time.Time) int { return int(t.Weekday()) + 1 },
		"$dayOfYear":    time.Time.YearDay,
		"$week":         sundayWeek,
		"$isoWeek":      isoWeek,
		"$isoDayOfWeek": isoWeekday,
	} {
		rows[name] = dateParser(func(env *Env, t time.Time) bsonraw.Value { return env.int32(part(t)) })
	}
	return rows
}

// datePart is $year and its like.
type datePart struct {
	name       string
	date, zone Expr // zone may be nil
	part       func(env *Env, t time.Time) bsonraw.Value
}

func dateParser(part func(*Env, time.Time) bsonraw.Value) parser {
	return func(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
		x := &datePart{name: name, part: part}
		if arg.Type == bsonraw.Object && !isOperatorObject(arg.Doc()) {
			parts, err := named(arg.Doc(), []string{"date", "timezone"}, func(field string) error {
				return errs.New(40535, "unrecognized option to %s: %q", name, field)
			})
			if err != nil {
				return nil, err
			}
			if parts[0].IsMissing() {
				return nil, errs.New(40539, "missing 'date' argument to %s, provided: %s: %s", name, name, show(arg))
			}
			return x, c.compileEach(parts, &x.date, &x.zone)
		}
		args, err := c.arguments(arg)
		if err != nil {
			return nil, err
		}
		if len(args) != 1 {
			return nil, errs.New(40536, "%s accepts exactly one argument if given an array, but was given %d", name, len(args))
		}
		x.date = args[0]
		return x, nil
	}
}

func (x *datePart) Eval(env *Env) (bsonraw.Value, error) {
	v, err := x.date.Eval(env)
	if err != nil || v.IsNullish() {
		return null, err
	}
	ms, err := coerceDate(v)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if x.zone == nil {
		return x.part(env, local(ms, time.UTC)), nil
	}
	zone, err := x.zone.Eval(env)
	switch {
	case err != nil || zone.IsNullish():
		return null, err
	case zone.Type != bsonraw.String:
		return bsonraw.Value{}, errs.New(40533, "%s requires a string for the timezone argument, but was given a %s (%s)", x.name, zone.Type.Name(), show(zone))
	}
	z, err := loadZone(zone.Str())
	if err != nil {
		return bsonraw.Value{}, err
	}
	return x.part(env, local(ms, z)), nil
}

func (x *datePart) children(visit func(*Expr)) { visitSome(visit, &x.date, &x.zone) }
func (x *datePart) foldable() bool             { return true }

// dateToString is $dateToString.
type dateToString struct {
	date                 Expr
	format, zone, onNull Expr // may be nil
}

func parseDateToString(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(18629, "$dateToString only supports an object as its argument")
	}
	parts, err := named(arg.Doc(), []string{"date", "format", "timezone", "onNull"}, func(field string) error {
		return errs.New(18534, "Unrecognized argument to $dateToString: %s", field)
	})
	if err != nil {
		return nil, err
	}
	if parts[0].IsMissing() {
		return nil, errs.New(18628, "Missing 'date' parameter to $dateToString")
	}
	x := &dateToString{}
	return x, c.compileEach(parts, &x.date, &x.format, &x.zone, &x.onNull)
}

// evalFormat evaluates and checks an optional format; ok is false for null.
func evalFormat(env *Env, e Expr, name string, code errs.Code, known func(byte) bool) (format string, ok bool, err error) {
	if e == nil {
		return "", true, nil
	}
	v, err := e.Eval(env)
	switch {
	case err != nil || v.IsNullish():
		return "", false, err
	case v.Type != bsonraw.String:
		return "", false, errs.New(code, "%s requires that 'format' be a string, found: %s with value %s", name, v.Type.Name(), show(v))
	}
	format = v.Str()
	return format, true, checkFormat(format, known)
}

func (x *dateToString) Eval(env *Env) (bsonraw.Value, error) {
	v, err := x.date.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	format, ok, err := evalFormat(env, x.format, "$dateToString", 18533, isDirective)
	if err != nil {
		return bsonraw.Value{}, err
	}
	zone, err := evalZone(env, x.zone)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case v.IsNullish():
		return evalOr(env, x.onNull, null)
	case zone == nil || !ok:
		return null, nil
	}
	ms, err := coerceDate(v)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if x.format == nil {
		// The letter Z stands for any zone.
		format = isoFormat
	}
	var buf [64]byte
	s, err := formatDate(buf[:0], format, local(ms, zone))
	if err != nil {
		return bsonraw.Value{}, err
	}
	return env.text(s)
}

func (x *dateToString) children(visit func(*Expr)) {
	visitSome(visit, &x.date, &x.format, &x.zone, &x.onNull)
}

func (x *dateToString) foldable() bool { return true }
