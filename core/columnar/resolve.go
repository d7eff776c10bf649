package columnar

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// Metadata keys of Arrow fields.
const (
	metaBSON    = "argon.bson"    // the BSON type where the Arrow type does not tell
	metaSubtype = "argon.subtype" // of binData, decimal digits
	metaName    = "argon.name"    // the name in the documents, where a column has another
)

// kind is how a column stores its values: which column type takes them and
// which of them it takes.
type kind uint8

const (
	kindNull kind = iota
	kindInt32
	kindInt64
	kindDouble
	kindBool
	kindDate
	kindString
	kindSymbol
	kindJavaScript
	kindObjectID
	kindUUID
	kindBinary
	kindDecimal
	kindDecimalText
	kindTimestamp
	kindMixed
	kindStruct
	kindList
	kindCast // a type that only a schema asks for; cast.go
)

// bsonNames are the values of metaBSON.
var bsonNames = map[kind]string{
	kindSymbol: "symbol", kindJavaScript: "javascript", kindObjectID: "objectId",
	kindUUID: "uuid", kindBinary: "binData", kindDecimalText: "decimal",
	kindTimestamp: "timestamp", kindMixed: "mixed",
}

// shape is a column of a schema: what resolve makes of a profile, or cast of an
// Arrow field. It is not changed once made, and columns are built from it.
type shape struct {
	kind    kind
	field   arrow.Field // name, type and metadata of the column
	name    string      // name in the documents
	nth     int         // occurrence of the name in one object
	subtype byte        // kindBinary
	anySub  bool        // kindBinary of any subtype
	scale   int32       // kindDecimal
	digits  int32       // kindDecimal
	fields  []*shape    // kindStruct
	element *shape      // kindList
	strict  bool        // the fields of the struct are exactly these
}

// resolve turns the profile of a whole stream into the shape of its rows.
func resolve(o *objectProfile) *shape {
	return resolveStruct("", o)
}

// resolveField picks the column of one field.
func resolveField(name string, f *profile) *shape {
	s := &shape{kind: kindOf(f), name: name, nth: 1, subtype: f.subtype, scale: f.scale, digits: maxDecimalDigits}
	switch s.kind {
	case kindStruct:
		s = resolveStruct(name, f.object)
	case kindList:
		s.element = resolveField("item", f.element)
	}
	s.field = arrow.Field{Name: name, Type: s.arrowType(), Nullable: true, Metadata: s.metadata()}
	return s
}

// resolveStruct gives the occurrences of a name that comes twice columns of
// their own: "name", "name#2".
func resolveStruct(name string, o *objectProfile) *shape {
	s := &shape{kind: kindStruct, name: name, nth: 1, strict: true}
	if o == nil {
		return s
	}
	taken := make(map[string]bool, len(o.fields))
	for i := range o.fields {
		if o.fields[i].nth == 1 {
			taken[o.fields[i].name] = true
		}
	}
	for i := range o.fields {
		f := &o.fields[i]
		child := resolveField(f.name, &f.profile)
		if f.nth > 1 {
			child.nth = f.nth
			child.rename(taken)
		}
		s.fields = append(s.fields, child)
	}
	return s
}

// rename finds a free column name for a later occurrence of a field name.
func (s *shape) rename(taken map[string]bool) {
	for n := s.nth; ; n++ {
		column := s.name + "#" + strconv.Itoa(n)
		if !taken[column] {
			taken[column] = true
			s.field.Name = column
			s.field.Metadata = s.metadata()
			return
		}
	}
}

const maxDecimalDigits = 38 // of decimal128 in Arrow

// kindOf picks the narrowest kind that holds every value seen.
func kindOf(f *profile) kind {
	switch f.seen {
	case 0:
		return kindNull
	case sawInt32:
		return kindInt32
	case sawString:
		return kindString
	case sawBool:
		return kindBool
	case sawDate:
		return kindDate
	case sawObjectID:
		return kindObjectID
	case sawUUID:
		return kindUUID
	case sawBinary:
		return kindBinary
	case sawObject:
		return kindStruct
	case sawArray:
		return kindList
	case sawTimestamp:
		return kindTimestamp
	case sawSymbol:
		return kindSymbol
	case sawJavaScript:
		return kindJavaScript
	}
	const ints = sawInt32 | sawInt64 | sawHugeInt
	switch {
	case f.seen&^ints == 0:
		return kindInt64
	case f.seen&^(sawInt32|sawInt64|sawDouble) == 0:
		return kindDouble
	case f.seen&^(ints|sawDecimal|sawOddDecimal) != 0:
		return kindMixed
	case f.seen&sawOddDecimal != 0 || f.whole+f.scale > maxDecimalDigits:
		return kindDecimalText
	}
	return kindDecimal
}

// arrowType returns the Arrow type of a kind that resolve picks.
func (s *shape) arrowType() arrow.DataType {
	switch s.kind {
	case kindNull:
		return arrow.Null
	case kindInt32:
		return arrow.PrimitiveTypes.Int32
	case kindInt64:
		return arrow.PrimitiveTypes.Int64
	case kindDouble:
		return arrow.PrimitiveTypes.Float64
	case kindBool:
		return arrow.FixedWidthTypes.Boolean
	case kindDate:
		return dateType
	case kindBinary:
		return arrow.BinaryTypes.Binary
	case kindDecimal:
		return &arrow.Decimal128Type{Precision: s.digits, Scale: s.scale}
	case kindTimestamp:
		return timestampType
	case kindStruct:
		return arrow.StructOf(s.arrowFields()...)
	case kindList:
		return arrow.ListOfField(s.element.field)
	}
	return arrow.BinaryTypes.String
}

var (
	dateType      = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}
	timestampType = arrow.StructOf(
		arrow.Field{Name: "t", Type: arrow.PrimitiveTypes.Uint32, Nullable: true},
		arrow.Field{Name: "i", Type: arrow.PrimitiveTypes.Uint32, Nullable: true})
)

func (s *shape) arrowFields() []arrow.Field {
	fields := make([]arrow.Field, len(s.fields))
	for i, f := range s.fields {
		fields[i] = f.field
	}
	return fields
}

func (s *shape) metadata() arrow.Metadata {
	m := map[string]string{}
	if name, ok := bsonNames[s.kind]; ok {
		m[metaBSON] = name
	}
	if s.kind == kindBinary && s.subtype != 0 {
		m[metaSubtype] = strconv.Itoa(int(s.subtype))
	}
	if s.field.Name != "" && s.field.Name != s.name {
		m[metaName] = s.name
	}
	return arrow.MetadataFrom(m)
}

// schema returns the Arrow schema of the rows.
func (s *shape) schema() *arrow.Schema { return arrow.NewSchema(s.arrowFields(), nil) }
