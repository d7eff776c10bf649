package ejson

import "time"

// AppendDate appends milliseconds since 1970 as an ISO 8601 date in UTC, with
// three digits of milliseconds unless they are zero. The year must have four
// digits (see DateHasISO).
func AppendDate(dst []byte, ms int64) []byte {
	t := time.UnixMilli(ms).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(appendTwo(appendTwo(dst, year/100), year%100), '-')
	dst = append(appendTwo(dst, int(month)), '-')
	dst = append(appendTwo(dst, day), 'T')
	dst = append(appendTwo(dst, hour), ':')
	dst = append(appendTwo(dst, minute), ':')
	dst = appendTwo(dst, second)
	if milli := t.Nanosecond() / 1e6; milli != 0 {
		dst = append(dst, '.', byte('0'+milli/100))
		dst = appendTwo(dst, milli%100)
	}
	return append(dst, 'Z')
}

// DateHasISO reports whether Relaxed writes a date as text: its year is from
// 1970 to 9999.
func DateHasISO(ms int64) bool { return ms >= 0 && ms < yearTenThousand }

const yearTenThousand = 253402300800000

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// ParseDate reads an ISO 8601 date and time, to the millisecond: "T" or a
// space between them, fractions of up to nine digits (cut to milliseconds), and
// a zone "Z", "+01:00" or "+0100".
func ParseDate(s []byte) (ms int64, ok bool) {
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' && s[10] != ' ' ||
		s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	century, ok1 := two(s[0:])
	year, ok2 := two(s[2:])
	month, ok3 := two(s[5:])
	day, ok4 := two(s[8:])
	hour, ok5 := two(s[11:])
	minute, ok6 := two(s[14:])
	second, ok7 := two(s[17:])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) {
		return 0, false
	}
	year += 100 * century
	if month < 1 || month > 12 || day < 1 || day > daysIn(month, year) ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	milli, rest, ok := parseFraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := parseZone(rest)
	if !ok {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t.UnixMilli() + milli - offset, true
}

func two(s []byte) (int, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

func daysIn(month, year int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// parseFraction reads ".123" where there is one.
func parseFraction(s []byte) (milli int64, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s, true
	}
	i, scale := 1, int64(100)
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		milli += int64(s[i]-'0') * scale
		scale /= 10
		i++
	}
	return milli, s[i:], i > 1 && i <= 10
}

// parseZone returns the offset of a zone from UTC in milliseconds.
func parseZone(s []byte) (ms int64, ok bool) {
	if len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	if len(s) != 5 && len(s) != 6 || s[0] != '+' && s[0] != '-' || len(s) == 6 && s[3] != ':' {
		return 0, false
	}
	hours, ok1 := two(s[1:])
	minutes, ok2 := two(s[len(s)-2:])
	if !ok1 || !ok2 || hours > 23 || minutes > 59 {
		return 0, false
	}
	ms = int64(hours*60+minutes) * 60_000
	if s[0] == '-' {
		ms = -ms
	}
	return ms, true
}
