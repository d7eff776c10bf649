package refs

import (
	"strconv"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/errs"
	"github.com/argon-lab/argon/core/wal"
)

// MomentKind says how a moment is given.
type MomentKind uint8

// The kinds of moment. Head is the zero Moment: now, and writable.
const (
	Head MomentKind = iota
	AtLSN
	AtTime
	Back
	Tag
)

// Moment is a point in the history of a branch, as a person writes it.
//
//	(nothing)              Head      the newest commit
//	1024                   AtLSN     as of commit 1024
//	2026-11-24T06:00:00Z   AtTime    as of a time; also 20261124T060000Z
//	-3                     Back      three commits before the newest
//	v1                     Tag       where a tag points
type Moment struct {
	Kind MomentKind
	LSN  wal.LSN   // AtLSN
	Time time.Time // AtTime, UTC, whole milliseconds
	Back uint64    // Back
	Tag  string    // Tag
}

// The layouts of a time in a moment. The compact ones need no character that a
// database name forbids; they are what Format writes.
const (
	compactLayout   = "20060102T150405Z"
	compactMillis   = "20060102T150405.000Z" // written without the point
	compactLen      = len(compactLayout)
	compactMilliLen = len(compactLayout) + 3
)

// ParseMoment reads a moment. Empty text is the head, and so is "head".
func ParseMoment(text string) (Moment, error) {
	switch {
	case text == "" || strings.EqualFold(text, "head"):
		return Moment{}, nil
	case text[0] == '-':
		return parseBack(text)
	case isDigits(text):
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || wal.LSN(n) > wal.MaxLSN {
			return Moment{}, badMoment(text, "a number too large for an LSN")
		}
		return Moment{Kind: AtLSN, LSN: wal.LSN(n)}, nil
	case text[0] >= '0' && text[0] <= '9':
		if t, ok := parseTime(text); ok {
			return Moment{Kind: AtTime, Time: t}, nil
		}
	}
	if err := ValidName("tag", text); err != nil {
		return Moment{}, badMoment(text, "not an LSN, a time, a count or a tag's name")
	}
	return Moment{Kind: Tag, Tag: text}, nil
}

func badMoment(text, why string) error {
	return errs.New(errs.InvalidMoment, "%q is no moment: %s", text, why)
}

func parseBack(text string) (Moment, error) {
	if !isDigits(text[1:]) {
		return Moment{}, badMoment(text, "a count of commits back is '-' and digits")
	}
	n, err := strconv.ParseUint(text[1:], 10, 56)
	if err != nil {
		return Moment{}, badMoment(text, "a count too large")
	}
	if n == 0 {
		return Moment{}, badMoment(text, "a count of commits back is at least 1")
	}
	return Moment{Kind: Back, Back: n}, nil
}

func isDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// parseTime reads RFC 3339, the compact form, and RFC 3339 without a zone or
// with a date only, which mean UTC.
func parseTime(text string) (time.Time, bool) {
	layout := time.RFC3339Nano
	switch {
	case len(text) == compactLen && text[8] == 'T':
		layout = compactLayout
	case len(text) == compactMilliLen && text[8] == 'T':
		text, layout = text[:15]+"."+text[15:], compactMillis
	case len(text) == len(time.DateOnly):
		layout = time.DateOnly
	case len(text) >= 19 && !strings.ContainsAny(text[19:], "Zz+-"):
		layout = "2006-01-02T15:04:05"
		if text[10] == ' ' {
			layout = time.DateTime
		}
	}
	t, err := time.Parse(layout, text)
	if err != nil || t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, false
	}
	t = t.UTC().Truncate(time.Millisecond)
	return t, t.Year() >= 0 && t.Year() <= 9999
}

// String formats a moment so that ParseMoment reads the same and a database
// name may hold it.
func (m Moment) String() string {
	switch m.Kind {
	case AtLSN:
		return strconv.FormatUint(uint64(m.LSN), 10)
	case AtTime:
		if m.Time.Nanosecond() == 0 {
			return m.Time.UTC().Format(compactLayout)
		}
		return strings.Replace(m.Time.UTC().Format(compactMillis), ".", "", 1)
	case Back:
		return "-" + strconv.FormatUint(m.Back, 10)
	case Tag:
		return m.Tag
	}
	return ""
}

// IsHead reports whether the moment is the newest commit.
func (m Moment) IsHead() bool { return m.Kind == Head }
