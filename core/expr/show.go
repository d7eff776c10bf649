package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
)

// maxShown bounds how much of a value an error message repeats.
const maxShown = 150

// show writes a value for an error message, as mongod's Value::toString does.
func show(v bsonraw.Value) string {
	var b strings.Builder
	showTo(&b, v)
	if s := b.String(); len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return b.String()
}

func showTo(b *strings.Builder, v bsonraw.Value) {
	if b.Len() > maxShown {
		return
	}
	if n, ok := number.Of(v); ok {
		b.WriteString(n.Format())
		return
	}
	switch v.Type {
	case bsonraw.Missing:
		b.WriteString("MISSING")
	case bsonraw.Null:
		b.WriteString("null")
	case bsonraw.Undefined:
		b.WriteString("undefined")
	case bsonraw.String, bsonraw.Symbol:
		fmt.Fprintf(b, "%q", v.StringBytes())
	case bsonraw.Boolean:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case bsonraw.DateTime:
		b.WriteString(isoDate(v.Int64()))
	case bsonraw.ObjectID:
		fmt.Fprintf(b, "%x", v.Data)
	case bsonraw.Object:
		showDoc(b, v.Doc(), "{", "}")
	case bsonraw.Array:
		showDoc(b, v.Doc(), "[", "]")
	case bsonraw.Regex:
		pattern, options := v.Regex()
		fmt.Fprintf(b, "/%s/%s", pattern, options)
	default:
		b.WriteString(v.Type.Name())
	}
}

func showDoc(b *strings.Builder, d bsonraw.Doc, open, end string) {
	b.WriteString(open)
	it := d.Iter()
	for i := 0; it.Next() && b.Len() <= maxShown; i++ {
		if i > 0 {
			b.WriteString(", ")
		}
		if open == "{" {
			fmt.Fprintf(b, "%s: ", it.Key())
		}
		showTo(b, it.Value())
	}
	b.WriteString(end)
}

// isoDate writes a date as 2026-11-24T06:00:00.000Z.
func isoDate(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
