package expr

import (
	"math"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// dateToParts is $dateToParts.
type dateToParts struct {
	date, zone, iso Expr // zone and iso may be nil
}

func parseDateToParts(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(40524, "$dateToParts only supports an object as its argument")
	}
	parts, err := named(arg.Doc(), []string{"date", "timezone", "iso8601"}, func(field string) error {
		return errs.New(40520, "Unrecognized argument to $dateToParts: %s", field)
	})
	if err != nil {
		return nil, err
	}
	if parts[0].IsMissing() {
		return nil, errs.New(40522, "Missing 'date' parameter to $dateToParts")
	}
	x := &dateToParts{}
	return x, c.compileEach(parts, &x.date, &x.zone, &x.iso)
}

func (x *dateToParts) Eval(env *Env) (bsonraw.Value, error) {
	v, err := x.date.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	zone, err := evalZone(env, x.zone)
	if err != nil || zone == nil {
		return null, err
	}
	iso, err := evalOr(env, x.iso, boolean(false))
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case iso.IsNullish():
		return null, nil
	case iso.Type != bsonraw.Boolean:
		return bsonraw.Value{}, errs.New(40521, "iso8601 must evaluate to a bool, found %s", iso.Type.Name())
	case v.IsNullish():
		return null, nil
	}
	ms, err := coerceDate(v)
	if err != nil {
		return bsonraw.Value{}, err
	}
	return env.dateParts(local(ms, zone), iso.Bool())
}

// dateParts makes the object of a date's parts.
func (env *Env) dateParts(t time.Time, iso bool) (bsonraw.Value, error) {
	at := env.open()
	put := func(name string, n int) { env.field([]byte(name), env.int32(n)) }
	if iso {
		put("isoWeekYear", isoYear(t))
		put("isoWeek", isoWeek(t))
		put("isoDayOfWeek", isoWeekday(t))
	} else {
		put("year", t.Year())
		put("month", int(t.Month()))
		put("day", t.Day())
	}
	put("hour", t.Hour())
	put("minute", t.Minute())
	put("second", t.Second())
	put("millisecond", t.Nanosecond()/1e6)
	return env.close(bsonraw.Object, at)
}

func (x *dateToParts) children(visit func(*Expr)) { visitSome(visit, &x.date, &x.zone, &x.iso) }
func (x *dateToParts) foldable() bool             { return true }

// The arguments of $dateFromParts.
const (
	partYear = iota
	partMonth
	partDay
	partISOYear
	partISOWeek
	partISODay
	partHour
	partMinute
	partSecond
	partMillisecond
	partZone
	partCount
)

var partNames = []string{
	"year", "month", "day", "isoWeekYear", "isoWeek", "isoDayOfWeek",
	"hour", "minute", "second", "millisecond", "timezone",
}

// dateFromParts is $dateFromParts.
type dateFromParts struct {
	parts [partCount]Expr // nil where not given
}

func parseDateFromParts(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(40519, "$dateFromParts only supports an object as its argument")
	}
	values, err := named(arg.Doc(), partNames, func(field string) error {
		return errs.New(40518, "Unrecognized argument to $dateFromParts: %s", field)
	})
	if err != nil {
		return nil, err
	}
	has := func(i int) bool { return !values[i].IsMissing() }
	switch {
	case !has(partYear) && !has(partISOYear):
		return nil, errs.New(40516, "$dateFromParts requires either 'year' or 'isoWeekYear' to be present")
	case has(partYear) && (has(partISOYear) || has(partISOWeek) || has(partISODay)):
		return nil, errs.New(40489, "$dateFromParts does not allow mixing natural dates with ISO dates")
	case has(partISOYear) && (has(partMonth) || has(partDay)):
		return nil, errs.New(40525, "$dateFromParts does not allow mixing ISO dates with natural dates")
	}
	x := &dateFromParts{}
	for i := range x.parts {
		if x.parts[i], err = c.optional(values[i]); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *dateFromParts) children(visit func(*Expr)) {
	for i := range x.parts {
		visitSome(visit, &x.parts[i])
	}
}

func (x *dateFromParts) foldable() bool { return true }

// part evaluates one part; ok is false for null.
func (x *dateFromParts) part(env *Env, i int, or int64) (n int64, ok bool, err error) {
	if x.parts[i] == nil {
		return or, true, nil
	}
	v, err := x.parts[i].Eval(env)
	if err != nil || v.IsNullish() {
		return 0, false, err
	}
	n, whole := v.AsInt64()
	if !whole {
		return 0, false, errs.New(40515, "'%s' must evaluate to an integer, found %s with value %s", partNames[i], v.Type.Name(), show(v))
	}
	bounded := i != partYear && i != partISOYear && i != partSecond && i != partMillisecond
	if bounded && n != int64(int16(n)) {
		return 0, false, errs.New(31034, "'%s' must evaluate to a value in the range [%d, %d]; value %d is not in range", partNames[i], math.MinInt16, math.MaxInt16, n)
	}
	return n, true, nil
}

// evalParts evaluates parts in order into out; ok is false at the first null.
func (x *dateFromParts) evalParts(env *Env, out *[partCount]int64, parts ...int) (ok bool, err error) {
	for _, i := range parts {
		or := int64(0)
		if i <= partISODay {
			or = 1
		}
		if out[i], ok, err = x.part(env, i, or); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (x *dateFromParts) Eval(env *Env) (bsonraw.Value, error) {
	var p [partCount]int64
	ok, err := x.evalParts(env, &p, partHour, partMinute, partSecond, partMillisecond)
	if err != nil || !ok {
		return null, err
	}
	zone, err := evalZone(env, x.parts[partZone])
	if err != nil || zone == nil {
		return null, err
	}
	var day time.Time
	if x.parts[partYear] != nil {
		ok, err = x.evalParts(env, &p, partYear, partMonth, partDay)
		day = time.Date(int(p[partYear]), time.Month(p[partMonth]), int(p[partDay]), 0, 0, 0, 0, time.UTC)
	} else {
		ok, err = x.evalParts(env, &p, partISOYear, partISOWeek, partISODay)
		day = isoDay(int(p[partISOYear]), int(p[partISOWeek]), int(p[partISODay]))
	}
	if err != nil || !ok {
		return null, err
	}
	if err := x.checkYear(&p); err != nil {
		return bsonraw.Value{}, err
	}
	ms, ok := assemble(day, &p, zone)
	if !ok {
		return bsonraw.Value{}, errs.New(errs.DurationOverflow, "Overflow casting from a lower-precision duration to a higher-precision duration")
	}
	return env.date(ms), nil
}

func (x *dateFromParts) checkYear(p *[partCount]int64) error {
	if year := p[partYear]; x.parts[partYear] != nil && (year < 1 || year > 9999) {
		return errs.New(40523, "'year' must evaluate to an integer in the range 1 to 9999, found %d", year)
	}
	if year := p[partISOYear]; x.parts[partISOYear] != nil && (year < 1 || year > 9999) {
		return errs.New(31095, "'isoWeekYear' must evaluate to an integer in the range 1 to 9999, found %d", year)
	}
	return nil
}

// isoDay returns the day of an ISO week date, any part of which may be out of
// its range.
func isoDay(year, week, day int) time.Time {
	// January 4 is always in week 1.
	fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
	return fourth.AddDate(0, 0, (week-1)*7+day-isoWeekday(fourth))
}

// assemble adds the parts of the clock to a day, in a zone.
func assemble(day time.Time, p *[partCount]int64, zone *time.Location) (ms int64, ok bool) {
	seconds, fraction := p[partSecond], p[partMillisecond]
	const most = math.MaxInt64 / 1000
	if seconds > most || seconds < -most {
		return 0, false
	}
	clock := day.Unix() + p[partHour]*3600 + p[partMinute]*60
	utc, carry := toUTC(clock, zone, false), seconds*1000
	ms = utc*1000 + carry
	if (carry > 0) != (ms > utc*1000) && carry != 0 {
		return 0, false
	}
	sum := ms + fraction
	return sum, (sum < ms) == (fraction < 0)
}
