package pipeline

import (
	"strconv"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
)

// shown is how much of a value a message repeats.
const shown = 80

// brief prints a value for a message.
func brief(v bsonraw.Value) string {
	if n, ok := number.Of(v); ok {
		return n.Format()
	}
	switch v.Type {
	case bsonraw.String:
		s := v.Str()
		if len(s) > shown {
			s = s[:shown] + "..."
		}
		return strconv.Quote(s)
	case bsonraw.Boolean:
		return strconv.FormatBool(v.Bool())
	case bsonraw.Object:
		if v.Doc().IsEmpty() {
			return "{}"
		}
		return briefDoc(v.Doc(), "{ ", " }", true)
	case bsonraw.Array:
		if v.Doc().IsEmpty() {
			return "[]"
		}
		return briefDoc(v.Doc(), "[ ", " ]", false)
	}
	return v.Type.Name()
}

// briefDoc prints the first fields of a document; what is nested deeper stays
// closed.
func briefDoc(d bsonraw.Doc, open, end string, names bool) string {
	s := open
	it := d.Iter()
	for first := true; it.Next(); first = false {
		if !first {
			s += ", "
		}
		if len(s) > shown {
			return s + "..." + end
		}
		if names {
			s += string(it.Key()) + ": "
		}
		v := it.Value()
		if v.Doc() != nil && !v.Doc().IsEmpty() {
			s += v.Type.Name()
			continue
		}
		s += brief(v)
	}
	return s + end
}
