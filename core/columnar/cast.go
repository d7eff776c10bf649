package columnar

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/argon-lab/argon/core/errs"
)

// shapeOfSchema turns a schema that was asked for into the shape of the rows.
func shapeOfSchema(schema *arrow.Schema) (*shape, error) {
	s := &shape{kind: kindStruct, nth: 1}
	return s, s.addFields("", schema.Fields())
}

func (s *shape) addFields(prefix string, fields []arrow.Field) error {
	for _, f := range fields {
		child, err := shapeOfField(prefix+f.Name, f)
		if err != nil {
			return err
		}
		for _, other := range s.fields {
			if other.name == child.name {
				child.nth++
			}
		}
		s.fields = append(s.fields, child)
	}
	return nil
}

// shapeOfField picks the kind of a column by its metadata, where that says the
// BSON type, and else by its Arrow type.
func shapeOfField(path string, f arrow.Field) (*shape, error) {
	s := &shape{field: f, name: f.Name, nth: 1, digits: maxDecimalDigits}
	if name, ok := f.Metadata.GetValue(metaName); ok {
		s.name = name
	}
	named, err := s.namedKind(path)
	if named || err != nil {
		return s, err
	}
	typ := f.Type
	if ext, ok := typ.(arrow.ExtensionType); ok {
		typ = ext.StorageType()
	}
	switch t := typ.(type) {
	case *arrow.StructType:
		s.kind = kindStruct
		return s, s.addFields(path+".", t.Fields())
	case *arrow.ListType:
		return s.listOf(path, t.ElemField())
	case *arrow.LargeListType:
		return s.listOf(path, t.ElemField())
	case *arrow.FixedSizeListType:
		return s.listOf(path, t.ElemField())
	case *arrow.Decimal128Type:
		s.kind, s.scale, s.digits = kindDecimal, t.Scale, t.Precision
		if t.Scale >= 0 {
			return s, nil
		}
	}
	if kind, ok := kindOfType[typ.ID()]; ok {
		s.kind = kind
		s.anySub = true
		if kind == kindDate && !arrow.TypeEqual(typ, dateType) {
			s.kind = kindCast
		}
		return s, nil
	}
	return s, errs.New(errs.NotSupported, "schema: field %q has the Arrow type %s, which no BSON value becomes", path, f.Type)
}

func (s *shape) listOf(path string, element arrow.Field) (*shape, error) {
	s.kind = kindList
	var err error
	s.element, err = shapeOfField(path+"[]", element)
	return s, err
}

// namedKind reads the BSON type that metadata names.
func (s *shape) namedKind(path string) (bool, error) {
	name, ok := s.field.Metadata.GetValue(metaBSON)
	if !ok {
		return false, nil
	}
	for k, n := range bsonNames {
		if n != name {
			continue
		}
		s.kind, s.anySub = k, true
		if sub, ok := s.field.Metadata.GetValue(metaSubtype); ok {
			n, err := strconv.ParseUint(sub, 10, 8)
			if err != nil {
				return false, errs.New(errs.BadValue, "schema: field %q has the binary subtype %q", path, sub)
			}
			s.subtype, s.anySub = byte(n), false
		}
		if arrow.TypeEqual(s.field.Type, s.arrowType()) {
			return true, nil
		}
		if k == kindObjectID || k == kindUUID || k == kindBinary || k == kindDecimalText {
			return false, nil // another form of the same: bytes, or numbers
		}
		return false, errs.New(errs.BadValue, "schema: field %q is of BSON type %s, which is %s in Arrow and not %s",
			path, name, s.arrowType(), s.field.Type)
	}
	return false, errs.New(errs.BadValue, "schema: field %q is of an unknown BSON type %q", path, name)
}

// kindOfType holds the Arrow types that need nothing but their id. Those that
// only a schema can ask for are filled through arrow-go's builders: kindCast.
var kindOfType = map[arrow.Type]kind{
	arrow.NULL: kindNull, arrow.BOOL: kindBool, arrow.TIMESTAMP: kindDate, arrow.BINARY: kindBinary,
	arrow.INT8: kindCast, arrow.INT16: kindCast, arrow.INT32: kindCast, arrow.INT64: kindCast,
	arrow.UINT8: kindCast, arrow.UINT16: kindCast, arrow.UINT32: kindCast, arrow.UINT64: kindCast,
	arrow.FLOAT16: kindCast, arrow.FLOAT32: kindCast, arrow.FLOAT64: kindCast,
	arrow.STRING: kindCast, arrow.LARGE_STRING: kindCast, arrow.STRING_VIEW: kindCast,
	arrow.LARGE_BINARY: kindCast, arrow.BINARY_VIEW: kindCast, arrow.FIXED_SIZE_BINARY: kindCast,
	arrow.DATE32: kindCast, arrow.DATE64: kindCast, arrow.DECIMAL256: kindCast,
}
