package expr

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A free-form date is a series of tokens: dates, times, zones. At each place the
// longest token counts, and of equally long ones the first, as in the grammar
// of PHP's strtotime that mongod uses. Named groups say what a token sets.
// Relative times ("next monday", "+1 day") are not understood.
var dateTokens = sync.OnceValue(func() []*regexp.Regexp {
	const (
		month   = `(?P<mon>0?[0-9]|1[0-2])`
		monthlz = `(?P<mon>0[0-9]|1[0-2])`
		day     = `(?P<day>(?:[0-2]?[0-9]|3[01])(?:st|nd|rd|th)?)`
		daylz   = `(?P<day>0[0-9]|[1-2][0-9]|3[01])`
		name    = `(?P<name>january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)`
		abbr    = `(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sept|sep|oct|nov|dec)`
		year4   = `(?P<year>[0-9]{4})`
		year    = `(?P<year>[0-9]{1,4})`
		year2   = `(?P<year>[0-9]{2})`
		hour24  = `(?P<hour>[01]?[0-9]|2[0-4])`
		hour12  = `(?P<hour>0?[1-9]|1[0-2])`
		minute  = `(?P<min>[0-5]?[0-9])`
		min2    = `(?P<min>[0-5][0-9])`
		second  = `(?P<sec>60|[0-5]?[0-9])`
		sec2    = `(?P<sec>60|[0-5][0-9])`
		frac    = `[.,](?P<frac>[0-9]+)`
		half    = `[ \t]?(?P<half>[ap])\.?m\.?`
		zone    = `(?P<zone>(?:gmt)?[+-](?:[01]?[0-9]|2[0-4]):?(?:[0-5]?[0-9])?|\(?[a-z]{1,6}\)?)`
		blank   = `[ \t]?`
	)
	var all []*regexp.Regexp
	for _, pattern := range []string{
		`@(?P<stamp>-?[0-9]+)`,
		`t?` + hour24 + `[:.]` + minute,
		`t?` + hour24 + `[:.]` + minute + `[:.]` + second,
		`t?` + hour24 + `[:.]` + minute + `[:.]` + second + `\.(?P<frac>[0-9]+)`,
		`t?` + hour24 + `[:.]` + minute + `[:.]` + second + blank + zone,
		`t?` + hour24 + `[:.]` + minute + `[:.]` + second + `\.(?P<frac>[0-9]+)` + blank + zone,
		`t` + hour24,
		hour12 + half,
		hour12 + `[:.]` + min2 + half,
		hour12 + `[:.]` + minute + `[:.]` + sec2 + half,
		`t?(?P<hour>[01][0-9]|2[0-4])` + min2,
		`t?(?P<hour>[01][0-9]|2[0-4])` + min2 + sec2,
		`(?P<year>[+-]?[0-9]{4})-` + monthlz + `-` + daylz,
		year4 + `/` + month + `/` + day,
		year2 + `-` + monthlz + `-` + daylz,
		year4 + `-` + month,
		year + `-` + month + `-` + day,
		year4 + monthlz + daylz,
		year4 + monthlz + daylz + `t?(?P<hour>[01][0-9]|2[0-4])` + min2 + sec2,
		year4 + monthlz + daylz + `t` + hour24 + `:` + min2 + `:` + sec2,
		month + `/` + day,
		month + `/` + day + `/` + year,
		day + `[.\t-]` + month + `[.-]` + year4,
		day + `[.\t]` + month + `\.` + year2,
		day + `[ \t.-]*` + name + `[ \t.-]*` + year,
		name + `[ .\t-]*` + year4,
		name + `[ .\t-]*` + day + `[,.stndrh\t ]+` + year,
		year4 + `[ .\t-]*` + name,
		abbr + `-` + daylz + `-` + year,
		year + `-` + abbr + `-` + daylz,
		name + `[ .\t-]*` + day,
		name + `[ .\t-]*` + day + `[,.stndrh\t ]+t?` + hour24 + `[:.]` + minute,
		name + `[ .\t-]*` + day + `[,.stndrh\t ]+t?` + hour24 + `[:.]` + minute + `[:.]` + second,
		day + `/` + abbr + `/` + year4 + `:` + hour24 + `:` + min2 + `:` + sec2 + `[ \t]*` + zone,
		day + `[ .\t-]*` + name,
		year4 + `\.?(?P<yday>00[1-9]|0[1-9][0-9]|[1-2][0-9][0-9]|3[0-5][0-9]|36[0-6])`,
		year4 + `-(?P<yday>00[1-9]|0[1-9][0-9]|[1-2][0-9][0-9]|3[0-5][0-9]|36[0-6])`,
		year4 + `-?w(?P<week>0[1-9]|[1-4][0-9]|5[0-3])-?(?P<wday>[0-7])`,
		year4 + `-?w(?P<week>0[1-9]|[1-4][0-9]|5[0-3])`,
		`(?P<weekday>sun|mon|tue|wed|thu|fri|sat)[a-z]*`,
		`(?P<year>[0-9]{4})`,
		zone,
		`[ \t,.;]`,
	} {
		all = append(all, regexp.MustCompile(`^(?i:`+pattern+`)`))
	}
	return all
})

// parseDateText reads a date in any of the usual forms.
func parseDateText(text string, zone *time.Location) (int64, error) {
	p := &parsedDate{text: text}
	if text == "" {
		return 0, p.fail(0, "Empty string")
	}
	if strings.Trim(text, "0123456789") == "" && len(text) != len("2026328") && len(text) != len("20261124") && len(text) != len("20261124060000") {
		return 0, p.fail(0, "Unexpected character") // a number, not a date
	}
	for p.at < len(text) {
		token, groups := p.longest()
		if token == nil {
			return 0, p.fail(p.at, "Unexpected character")
		}
		start := p.at
		p.at += len(groups[0])
		for i, name := range token.SubexpNames() {
			if name == "" || groups[i] == "" {
				continue
			}
			if err := p.set(start, name, groups[i]); err != nil {
				return 0, err
			}
		}
		if err := p.finishToken(start, token, groups); err != nil {
			return 0, err
		}
	}
	return p.moment(zone)
}

func (p *parsedDate) longest() (best *regexp.Regexp, groups []string) {
	for _, token := range dateTokens() {
		m := token.FindStringSubmatch(p.text[p.at:])
		if m == nil || best != nil && len(m[0]) <= len(groups[0]) {
			continue
		}
		if p.hasTime && len(m[0]) == 4 && token.SubexpIndex("hour") > 0 && m[0][0] < 'A' {
			continue // four digits behind a time are a year
		}
		best, groups = token, m
	}
	return best, groups
}

var monthNumbers = map[string]int{
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
	"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}

// set takes one group of a token in.
func (p *parsedDate) set(start int, name, value string) error {
	n, _ := strconv.Atoi(strings.TrimRight(value, "stndrhSTNDRH"))
	switch name {
	case "year":
		p.year = fullYear(n, len(value))
	case "mon":
		p.month = n
	case "name":
		p.month = monthNumbers[strings.ToLower(value[:3])]
	case "day":
		p.day = n
	case "yday":
		p.month, p.day = 1, n
	case "hour":
		p.hour = n
	case "min":
		p.minute = n
	case "sec":
		p.second = n
	case "frac":
		digits := (value + "000000000")[:9]
		p.nanos, _ = strconv.Atoi(digits)
	case "half":
		p.hour = p.hour%12 + 12*strings.IndexByte("ap", value[0]|0x20)
	case "week":
		p.isoWeek = n
	case "wday":
		p.isoWeekday = n
	case "weekday":
		p.weekday, p.hasWeekday = int(weekdays[strings.ToLower(value)]), true
	case "stamp":
		stamp, err := strconv.ParseInt(value, 10, 48)
		if err != nil {
			return p.fail(start, "Number out of range")
		}
		p.stamp, p.hasStamp = stamp, true
	case "zone":
		return p.setZone(start, value)
	}
	return nil
}

// fullYear adds the century to years of two digits.
func fullYear(n, digits int) int {
	switch {
	case digits > 2:
		return n
	case n < 70:
		return n + 2000
	}
	return n + 1900
}

// finishToken notes what a token has set, and refuses a second date or time.
func (p *parsedDate) finishToken(start int, token *regexp.Regexp, groups []string) error {
	has := func(name string) bool {
		i := token.SubexpIndex(name)
		return i > 0 && groups[i] != ""
	}
	isDate := has("week") || has("yday") || has("mon") || has("name")
	if isDate && (p.monthSet || p.hasISO) {
		return p.fail(start, "Double date specification")
	}
	if has("hour") && p.hasTime {
		return p.fail(start, "Double time specification")
	}
	p.hasTime = p.hasTime || has("hour")
	p.yearSet = p.yearSet || has("year")
	switch {
	case has("week"):
		p.hasISO = true
		if !has("wday") {
			p.isoWeekday = 1
		}
	case has("yday"):
		first := time.Date(p.year, 1, p.day, 0, 0, 0, 0, time.UTC)
		p.month, p.day, p.monthSet = int(first.Month()), first.Day(), true
	case isDate:
		p.monthSet = true
		if !has("day") {
			p.day = 1
		}
	}
	p.hasDate = p.yearSet && p.monthSet
	return nil
}
