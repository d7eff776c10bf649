package columnar

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/argon-lab/argon/core/bsonraw"
)

// structColumn takes objects. It is also the root of a batch, which takes whole
// documents.
type structColumn struct {
	base
	shape  *shape
	fields []child
	index  nameIndex
	failed failure
}

type child struct {
	name string
	nth  int
	rows *int
	col  column
}

// failure is the field of an object whose value did not fit.
type failure struct {
	field int // -1: no column has this name
	name  string
	value bsonraw.Value
}

func newStructColumn(b base, s *shape) *structColumn {
	c := &structColumn{base: b, shape: s}
	for i, f := range s.fields {
		col := newColumn(b.mem, f)
		c.fields = append(c.fields, child{f.name, f.nth, col.rows(), col})
		c.index.add(f.name, f.nth, i)
	}
	return c
}

func (c *structColumn) append(v bsonraw.Value) bool {
	return v.Type == bsonraw.Object && c.appendDoc(bsonraw.Doc(v.Data))
}

// appendDoc adds the fields of one document. A column that a document does not
// name lags behind and is padded when its next value comes, or at the end.
func (c *structColumn) appendDoc(d bsonraw.Doc) bool {
	row, at := c.n, 0
	it := d.Iter()
	for {
		ok, hit := it.NextGuess(c.expected(at))
		if !ok {
			c.present()
			return it.Err() == nil
		}
		i := at
		if !hit || at == len(c.fields) || c.fields[at].nth > 1 {
			i = c.find(it.Key(), at)
		}
		if i < 0 || *c.fields[i].rows > row {
			if i = c.later(it.Key(), row); i < 0 {
				if c.shape.strict {
					return c.fail(-1, it.Key(), it.Value())
				}
				continue
			}
		}
		at = i + 1
		f := &c.fields[i]
		if *f.rows < row {
			f.col.pad(row)
		}
		v := it.Value()
		if v.Type == bsonraw.Null {
			f.col.pad(row + 1)
		} else if !f.col.append(v) {
			return c.fail(i, it.Key(), v)
		}
	}
}

// expected is the name of the field that should come next.
func (c *structColumn) expected(at int) string {
	if at < len(c.fields) {
		return c.fields[at].name
	}
	return ""
}

func (c *structColumn) fail(i int, key []byte, v bsonraw.Value) bool {
	c.failed = failure{i, string(key), v}
	return false
}

// find returns the first column of a name, from the expected place on.
func (c *structColumn) find(key []byte, at int) int {
	for i := at; i < len(c.fields) && i < at+lookAhead; i++ {
		if c.fields[i].name == string(key) && c.fields[i].nth == 1 {
			return i
		}
	}
	return c.index.find(key, 1)
}

// later returns the column for a name that this object has had before.
func (c *structColumn) later(key []byte, row int) int {
	for nth := 1; ; nth++ {
		i := c.index.find(key, nth)
		if i < 0 || *c.fields[i].rows <= row {
			return i
		}
	}
}

func (c *structColumn) pad(n int) {
	if n > c.n {
		c.padBase(n)
	}
}

func (c *structColumn) finish() arrow.ArrayData {
	children := make([]arrow.ArrayData, len(c.fields))
	for i := range c.fields {
		c.fields[i].col.pad(c.n)
		children[i] = c.fields[i].col.finish()
	}
	return c.data(children)
}

func (c *structColumn) reset(expect int) {
	for i := range c.fields {
		c.fields[i].col.reset(expect)
	}
	c.resetBase(expect)
}

// listColumn takes arrays: n+1 offsets into the column of the elements, of 32
// bits or, for a large list, widened to 64 at the end; or none where every list
// has the same length.
type listColumn struct {
	variable // its offsets and bitmap; the bytes stay unused
	element  column
	elements *int
	large    bool
	length   int // of each list; -1 if they differ
	failed   bsonraw.Value
	index    int // of failed in its list
}

func newListColumn(b base, s *shape) *listColumn {
	c := &listColumn{variable: variable{base: b}, element: newColumn(b.mem, s.element), length: -1}
	c.elements = c.element.rows()
	switch t := s.field.Type.(type) {
	case *arrow.LargeListType:
		c.large = true
	case *arrow.FixedSizeListType:
		c.length = int(t.Len())
	}
	return c
}

func (c *listColumn) append(v bsonraw.Value) bool {
	if c.failed = (bsonraw.Value{}); v.Type != bsonraw.Array {
		return false
	}
	it := bsonraw.Doc(v.Data).Iter()
	start := *c.elements
	for i := 0; ; i++ {
		if ok, _ := it.NextGuess(bsonraw.Index(i)); !ok {
			break
		}
		if v := it.Value(); v.Type == bsonraw.Null {
			c.element.pad(*c.elements + 1)
		} else if !c.element.append(v) {
			c.failed, c.index = v, *c.elements-start
			return false
		}
	}
	if it.Err() != nil || *c.elements > math.MaxInt32 || c.length >= 0 && *c.elements-start != c.length {
		return false
	}
	if c.n+1 >= len(c.offsets) {
		c.growOffsets(c.n + 2)
	}
	c.offsets[c.n+1] = int32(*c.elements)
	c.present()
	return true
}

func (c *listColumn) pad(n int) {
	if c.length > 0 {
		c.element.pad(n * c.length)
	}
	c.size = *c.elements
	c.variable.pad(n)
}

func (c *listColumn) finish() arrow.ArrayData {
	if c.offsetBuf == nil {
		c.growOffsets(1)
	}
	c.offsetBuf.ResizeNoShrink((c.n + 1) * arrow.Int32SizeBytes)
	offsets := c.offsetBuf
	if c.large {
		offsets = widen(c.mem, offsets)
	}
	c.forget()
	children := []arrow.ArrayData{c.element.finish()}
	if c.length >= 0 {
		offsets.Release()
		return c.base.data(children)
	}
	return c.base.data(children, offsets)
}

// widen turns offsets of 32 bits into offsets of 64, and releases them.
func widen(mem memory.Allocator, from *memory.Buffer) *memory.Buffer {
	narrow := arrow.Int32Traits.CastFromBytes(from.Bytes())
	to := memory.NewResizableBuffer(mem)
	to.Resize(len(narrow) * arrow.Int64SizeBytes)
	wide := arrow.Int64Traits.CastFromBytes(to.Bytes())
	for i, at := range narrow {
		wide[i] = int64(at)
	}
	from.Release()
	return to
}

func (c *listColumn) reset(expect int) {
	c.failed = bsonraw.Value{}
	c.element.reset(expect)
	c.variable.reset(expect)
}

// timestampColumn takes BSON timestamps as struct{t, i}.
type timestampColumn struct {
	base
	seconds, increments fixed[uint32]
}

func newTimestampColumn(b base) *timestampColumn {
	part := base{mem: b.mem, typ: arrow.PrimitiveTypes.Uint32}
	return &timestampColumn{b, newFixed[uint32](part), newFixed[uint32](part)}
}

func (c *timestampColumn) append(v bsonraw.Value) bool {
	if v.Type != bsonraw.Timestamp {
		return false
	}
	t, i := v.Timestamp()
	c.seconds.push(t)
	c.increments.push(i)
	c.present()
	return true
}

func (c *timestampColumn) pad(n int) {
	if n > c.n {
		c.seconds.pad(n)
		c.increments.pad(n)
		c.padBase(n)
	}
}

func (c *timestampColumn) finish() arrow.ArrayData {
	return c.data([]arrow.ArrayData{c.seconds.finish(), c.increments.finish()})
}

func (c *timestampColumn) reset(expect int) {
	c.seconds.reset(expect)
	c.increments.reset(expect)
	c.resetBase(expect)
}
