package expr

import (
	"strconv"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/errs"
)

// directives are the conversions of $dateToString, one a letter.
var directives = map[byte]func(dst []byte, t time.Time) ([]byte, error){
	'd': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, t.Day(), 2), nil },
	'G': func(dst []byte, t time.Time) ([]byte, error) { return padYear(dst, isoYear(t)) },
	'H': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, t.Hour(), 2), nil },
	'j': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, t.YearDay(), 3), nil },
	'L': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, t.Nanosecond()/1e6, 3), nil },
	'm': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, int(t.Month()), 2), nil },
	'M': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, t.Minute(), 2), nil },
	'S': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, t.Second(), 2), nil },
	'u': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, isoWeekday(t), 1), nil },
	'U': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, sundayWeek(t), 2), nil },
	'V': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, isoWeek(t), 2), nil },
	'w': func(dst []byte, t time.Time) ([]byte, error) { return pad(dst, int(t.Weekday())+1, 1), nil },
	'Y': func(dst []byte, t time.Time) ([]byte, error) { return padYear(dst, t.Year()) },
	'z': func(dst []byte, t time.Time) ([]byte, error) { return appendOffset(dst, t), nil },
	'Z': func(dst []byte, t time.Time) ([]byte, error) {
		_, offset := t.Zone()
		return pad(dst, offset/60, 1), nil
	},
	'%': func(dst []byte, _ time.Time) ([]byte, error) { return append(dst, '%'), nil },
}

// pad writes a number with leading zeros.
func pad(dst []byte, n, width int) []byte {
	if n < 0 {
		return append(dst, strconv.Itoa(n)...)
	}
	for limit := pow10(width - 1); limit > n && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

func padYear(dst []byte, year int) ([]byte, error) {
	if year < 0 || year > 9999 {
		return nil, errs.New(18537, "Could not convert date to string: date component was outside the supported range of 0-9999: %d", year)
	}
	return pad(dst, year, 4), nil
}

// appendOffset writes +hhmm; the hours may have more than two digits.
func appendOffset(dst []byte, t time.Time) []byte {
	_, offset := t.Zone()
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = pad(append(dst, sign), offset/3600, 2)
	return pad(dst, offset/60%60, 2)
}

func isoYear(t time.Time) int {
	year, _ := t.ISOWeek()
	return year
}

func isoWeek(t time.Time) int {
	_, week := t.ISOWeek()
	return week
}

// isoWeekday counts from Monday, 1, to Sunday, 7.
func isoWeekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

// sundayWeek counts weeks that begin on Sundays; days before the first Sunday
// of the year are in week 0.
func sundayWeek(t time.Time) int { return (t.YearDay() + 6 - int(t.Weekday())) / 7 }

// checkFormat checks a format before anything is written.
func checkFormat(format string, known func(byte) bool) error {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		i++
		if i == len(format) {
			return errs.New(18535, "Unmatched '%%' at end of format string")
		}
		if !known(format[i]) {
			return errs.New(18536, "Invalid format character '%%%c' in format string", format[i])
		}
	}
	return nil
}

func isDirective(c byte) bool { return directives[c] != nil }

// formatDate appends a date to out by a format that checkFormat has checked.
func formatDate(out []byte, format string, t time.Time) ([]byte, error) {
	for {
		text, rest, found := strings.Cut(format, "%")
		out = append(out, text...)
		if !found {
			return out, nil
		}
		var err error
		if out, err = directives[rest[0]](out, t); err != nil {
			return nil, err
		}
		format = rest[1:]
	}
}
