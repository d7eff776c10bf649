package arrowfile

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/parquet-go/parquet-go"
)

// build makes the array of a column of what its leaves have read.
func (c *column) build(leaves []*leafReader) (arrow.ArrayData, error) {
	switch leaf := leaves[c.leaf]; c.kind {
	case listColumn:
		return c.buildList(leaves)
	case structColumn:
		v := leaf.levels.places(c, c.rep)
		children, err := buildAll(c.children, leaves, v.n)
		if err != nil {
			return nil, err
		}
		return array.NewData(c.field.Type, v.n, []*memory.Buffer{v.buffer()}, children, v.nulls, 0), nil
	default:
		return leaf.build(), nil
	}
}

// buildAll makes arrays of columns, which must have n places each.
func buildAll(columns []*column, leaves []*leafReader, n int) ([]arrow.ArrayData, error) {
	all := make([]arrow.ArrayData, len(columns))
	for i, c := range columns {
		data, err := c.build(leaves)
		if err != nil {
			return nil, err
		}
		if data.Len() != n {
			return nil, errParquet("column " + c.field.Name + " has values in other places than its neighbours")
		}
		all[i] = data
	}
	return all, nil
}

// places are those that the values of a column have: whether they are not null.
type places struct {
	n, nulls int
	valid    []byte // bits; nil if none is null
}

func (p *places) buffer() *memory.Buffer {
	if p.nulls == 0 {
		return nil
	}
	return memory.NewBufferBytes(p.valid)
}

// places finds those of a column among the entries of a leaf below it: an entry
// of a deeper list, of a repetition level above rep, goes on with the same one,
// and one of an empty list has none.
func (l *levels) places(c *column, rep byte) (p places) {
	if l.defs == nil {
		return places{n: l.n}
	}
	p.valid = make([]byte, bitutil.BytesForBits(int64(len(l.defs))))
	for i, def := range l.defs {
		if def < c.slot || (l.reps != nil && l.reps[i] > rep) {
			continue
		}
		if def >= c.def {
			p.valid[p.n/8] |= 1 << (p.n % 8)
		} else {
			p.nulls++
		}
		p.n++
	}
	return p
}

func (c *column) buildList(leaves []*leafReader) (arrow.ArrayData, error) {
	l := &leaves[c.leaf].levels
	p := l.places(c, c.rep-1)
	offsets, elements := make([]int32, 0, p.n+1), int32(0)
	for i, def := range l.defs {
		if def >= c.slot && l.reps[i] < c.rep {
			offsets = append(offsets, elements)
		}
		if def > c.def && l.reps[i] <= c.rep {
			elements++
		}
	}
	offsets = append(offsets, elements)
	children, err := buildAll(c.children, leaves, int(elements))
	if err != nil {
		return nil, err
	}
	buffers := []*memory.Buffer{p.buffer(), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}
	return array.NewData(c.field.Type, p.n, buffers, children, p.nulls, 0), nil
}

// build makes the array of a leaf: room for nulls is made among its values.
func (r *leafReader) build() arrow.ArrayData {
	c, d := r.column, &r.dense
	p := r.levels.places(c, c.rep)
	if c.field.Type == arrow.Null {
		return array.NewData(arrow.Null, p.n, []*memory.Buffer{nil}, nil, p.n, 0)
	}
	buffers := []*memory.Buffer{p.buffer()}
	switch {
	case c.physical == parquet.Boolean:
		buffers = append(buffers, memory.NewBufferBytes(p.spreadBits(d.fixed)))
	case c.width > 0:
		buffers = append(buffers, memory.NewBufferBytes(p.spread(d.fixed, c.width)))
	default:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(p.spreadOffsets(d.offsets))), memory.NewBufferBytes(d.text))
	}
	return array.NewData(c.field.Type, p.n, buffers, nil, p.nulls, 0)
}

func (p *places) isValid(i int) bool { return p.valid[i/8]>>(i%8)&1 != 0 }

func (p *places) spread(dense []byte, width int) []byte {
	if p.nulls == 0 {
		return dense
	}
	out, at := make([]byte, p.n*width), 0
	for i := range p.n {
		if p.isValid(i) {
			copy(out[i*width:(i+1)*width], dense[at:at+width])
			at += width
		}
	}
	return out
}

func (p *places) spreadBits(dense []byte) []byte {
	if p.nulls == 0 {
		return dense
	}
	out, at := make([]byte, len(p.valid)), 0
	for i := range p.n {
		if p.isValid(i) {
			out[i/8] |= dense[at/8] >> (at % 8) & 1 << (i % 8)
			at++
		}
	}
	return out
}

func (p *places) spreadOffsets(dense []int32) []int32 {
	if dense == nil {
		dense = []int32{0}
	}
	if p.nulls == 0 {
		return dense
	}
	out, at := make([]int32, 1, p.n+1), 0
	for i := range p.n {
		if p.isValid(i) {
			at++
		}
		out = append(out, dense[at])
	}
	return out
}
