package columnar

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

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
	word uint64 // the name and the zero behind it, where they are eight bytes at most
	mask uint64 // of the bytes that word has; 0 where the name is longer
}

func newChild(s *shape, col column) child {
	f := child{name: s.name, nth: s.nth, rows: col.rows(), col: col}
	if n := len(f.name) + 1; n <= 8 {
		var word [8]byte
		copy(word[:], f.name)
		f.word, f.mask = binary.LittleEndian.Uint64(word[:]), ^uint64(0)>>(64-8*n)
	}
	return f
}

// begins reports whether an element has the name of the field. Names are short:
// most are compared as one word.
func (f *child) begins(element []byte) bool {
	if f.mask != 0 && len(element) > 8 {
		return binary.LittleEndian.Uint64(element[1:])&f.mask == f.word
	}
	n := len(f.name)
	return len(element) > n+1 && element[n+1] == 0 && string(element[1:n+1]) == f.name
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
		c.fields = append(c.fields, newChild(f, newColumn(b.mem, f)))
		c.index.add(f.name, f.nth, i)
	}
	return c
}

func (c *structColumn) take(t bsonraw.Type, body []byte) int {
	if t != bsonraw.Object || len(body) < 5 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(body)))
	if n < 5 || n > len(body) || !c.appendDoc(body[:n:n]) {
		return -1
	}
	return n
}

// appendDoc adds the fields of one document. A column that a document does not
// name lags behind and is padded when its next value comes, or at the end.
func (c *structColumn) appendDoc(d bsonraw.Doc) bool {
	row, at := c.n, 0
	for rest := []byte(d[4:]); rest[0] != 0; {
		t, i, name := bsonraw.Type(rest[0]), at, 0
		if at < len(c.fields) && c.fields[at].nth == 1 && c.fields[at].begins(rest) {
			name = len(c.fields[at].name)
		} else if name = bytes.IndexByte(rest[1:], 0); name < 0 {
			return c.fail(-1, nil, bsonraw.Value{})
		} else {
			i = c.find(rest[1:name+1], at)
		}
		key, body := rest[1:name+1], rest[name+2:]
		if i < 0 || *c.fields[i].rows > row {
			i = c.later(key, row)
		}
		n := c.takeField(i, row, t, body)
		if n < 0 || n >= len(body) {
			return c.failAt(i, key, t, body)
		}
		if i >= 0 {
			at = i + 1
		}
		rest = body[n:]
	}
	c.present()
	return true
}

// takeField adds the value of one field, of a column or, with i < 0, of none, and
// returns how long it is; -1 if it does not fit.
func (c *structColumn) takeField(i, row int, t bsonraw.Type, body []byte) int {
	if i < 0 {
		if n, ok := bsonraw.ValueSize(t, body); ok && !c.shape.strict {
			return n
		}
		return -1
	}
	f := &c.fields[i]
	if *f.rows < row {
		f.col.pad(row)
	}
	if t == bsonraw.Null {
		f.col.pad(row + 1)
		return 0
	}
	return f.col.take(t, body)
}

// failAt notes the field whose value did not fit.
func (c *structColumn) failAt(i int, key []byte, t bsonraw.Type, body []byte) bool {
	n, ok := bsonraw.ValueSize(t, body)
	if !ok {
		n = 0
	}
	return c.fail(i, key, bsonraw.Value{Type: t, Data: body[:n:n]})
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

func (c *structColumn) reset() {
	for i := range c.fields {
		c.fields[i].col.reset()
	}
	c.base.reset()
}

// listColumn takes arrays: offsets into the column of the elements, of 32 bits
// or, for a large list, widened to 64 at the end; or none where every list has
// the same length.
type listColumn struct {
	base
	offsets  offsets
	element  column
	elements *int
	large    bool
	length   int // of each list; -1 if they differ
	failed   bsonraw.Value
	index    int // of failed in its list
}

func newListColumn(b base, s *shape) *listColumn {
	c := &listColumn{base: b, offsets: newOffsets(), element: newColumn(b.mem, s.element), length: -1}
	c.elements = c.element.rows()
	switch t := s.field.Type.(type) {
	case *arrow.LargeListType:
		c.large = true
	case *arrow.FixedSizeListType:
		c.length = int(t.Len())
	}
	return c
}

func (c *listColumn) take(t bsonraw.Type, body []byte) int {
	if t != bsonraw.Array || len(body) < 5 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(body)))
	if n < 5 || n > len(body) || !c.appendElements(body[4:n:n]) {
		return -1
	}
	return n
}

// appendElements adds one list. The names of its elements say nothing.
func (c *listColumn) appendElements(rest []byte) bool {
	start := *c.elements
	for len(rest) > 1 && rest[0] != 0 {
		t, name := bsonraw.Type(rest[0]), bytes.IndexByte(rest[1:], 0)
		if name < 0 {
			return false
		}
		body := rest[name+2:]
		n := 0
		if t == bsonraw.Null {
			c.element.pad(*c.elements + 1)
		} else if n = c.element.take(t, body); n < 0 {
			c.fail(*c.elements-start, t, body)
			return false
		}
		rest = body[n:]
	}
	if *c.elements > math.MaxInt32 || c.length >= 0 && *c.elements-start != c.length {
		return false
	}
	c.offsets.push(*c.elements)
	c.present()
	return true
}

// fail notes the element that did not fit.
func (c *listColumn) fail(index int, t bsonraw.Type, body []byte) {
	if n, ok := bsonraw.ValueSize(t, body); ok {
		c.failed, c.index = bsonraw.Value{Type: t, Data: body[:n:n]}, index
	}
}

func (c *listColumn) pad(n int) {
	if n <= c.n {
		return
	}
	if c.length > 0 {
		c.element.pad(n * c.length)
	}
	c.offsets.repeat(n - c.n)
	c.padBase(n)
}

func (c *listColumn) finish() arrow.ArrayData {
	children := []arrow.ArrayData{c.element.finish()}
	narrow := c.offsets
	c.offsets.reset()
	switch {
	case c.length >= 0:
		return c.data(children)
	case c.large:
		return c.data(children, rawBytes(widen(narrow)))
	}
	return c.data(children, rawBytes(narrow))
}

// widen turns offsets of 32 bits into offsets of 64.
func widen(narrow offsets) []int64 {
	wide := make([]int64, len(narrow))
	for i, at := range narrow {
		wide[i] = int64(at)
	}
	return wide
}

func (c *listColumn) reset() {
	c.failed = bsonraw.Value{}
	c.element.reset()
	c.offsets.reset()
	c.base.reset()
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

func (c *timestampColumn) take(t bsonraw.Type, body []byte) int { return takeWhole(c, t, body) }

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

func (c *timestampColumn) reset() {
	c.seconds.reset()
	c.increments.reset()
	c.base.reset()
}
