package update

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/number"
)

// How mongod writes values into its messages: {_id: 1}, "text", [ 1, 2 ].

// maxDescription bounds what one message shows of a document.
const maxDescription = 2000

// describeElement writes name and value: a: 1.
func describeElement[S string | []byte](name S, v bsonraw.Value) string {
	b := append([]byte(nil), name...)
	b = append(b, ": "...)
	return string(describe(b, v))
}

// describeDoc writes a document: { a: 1 }.
func describeDoc(d bsonraw.Doc) string { return string(describeFields(nil, d, false)) }

// describeTight writes a value as messages of pipelines do: {a: [1, 2]}.
func describeTight(b []byte, v bsonraw.Value) []byte {
	d := v.Doc()
	if d == nil || len(b) > maxDescription {
		return describe(b, v)
	}
	ends := "{}"
	if v.Type == bsonraw.Array {
		ends = "[]"
	}
	b = append(b, ends[0])
	it := d.Iter()
	for n := 0; it.Next(); n++ {
		if n > 0 {
			b = append(b, ", "...)
		}
		if v.Type == bsonraw.Object {
			b = append(append(b, it.Key()...), ": "...)
		}
		b = describeTight(b, it.Value())
	}
	return append(b, ends[1])
}

// describe appends a value as mongod's messages show it.
func describe(b []byte, v bsonraw.Value) []byte {
	if len(b) > maxDescription {
		return append(b, "..."...)
	}
	switch v.Type {
	case bsonraw.Object, bsonraw.Array:
		return describeFields(b, v.Doc(), v.Type == bsonraw.Array)
	case bsonraw.String, bsonraw.Symbol:
		return append(describeText(append(b, '"'), v.StringBytes()), '"')
	case bsonraw.JavaScript:
		return describeText(b, v.StringBytes())
	case bsonraw.Int32:
		return strconv.AppendInt(b, int64(v.Int32()), 10)
	case bsonraw.Int64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case bsonraw.Double:
		return append(b, describeDouble(v.Double())...)
	case bsonraw.Decimal128:
		return append(b, number.FormatDecimal(v.Decimal())...)
	case bsonraw.Boolean:
		return strconv.AppendBool(b, v.Bool())
	}
	return append(b, describeOther(v)...)
}

func describeOther(v bsonraw.Value) string {
	switch v.Type {
	case bsonraw.ObjectID:
		return "ObjectId('" + hex.EncodeToString(v.Data) + "')"
	case bsonraw.DateTime:
		return fmt.Sprintf("new Date(%d)", v.Int64())
	case bsonraw.Timestamp:
		seconds, increment := v.Timestamp()
		return fmt.Sprintf("Timestamp(%d, %d)", seconds, increment)
	case bsonraw.Binary:
		subtype, data := v.Binary()
		return fmt.Sprintf("BinData(%d, %X)", subtype, data[:min(len(data), 80)])
	case bsonraw.DBPointer:
		n := len(v.Data) - 12
		return fmt.Sprintf("DBRef('%s',%x)", v.Data[4:n-1], v.Data[n:])
	case bsonraw.CodeWithScope:
		code, scope := v.CodeWithScope()
		return fmt.Sprintf("CodeWScope( %s, %s)", code, describeDoc(scope))
	case bsonraw.Regex:
		pattern, options := v.Regex()
		return "/" + pattern + "/" + options
	case bsonraw.MinKey:
		return "MinKey"
	case bsonraw.MaxKey:
		return "MaxKey"
	}
	return v.Type.Name()
}

func describeDouble(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan.0"
	case math.IsInf(f, 1):
		return "inf.0"
	case math.IsInf(f, -1):
		return "-inf.0"
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	s := strconv.FormatFloat(f, 'g', 16, 64)
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}

// describeText cuts long texts as mongod does.
func describeText(b, text []byte) []byte {
	if len(text) < 160 {
		return append(b, text...)
	}
	return append(append(b, text[:150]...), "..."...)
}

func describeFields(b []byte, d bsonraw.Doc, array bool) []byte {
	open, closing := "{", "}"
	if array {
		open, closing = "[", "]"
	}
	b = append(b, open...)
	it := d.Iter()
	for n := 0; it.Next(); n++ {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, ' ')
		if !array {
			b = append(append(b, it.Key()...), ": "...)
		}
		if b = describe(b, it.Value()); len(b) > maxDescription {
			break
		}
	}
	if b[len(b)-1] != open[0] {
		b = append(b, ' ')
	}
	return append(b, closing...)
}

// describeID writes the _id of a document: _id: 1.
func describeID(d bsonraw.Doc) string {
	id, ok := d.Lookup("_id")
	if !ok {
		return "no id"
	}
	return describeElement("_id", id)
}
