package arrowfile

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/argon-lab/argon/core/errs"
)

// column is a column of a Parquet file on its way to Arrow. A value of a leaf
// comes with two levels: its definition level says how much of its path is
// there, its repetition level which list it goes on with, 0 for a new row.
type column struct {
	field    arrow.Field
	kind     columnKind
	rep      byte // lists around it, its own included
	def      byte // the definition level at which it is not null
	slot     byte // the level at which it has a place: that of an element of the list around it
	children []*column
	leaf     int // the first leaf below it, whose levels tell of all of it
	physical parquet.Kind
	length   int // bytes of a value of fixed length in the file
	width    int // and in Arrow
}

type columnKind byte

const (
	leafColumn columnKind = iota
	structColumn
	listColumn // of its one child; a map is one of entries
)

// nesting bounds the levels of a schema; the documents have fewer.
const nesting = 200

// schemaParser goes through the elements of a schema, depth first.
type schemaParser struct {
	elements []format.SchemaElement
	leaves   []*column
	depth    int
}

// parseSchema makes columns of a schema and returns them with their leaves.
func parseSchema(elements []format.SchemaElement) (columns, leaves []*column, err error) {
	p := &schemaParser{elements: elements}
	root, ok := p.next()
	if !ok || root.Type.Valid {
		return nil, nil, errSchema()
	}
	columns, err = p.group(root, column{})
	if err == nil && len(p.elements) > 0 {
		err = errSchema()
	}
	return columns, p.leaves, err
}

func errSchema() error {
	return errs.New(errs.ImportFailed, "the schema of the Parquet file is broken")
}

func (p *schemaParser) next() (*format.SchemaElement, bool) {
	if len(p.elements) == 0 {
		return nil, false
	}
	e := &p.elements[0]
	p.elements = p.elements[1:]
	return e, true
}

// group reads the children of a group, whose levels are in.
func (p *schemaParser) group(e *format.SchemaElement, in column) ([]*column, error) {
	if p.depth++; p.depth > nesting || int(e.NumChildren.V) > len(p.elements) || e.NumChildren.V < 0 {
		return nil, errSchema()
	}
	defer func() { p.depth-- }()
	columns := make([]*column, 0, e.NumChildren.V)
	for range e.NumChildren.V {
		c, err := p.node(in)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// node reads the next element. A repeated one outside of what is named a list is
// one nevertheless, and never null.
func (p *schemaParser) node(in column) (*column, error) {
	e, ok := p.next()
	if !ok {
		return nil, errSchema()
	}
	if repetition(e) == format.Repeated {
		return p.list(e.Name, in, func(element column) (*column, error) { return p.body(e, element) })
	}
	c := column{rep: in.rep, def: in.def, slot: in.slot}
	if repetition(e) == format.Optional {
		c.def++
	}
	return p.body(e, c)
}

func repetition(e *format.SchemaElement) format.FieldRepetitionType {
	if e.RepetitionType.Valid {
		return e.RepetitionType.V
	}
	return format.Required
}

// list makes a list of what element reads.
func (p *schemaParser) list(name string, in column, element func(column) (*column, error)) (*column, error) {
	c := &column{kind: listColumn, rep: in.rep + 1, def: in.def, slot: in.slot, leaf: len(p.leaves)}
	child, err := element(column{rep: c.rep, def: c.def + 1, slot: c.def + 1})
	if err != nil {
		return nil, err
	}
	c.children = []*column{child}
	c.field = arrow.Field{Name: name, Type: arrow.ListOfField(child.field), Nullable: true}
	return c, nil
}

// body reads what an element is, whose levels are in.
func (p *schemaParser) body(e *format.SchemaElement, in column) (*column, error) {
	if e.Type.Valid {
		return p.leafOf(e, in)
	}
	_, isList := e.LogicalType.Value.(*format.ListType)
	_, isMap := e.LogicalType.Value.(*format.MapType)
	if old := e.ConvertedType; old.Valid {
		isList = isList || old.V == deprecated.List
		isMap = isMap || old.V == deprecated.Map || old.V == deprecated.MapKeyValue
	}
	if (isList || isMap) && e.NumChildren.V == 1 && len(p.elements) > 0 && repetition(&p.elements[0]) == format.Repeated {
		if isMap {
			return p.mapOf(e, in)
		}
		return p.listOf(e, in)
	}
	return p.structOf(e, in)
}

func (p *schemaParser) structOf(e *format.SchemaElement, in column) (*column, error) {
	c := in
	c.kind, c.leaf = structColumn, len(p.leaves)
	var err error
	if c.children, err = p.group(e, in); err != nil {
		return nil, err
	}
	if len(p.leaves) == c.leaf {
		return nil, errs.New(errs.ImportFailed, "column %q is a group without columns", e.Name)
	}
	c.field = arrow.Field{Name: e.Name, Type: arrow.StructOf(fieldsOf(c.children)...), Nullable: true}
	return &c, nil
}

func fieldsOf(columns []*column) []arrow.Field {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.field
	}
	return fields
}

// listOf reads a list by the rules that the format has for those that old
// writers made, where the repeated group is the element itself.
func (p *schemaParser) listOf(e *format.SchemaElement, in column) (*column, error) {
	repeated, _ := p.next()
	itself := repeated.Type.Valid || repeated.NumChildren.V != 1 || slices.Contains([]string{"array", e.Name + "_tuple"}, repeated.Name)
	return p.list(e.Name, in, func(element column) (*column, error) {
		if itself {
			return p.body(repeated, element)
		}
		return p.node(element)
	})
}

// mapOf reads a map: a list of entries.
func (p *schemaParser) mapOf(e *format.SchemaElement, in column) (*column, error) {
	repeated, _ := p.next()
	c, err := p.list(e.Name, in, func(element column) (*column, error) { return p.structOf(repeated, element) })
	if err != nil {
		return nil, err
	}
	if entry := c.children[0].children; len(entry) == 2 {
		entry[0].field.Nullable = false
		c.field.Type = arrow.MapOfFields(entry[0].field, entry[1].field)
	}
	return c, nil
}

func (p *schemaParser) leafOf(e *format.SchemaElement, in column) (*column, error) {
	c := in
	c.kind, c.leaf = leafColumn, len(p.leaves)
	c.physical, c.length = parquet.Kind(e.Type.V), int(e.TypeLength.V)
	c.field = arrow.Field{Name: e.Name, Nullable: true}
	var ok bool
	if c.field.Type, c.width, ok = leafType(e); !ok {
		return nil, errs.New(errs.NotSupported, "column %q is of a Parquet type that Argon does not know", e.Name)
	}
	if _, uuid := e.LogicalType.Value.(*format.UUIDType); uuid {
		c.field.Metadata = arrow.NewMetadata([]string{"ARROW:extension:name"}, []string{"arrow.uuid"})
	}
	p.leaves = append(p.leaves, &c)
	return &c, nil
}
