package columnar

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

var defaultAllocator = memory.DefaultAllocator

// compile returns the writer of a column: by the BSON type that the caller or
// the metadata names, and else by the Arrow type.
func (e *encoder) compile(path string, f arrow.Field, a arrow.Array) (writer, error) {
	if ext, ok := a.(array.ExtensionArray); ok {
		if f.Metadata.FindKey(extensionName) < 0 {
			f.Metadata = withKey(f.Metadata, extensionName, ext.ExtensionType().ExtensionName())
		}
		a = ext.Storage()
	}
	name, asked := e.o.Types[path]
	if !asked {
		name, _ = f.Metadata.GetValue(metaBSON)
	}
	if ext, ok := f.Metadata.GetValue(extensionName); ok && name == "" && ext == "arrow.uuid" {
		name = "uuid"
	}
	if name != "" {
		_, isMap := a.(*array.Map)
		if l, ok := a.(array.ListLike); ok && asked && !isMap {
			return e.list(path, f, l) // the name is the elements'
		}
		w, err := e.named(path, name, f, a)
		if w != nil || err != nil {
			return w, err
		}
	}
	return e.byType(path, f, a)
}

// extensionName is where the C data interface puts the name of an extension
// type that this process has not registered.
const extensionName = "ARROW:extension:name"

func withKey(m arrow.Metadata, key, value string) arrow.Metadata {
	return arrow.NewMetadata(append(m.Keys(), key), append(m.Values(), value))
}

// byType returns the writer that an Arrow type has by itself.
func (e *encoder) byType(path string, f arrow.Field, a arrow.Array) (writer, error) {
	if w := numberWriter(path, a); w != nil {
		return w, nil
	}
	if text := textOf(a); text != nil {
		return stringWriter(path, bsonraw.String, text), nil
	}
	if data := bytesOf(a); data != nil {
		return binaryWriter(0, data), nil
	}
	switch a := a.(type) {
	case *array.Null: // every row is null, and is never written
		return func(*bsonraw.Builder, string, int) error { return nil }, nil
	case *array.Boolean:
		return func(b *bsonraw.Builder, key string, i int) error { b.Bool(key, a.Value(i)); return nil }, nil
	case *array.Date32, *array.Date64, *array.Timestamp:
		return e.dateWriter(path, a), nil
	case *array.Struct:
		return e.structWriter(path, a)
	case *array.Map:
		return e.mapWriter(path, f, a)
	case array.ListLike:
		return e.list(path, f, a)
	case *array.Dictionary:
		return e.dictionary(path, f, a)
	case *array.RunEndEncoded:
		return e.runs(path, f, a)
	case array.Union:
		return e.union(path, a)
	}
	return nil, errs.New(errs.BadValue, "column %q has the Arrow type %s, which BSON does not have", path, f.Type).
		WithRemedy("cast the column, for example a duration to a number of seconds and a time to text")
}

// numberWriter returns the writer of a column of numbers, or nil.
func numberWriter(path string, a arrow.Array) writer {
	switch a := a.(type) {
	case *array.Int8:
		return func(b *bsonraw.Builder, key string, i int) error { b.Int32(key, int32(a.Value(i))); return nil }
	case *array.Int16:
		return func(b *bsonraw.Builder, key string, i int) error { b.Int32(key, int32(a.Value(i))); return nil }
	case *array.Int32:
		return func(b *bsonraw.Builder, key string, i int) error { b.Int32(key, a.Value(i)); return nil }
	case *array.Uint8:
		return func(b *bsonraw.Builder, key string, i int) error { b.Int32(key, int32(a.Value(i))); return nil }
	case *array.Uint16:
		return func(b *bsonraw.Builder, key string, i int) error { b.Int32(key, int32(a.Value(i))); return nil }
	case *array.Uint32:
		return func(b *bsonraw.Builder, key string, i int) error { b.Int64(key, int64(a.Value(i))); return nil }
	case *array.Int64:
		return func(b *bsonraw.Builder, key string, i int) error { b.Int64(key, a.Value(i)); return nil }
	case *array.Uint64:
		return func(b *bsonraw.Builder, key string, i int) error {
			if n := a.Value(i); n <= math.MaxInt64 {
				b.Int64(key, int64(n))
				return nil
			}
			return tooLarge(path, i, a.ValueStr(i), "long")
		}
	case *array.Float16:
		return func(b *bsonraw.Builder, key string, i int) error {
			b.Double(key, float64(a.Value(i).Float32()))
			return nil
		}
	case *array.Float32:
		return func(b *bsonraw.Builder, key string, i int) error { b.Double(key, float64(a.Value(i))); return nil }
	case *array.Float64:
		return func(b *bsonraw.Builder, key string, i int) error { b.Double(key, a.Value(i)); return nil }
	}
	return decimalWriter(path, a)
}

func tooLarge(path string, row int, value, typ string) error {
	return errs.New(errs.BadValue, "column %q, row %d: %s does not fit a BSON %s", path, row, value, typ)
}

// textOf returns how to read a column of text, or nil.
func textOf(a arrow.Array) func(int) string {
	switch a := a.(type) {
	case *array.String:
		return a.Value
	case *array.LargeString:
		return a.Value
	case *array.StringView:
		return a.Value
	}
	return nil
}

// bytesOf returns how to read a column of bytes, or nil.
func bytesOf(a arrow.Array) func(int) []byte {
	switch a := a.(type) {
	case *array.Binary:
		return a.Value
	case *array.LargeBinary:
		return a.Value
	case *array.BinaryView:
		return a.Value
	case *array.FixedSizeBinary:
		return a.Value
	}
	return nil
}

func (e *encoder) structWriter(path string, a *array.Struct) (writer, error) {
	var fields []encodedField
	for i, f := range a.DataType().(*arrow.StructType).Fields() {
		c := a.Field(i)
		w, err := e.compile(path+"."+f.Name, f, c)
		if err != nil {
			return nil, err
		}
		name := documentName(f)
		if err := checkKey(path, 0, name); err != nil {
			return nil, err
		}
		fields = append(fields, encodedField{name, nullness(c), w})
	}
	return func(b *bsonraw.Builder, key string, i int) error {
		b.BeginDoc(key)
		err := e.fields(b, fields, i, false)
		b.End()
		return err
	}, nil
}

// list writes arrays. Nulls stay, since leaving one out would move the others.
func (e *encoder) list(path string, f arrow.Field, a array.ListLike) (writer, error) {
	element := arrow.Field{Name: "item", Type: a.ListValues().DataType()}
	if l, ok := a.DataType().(arrow.ListLikeType); ok {
		element = l.ElemField()
	}
	values := a.ListValues()
	w, err := e.compile(path, element, values)
	if err != nil {
		return nil, err
	}
	isNull := nullness(values)
	return func(b *bsonraw.Builder, key string, i int) error {
		start, end := a.ValueOffsets(i)
		b.BeginArray(key)
		for at := start; at < end; at++ {
			k := bsonraw.Index(int(at - start))
			if isNull(int(at)) {
				b.Null(k)
			} else if err := w(b, k, int(at)); err != nil {
				return err
			}
		}
		b.End()
		return nil
	}, nil
}

// mapWriter writes a map of text to anything as a document.
func (e *encoder) mapWriter(path string, f arrow.Field, a *array.Map) (writer, error) {
	text := textOf(a.Keys())
	if text == nil {
		return nil, errs.New(errs.BadValue, "column %q is a map whose keys are %s, not text", path, a.Keys().DataType())
	}
	values := a.Items()
	w, err := e.compile(path, a.DataType().(*arrow.MapType).ItemField(), values)
	if err != nil {
		return nil, err
	}
	isNull := nullness(values)
	return func(b *bsonraw.Builder, key string, i int) error {
		start, end := a.ValueOffsets(i)
		b.BeginDoc(key)
		for at := start; at < end; at++ {
			k := text(int(at))
			if err := checkKey(path, i, k); err != nil {
				return err
			}
			if isNull(int(at)) {
				b.Null(k)
			} else if err := w(b, k, int(at)); err != nil {
				return err
			}
		}
		b.End()
		return nil
	}, nil
}

func (e *encoder) dictionary(path string, f arrow.Field, a *array.Dictionary) (writer, error) {
	values := a.Dictionary()
	w, err := e.compile(path, arrow.Field{Name: f.Name, Type: values.DataType(), Metadata: f.Metadata}, values)
	if err != nil {
		return nil, err
	}
	return func(b *bsonraw.Builder, key string, i int) error {
		return w(b, key, a.GetValueIndex(i))
	}, nil
}

func (e *encoder) runs(path string, f arrow.Field, a *array.RunEndEncoded) (writer, error) {
	values := a.Values()
	w, err := e.compile(path, arrow.Field{Name: f.Name, Type: values.DataType(), Metadata: f.Metadata}, values)
	if err != nil {
		return nil, err
	}
	return func(b *bsonraw.Builder, key string, i int) error {
		return w(b, key, a.GetPhysicalIndex(i))
	}, nil
}

func (e *encoder) union(path string, a array.Union) (writer, error) {
	writers := make([]writer, a.NumFields())
	for i, f := range a.DataType().(arrow.UnionType).Fields() {
		w, err := e.compile(path, f, a.Field(i))
		if err != nil {
			return nil, err
		}
		writers[i] = w
	}
	return func(b *bsonraw.Builder, key string, i int) error {
		child, at := unionValue(a, i)
		return writers[child](b, key, at)
	}, nil
}

// unionValue returns which child holds the value of a row, and where.
func unionValue(a array.Union, i int) (child, at int) {
	if dense, ok := a.(*array.DenseUnion); ok {
		return a.ChildID(i), int(dense.ValueOffset(i))
	}
	return a.ChildID(i), i
}

// nullness returns how to tell whether a row is null, looking through the types
// that keep their nulls with their values.
func nullness(a arrow.Array) func(int) bool {
	switch a := a.(type) {
	case *array.Null:
		return func(int) bool { return true }
	case *array.Dictionary:
		inner := nullness(a.Dictionary())
		return func(i int) bool { return a.IsNull(i) || inner(a.GetValueIndex(i)) }
	case *array.RunEndEncoded:
		inner := nullness(a.Values())
		return func(i int) bool { return inner(a.GetPhysicalIndex(i)) }
	case array.Union:
		inner := make([]func(int) bool, a.NumFields())
		for i := range inner {
			inner[i] = nullness(a.Field(i))
		}
		return func(i int) bool {
			child, at := unionValue(a, i)
			return inner[child](at)
		}
	case array.ExtensionArray:
		return nullness(a.Storage())
	}
	return a.IsNull
}
