package index

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
)

// Longer strings are cut in messages and bounds, as mongod cuts them.
const (
	maxText  = 160
	cutText  = 150
	cutDepth = 20

	uuidSubtype = 4
)

// text prints a value the way mongod does in explain's indexBounds and in its
// messages: { a: 1, b: [ "x", 2.0 ] }.
func text(v bsonraw.Value) string {
	var b strings.Builder
	appendText(&b, v, 0)
	return b.String()
}

// Text prints a value the way mongod does in its messages: { a: 1, b: "x" }.
func Text(v bsonraw.Value) string { return text(v) }

func appendText(b *strings.Builder, v bsonraw.Value, depth int) {
	switch v.Type {
	case bsonraw.Double:
		b.WriteString(doubleText(v.Double()))
	case bsonraw.Int32:
		fmt.Fprintf(b, "%d", v.Int32())
	case bsonraw.Int64:
		fmt.Fprintf(b, "%d", v.Int64())
	case bsonraw.String, bsonraw.Symbol:
		b.WriteString(quoted(v.Str()))
	case bsonraw.JavaScript:
		b.WriteString(v.Str())
	case bsonraw.Object:
		appendDocText(b, v.Doc(), depth+1)
	case bsonraw.Array:
		appendArrayText(b, v.Doc(), depth+1)
	case bsonraw.Boolean:
		fmt.Fprintf(b, "%t", v.Bool())
	case bsonraw.DateTime:
		fmt.Fprintf(b, "new Date(%d)", v.Int64())
	case bsonraw.ObjectID:
		fmt.Fprintf(b, "ObjectId('%x')", v.Data)
	default:
		appendRareText(b, v, depth)
	}
}

func appendRareText(b *strings.Builder, v bsonraw.Value, depth int) {
	switch v.Type {
	case bsonraw.Missing, bsonraw.Null:
		b.WriteString("null")
	case bsonraw.Undefined:
		b.WriteString("undefined")
	case bsonraw.MinKey:
		b.WriteString("MinKey")
	case bsonraw.MaxKey:
		b.WriteString("MaxKey")
	case bsonraw.Decimal128:
		b.WriteString(number.FormatDecimal(v.Decimal()))
	case bsonraw.Timestamp:
		seconds, increment := v.Timestamp()
		fmt.Fprintf(b, "Timestamp(%d, %d)", seconds, increment)
	case bsonraw.Binary:
		subtype, data := v.Binary()
		if subtype == uuidSubtype && len(data) == 16 {
			fmt.Fprintf(b, `UUID("%x-%x-%x-%x-%x")`, data[:4], data[4:6], data[6:8], data[8:10], data[10:])
			return
		}
		fmt.Fprintf(b, "BinData(%d, %s)", subtype, strings.ToUpper(hex.EncodeToString(data)))
	case bsonraw.Regex:
		pattern, options := v.Regex()
		fmt.Fprintf(b, "/%s/%s", pattern, options)
	case bsonraw.DBPointer:
		n := len(v.Data) - 12
		fmt.Fprintf(b, "DBRef('%s',%x)", v.Data[4:max(4, n-1)], v.Data[n:])
	case bsonraw.CodeWithScope:
		code, scope := v.CodeWithScope()
		fmt.Fprintf(b, "CodeWScope( %s, ", code)
		appendDocText(b, scope, depth+1)
		b.WriteString(")")
	}
}

func appendDocText(b *strings.Builder, d bsonraw.Doc, depth int) {
	if depth > cutDepth {
		b.WriteString("...")
		return
	}
	if d.IsEmpty() {
		b.WriteString("{}")
		return
	}
	separator := "{ "
	it := d.Iter()
	for it.Next() {
		b.WriteString(separator)
		b.Write(it.Key())
		b.WriteString(": ")
		appendText(b, it.Value(), depth)
		separator = ", "
	}
	b.WriteString(" }")
}

func appendArrayText(b *strings.Builder, d bsonraw.Doc, depth int) {
	if depth > cutDepth {
		b.WriteString("...")
		return
	}
	if d.IsEmpty() {
		b.WriteString("[]")
		return
	}
	separator := "[ "
	it := d.Iter()
	for it.Next() {
		b.WriteString(separator)
		appendText(b, it.Value(), depth)
		separator = ", "
	}
	b.WriteString(" ]")
}

func quoted(s string) string {
	if len(s) > maxText {
		s = s[:cutText] + "..."
	}
	return `"` + s + `"`
}

// doubleText prints as C's %.16g, and shows that the number is a double: 5.0,
// inf.0, nan.0.
func doubleText(f float64) string {
	var s string
	switch {
	case math.IsNaN(f):
		s = "nan"
	case math.IsInf(f, 0):
		s = strings.Trim(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+")
	default:
		s = strconv.FormatFloat(f, 'g', 16, 64)
	}
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}
