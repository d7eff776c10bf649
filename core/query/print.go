package query

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
)

// Values in messages are printed as mongod prints them (BSONElement::toString).

// describe is "problem: name: value".
func describe(problem, name string, v bsonraw.Value) string {
	return problem + ": " + element(name, v)
}

// element is "name: value".
func element(name string, v bsonraw.Value) string {
	var b strings.Builder
	b.WriteString(name)
	b.WriteString(": ")
	printValue(&b, v, 0)
	return b.String()
}

// valueText is the value alone.
func valueText(v bsonraw.Value) string {
	var b strings.Builder
	printValue(&b, v, 0)
	return b.String()
}

// maxPrinted bounds messages: what is nested deeper or longer becomes "...".
const (
	maxPrintDepth  = 20
	maxPrintLength = 2000
)

func printValue(b *strings.Builder, v bsonraw.Value, depth int) {
	if depth > maxPrintDepth || b.Len() > maxPrintLength {
		b.WriteString("...")
		return
	}
	switch v.Type {
	case bsonraw.Object, bsonraw.Array:
		printFields(b, v, depth)
	case bsonraw.String, bsonraw.Symbol:
		b.WriteString(`"` + v.Str() + `"`)
	case bsonraw.JavaScript:
		b.WriteString(v.Str())
	default:
		b.WriteString(scalarText(v))
	}
}

func printFields(b *strings.Builder, v bsonraw.Value, depth int) {
	left, right := "{", "}"
	if v.Type == bsonraw.Array {
		left, right = "[", "]"
	}
	b.WriteString(left)
	it := v.Doc().Iter()
	for i := 0; it.Next(); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte(' ')
		if v.Type == bsonraw.Object {
			b.Write(it.Key())
			b.WriteString(": ")
		}
		printValue(b, it.Value(), depth+1)
	}
	if !v.Doc().IsEmpty() {
		b.WriteByte(' ')
	}
	b.WriteString(right)
}

func scalarText(v bsonraw.Value) string {
	switch v.Type {
	case bsonraw.Double, bsonraw.Decimal128:
		return formatNumber(v)
	case bsonraw.Int32, bsonraw.Int64:
		n, _ := v.AsInt64()
		return strconv.FormatInt(n, 10)
	case bsonraw.Boolean:
		return strconv.FormatBool(v.Bool())
	case bsonraw.Missing:
		return "EOO"
	case bsonraw.Null, bsonraw.Undefined:
		return v.Type.Name()
	case bsonraw.ObjectID:
		return "ObjectId('" + hex.EncodeToString(v.Data) + "')"
	case bsonraw.DateTime:
		return "new Date(" + strconv.FormatInt(v.Int64(), 10) + ")"
	case bsonraw.Timestamp:
		s, i := v.Timestamp()
		return fmt.Sprintf("Timestamp(%d, %d)", s, i)
	case bsonraw.Regex:
		pattern, options := v.Regex()
		return "/" + pattern + "/" + options
	case bsonraw.Binary:
		subtype, data := v.Binary()
		return fmt.Sprintf("BinData(%d, %X)", subtype, data)
	case bsonraw.MinKey:
		return "MinKey"
	case bsonraw.MaxKey:
		return "MaxKey"
	}
	return v.Type.Name()
}

// formatNumber prints a double with a point, so that it differs from an int.
func formatNumber(v bsonraw.Value) string {
	s := plainNumber(v)
	if v.Type == bsonraw.Double && !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// plainNumber prints up to 16 digits.
func plainNumber(v bsonraw.Value) string {
	if v.Type == bsonraw.Int32 || v.Type == bsonraw.Int64 {
		n, _ := v.AsInt64()
		return strconv.FormatInt(n, 10)
	}
	f, _ := v.AsFloat64()
	s := strconv.FormatFloat(f, 'g', 16, 64)
	return strings.ToLower(strings.TrimPrefix(s, "+"))
}
