package arrowfile

import (
	"bytes"
	"encoding/base64"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/parquet-go/parquet-go/format"
)

// storedKey is where a Parquet file has the Arrow schema that it was written
// from.
const storedKey = "ARROW:schema"

// storedSchema returns it, or nil. Whoever wrote a text that is none, the columns
// themselves are whole; one whose lengths lie is an error.
func storedSchema(kv []format.KeyValue) (*arrow.Schema, error) {
	for _, m := range kv {
		if m.Key != storedKey {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(m.Value)
		if err != nil {
			return nil, nil
		}
		if err := (&messages{r: bytes.NewReader(data)}).next(); err != nil {
			return nil, err
		}
		r, err := ipc.NewReader(bytes.NewReader(data), ipcOptions()...)
		if err != nil {
			return nil, nil
		}
		defer r.Release()
		return r.Schema(), nil
	}
	return nil, nil
}

// storeSchema is the text of a schema for storedKey.
func storeSchema(s *arrow.Schema) (string, error) {
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(s), ipc.WithAllocator(allocator))
	err := w.Close()
	return base64.StdEncoding.EncodeToString(out.Bytes()), err
}

// annotate puts what a stored schema knows on the columns that were read: the
// metadata of fields, with the BSON types that Arrow does not tell, and which
// integers are durations, for which Parquet has no type.
func annotate(columns []*column, stored *arrow.Schema) {
	if stored != nil {
		annotateAll(columns, stored.Fields())
	}
}

func annotateAll(columns []*column, stored []arrow.Field) {
	if len(columns) != len(stored) {
		return
	}
	for i, c := range columns {
		if c.field.Name == stored[i].Name {
			c.annotate(stored[i])
		}
	}
}

func (c *column) annotate(stored arrow.Field) {
	if stored.HasMetadata() {
		c.field.Metadata = stored.Metadata
	}
	switch t := stored.Type.(type) {
	case *arrow.DurationType:
		if c.field.Type == arrow.PrimitiveTypes.Int64 {
			c.field.Type = t
		}
	case *arrow.StructType:
		if c.kind == structColumn {
			annotateAll(c.children, t.Fields())
			c.field.Type = arrow.StructOf(fieldsOf(c.children)...)
		}
	case *arrow.MapType: // its entries have names of their own
	case arrow.ListLikeType:
		if _, list := c.field.Type.(*arrow.ListType); list {
			c.children[0].annotate(t.ElemField())
			c.field.Type = arrow.ListOfField(c.children[0].field)
		}
	}
}
