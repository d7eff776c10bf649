package arrowfile

import (
	"bytes"
	"encoding/base64"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// checkStored checks the Arrow schema that a Parquet file was written from before
// the library believes it.
func checkStored(kv metadata.KeyValueMetadata) error {
	text := kv.FindValue(storedKey)
	if text == nil {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(*text)
	if err != nil {
		return nil // the library does not read it either
	}
	m := &messages{r: bytes.NewReader(data)}
	return m.next()
}

const storedKey = "ARROW:schema"

// storedSchema returns the Arrow schema that a Parquet file was written from, or
// nil.
func storedSchema(kv metadata.KeyValueMetadata) *arrow.Schema {
	text := kv.FindValue(storedKey)
	if text == nil {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(*text)
	if err != nil {
		return nil // whoever wrote it, the columns themselves are whole
	}
	r, err := ipc.NewReader(bytes.NewReader(data), ipcOptions()...)
	if err != nil {
		return nil
	}
	defer r.Release()
	return r.Schema()
}

// annotate puts the metadata of the fields of a stored schema on the fields that
// were read: the library keeps that of whole columns only.
func annotate(fields, stored []arrow.Field) (out []arrow.Field, changed bool) {
	if len(fields) != len(stored) {
		return fields, false
	}
	out = make([]arrow.Field, len(fields))
	for i, f := range fields {
		out[i] = f
		if f.Name != stored[i].Name {
			continue
		}
		if stored[i].HasMetadata() && !f.Metadata.Equal(stored[i].Metadata) {
			out[i].Metadata, changed = stored[i].Metadata, true
		}
		if t, some := annotateType(f.Type, stored[i].Type); some {
			out[i].Type, changed = t, true
		}
	}
	return out, changed
}

func annotateType(t, stored arrow.DataType) (arrow.DataType, bool) {
	switch t := t.(type) {
	case *arrow.StructType:
		if s, ok := stored.(*arrow.StructType); ok {
			if fields, changed := annotate(t.Fields(), s.Fields()); changed {
				return arrow.StructOf(fields...), true
			}
		}
	case *arrow.ListType:
		if s, ok := stored.(arrow.ListLikeType); ok {
			element, other := t.ElemField(), s.ElemField()
			other.Name = element.Name // Parquet has its own
			if fields, changed := annotate([]arrow.Field{element}, []arrow.Field{other}); changed {
				return arrow.ListOfField(fields[0]), true
			}
		}
	}
	return t, false
}

// retype gives arrays the types of a schema that differs from theirs in metadata
// alone.
func retype(rec arrow.RecordBatch, s *arrow.Schema) arrow.RecordBatch {
	columns := make([]arrow.Array, rec.NumCols())
	for i, c := range rec.Columns() {
		data := retypeData(c.Data(), s.Field(i).Type)
		columns[i] = array.MakeFromData(data)
		data.Release()
		defer columns[i].Release()
	}
	return array.NewRecordBatch(s, columns, rec.NumRows())
}

func retypeData(d arrow.ArrayData, t arrow.DataType) arrow.ArrayData {
	var types []arrow.DataType
	switch t := t.(type) {
	case *arrow.StructType:
		for _, f := range t.Fields() {
			types = append(types, f.Type)
		}
	case *arrow.ListType:
		types = []arrow.DataType{t.Elem()}
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	for i, c := range d.Children() {
		if i < len(types) {
			children[i] = retypeData(c, types[i])
			defer children[i].Release()
			continue
		}
		children[i] = c
	}
	if dict := d.Dictionary(); dict != nil {
		if with, ok := dict.(*array.Data); ok && with != nil {
			return array.NewDataWithDictionary(t, d.Len(), d.Buffers(), d.NullN(), d.Offset(), with)
		}
	}
	return array.NewData(t, d.Len(), d.Buffers(), children, d.NullN(), d.Offset())
}
