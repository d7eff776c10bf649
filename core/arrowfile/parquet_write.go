package arrowfile

import (
	"io"
	"reflect"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/format"

	"github.com/argon-lab/argon/core/columnar"
	"github.com/argon-lab/argon/core/errs"
)

var parquetCodecs = map[string]compress.Codec{
	"": &parquet.Snappy, "snappy": &parquet.Snappy, "none": &parquet.Uncompressed,
	"gzip": &parquet.Gzip, "zstd": &parquet.Zstd, "brotli": &parquet.Brotli, "lz4": &parquet.Lz4Raw,
}

// Bounds of a row group, which is held in memory until it is whole, of the
// dictionary of a column, and of a page.
const (
	maxGroupRows  = 128 << 10
	maxGroupBytes = 64 << 20
	maxDictionary = 256 << 10
	maxPage       = 256 << 10
)

type parquetWriter struct {
	codec compress.Codec
	//lint:ignore SA1019 it takes row groups of columns without a Go type of the rows
	out     *parquet.Writer
	tail    tail
	columns []*columnWriter
	rows    int64 // of the row group so far
	bytes   int64 // before encoding
	groups  []leafBounds
}

func (p *parquetWriter) adapt(s *arrow.Schema) (*arrow.Schema, bool) {
	fields, changed := columnar.WithoutEmptyStructs(s.Fields())
	return arrow.NewSchema(fields, nil), changed
}

func (p *parquetWriter) start(w io.Writer, s *arrow.Schema) error {
	stored, err := storeSchema(s)
	if err != nil {
		return err
	}
	leaves := 0
	root, err := p.group(s.Fields(), &p.columns, &leaves)
	if err != nil {
		return err
	}
	p.tail.w = w
	schema := parquet.NewSchema("schema", root)
	options := []parquet.WriterOption{
		schema,
		parquet.Compression(p.codec), parquet.CreatedBy("argon", "1", ""), parquet.KeyValueMetadata(storedKey, stored),
		parquet.DataPageVersion(1),        // which every reader knows
		parquet.DataPageStatistics(false), // those of the row group say enough
		parquet.PageBufferSize(maxPage), parquet.DictionaryMaxBytes(maxDictionary),
		parquet.WriteBufferSize(-1), // what a row group is written with has arrived when it is flushed
	}
	for _, path := range schema.Columns() {
		if leaf, ok := schema.Lookup(path...); ok && leaf.Node.Type().Kind() == parquet.ByteArray {
			options = append(options, parquet.SkipPageBounds(path...))
		}
	}
	p.out = parquet.NewWriter(&p.tail, options...)
	outs := p.out.ColumnWriters()
	for _, c := range p.columns {
		c.attach(outs)
	}
	return nil
}

// group makes a group of fields, and the writers of its columns. leaves counts
// the leaves of the schema so far.
func (p *parquetWriter) group(fields []arrow.Field, columns *[]*columnWriter, leaves *int) (parquet.Node, error) {
	g := &group{}
	for _, f := range fields {
		c, node, err := p.column(f, leaves)
		if err != nil {
			return nil, err
		}
		*columns = append(*columns, c)
		g.fields = append(g.fields, named{node, f.Name})
	}
	return g, nil
}

func (p *parquetWriter) column(f arrow.Field, leaves *int) (*columnWriter, parquet.Node, error) {
	c := &columnWriter{nullable: f.Nullable}
	var node parquet.Node
	var err error
	switch t := f.Type.(type) {
	case *arrow.StructType:
		node, err = p.group(t.Fields(), &c.children, leaves)
	case *arrow.ListType:
		element := t.ElemField()
		element.Name = "element"
		var repeated parquet.Node
		repeated, err = p.group([]arrow.Field{element}, &c.children, leaves)
		node = &group{fields: []parquet.Field{named{parquet.Repeated(repeated), "list"}}, typ: parquet.List(parquet.Leaf(parquet.Int32Type)).Type()}
	default:
		if node = leafNode(t); node == nil {
			err = errs.New(errs.InternalError, "column %q: Parquet files are not written with the Arrow type %s", f.Name, t)
		}
		c.leaf = *leaves
		*leaves++
	}
	if err == nil && f.Nullable {
		node = parquet.Optional(node)
	}
	return c, node, err
}

// leafNode is the Parquet type of one of columnar's types, nil for others.
func leafNode(t arrow.DataType) parquet.Node {
	switch t := t.(type) {
	case *arrow.NullType:
		return parquet.Leaf(unknown{parquet.Int32Type})
	case *arrow.BooleanType:
		return parquet.Leaf(parquet.BooleanType)
	case *arrow.Int32Type:
		return parquet.Leaf(parquet.Int32Type)
	case *arrow.Uint32Type:
		return parquet.Uint(32)
	case *arrow.Int64Type:
		return parquet.Leaf(parquet.Int64Type)
	case *arrow.Float64Type:
		return parquet.Leaf(parquet.DoubleType)
	case *arrow.TimestampType:
		return parquet.TimestampAdjusted(timeUnits[t.Unit], t.TimeZone != "")
	case *arrow.Decimal128Type:
		return parquet.Decimal(int(t.Scale), int(t.Precision), parquet.FixedLenByteArrayType(decimalBytes))
	case *arrow.StringType:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	case *arrow.BinaryType:
		return parquet.Encoded(parquet.Leaf(parquet.ByteArrayType), &parquet.Plain)
	}
	return nil
}

const decimalBytes = 16

// unknown is the type of a column that has nothing but nulls: formally it is of
// integers. The pages that the library makes of its own are not read by others.
type unknown struct{ parquet.Type }

// LogicalType says that there are only nulls.
func (unknown) LogicalType() *format.LogicalType { return parquet.NullType.LogicalType() }

var timeUnits = map[arrow.TimeUnit]parquet.TimeUnit{
	arrow.Millisecond: parquet.Millisecond, arrow.Microsecond: parquet.Microsecond, arrow.Nanosecond: parquet.Nanosecond,
}

// group is a group whose fields keep their order, which the library's own sorts.
type group struct {
	parquet.Group
	fields []parquet.Field
	typ    parquet.Type // nil for that of any group
}

// Fields returns the fields in their order.
func (g *group) Fields() []parquet.Field { return g.fields }

// Type tells a list from other groups.
func (g *group) Type() parquet.Type {
	if g.typ != nil {
		return g.typ
	}
	return g.Group.Type()
}

// named is a node with the name that it has in its group.
type named struct {
	parquet.Node
	name string
}

// Name returns the name.
func (n named) Name() string { return n.name }

// Value is for rows of Go values, which are not written here.
func (n named) Value(base reflect.Value) reflect.Value { return base }

func (p *parquetWriter) write(rec arrow.RecordBatch) error {
	rows, size := rec.NumRows(), columnar.BatchSize(rec)
	if p.rows > 0 && (p.rows+rows > maxGroupRows || p.bytes+size > maxGroupBytes) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.rows, p.bytes = p.rows+rows, p.bytes+size
	top := rowEntries(int(rows))
	for i, c := range p.columns {
		if err := c.write(rec.Column(i), top); err != nil {
			return err
		}
	}
	return nil
}

// flush ends the row group.
func (p *parquetWriter) flush() error {
	if p.rows == 0 {
		return nil
	}
	group := leafBounds{}
	for _, c := range p.columns {
		c.takeBounds(group)
	}
	p.groups = append(p.groups, group)
	p.rows, p.bytes = 0, 0
	return p.out.Flush()
}

func (p *parquetWriter) close() error {
	if err := p.flush(); err != nil {
		return err
	}
	p.tail.whole = true
	if err := p.out.Close(); err != nil {
		return err
	}
	return p.tail.finish(p.out.File().Metadata(), p.groups)
}
