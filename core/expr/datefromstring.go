package expr

import (
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// dateFromString is $dateFromString.
type dateFromString struct {
	text                          Expr
	format, zone, onError, onNull Expr // may be nil
}

func parseDateFromString(c *compiler, _ string, arg bsonraw.Value) (Expr, error) {
	if arg.Type != bsonraw.Object {
		return nil, errs.New(40540, "$dateFromString only supports an object as an argument, found: %s", arg.Type.Name())
	}
	names := []string{"dateString", "format", "timezone", "onError", "onNull"}
	parts, err := named(arg.Doc(), names, func(field string) error {
		return errs.New(40541, "Unrecognized argument to $dateFromString: %s", field)
	})
	if err != nil {
		return nil, err
	}
	if parts[0].IsMissing() {
		return nil, errs.New(40542, "Missing 'dateString' parameter to $dateFromString")
	}
	x := &dateFromString{}
	return x, c.compileEach(parts, &x.text, &x.format, &x.zone, &x.onError, &x.onNull)
}

func (x *dateFromString) children(visit func(*Expr)) {
	visitSome(visit, &x.text, &x.format, &x.zone, &x.onError, &x.onNull)
}

func (x *dateFromString) foldable() bool { return true }

func isParseDirective(c byte) bool { return strings.IndexByte("YmdHMSLzZGVu%", c) >= 0 }

func (x *dateFromString) Eval(env *Env) (bsonraw.Value, error) {
	text, err := x.text.Eval(env)
	if err != nil {
		return bsonraw.Value{}, err
	}
	format, ok, err := evalFormat(env, x.format, "$dateFromString", 40684, isParseDirective)
	if err != nil {
		return bsonraw.Value{}, err
	}
	zone, err := evalZone(env, x.zone)
	switch {
	case err != nil:
		return bsonraw.Value{}, err
	case text.IsNullish():
		return evalOr(env, x.onNull, null)
	case text.Type == bsonraw.String && (zone == nil || !ok):
		return null, nil
	}
	ms, err := x.parse(text, format, zone)
	if err != nil {
		if x.onError != nil {
			return x.onError.Eval(env)
		}
		return bsonraw.Value{}, err
	}
	return env.date(ms), nil
}

func (x *dateFromString) parse(text bsonraw.Value, format string, zone *time.Location) (int64, error) {
	if text.Type != bsonraw.String {
		return 0, cannotConvert("$dateFromString requires that 'dateString' be a string, found: %s with value %s", text.Type.Name(), show(text))
	}
	if x.zone == nil {
		zone = nil
	}
	if x.format == nil {
		return parseDateText(text.Str(), zone)
	}
	return parseDateFormat(text.Str(), format, zone)
}

// parsedDate is what a text says of a date.
type parsedDate struct {
	text string
	at   int // where the text is being read

	year, month, day          int
	hasDate                   bool // year, month and day
	hour, minute, second      int
	hasTime                   bool
	nanos                     int
	isoWeek, isoWeekday       int
	hasISO                    bool // year, isoWeek, isoWeekday
	offset                    int  // seconds east of UTC
	hasZone                   bool
	zoneName                  string
	weekday                   int // a day that the date moves forward to, if hasWeekday
	hasWeekday                bool
	stamp                     int64 // seconds since 1970, if hasStamp
	hasStamp                  bool
	yearSet, monthSet, daySet bool
}

func (p *parsedDate) fail(at int, what string) error {
	c := "\\0"
	if at < len(p.text) {
		c = p.text[at : at+1]
	}
	return cannotConvert("Error parsing date string '%s'; %d: %s '%s'", p.text, at, what, c)
}

// moment puts the parts together. zone is the operator's argument, nil without
// one; a text may not name a zone too.
func (p *parsedDate) moment(zone *time.Location) (int64, error) {
	switch {
	case p.hasZone && zone != nil && p.zoneName == "":
		return 0, cannotConvert("you cannot pass in a date/time string with GMT offset together with a timezone argument")
	case p.hasZone && zone != nil:
		return 0, cannotConvert("you cannot pass in a date/time string with time zone information ('%s') together with a timezone argument", p.zoneName)
	case p.hasStamp:
		return p.stamp * 1000, nil
	case !p.hasDate && !p.hasISO:
		return 0, cannotConvert("an incomplete date/time string has been found, with elements missing: %q", p.text)
	case p.hour > 23 || p.minute > 59 || p.second > 59:
		return 0, p.fail(len(p.text), "The parsed time was invalid")
	}
	var day time.Time
	if p.hasISO {
		day = isoDay(p.year, p.isoWeek, p.isoWeekday)
	} else {
		day = time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC)
		if day.Day() != p.day || int(day.Month()) != p.month {
			return 0, p.fail(len(p.text), "The parsed date was invalid")
		}
	}
	if p.hasWeekday {
		day = day.AddDate(0, 0, (p.weekday-int(day.Weekday())+7)%7)
	}
	clock := day.Unix() + int64(p.hour*3600+p.minute*60+p.second)
	switch {
	case p.hasZone:
		clock -= int64(p.offset)
	case zone != nil:
		clock = toUTC(clock, zone, false)
	}
	return clock*1000 + int64(p.nanos/1e6), nil
}

// digits reads from least to most digits.
func (p *parsedDate) digits(least, most int) (n int, ok bool) {
	end := p.at
	for end < len(p.text) && end-p.at < most && p.text[end] >= '0' && p.text[end] <= '9' {
		n = n*10 + int(p.text[end]-'0')
		end++
	}
	if end-p.at < least {
		return 0, false
	}
	p.at = end
	return n, true
}

// parseDateFormat reads a date by a format that checkFormat has checked.
func parseDateFormat(text, format string, zone *time.Location) (int64, error) {
	p := &parsedDate{text: text}
	for i := 0; i < len(format); i++ {
		if p.at >= len(text) {
			return 0, p.fail(len(text), "Not enough data available to satisfy format")
		}
		if format[i] != '%' {
			if text[p.at] != format[i] {
				return 0, p.fail(p.at, "Unexpected data found.")
			}
			p.at++
			continue
		}
		i++
		if err := p.directive(format[i]); err != nil {
			return 0, err
		}
	}
	switch {
	case p.at < len(text):
		return 0, p.fail(p.at, "Trailing data")
	case p.hasISO && (p.monthSet || p.daySet || p.yearSet):
		return 0, p.fail(len(text), "Mixing of ISO dates with natural dates is not allowed")
	}
	if p.hasISO && p.isoWeekday == 0 {
		p.isoWeekday = 1
	}
	p.hasDate = p.yearSet && p.monthSet && p.daySet
	return p.moment(zone)
}

// number is a directive that stands for a number.
type numberDirective struct {
	least, most int
	missing     string
	set         func(p *parsedDate, n int)
}

var numberDirectives = map[byte]numberDirective{
	'Y': {1, 4, "A four digit year could not be found", func(p *parsedDate, n int) { p.year, p.yearSet = n, true }},
	'm': {1, 2, "A two digit month could not be found", func(p *parsedDate, n int) { p.month, p.monthSet = n, true }},
	'd': {1, 2, "A two digit day could not be found", func(p *parsedDate, n int) { p.day, p.daySet = n, true }},
	'H': {1, 2, "A two digit hour could not be found", func(p *parsedDate, n int) { p.hour = n }},
	'M': {2, 2, "A two digit minute could not be found", func(p *parsedDate, n int) { p.minute = n }},
	'S': {2, 2, "A two digit second could not be found", func(p *parsedDate, n int) { p.second = n }},
	'G': {1, 4, "A four digit ISO year could not be found", func(p *parsedDate, n int) { p.year, p.hasISO = n, true }},
	'V': {1, 2, "A two digit ISO week could not be found", func(p *parsedDate, n int) { p.isoWeek, p.hasISO = n, true }},
	'u': {1, 1, "A single digit day of week could not be found", func(p *parsedDate, n int) { p.isoWeekday, p.hasISO = n, true }},
}

func (p *parsedDate) directive(c byte) error {
	if d, ok := numberDirectives[c]; ok {
		n, ok := p.digits(d.least, d.most)
		if !ok {
			return p.fail(p.at, d.missing)
		}
		d.set(p, n)
		return nil
	}
	switch c {
	case 'L':
		return p.fraction(3)
	case 'z':
		return p.zone()
	case 'Z':
		return p.minutesOffset()
	}
	if p.text[p.at] != '%' {
		return p.fail(p.at, "Unexpected data found.")
	}
	p.at++
	return nil
}

// fraction reads digits behind the point of a second.
func (p *parsedDate) fraction(most int) error {
	start := p.at
	n, ok := p.digits(1, most)
	if !ok {
		return p.fail(p.at, "A three digit millisecond could not be found")
	}
	for i := p.at - start; i < 9; i++ {
		n *= 10
	}
	p.nanos = n
	return nil
}

// minutesOffset reads a signed number of minutes.
func (p *parsedDate) minutesOffset() error {
	start := p.at
	sign := strings.IndexByte("-+", p.text[p.at])
	p.at++
	n, ok := p.digits(1, 5)
	if sign < 0 || !ok {
		return p.fail(start, "Invalid timezone offset in minutes")
	}
	p.offset, p.hasZone = (2*sign-1)*n*60, true
	return nil
}
