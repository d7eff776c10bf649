package expr

import (
	"math"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// dateDiff is $dateDiff: the number of unit boundaries between two moments.
type dateDiff struct {
	start, end, unit  Expr
	zone, startOfWeek Expr // may be nil
}

func parseDateDiff(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(5166301, "$dateDiff only supports an object as its argument")
	}
	names := []string{"startDate", "endDate", "unit", "timezone", "startOfWeek"}
	parts, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(5166302, "Unrecognized argument to $dateDiff: %s", field)
	})
	if err != nil {
		return nil, err
	}
	for i, v := range parts[:3] {
		if v.IsMissing() {
			return nil, errs.New(5166303+errs.Code(i), "Missing '%s' parameter to %s", names[i], name)
		}
	}
	x := &dateDiff{}
	return x, c.compileEach(parts, &x.start, &x.end, &x.unit, &x.zone, &x.startOfWeek)
}

func (x *dateDiff) children(visit func(*Expr)) {
	visitSome(visit, &x.start, &x.end, &x.unit, &x.zone, &x.startOfWeek)
}

func (x *dateDiff) foldable() bool { return true }

func (x *dateDiff) Eval(env *Env) (bsonraw.Value, error) {
	var parts [3]bsonraw.Value
	for i, e := range [3]Expr{x.start, x.end, x.unit} {
		v, err := e.Eval(env)
		if err != nil || v.IsNullish() {
			return null, err
		}
		parts[i] = v
	}
	w, ok, err := evalWhere(env, "$dateDiff", parts[2], x.zone, x.startOfWeek)
	if err != nil || !ok {
		return null, err
	}
	var ms [2]int64
	for i, v := range parts[:2] {
		var ok bool
		if ms[i], ok = asDate(v); !ok {
			return bsonraw.Value{}, errs.New(5166307, "$dateDiff requires '%s' to be a date, but got %s", [2]string{"startDate", "endDate"}[i], v.Type.Name())
		}
	}
	if err := w.parseUnit(); err != nil {
		return bsonraw.Value{}, err
	}
	if err := w.parseWeek(); err != nil {
		return bsonraw.Value{}, err
	}
	n, ok := w.diff(ms[0], ms[1])
	if !ok {
		return bsonraw.Value{}, errs.New(5166308, "dateDiff overflowed")
	}
	return env.int64(n), nil
}

// where is how a calendar divides time: by a unit, in a zone, with weeks that
// begin on a day.
type where struct {
	name               string // of the operator
	unitValue, weekDay bsonraw.Value
	unit               unit
	zone               *time.Location
	startOfWeek        time.Weekday
}

// evalWhere evaluates zone and start of week, which counts only for weeks; ok
// is false if one is null. parseUnit and parseWeek then take the values in.
func evalWhere(env *Env, name string, unit bsonraw.Value, zone, startOfWeek Expr) (w where, ok bool, err error) {
	w = where{name: name, unitValue: unit}
	if startOfWeek != nil && unit.Type == bsonraw.String && string(unit.StringBytes()) == "week" {
		if w.weekDay, err = startOfWeek.Eval(env); err != nil || w.weekDay.IsNullish() {
			return w, false, err
		}
	}
	w.zone, err = evalZone(env, zone)
	if x := errs.As(err); x != nil && (x.Code == 40517 || x.Code == 40485) {
		err = errs.New(x.Code, "%s parameter 'timezone' value parsing failed :: caused by :: %s", name, x.Message)
	}
	return w, w.zone != nil, err
}

func (w *where) parseUnit() (err error) {
	w.unit, err = parseUnit(w.name, w.unitValue)
	return err
}

func (w *where) parseWeek() (err error) {
	if !w.weekDay.IsMissing() {
		w.startOfWeek, err = parseWeekday(w.name, w.weekDay)
	}
	return err
}

// diff returns how many boundaries lie between two moments.
func (w *where) diff(from, to int64) (n int64, ok bool) {
	switch w.unit {
	case unitMillisecond:
		n = to - from
		return n, (n < 0) == (to < from)
	case unitSecond, unitMinute:
		size := unitMillis[w.unit]
		return floorDiv(to, size) - floorDiv(from, size), true
	}
	a, b := local(from, w.zone), local(to, w.zone)
	switch w.unit {
	case unitHour:
		_, offsetA := a.Zone()
		_, offsetB := b.Zone()
		hours := floorDiv(clockOf(b), 3600) - floorDiv(clockOf(a), 3600)
		return hours - int64(offsetB-offsetA)/3600, true
	case unitDay:
		return dayNumber(b) - dayNumber(a), true
	case unitWeek:
		return w.weekNumber(b) - w.weekNumber(a), true
	}
	months := unitMonths[w.unit]
	return floorDiv(monthNumber(b), months) - floorDiv(monthNumber(a), months), true
}

// weekNumber counts weeks since 1970, when January 1 was a Thursday.
func (w *where) weekNumber(t time.Time) int64 {
	return floorDiv(dayNumber(t)+int64(time.Thursday)-int64(w.startOfWeek), 7)
}

// dateTrunc is $dateTrunc: the start of the bin of units that holds a moment.
type dateTrunc struct {
	date, unit                 Expr
	binSize, zone, startOfWeek Expr // may be nil
}

func parseDateTrunc(c *compiler, name string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(5439007, "$dateTrunc only supports an object as its argument")
	}
	names := []string{"date", "unit", "binSize", "timezone", "startOfWeek"}
	parts, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(5439008, "Unrecognized argument to $dateTrunc: %s. Expected arguments are date, unit, and optionally, binSize, timezone, startOfWeek", field)
	})
	if err != nil {
		return nil, err
	}
	for i, v := range parts[:2] {
		if v.IsMissing() {
			return nil, errs.New(5439009+errs.Code(i), "Missing '%s' parameter to %s", names[i], name)
		}
	}
	x := &dateTrunc{}
	return x, c.compileEach(parts, &x.date, &x.unit, &x.binSize, &x.zone, &x.startOfWeek)
}

func (x *dateTrunc) children(visit func(*Expr)) {
	visitSome(visit, &x.date, &x.unit, &x.binSize, &x.zone, &x.startOfWeek)
}

func (x *dateTrunc) foldable() bool { return true }

func (x *dateTrunc) Eval(env *Env) (bsonraw.Value, error) {
	date, err := x.date.Eval(env)
	if err != nil || date.IsNullish() {
		return null, err
	}
	unit, err := x.unit.Eval(env)
	if err != nil || unit.IsNullish() {
		return null, err
	}
	size, err := evalOr(env, x.binSize, oneBin)
	if err != nil || size.IsNullish() {
		return null, err
	}
	w, ok, err := evalWhere(env, "$dateTrunc", unit, x.zone, x.startOfWeek)
	if err != nil || !ok {
		return null, err
	}
	ms, ok := asDate(date)
	if !ok {
		return bsonraw.Value{}, errs.New(5439012, "$dateTrunc requires 'date' to be a date, but got %s", date.Type.Name())
	}
	if err := w.parseUnit(); err != nil {
		return bsonraw.Value{}, err
	}
	n, err := parseBinSize(size)
	if err != nil {
		return bsonraw.Value{}, err
	}
	if err := w.parseWeek(); err != nil {
		return bsonraw.Value{}, err
	}
	ms, err = w.truncate(ms, n)
	return env.date(ms), err
}

var oneBin = bsonraw.Int32Value(1)

func parseBinSize(v bsonraw.Value) (int64, error) {
	n, whole := v.AsInt64()
	switch {
	case !whole:
		return 0, errs.New(5439017, "$dateTrunc requires 'binSize' to be a 64-bit integer, but got value '%s' of type %s", show(v), v.Type.Name())
	case n <= 0:
		return 0, errs.New(5439018, "$dateTrunc requires 'binSize' to be greater than 0, but got value %d", n)
	}
	return n, nil
}

// maxBin is the largest bin of units from days up.
const maxBin = 100_000_000_000

// truncate returns the start of the bin of n units. Bins are counted from
// January 1, 2000 in the zone, those of weeks from the first start of a week.
func (w *where) truncate(ms, n int64) (int64, error) {
	if w.unit <= unitHour {
		return w.truncateMillis(ms, n)
	}
	if n > maxBin {
		return 0, errs.New(5439006, "dateTrunc unsupported binSize value")
	}
	t := local(ms, w.zone)
	var units int64 // from 2000 to the start of the bin
	first := int64(firstDay2000)
	switch w.unit {
	case unitDay:
		units = floorDiv(dayNumber(t)-first, n) * n
	case unitWeek:
		first += int64((w.startOfWeek - time.Saturday + 7) % 7)
		units = floorDiv(dayNumber(t)-first, 7*n) * n
	default:
		months := unitMonths[w.unit]
		units = floorDiv(monthNumber(t)-2000*12, months*n) * n
	}
	return addUnits(toUTC(first*86400, w.zone, false)*1000, w.unit, units, w.unitValue, w.zone)
}

// firstDay2000 is January 1, 2000, a Saturday, in days since 1970.
const firstDay2000 = 10957

func (w *where) truncateMillis(ms, n int64) (int64, error) {
	size := unitMillis[w.unit]
	if n > math.MaxInt64/size {
		return 0, truncOverflow(5439002)
	}
	size *= n
	reference := toUTC(firstDay2000*86400, w.zone, false) * 1000
	distance := ms - reference
	if (distance < 0) != (ms < reference) {
		return 0, truncOverflow(5439000)
	}
	bins := floorDiv(distance, size)
	if bins < 0 && bins < math.MinInt64/size || reference+bins*size > ms {
		return 0, truncOverflow(5439001)
	}
	return reference + bins*size, nil
}

func truncOverflow(code errs.Code) error { return errs.New(code, "dateTrunc overflowed") }
