package expr

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones wherever the system has none

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

// zones caches time zones by name: loading one reads a file.
var zones sync.Map

// loadZone returns the zone of an Olson name, or of an offset: +HH, +HHMM or
// +HH:MM.
func loadZone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, ok := offsetZone(name)
	if !ok {
		var err error
		if z, err = time.LoadLocation(name); err != nil || !isZoneName(name) {
			return nil, errs.New(40485, "unrecognized time zone identifier: %q", name)
		}
	}
	zones.Store(name, z)
	return z, nil
}

// isZoneName excludes what Go takes for a zone and mongod does not.
func isZoneName(name string) bool {
	return name != "" && name != "Local" && !strings.HasPrefix(name, "posix") && !strings.HasPrefix(name, "right/")
}

func offsetZone(name string) (*time.Location, bool) {
	if len(name) < 3 || name[0] != '+' && name[0] != '-' {
		return nil, false
	}
	digits := name[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	if len(digits) != 2 && len(digits) != 4 {
		return nil, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return nil, false
	}
	minutes := int(n) * 60
	if len(digits) == 4 {
		minutes = int(n/100)*60 + int(n%100)
	}
	if name[0] == '-' {
		minutes = -minutes
	}
	return time.FixedZone(name, minutes*60), true
}

// evalZone evaluates an optional timezone argument; UTC without one, and nil
// for null.
func evalZone(env *Env, e Expr) (*time.Location, error) {
	if e == nil {
		return time.UTC, nil
	}
	v, err := e.Eval(env)
	switch {
	case err != nil || v.IsNullish():
		return nil, err
	case v.Type != bsonraw.String:
		return nil, errs.New(40517, "timezone must evaluate to a string, found %s", v.Type.Name())
	}
	return loadZone(v.Str())
}

// local returns a moment's date and clock in a zone.
func local(ms int64, z *time.Location) time.Time { return time.UnixMilli(ms).In(z) }

// offsetAt returns the zone's offset at a moment, whether it is daylight saving
// time, and when that began.
func offsetAt(seconds int64, z *time.Location) (offset int64, dst bool, since int64) {
	t := time.Unix(seconds, 0).In(z)
	_, n := t.Zone()
	since = math.MinInt64
	if start, _ := t.ZoneBounds(); !start.IsZero() {
		since = start.Unix()
	}
	return int64(n), t.IsDST(), since
}

// toUTC returns the moment in seconds at which clocks in a zone show clock,
// which is a date and time as if of UTC. Where they show it never, the moment
// is as much later as the clocks were put forward; where they show it twice, it
// is the one in daylight saving time if dst says so, and else the other. The
// algorithm, with its order of look-ups, is that of timelib, which mongod uses.
func toUTC(clock int64, z *time.Location, dst bool) int64 {
	if z == time.UTC {
		return clock
	}
	const ahead = 7200
	current, currentDST, _ := offsetAt(clock, z)
	actual, _, since := offsetAt(clock-current, z)
	if current == actual {
		switch {
		case current >= 0 && dst && !currentDST:
			earlier, _, earlierSince := offsetAt(clock-current-ahead, z)
			if earlier != actual && clock-earlier < since {
				actual, since = earlier, earlierSince
			}
		case current <= 0 && currentDST && !dst:
			later, _, laterSince := offsetAt(clock-current+ahead, z)
			if later != actual && clock-later >= laterSince {
				actual, since = later, laterSince
			}
		}
	}
	inTransition := since != math.MinInt64 && clock-actual >= since+current-actual && clock-actual < since
	if current != actual && !inTransition {
		return clock - actual
	}
	return clock - current
}

// clockOf returns what clocks show at t, as seconds as if of UTC.
func clockOf(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}
