package arrowfile

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/parquet-go/parquet-go"
)

// columnWriter writes an Arrow array as the leaves below it.
type columnWriter struct {
	nullable bool
	children []*columnWriter // of a struct; of a list, its element
	leaf     int
	out      *parquet.ColumnWriter
	own      entries // of the array, for its children
	values   []parquet.Value
	size     int // of their texts and bytes
	bounds   bounds
	scratch  []byte
}

func (c *columnWriter) attach(outs []*parquet.ColumnWriter) {
	if len(c.children) == 0 {
		c.out = outs[c.leaf]
	}
	for _, child := range c.children {
		child.attach(outs)
	}
}

// entries are what a leaf says of a number of rows: one entry for each value,
// and for each place where there is none.
type entries struct {
	list byte    // the lists around, whose repetition level elements get
	reps []byte  // 0 at a new row
	defs []byte  // how much of the path is there
	at   []int32 // where the value is in the array, -1 if the path ends above
}

const absent = -1

// rowEntries are those of the rows themselves.
func rowEntries(n int) *entries {
	e := &entries{reps: make([]byte, n), defs: make([]byte, n), at: make([]int32, n)}
	for i := range e.at {
		e.at[i] = int32(i)
	}
	return e
}

func (e *entries) reset(list byte) {
	*e = entries{list: list, reps: e.reps[:0], defs: e.defs[:0], at: e.at[:0]}
}

func (e *entries) add(rep, def byte, at int32) {
	e.reps, e.defs, e.at = append(e.reps, rep), append(e.defs, def), append(e.at, at)
}

func (c *columnWriter) write(a arrow.Array, in *entries) error {
	switch a := a.(type) {
	case *array.Struct:
		c.present(a, in)
		for i, child := range c.children {
			if err := child.write(a.Field(i), &c.own); err != nil {
				return err
			}
		}
		return nil
	case *array.List:
		c.elements(a, in)
		return c.children[0].write(a.ListValues(), &c.own)
	}
	return c.writeLeaf(a, in)
}

// present goes on with the entries whose value is not null.
func (c *columnWriter) present(a arrow.Array, in *entries) {
	c.own.reset(in.list)
	for i, at := range in.at {
		def := in.defs[i]
		if at != absent && c.nullable {
			if a.IsValid(int(at)) {
				def++
			} else {
				at = absent
			}
		}
		c.own.add(in.reps[i], def, at)
	}
}

// elements makes an entry of each element of a list, and one of each list that
// has none.
func (c *columnWriter) elements(a *array.List, in *entries) {
	list := in.list + 1
	c.own.reset(list)
	for i, at := range in.at {
		rep, def := in.reps[i], in.defs[i]
		if at == absent || (c.nullable && a.IsNull(int(at))) {
			c.own.add(rep, def, absent)
			continue
		}
		if c.nullable {
			def++
		}
		start, end := a.ValueOffsets(int(at))
		if start == end {
			c.own.add(rep, def, absent)
		}
		for at := start; at < end; at++ {
			c.own.add(rep, def+1, int32(at))
			rep = list
		}
	}
}

// writeLeaf writes values in pieces of whole rows, since a page is whole as soon
// as one makes it large enough.
func (c *columnWriter) writeLeaf(a arrow.Array, in *entries) error {
	value := c.valueOf(a)
	for i, at := range in.at {
		rep, def := in.reps[i], in.defs[i]
		if rep == 0 && (c.size > maxPage/4 || len(c.values) >= 4096) {
			if err := c.flush(); err != nil {
				return err
			}
		}
		var v parquet.Value
		if at != absent && a.IsValid(int(at)) {
			if c.nullable {
				def++
			}
			v = value(int(at))
		}
		v.SetRepetitionLevel(int(rep))
		v.SetDefinitionLevel(int(def))
		c.values = append(c.values, v)
	}
	return c.flush()
}

func (c *columnWriter) flush() error {
	if len(c.values) == 0 {
		return nil
	}
	_, err := c.out.WriteRowValues(c.values)
	c.values, c.scratch, c.size = c.values[:0], c.scratch[:0], 0
	return err
}

// valueOf returns how to read an array. Texts and bytes stay in it.
func (c *columnWriter) valueOf(a arrow.Array) func(int) parquet.Value {
	switch a := a.(type) {
	case *array.Boolean:
		return func(i int) parquet.Value { return parquet.BooleanValue(a.Value(i)) }
	case *array.Int32:
		return func(i int) parquet.Value { return parquet.Int32Value(a.Value(i)) }
	case *array.Uint32:
		return func(i int) parquet.Value { return parquet.Int32Value(int32(a.Value(i))) }
	case *array.Int64:
		return func(i int) parquet.Value { return parquet.Int64Value(a.Value(i)) }
	case *array.Float64:
		return func(i int) parquet.Value { return parquet.DoubleValue(a.Value(i)) }
	case *array.Timestamp:
		return func(i int) parquet.Value { return parquet.Int64Value(int64(a.Value(i))) }
	case *array.String:
		offsets, text := a.ValueOffsets(), []byte(nil)
		if b := a.Data().Buffers()[2]; b != nil {
			text = b.Bytes()
		}
		return func(i int) parquet.Value { return c.bytes(text[offsets[i]:offsets[i+1]]) }
	case *array.Binary:
		return func(i int) parquet.Value { return c.bytes(a.Value(i)) }
	case *array.Decimal128:
		return func(i int) parquet.Value {
			n := a.Value(i)
			at := len(c.scratch)
			c.scratch = binary.BigEndian.AppendUint64(c.scratch, uint64(n.HighBits()))
			c.scratch = binary.BigEndian.AppendUint64(c.scratch, n.LowBits())
			return parquet.FixedLenByteArrayValue(c.scratch[at:])
		}
	}
	return func(int) parquet.Value { return parquet.NullValue() }
}

func (c *columnWriter) bytes(b []byte) parquet.Value {
	c.size += len(b)
	c.bounds.add(b)
	return parquet.ByteArrayValue(b)
}
