package expr

import (
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones wherever the system has none

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

// evalZone evaluates an optional timezone argument. ok is false for null.
func evalZone(env *Env, e Expr) (z *time.Location, ok bool, err error) {
	if e == nil {
		return time.UTC, true, nil
	}
	v, err := e.Eval(env)
	switch {
	case err != nil || v.IsNullish():
		return nil, false, err
	case v.Type != bsonraw.String:
		return nil, false, errs.New(40517, "timezone must evaluate to a string, found %s", v.Type.Name())
	}
	z, err = loadZone(v.Str())
	return z, err == nil, err
}

// local returns a moment's date and clock in a zone.
func local(ms int64, z *time.Location) time.Time { return time.UnixMilli(ms).In(z) }

// formatISO writes a date as $toString does.
func formatISO(ms int64) ([]byte, error) {
	return formatDate(isoFormat, local(ms, time.UTC))
}

const isoFormat = "%Y-%m-%dT%H:%M:%S.%LZ"
