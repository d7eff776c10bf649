package columnar

import (
	"bytes"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/ejson"
	"github.com/argon-lab/argon/core/errs"
)

// converter makes record batches of one shape, one after the other. Each
// worker has its own.
type converter struct {
	root   *structColumn
	schema *arrow.Schema
	misfit *misfit
}

func newConverter(mem memory.Allocator, s *shape, schema *arrow.Schema) *converter {
	b := base{mem: mem, typ: arrow.StructOf(schema.Fields()...)}
	return &converter{root: newStructColumn(b, s), schema: schema}
}

// misfit says that a document has a value that its column does not take.
type misfit struct {
	path  string
	id    bsonraw.Value
	value bsonraw.Value
	want  string
}

// converted is a run of documents as a batch, or what did not fit.
type converted struct {
	batch  arrow.RecordBatch
	rows   int
	misfit *misfit
}

func (c converted) drop() {
	if c.batch != nil {
		c.batch.Release()
	}
}

// add implements maker. A misfit is not an error: while the schema is a guess,
// it means that the guess was wrong.
func (c *converter) add(d bsonraw.Doc) bool {
	if c.misfit == nil && !c.root.appendDoc(d) {
		c.misfit = c.root.misfit("")
		c.misfit.id = d.Get("_id")
		c.misfit.keep()
	}
	return c.misfit == nil
}

// keep makes the misfit outlive its document.
func (m *misfit) keep() {
	m.id.Data, m.value.Data = bytes.Clone(m.id.Data), bytes.Clone(m.value.Data)
}

// finish implements maker.
func (c *converter) finish() (converted, error) {
	if m := c.misfit; m != nil {
		c.misfit = nil
		c.root.reset()
		return converted{misfit: m}, nil
	}
	rows := c.root.n
	return converted{batch: c.batch(), rows: rows}, nil
}

func (c *converter) batch() arrow.RecordBatch {
	rows := c.root.n
	data := c.root.finish()
	defer data.Release()
	columns := make([]arrow.Array, len(data.Children()))
	for i, child := range data.Children() {
		columns[i] = array.MakeFromData(child)
		defer columns[i].Release()
	}
	return array.NewRecordBatch(c.schema, columns, int64(rows))
}

// error describes a misfit for the one who asked for the schema.
func (m *misfit) error() error {
	id := "a document without _id"
	if !m.id.IsMissing() {
		id = "the document with _id " + excerpt(m.id)
	}
	return errs.New(errs.SchemaMismatch, "field %q of %s: %s (%s) does not fit %s",
		m.path, id, excerpt(m.value), m.value.Type.Name(), m.want)
}

// excerpt is a value as text of bearable length.
func excerpt(v bsonraw.Value) string {
	const limit = 120
	text := ejson.AppendValue(nil, v, ejson.Relaxed)
	if len(text) <= limit {
		return string(text)
	}
	cut := limit
	for cut > limit-4 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return string(text[:cut]) + "..."
}

// misfit follows the failure of the last append to the value that caused it.
func (c *structColumn) misfit(prefix string) *misfit {
	path := prefix + c.failed.name
	if c.failed.field < 0 {
		return &misfit{path: path, value: c.failed.value, want: "a schema without this field"}
	}
	return misfitOf(c.fields[c.failed.field].col, c.shape.fields[c.failed.field], path, c.failed.value)
}

func misfitOf(col column, s *shape, path string, v bsonraw.Value) *misfit {
	switch col := col.(type) {
	case *structColumn:
		if v.Type == bsonraw.Object {
			return col.misfit(path + ".")
		}
	case *listColumn:
		if v.Type == bsonraw.Array && !col.failed.IsMissing() {
			return misfitOf(col.element, s.element, path+"."+strconv.Itoa(col.index), col.failed)
		}
	}
	return &misfit{path: path, value: v, want: s.describe()}
}

// describe names the type of a column as a user would ask for it.
func (s *shape) describe() string {
	if name, ok := s.field.Metadata.GetValue(metaBSON); ok {
		return name + " (" + s.field.Type.String() + ")"
	}
	return s.field.Type.String()
}
