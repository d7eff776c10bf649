package arrowfile

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// leafType returns the Arrow type of a leaf, and the bytes of a value in the
// Arrow array where it is of a fixed length. Integers of 8 and of 16 bits are
// read as those of 32 that the file holds: BSON has no narrower ones.
func leafType(e *format.SchemaElement) (t arrow.DataType, width int, ok bool) {
	if d, precision := decimalOf(e); d != nil || precision {
		return d, decimalWidth(d), d != nil
	}
	if _, null := e.LogicalType.Value.(*format.NullType); null {
		return arrow.Null, 0, true
	}
	switch e.Type.V {
	case format.Boolean:
		return arrow.FixedWidthTypes.Boolean, 0, true
	case format.Int32:
		return int32Type(e), 4, true
	case format.Int64:
		return int64Type(e), 8, true
	case format.Int96:
		return arrow.FixedWidthTypes.Timestamp_ns, 8, true
	case format.Float:
		return arrow.PrimitiveTypes.Float32, 4, true
	case format.Double:
		return arrow.PrimitiveTypes.Float64, 8, true
	case format.ByteArray:
		if isText(e) {
			return arrow.BinaryTypes.String, 0, true
		}
		return arrow.BinaryTypes.Binary, 0, true
	case format.FixedLenByteArray:
		return fixedType(e)
	}
	return nil, 0, false
}

func int32Type(e *format.SchemaElement) arrow.DataType {
	switch l := e.LogicalType.Value.(type) {
	case *format.DateType:
		return arrow.FixedWidthTypes.Date32
	case *format.TimeType:
		return arrow.FixedWidthTypes.Time32ms
	case *format.IntType:
		if !l.IsSigned && l.BitWidth == 32 {
			return arrow.PrimitiveTypes.Uint32
		}
		return arrow.PrimitiveTypes.Int32
	}
	switch old := e.ConvertedType; {
	case old.Valid && old.V == deprecated.Date:
		return arrow.FixedWidthTypes.Date32
	case old.Valid && old.V == deprecated.TimeMillis:
		return arrow.FixedWidthTypes.Time32ms
	case old.Valid && old.V == deprecated.Uint32:
		return arrow.PrimitiveTypes.Uint32
	}
	return arrow.PrimitiveTypes.Int32
}

func int64Type(e *format.SchemaElement) arrow.DataType {
	switch l := e.LogicalType.Value.(type) {
	case *format.TimestampType:
		switch l.Unit.Value.(type) {
		case *format.MilliSeconds:
			return arrow.FixedWidthTypes.Timestamp_ms
		case *format.MicroSeconds:
			return arrow.FixedWidthTypes.Timestamp_us
		}
		return arrow.FixedWidthTypes.Timestamp_ns
	case *format.TimeType:
		return arrow.FixedWidthTypes.Time64us
	case *format.IntType:
		if !l.IsSigned {
			return arrow.PrimitiveTypes.Uint64
		}
		return arrow.PrimitiveTypes.Int64
	}
	switch old := e.ConvertedType; {
	case old.Valid && old.V == deprecated.TimestampMillis:
		return arrow.FixedWidthTypes.Timestamp_ms
	case old.Valid && old.V == deprecated.TimestampMicros:
		return arrow.FixedWidthTypes.Timestamp_us
	case old.Valid && old.V == deprecated.TimeMicros:
		return arrow.FixedWidthTypes.Time64us
	case old.Valid && old.V == deprecated.Uint64:
		return arrow.PrimitiveTypes.Uint64
	}
	return arrow.PrimitiveTypes.Int64
}

func isText(e *format.SchemaElement) bool {
	switch e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return true
	}
	old := e.ConvertedType
	return old.Valid && (old.V == deprecated.UTF8 || old.V == deprecated.Enum || old.V == deprecated.Json)
}

// maxFixedWidth bounds a value of fixed length: what does not fit a document.
const maxFixedWidth = 16 << 20

func fixedType(e *format.SchemaElement) (arrow.DataType, int, bool) {
	n := int(e.TypeLength.V)
	if !e.TypeLength.Valid || n <= 0 || n > maxFixedWidth {
		return nil, 0, false
	}
	if _, half := e.LogicalType.Value.(*format.Float16Type); half && n == 2 {
		return arrow.FixedWidthTypes.Float16, 2, true
	}
	if old := e.ConvertedType; old.Valid && old.V == deprecated.Interval && n == 12 {
		return arrow.FixedWidthTypes.MonthDayNanoInterval, n, true // which BSON has not
	}
	return &arrow.FixedSizeBinaryType{ByteWidth: n}, n, true
}

// decimalOf returns the Arrow type of a decimal; nil if the element is none, or,
// where it says that it is one, has no digits that Arrow has a type for.
func decimalOf(e *format.SchemaElement) (t arrow.DataType, is bool) {
	var precision, scale int32
	switch d, ok := e.LogicalType.Value.(*format.DecimalType); {
	case ok:
		precision, scale = d.Precision, d.Scale
	case e.ConvertedType.Valid && e.ConvertedType.V == deprecated.Decimal:
		precision, scale = e.Precision.V, e.Scale.V
	default:
		return nil, false
	}
	bytes := e.TypeLength.V
	switch {
	case precision < 1 || scale < 0 || scale > precision:
	case e.Type.V == format.Int32 && precision <= 9:
		t = &arrow.Decimal32Type{Precision: precision, Scale: scale}
	case e.Type.V == format.Int64 && precision <= 18:
		t = &arrow.Decimal64Type{Precision: precision, Scale: scale}
	case e.Type.V != format.ByteArray && (e.Type.V != format.FixedLenByteArray || bytes < 1 || bytes > 32):
	case precision <= 38 && bytes <= 16:
		t = &arrow.Decimal128Type{Precision: precision, Scale: scale}
	case precision <= 76:
		t = &arrow.Decimal256Type{Precision: precision, Scale: scale}
	}
	return t, true
}

func decimalWidth(t arrow.DataType) int {
	if f, ok := t.(arrow.FixedWidthDataType); ok {
		return f.BitWidth() / 8
	}
	return 0
}
