package columnar

import (
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// ParseSchema makes an Arrow schema from a BSON document of field names and
// type names: {"_id": "objectId", "n": "long", "tags": ["string"],
// "at": {"city": "string"}}.
//
// A type is one of MongoDB's names (double, string, bool, date, int, long,
// objectId, binData, timestamp, symbol, javascript, null), or uuid; "decimal"
// for text and "decimal(10,2)" for a decimal of 10 digits, 2 of them behind the
// point; "mixed" for Extended JSON of any value; or one of Arrow's: int8 to
// uint64, float16 to float64, large_string, string_view, binary, large_binary,
// date32, date64, timestamp[s], [ms], [us] and [ns].
func ParseSchema(spec bsonraw.Doc) (*arrow.Schema, error) {
	fields, err := parseFields("", spec)
	if err != nil {
		return nil, err
	}
	return arrow.NewSchema(fields, nil), nil
}

func parseFields(prefix string, spec bsonraw.Doc) ([]arrow.Field, error) {
	var fields []arrow.Field
	it := spec.Iter()
	for it.Next() {
		name := string(it.Key())
		if slices.ContainsFunc(fields, func(f arrow.Field) bool { return f.Name == name }) {
			return nil, errs.New(errs.BadValue, "schema: field %q is there twice", prefix+name)
		}
		f, err := parseField(prefix, name, it.Value())
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, it.Err()
}

func parseField(prefix, name string, v bsonraw.Value) (arrow.Field, error) {
	f := arrow.Field{Name: name, Nullable: true}
	path := prefix + name
	switch v.Type {
	case bsonraw.String:
		return namedField(path, name, v.Str())
	case bsonraw.Object:
		fields, err := parseFields(path+".", v.Doc())
		if err != nil {
			return f, err
		}
		f.Type = arrow.StructOf(fields...)
		return f, nil
	case bsonraw.Array:
		elements := v.Doc().Values()
		if len(elements) != 1 {
			return f, errs.New(errs.BadValue, "schema: field %q is an array of %d types, it must have one", path, len(elements))
		}
		element, err := parseField(path, "item", elements[0])
		if err != nil {
			return f, err
		}
		f.Type = arrow.ListOfField(element)
		return f, nil
	}
	return f, errs.New(errs.BadValue, "schema: the type of field %q is %s, not a name, a document or an array",
		path, ejson.AppendValue(nil, v, ejson.Relaxed))
}

// namedField makes a field of a type that has a name.
func namedField(path, name, typeName string) (arrow.Field, error) {
	f := arrow.Field{Name: name, Nullable: true}
	if t, ok := typeByName[typeName]; ok {
		f.Type = t
		return f, nil
	}
	for k, n := range bsonNames {
		if n == typeName {
			s := &shape{kind: k, name: name}
			f.Type, f.Metadata = s.arrowType(), s.metadata()
			return f, nil
		}
	}
	if t, ok := parseDecimalType(typeName); ok {
		f.Type = t
		return f, nil
	}
	if typeName == "object" || typeName == "array" {
		return f, errs.New(errs.BadValue, "schema: field %q: name the fields of an object, {…}, and the type of an array's elements, [\"…\"], or ask for \"mixed\"", path)
	}
	return f, errs.New(errs.BadValue, "schema: field %q has the unknown type %q", path, typeName)
}

var typeByName = map[string]arrow.DataType{
	"null": arrow.Null, "bool": arrow.FixedWidthTypes.Boolean,
	"double": arrow.PrimitiveTypes.Float64, "float64": arrow.PrimitiveTypes.Float64,
	"float32": arrow.PrimitiveTypes.Float32, "float16": arrow.FixedWidthTypes.Float16,
	"string": arrow.BinaryTypes.String, "utf8": arrow.BinaryTypes.String,
	"large_string": arrow.BinaryTypes.LargeString, "string_view": arrow.BinaryTypes.StringView,
	"binary": arrow.BinaryTypes.Binary, "large_binary": arrow.BinaryTypes.LargeBinary,
	"int": arrow.PrimitiveTypes.Int32, "long": arrow.PrimitiveTypes.Int64,
	"int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16,
	"int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64,
	"uint8": arrow.PrimitiveTypes.Uint8, "uint16": arrow.PrimitiveTypes.Uint16,
	"uint32": arrow.PrimitiveTypes.Uint32, "uint64": arrow.PrimitiveTypes.Uint64,
	"date": dateType, "date32": arrow.FixedWidthTypes.Date32, "date64": arrow.FixedWidthTypes.Date64,
	"timestamp[s]":  &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"},
	"timestamp[ms]": dateType,
	"timestamp[us]": &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
	"timestamp[ns]": &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"},
}

// parseDecimalType reads decimal(p,s) and decimal128(p,s).
func parseDecimalType(name string) (arrow.DataType, bool) {
	inner, ok := strings.CutPrefix(name, "decimal128(")
	if !ok {
		inner, ok = strings.CutPrefix(name, "decimal(")
	}
	inner, closed := strings.CutSuffix(inner, ")")
	precision, scale, comma := strings.Cut(inner, ",")
	if !ok || !closed || !comma {
		return nil, false
	}
	p, err1 := strconv.Atoi(strings.TrimSpace(precision))
	s, err2 := strconv.Atoi(strings.TrimSpace(scale))
	if err1 != nil || err2 != nil || p < 1 || p > maxDecimalDigits || s < 0 || s > p {
		return nil, false
	}
	return &arrow.Decimal128Type{Precision: int32(p), Scale: int32(s)}, true
}

// WithoutEmptyStructs returns the fields with those that are structs without
// fields as mixed instead, and whether there were any: some files have no type
// for an empty struct.
func WithoutEmptyStructs(fields []arrow.Field) (out []arrow.Field, changed bool) {
	out = slices.Clone(fields)
	for i := range out {
		if t, some := withoutEmptyStructs(out[i].Type); some {
			changed = true
			if out[i].Type = t; t == nil {
				mixed := &shape{kind: kindMixed, name: out[i].Name}
				if name, ok := out[i].Metadata.GetValue(metaName); ok {
					mixed.name, mixed.field.Name = name, out[i].Name
				}
				out[i].Type, out[i].Metadata = mixed.arrowType(), mixed.metadata()
			}
		}
	}
	return out, changed
}

// withoutEmptyStructs returns nil for an empty struct itself.
func withoutEmptyStructs(t arrow.DataType) (arrow.DataType, bool) {
	switch t := t.(type) {
	case *arrow.StructType:
		if t.NumFields() == 0 {
			return nil, true
		}
		fields, changed := WithoutEmptyStructs(t.Fields())
		return arrow.StructOf(fields...), changed
	case *arrow.ListType:
		element, changed := WithoutEmptyStructs([]arrow.Field{t.ElemField()})
		return arrow.ListOfField(element[0]), changed
	}
	return t, false
}
