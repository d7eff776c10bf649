package expr

import (
	"math"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// unit is a unit of time of $dateAdd, $dateDiff and $dateTrunc.
type unit uint8

const (
	unitMillisecond unit = iota
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitQuarter
	unitYear
)

var unitNames = map[string]unit{
	"millisecond": unitMillisecond, "second": unitSecond, "minute": unitMinute,
	"hour": unitHour, "day": unitDay, "week": unitWeek, "month": unitMonth,
	"quarter": unitQuarter, "year": unitYear,
}

// unitMillis is the length of the units that have a fixed one.
var unitMillis = [...]int64{1, 1000, 60_000, 3_600_000, 86_400_000, 7 * 86_400_000}

// unitMonths is the number of months of the units from month up.
var unitMonths = map[unit]int64{unitMonth: 1, unitQuarter: 3, unitYear: 12}

var weekdays = map[string]time.Weekday{
	"sunday": 0, "sun": 0, "monday": 1, "mon": 1, "tuesday": 2, "tue": 2,
	"wednesday": 3, "wed": 3, "thursday": 4, "thu": 4, "friday": 5, "fri": 5,
	"saturday": 6, "sat": 6,
}

// parseUnit reads a unit for $dateDiff and $dateTrunc.
func parseUnit(name string, v bsonraw.Value) (unit, error) {
	if v.Type != bsonraw.String {
		return 0, errs.New(5439013, "%s requires 'unit' to be a string, but got %s", name, v.Type.Name())
	}
	u, ok := unitNames[string(v.StringBytes())]
	if !ok {
		return 0, errs.New(5439014, "%s parameter 'unit' value cannot be recognized as a time unit: %s", name, v.StringBytes())
	}
	return u, nil
}

// parseWeekday reads startOfWeek, in any case, whole or by three letters.
func parseWeekday(name string, v bsonraw.Value) (time.Weekday, error) {
	if v.Type != bsonraw.String {
		return 0, errs.New(5439015, "%s requires 'startOfWeek' to be a string, but got %s", name, v.Type.Name())
	}
	day, ok := weekdays[strings.ToLower(v.Str())]
	if !ok {
		return 0, errs.New(5439016, "%s parameter 'startOfWeek' value cannot be recognized as a day of a week: %s", name, v.StringBytes())
	}
	return day, nil
}

// floorDiv rounds the quotient down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// dayNumber counts days since 1970 on the clock.
func dayNumber(t time.Time) int64 { return floorDiv(clockOf(t), 86400) }

// monthNumber counts months since the year 0 on the clock.
func monthNumber(t time.Time) int64 { return int64(t.Year())*12 + int64(t.Month()) - 1 }

// dateAdd is $dateAdd or $dateSubtract.
type dateAdd struct {
	name                string
	start, unit, amount Expr
	zone                Expr // may be nil
}

func parseDateAdd(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(5166400, "%s expects an object as its argument", name)
	}
	parts, err := named(arg.Doc(), []string{"startDate", "unit", "amount", "timezone"}, func(field string) error {
		return errs.New(5166401, "Unrecognized argument to %s: %s. Expected arguments are startDate, unit, amount, and optionally timezone.", name, field)
	})
	if err != nil {
		return nil, err
	}
	for _, v := range parts[:3] {
		if v.IsMissing() {
			return nil, errs.New(5166402, "%s requires startDate, unit, and amount to be present", name)
		}
	}
	x := &dateAdd{name: name}
	return x, c.compileEach(parts, &x.start, &x.unit, &x.amount, &x.zone)
}

func (x *dateAdd) children(visit func(*Expr)) {
	visitSome(visit, &x.start, &x.unit, &x.amount, &x.zone)
}

func (x *dateAdd) foldable() bool { return true }

func (x *dateAdd) Eval(env *Env) (bsonraw.Value, error) {
	start, err := x.start.Eval(env)
	if err != nil || start.IsNullish() {
		return null, err
	}
	unit, err := x.unit.Eval(env)
	if err != nil || unit.IsNullish() {
		return null, err
	}
	amount, err := x.amount.Eval(env)
	if err != nil || amount.IsNullish() {
		return null, err
	}
	zone, err := evalZone(env, x.zone)
	if err != nil || zone == nil {
		return null, err
	}
	ms, ok := asDate(start)
	if !ok {
		return bsonraw.Value{}, errs.New(5166403, "%s requires startDate to be convertible to a date", x.name)
	}
	u, n, err := x.arguments(unit, amount)
	if err != nil {
		return bsonraw.Value{}, err
	}
	ms, err = addUnits(ms, u, n, unit, zone)
	return env.date(ms), err
}

func (x *dateAdd) arguments(unit, amount bsonraw.Value) (u unit, n int64, err error) {
	if unit.Type != bsonraw.String {
		return 0, 0, errs.New(5166404, "%s expects string defining the time unit", x.name)
	}
	u, ok := unitNames[string(unit.StringBytes())]
	if !ok {
		return 0, 0, errs.New(errs.FailedToParse, "unknown time unit value: %s", unit.StringBytes())
	}
	n, ok = amount.AsInt64()
	if !ok {
		return 0, 0, errs.New(5166405, "%s expects integer amount of time units", x.name)
	}
	if x.name == "$dateSubtract" {
		if n == math.MinInt64 {
			return 0, 0, errs.New(6045000, "invalid %s 'amount' parameter value: %d", x.name, n)
		}
		n = -n
	}
	return u, n, nil
}

// maxAmount is the first amount of each unit that is refused: about 2^64
// milliseconds. There is none for milliseconds.
var maxAmount = [...]int64{
	unitMillisecond: math.MaxInt64,
	unitSecond:      213503982335 * 86400,
	unitMinute:      213503982335 * 1440,
	unitHour:        213503982335 * 24,
	unitDay:         213503982335,
	unitWeek:        213503982335 / 7,
	unitMonth:       584942418 * 12,
	unitQuarter:     584942418 * 4,
	unitYear:        584942418,
}

// addUnits adds n units: up to hours to the moment, and from days up to the
// date that calendars in the zone show. A day that the month does not have
// becomes its last one.
func addUnits(ms int64, u unit, n int64, name bsonraw.Value, zone *time.Location) (int64, error) {
	if most := maxAmount[u]; most != math.MaxInt64 && (n >= most || n <= -most) {
		return 0, errs.New(5976500, "invalid dateAdd 'amount' parameter value: %d %s", n, name.StringBytes())
	}
	if u <= unitHour || zone == time.UTC && u <= unitWeek {
		return addMillis(ms, n, unitMillis[u])
	}
	if u <= unitWeek && (n > math.MaxInt64/unitMillis[u] || n < math.MinInt64/unitMillis[u]) {
		return 0, errs.New(5166406, "dateAdd overflowed")
	}
	t := local(ms, zone)
	clock, fraction := clockOf(t), ms-t.Unix()*1000
	if u <= unitWeek {
		clock += n * unitMillis[u] / 1000
	} else {
		clock = addMonths(clock, n*unitMonths[u])
	}
	utc := toUTC(clock, zone, t.IsDST())
	if utc > math.MaxInt64/1000-1 || utc < math.MinInt64/1000+1 {
		return 0, errs.New(5166406, "dateAdd overflowed")
	}
	return utc*1000 + fraction, nil
}

func addMillis(ms, n, unit int64) (int64, error) {
	if unit == 1 {
		sum := ms + n
		if (sum < ms) != (n < 0) {
			return 0, errs.New(errs.DurationOverflow, "Overflow while adding %dms to %dms", n, ms)
		}
		return sum, nil
	}
	// maxAmount lets through twice what fits.
	if limit := math.MaxInt64 / unit; n > limit || n < -limit {
		return 0, errs.New(5166406, "dateAdd overflowed")
	}
	sum := ms + n*unit
	if (sum < ms) != (n < 0) {
		return 0, errs.New(5166406, "dateAdd overflowed")
	}
	return sum, nil
}

// addMonths moves a clock by months, at most to the last day of the month.
func addMonths(clock, months int64) int64 {
	t := time.Unix(clock, 0).UTC()
	total := monthNumber(t) + months
	year, month := int(floorDiv(total, 12)), time.Month(total-floorDiv(total, 12)*12+1)
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	day := time.Date(year, month, min(t.Day(), last), 0, 0, 0, 0, time.UTC)
	return day.Unix() + clock - floorDiv(clock, 86400)*86400
}
